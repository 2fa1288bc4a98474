"""What stands between the gradient and the weight: loss scaling, clipping, and the random numbers of dropout."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from .arithmetic import U32, UA, Result, Tensor, bounded, exact, gamma, holds, likely, skipped
from .bench import Bench

SCALE = 2.0**10
FORMS = {"single": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


def grad_scaler(device: str, scale: float) -> Any:
    """A GradScaler where this torch has one for this device, else None."""
    kind = torch.device(device).type
    if hasattr(torch, "amp") and hasattr(torch.amp, "GradScaler"):  # from torch 2.3 on
        return torch.amp.GradScaler(kind, init_scale=scale)
    return torch.cuda.amp.GradScaler(init_scale=scale) if kind == "cuda" else None


def scaler(bench: Bench) -> Iterator[Result]:
    """A scaled gradient moves the weights bit for bit as the unscaled one (the scale is a power of 2), and one infinity none.

    A fused optimizer is handed the scale and the verdict and has ignored both: https://github.com/pytorch/pytorch/issues/95781
    """
    if grad_scaler(bench.device, SCALE) is None:
        yield skipped("", f"torch {torch.__version__} has no GradScaler for this device")
        return
    start, gradients = [bench.normal(40), bench.normal(24)], [bench.integers(8, 40) / 8, bench.integers(8, 24) / 8]
    for name, options in FORMS.items():
        try:
            yield from _scaled(name, bench, start, gradients, options)
        except (RuntimeError, TypeError, NotImplementedError) as error:
            yield skipped(name, f"this torch has none for this device: {str(error).splitlines()[0]}")


def _scaled(name: str, bench: Bench, start: list[Tensor], gradients: list[Tensor], options: Any) -> Iterator[Result]:
    plain, optimizer = _model(bench, start, gradients, 1.0, options)
    optimizer.step()
    scaled, optimizer = _model(bench, start, gradients, SCALE, options)
    one = grad_scaler(bench.device, SCALE)
    one.scale(torch.ones((), device=bench.device))
    one.step(optimizer)
    one.update()
    yield exact(f"{name}.unscales", torch.cat(scaled).detach(), torch.cat(plain).detach().cpu())

    spoilt = [gradients[0], gradients[1].clone()]
    spoilt[1][5] = float("inf")
    kept, optimizer = _model(bench, start, spoilt, SCALE, options)
    before = torch.cat(kept).detach().cpu().clone()
    one = grad_scaler(bench.device, SCALE)
    one.scale(torch.ones((), device=bench.device))
    one.step(optimizer)
    one.update()
    yield exact(f"{name}.skips", torch.cat(kept).detach(), before, "weights after a step with an infinite gradient")
    yield holds(f"{name}.halves", one.get_scale() == SCALE / 2, f"the scale is {one.get_scale():g} after an overflow at {SCALE:g}")


def _model(bench: Bench, start: list[Tensor], gradients: list[Tensor], scale: float, options: Any) -> tuple[list[Tensor], Any]:
    weights = [torch.nn.Parameter(values.float().to(bench.device)) for values in start]
    for weight, gradient in zip(weights, gradients):
        weight.grad = (gradient * scale).float().to(bench.device)
    # AdamW does not notice a scale but for its eps, which is therefore large here.
    return weights, torch.optim.AdamW(weights, lr=1e-2, eps=1.0, **options)


def clip(bench: Bench) -> Iterator[Result]:
    """The norm of all gradients, `(gamma_n(UA) / 2 + 4 U32) norm` off (a root halves what is relative); clipped elements
    `g c / (norm + 1e-6)` within that and three roundings more; and a NaN that the norm must show."""
    parts = [bench.pair(bench.normal(n) * size) for n, size in ((300, 1.0), (77, 30.0), (1024, 1e-3))]
    everything = torch.cat([part.ref for part in parts])
    norm = everything.norm()
    e_norm = (gamma(len(everything), UA) / 2 + 4 * U32) * norm
    weights = _graded(bench, [part.ref for part in parts])
    got = torch.nn.utils.clip_grad_norm_(weights, 1.0)
    yield bounded("norm", got.reshape(1), norm.reshape(1), e_norm.reshape(1))
    want = everything / (norm + 1e-6)
    yield bounded("clipped", torch.cat([weight.grad for weight in weights]), want, want.abs() * (e_norm / norm + 4 * U32) + bench.eta)
    small = _graded(bench, [part.ref * 1e-3 for part in parts])
    torch.nn.utils.clip_grad_norm_(small, 1.0)
    yield exact("kept", torch.cat([weight.grad for weight in small]), everything.mul(1e-3).float(), "gradients below the limit")
    spoilt = [part.ref.clone() for part in parts]
    spoilt[1][7] = float("nan")
    seen = float(torch.nn.utils.clip_grad_norm_(_graded(bench, spoilt), 1.0))
    yield holds("nan", math.isnan(seen), f"the norm of gradients with a NaN is {seen:g}")


def _graded(bench: Bench, gradients: list[Tensor]) -> list[Tensor]:
    weights = [torch.nn.Parameter(torch.zeros(len(gradient), device=bench.device)) for gradient in gradients]
    for weight, gradient in zip(weights, gradients):
        weight.grad = gradient.float().to(bench.device)
    return weights


def random(bench: Bench) -> Iterator[Result]:
    """The same seed gives the same bits; uniform numbers lie in [0, 1); mean and variance of 2^16 numbers, as z scores, only
    warn; and dropout scales what it keeps by exactly `1 / (1 - p)`."""
    count = 1 << 16
    first, again = (_drawn(bench, torch.randn, count) for _ in range(2))
    yield exact("repeats", again, first)
    values = first.double()
    yield likely("mean", float(values.mean()) * count**0.5, "mean of normal numbers in standard deviations")
    yield likely("variance", float(values.var() - 1) * (count / 2) ** 0.5, "variance of normal numbers in standard deviations")
    uniform = _drawn(bench, torch.rand, count)
    yield holds("range", bool(((uniform >= 0) & (uniform < 1)).all()), "uniform numbers outside [0, 1)")
    yield likely("uniform", float(uniform.double().mean() - 0.5) * (12 * count) ** 0.5, "mean of uniform numbers in standard deviations")
    torch.manual_seed(bench.seed)
    kept = F.dropout(torch.ones(count, device=bench.device), 0.25).to("cpu").double()
    want = torch.where(kept == 0, torch.zeros_like(kept), torch.tensor(1 / 0.75).double().expand_as(kept))
    yield bounded("dropout", kept, want, 2 * U32 * want, "what dropout keeps")
    share = float((kept == 0).double().mean())
    yield likely("dropped", (share - 0.25) * (count / (0.25 * 0.75)) ** 0.5, "share of dropped elements in standard deviations")


def _drawn(bench: Bench, draw: Any, count: int) -> Tensor:
    torch.manual_seed(bench.seed)
    return draw(count, device=bench.device).to("cpu")
