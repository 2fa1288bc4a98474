"""Eight steps of training on the device, compared with the same eight in fp64 on the CPU."""

from __future__ import annotations

import contextlib
import functools
import math
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from . import transformer
from .arithmetic import UA, Result, Tensor, holds, worst
from .bench import Bench

STEPS, LR, EPS, CLIP = 8, 3e-3, 1e-6, 1.0

DEPTH = 42
"""Roundings on the longest way forward and back through the model: 2 (2 blocks of 9 stages, 3 around them)."""

LONGEST_SUM = 256
"""Terms of the longest sum: the tokens of a batch, in the gradient of a weight."""

SCALE = 2.0**10
"""First loss scale: large enough to keep fp16 gradients from underflow, small enough that no healthy step is skipped."""


class Run(NamedTuple):
    """What one training run leaves behind."""

    losses: list[float]
    norms: list[float]
    first: dict[str, Tensor | None]
    """Gradients of the first step by parameter, fp64 on the CPU, None where there was none."""
    moved: dict[str, Tensor]
    """Last minus first value of each parameter."""


def training(bench: Bench) -> Iterator[Result]:
    """The statements of `_sound`, then distances to the fp64 run, in units of `DEPTH v`.

    `v = u + sqrt(LONGEST_SUM) UA` is what one stage adds, relative to the norm of what it computes: one rounding to the
    precision, and a sum whose errors are independent (Higham, Mary, "A new approach to probabilistic rounding error
    analysis", SISC 2019). Norms of whole tensors average over thousands of elements, which is why this may be used as a
    line of failure; it is of first order and not rigorous. Gradients: `DEPTH v ||g|| + v ||all g||`. Loss t: `DEPTH v (t + 1)
    max(loss, loss_0 / 5)`. The direction in which parameters moved may differ by half: AdamW's first steps only know
    signs, and the sign of a gradient near 0 is decided by roundings.
    """
    why = _no_precision(bench)
    if why:
        yield Result("", None, None, None, skipped=why)
        return
    golden, start, tokens = _golden(bench.seed)
    run = _train(bench, start, tokens, torch.float32)
    yield from _sound(run)
    yield from _near(run, golden, bench.u + math.sqrt(LONGEST_SUM) * UA)


@functools.lru_cache(maxsize=1)
def _golden(seed: int) -> tuple[Run, dict[str, Tensor], Tensor]:
    """The run in fp64 on the CPU, once for all precisions, and what it started from."""
    cpu = Bench("cpu", "fp32", seed)
    start = transformer.weights(cpu)
    tokens = torch.randint(0, transformer.VOCABULARY, (transformer.BATCH, transformer.LENGTH), generator=cpu.generator)
    return _train(cpu, start, tokens, torch.float64), start, tokens


def _sound(run: Run) -> Iterator[Result]:
    yield holds(
        "finite",
        all(map(math.isfinite, run.losses + run.norms)),
        f"losses {_short(run.losses)}, gradient norms {_short(run.norms)}",
    )
    yield holds(
        "loss_nonzero",
        all(run.losses) and all(run.norms),
        f"losses {_short(run.losses)}, gradient norms {_short(run.norms)}",
    )
    missing = [name for name, gradient in run.first.items() if gradient is None or not bool(gradient.any())]
    yield holds("grad_present", not missing, f"no gradient for {', '.join(missing)}")
    still = [name for name, change in run.moved.items() if not bool(change.any()) or not bool(torch.isfinite(change).all())]
    yield holds("params_move", not still, f"did not move, or to no number: {', '.join(still)}")


def _near(run: Run, golden: Run, v: float) -> Iterator[Result]:
    total = golden.norms[0]
    yield _distance(
        "gnorm0",
        abs(run.norms[0] - total),
        (DEPTH + 1) * v * total,
        f"gradient norm {run.norms[0]:.6g}, expected {total:.6g}",
    )
    yield worst("grad0", [_gradient(name, run.first[name], want, v, total) for name, want in golden.first.items()])
    yield worst("trajectory", [_step(t, *pair, golden.losses[0], v) for t, pair in enumerate(zip(run.losses, golden.losses))])
    before, after, wanted = golden.losses[0], run.losses[-1], golden.losses[-1]
    yield _distance(
        "loss_falls",
        after - wanted,
        (before - wanted) / 2,
        f"loss {before:.4g} fell to {after:.4g}, expected {wanted:.4g}",
    )
    yield worst("update", [_direction(name, run.moved[name], want) for name, want in golden.moved.items()])


def _gradient(name: str, got: Tensor | None, want: Tensor | None, v: float, total: float) -> Result:
    assert want is not None
    got = torch.zeros_like(want) if got is None else got
    return _distance(
        name,
        float((got - want).norm()),
        v * (DEPTH * float(want.norm()) + total),
        f"gradient of `{name}` at the first step",
    )


def _step(t: int, got: float, want: float, first: float, v: float) -> Result:
    return _distance(
        f"step {t + 1}",
        abs(got - want),
        DEPTH * v * (t + 1) * max(want, first / 5),
        f"loss {got:.6g}, expected {want:.6g}",
    )


def _direction(name: str, got: Tensor, want: Tensor) -> Result:
    return _distance(name, float((got - want).norm()), 0.5 * float(want.norm()), f"movement of `{name}` in {STEPS} steps")


def _distance(part: str, err: float, bound: float, detail: str) -> Result:
    ratio = max(err, 0.0) / bound if math.isfinite(err) else math.inf
    return Result(part, err, bound, ratio, detail, digest=err.hex() if ratio > 1 else "")


def _train(bench: Bench, start: dict[str, Tensor], tokens: Tensor, dtype: Any) -> Run:
    w = {name: value.to(dtype).to(bench.device).clone().requires_grad_() for name, value in start.items()}
    optimizer = torch.optim.AdamW(list(w.values()), lr=LR, eps=EPS)
    scaler = _scaler(bench) if bench.dtype == "fp16" else None
    tokens = tokens.to(bench.device)
    losses, norms, first = [], [], {}
    for step in range(STEPS):
        optimizer.zero_grad()
        with _autocast(bench):
            loss = transformer.loss(w, tokens)
        (loss if scaler is None else scaler.scale(loss)).backward()
        if scaler is not None:
            scaler.unscale_(optimizer)
        if step == 0:
            first = {name: None if p.grad is None else p.grad.detach().to("cpu").double().clone() for name, p in w.items()}
        norms.append(float(torch.nn.utils.clip_grad_norm_([p for p in w.values() if p.grad is not None], CLIP)))
        losses.append(float(loss.detach()))
        _advance(optimizer, scaler)
    moved = {name: p.detach().to("cpu").double() - start[name] for name, p in w.items()}
    return Run(losses, norms, first, moved)


def _advance(optimizer: Any, scaler: Any) -> None:
    if scaler is None:
        optimizer.step()
    else:
        scaler.step(optimizer)
        scaler.update()


def _autocast(bench: Bench) -> Any:
    if bench.dtype == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(torch.device(bench.device).type, dtype=bench.torch_dtype)


def _scaler(bench: Bench) -> Any:
    """A GradScaler where this torch has one for this device, else None."""
    kind = torch.device(bench.device).type
    if hasattr(torch, "amp") and hasattr(torch.amp, "GradScaler"):  # from torch 2.3 on
        return torch.amp.GradScaler(kind, init_scale=SCALE)
    return torch.cuda.amp.GradScaler(init_scale=SCALE) if kind == "cuda" else None


def _no_precision(bench: Bench) -> str:
    """Why this device cannot train in this precision, or nothing; autocast switches itself off with a warning only."""
    if bench.dtype == "fp32":
        return ""
    square = torch.ones(2, 2, device=bench.device)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _autocast(bench):
                works = (square @ square).dtype == bench.torch_dtype
    except RuntimeError as error:
        return str(error).splitlines()[0]
    if works and bench.dtype == "fp16" and _scaler(bench) is None:
        return f"torch {torch.__version__} has no GradScaler for this device"
    return "" if works else f"autocast to {bench.dtype} is not available on this device in torch {torch.__version__}"


def _short(values: list[float]) -> str:
    return " ".join(f"{value:.4g}" for value in values)
