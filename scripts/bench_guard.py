"""What the guard costs: steps with and without it take turns on one model of about 100 M parameters, and its own share is timed inside.

    python scripts/bench_guard.py --rounds 7 --tokens 1024

Needs torch. On a CUDA device every time is taken after a synchronisation.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from typing import Any, List

import torch
from torch import nn

from envcheck.guard import Guard

_WIDTH, _LAYERS, _WORDS, _LENGTH = 768, 12, 16384, 256


class Net(nn.Module):  # type: ignore[misc]
    """A decoder of the usual shape: 12 layers of width 768, 16,384 words, tied to nothing."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(_WIDTH, 12, 4 * _WIDTH, dropout=0.0, batch_first=True, norm_first=True)
        self.words = nn.Embedding(_WORDS, _WIDTH)
        self.body = nn.TransformerEncoder(layer, _LAYERS, enable_nested_tensor=False)
        self.head = nn.Linear(_WIDTH, _WORDS, bias=False)

    def forward(self, ids: Any) -> Any:
        """Logits for each position."""
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1], device=ids.device)
        return self.head(self.body(self.words(ids), mask=mask, is_causal=True))


class Timed(Guard):
    """A guard that adds up the time it takes."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self.seconds: List[float] = []
        super().__init__(*given, **named)

    def _before_step(self) -> None:
        _settle()
        start = time.perf_counter()
        super()._before_step()
        self.seconds.append(time.perf_counter() - start)


def _settle() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _step(net: Any, optimizer: Any, ids: Any, guard: Any = None) -> float:
    start = time.perf_counter()
    logits = net(ids[:, :-1])
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    if guard is not None:
        guard.look(loss, ids)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    _settle()
    return time.perf_counter() - start


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=1024, help="tokens in a step")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.manual_seed(0)
    net = Net().to(given.device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    ids = torch.randint(0, _WORDS, (max(1, given.tokens // _LENGTH), _LENGTH + 1), device=given.device)
    with tempfile.TemporaryDirectory() as folder:
        first = Timed(net, optimizer, folder=folder)
        for _ in range(4):  # warm-up, and past the first steps, in which the weights are looked at too
            _step(net, optimizer, ids, first)
        first.close()
        without, guarded, inside = [], [], []
        for _ in range(given.rounds):
            without.append(_step(net, optimizer, ids))
            guard = Timed(net, optimizer, folder=folder, limits=first._limits, rescue=False)
            guard.step = first.step
            guarded.append(_step(net, optimizer, ids, guard))
            inside += guard.seconds
            guard.close()
    count = sum(parameter.numel() for parameter in net.parameters()) / 1e6
    threads = f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    print(f"{count:.0f} M parameters, {ids.numel()} tokens a step on {given.device}, {threads}, {given.rounds} rounds")
    print(f"step without the guard: median {statistics.median(without):.3f} s, least {min(without):.3f} s")
    print(f"step with it:           median {statistics.median(guarded):.3f} s, least {min(guarded):.3f} s")
    share = statistics.median(inside) / statistics.median(without)
    print(f"the guard itself:       median {statistics.median(inside) * 1000:.1f} ms, {share:.2%} of a step")


if __name__ == "__main__":
    main()
