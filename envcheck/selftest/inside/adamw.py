"""Three AdamW steps in each of torch's implementations, and how to take one without importing torch's compiler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from .arithmetic import U32, Result, Tensor, bounded, holds, skipped, told
from .bench import Bench
from .steps import FORMS

LR, B1, B2, EPS, DECAY, STEPS = 1e-2, 0.9, 0.999, 1e-8, 0.1, 3


def without_compiler() -> None:
    """Take the wrappers off the optimizers that import `torch._dynamo` at their first use.

    They only matter under `torch.compile`, and the import (about 800 modules) costs more than all checks together.
    Only functions that `torch._compile` or `torch.optim.optimizer` put there are taken off: whatever somebody else
    laid over an optimizer stays and is tested. Where torch has no such wrappers (before 2.1) nothing changes.
    """
    base = torch.optim.Optimizer
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        setattr(base, name, _bare(getattr(base, name)))
    bare = _bare(torch.optim.AdamW.step)
    if bare is not torch.optim.AdamW.step:
        # The wrapper that was taken off is also what switched gradients off.
        setattr(torch.optim.AdamW, "step", torch.no_grad()(bare))  # noqa: B010


def _bare(function: Any) -> Any:
    while function.__globals__.get("__name__") in ("torch._compile", "torch.optim.optimizer"):
        if not hasattr(function, "__wrapped__"):
            break
        function = function.__wrapped__
    return function


def adamw(bench: Bench) -> Iterator[Result]:
    """Parameters after three steps, see `_reference`."""
    start = bench.normal(1000)
    scale = 10.0 ** torch.linspace(-4, 0, 1000, dtype=torch.float64)
    gradients = [bench.pair(bench.normal(1000) * scale) for _ in range(STEPS)]
    first = bench.pair(start)
    want, bound = _reference(first.ref, [g.ref for g in gradients])
    for name, options in FORMS.items():
        parameter = torch.nn.Parameter(first.low.clone())
        try:
            optimizer = torch.optim.AdamW([parameter], lr=LR, betas=(B1, B2), eps=EPS, weight_decay=DECAY, **options)
        except (RuntimeError, TypeError) as error:
            yield skipped(name, f"this torch has none for this device: {error}")
            continue
        for gradient in gradients:
            parameter.grad = gradient.low.clone()
            optimizer.step()
        yield bounded(name, parameter, want, bound)


def _reference(p: Tensor, gradients: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2, and its fp32 error:

    `sum_t step_t ((4t + 12) U32 + c_t) + 3 U32 (|p| + lr t)`; `step_t = lr (am / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)` with
    `am` the average of `|g|`, which the error of `m` is relative to where signs change; `4t + 12` counts the roundings
    of the two averages and of the quotient. `c_t = (t + 4) U32 (b1^t / (1 - b1^t) + b2^t / (1 - b2^t))` admits bias corrections
    computed in fp32 (a rounded beta to the power t, within 4 roundings), as a device without fp64 must.
    """
    m = v = am = torch.zeros_like(p)
    bound = torch.zeros_like(p)
    for t, g in enumerate(gradients, 1):
        m, v, am = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * g * g, B1 * am + (1 - B1) * g.abs()
        c1, c2 = 1 - B1**t, 1 - B2**t
        root = (v / c2).sqrt() + EPS
        p = p * (1 - LR * DECAY) - LR * (m / c1) / root
        corrections = (t + 4) * U32 * (B1**t / c1 + B2**t / c2)
        bound = bound + LR * (am / c1) / root * ((4 * t + 12) * U32 + corrections) + 3 * U32 * (p.abs() + LR * t)
    return p, bound


def half_parameters(bench: Bench) -> Iterator[Result]:
    """One step on fp16 parameters of which one never got a gradient: where eps rounds to 0 in fp16, its update is 0 / 0.

    fp16 has nothing below 2^-25 but 0, torch's default eps is 1e-8. The user's eps is taken where it is known. It is the
    arithmetic of fp16 and no fault of the device, so it warns where the user trains fp16 parameters with such an AdamW, and
    without an engine that may keep copies in fp32; otherwise it is told.
    """
    eps = bench.train.get("adam_epsilon")
    eps = eps if isinstance(eps, float) else 1e-8
    for name, options in FORMS.items():
        finite = _survives(bench, eps, options)
        if finite is None:
            yield skipped(name, "this torch has none for this device")
        elif finite:
            yield holds(name, True, "")
        elif _trains_so(bench, name):
            broken = f"fp16 parameters without a gradient become NaN in one step with eps {eps:g}, which is 0 in fp16"
            yield holds(name, False, broken)._replace(word="warn")
        else:
            yield told(name, f"fp16 parameters would become NaN with eps {eps:g}; keep the parameters in fp32 or bf16, or use the fused form")


def _trains_so(bench: Bench, form: str) -> bool:
    """Whether the user's settings say that fp16 parameters go to this form of AdamW."""
    optimizer = str(bench.train.get("optimizer") or "adamw_torch")
    engine = any(bench.train.get(key) not in (None, False) for key in ("zero_stage", "deepspeed"))
    of_form = ("adamw_torch_fused",) if form == "fused" else ("adamw_torch", "adamw", "adam")
    return bench.train.get("param_dtype") == "fp16" and not engine and bench.train.get("method") in (None, "full") and optimizer in of_form


def _survives(bench: Bench, eps: float, options: dict[str, bool]) -> bool | None:
    """Whether the parameters are finite after a step; None where there is no such optimizer."""
    parameter = torch.nn.Parameter(torch.ones(16, dtype=torch.float16, device=bench.device))
    parameter.grad = torch.zeros_like(parameter)
    parameter.grad[:8] = 0.5
    try:
        torch.optim.AdamW([parameter], lr=LR, eps=eps, **options).step()
    except (RuntimeError, TypeError, NotImplementedError):
        return None
    return bool(torch.isfinite(parameter).all())
