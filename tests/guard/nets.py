"""A small net and loops over it, for the tests of the guard."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import torch
from torch import nn

from envcheck.guard import Guard

WORDS = 32


def net(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(WORDS, 16), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, WORDS)).to(dtype)


def batches(count: int) -> Iterator[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        yield torch.randint(0, WORDS, (4, 9), generator=generator)


def loss_of(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    logits = model(tokens[:, :-1])
    return nn.functional.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten())


def adam(model: nn.Module, **given: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], **{"lr": 1e-3, **given})


def finite(model: nn.Module) -> bool:
    return all(bool(torch.isfinite(weight).all()) for weight in model.parameters())


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in model.parameters()]


def run(model: Any, guard: Guard, optimizer: Any, steps: int = 5, poison: int = 0) -> None:
    """Train; at step `poison` one gradient gets a NaN."""
    for number, tokens in enumerate(batches(steps), 1):
        loss = loss_of(model, tokens)
        guard.look(loss, tokens)
        loss.backward()
        if number == poison:
            model[3].weight.grad[1, 2] = float("nan")
        optimizer.step()
        optimizer.zero_grad()


def guarded(folder: Path, model: Any, **given: Any) -> tuple[Guard, Any]:
    optimizer = given.pop("optimizer", None) or adam(model)
    return Guard(model, optimizer, folder=folder, **given), optimizer
