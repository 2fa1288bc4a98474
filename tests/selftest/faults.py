"""Faults that are planted into torch, and the check that must see each; runs in a child, for tests only.

Faults spare fp64, in which the references are computed: a real fault of one precision or kernel does so too.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Callable
from unittest import mock

import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

Tensor = Any


class Instead(TorchDispatchMode):  # type: ignore[misc]  # torch is not typed here
    """Calls `replacement(operation, *arguments)` instead of the operations named, unless they are in fp64."""

    def __init__(self, names: tuple[str, ...], replacement: Callable[..., Any]) -> None:
        super().__init__()
        self._names, self._replacement = names, replacement

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        low = any(isinstance(a, torch.Tensor) and a.is_floating_point() and a.dtype != torch.float64 for a in args)
        if low and func.overloadpacket.__name__ in self._names:
            return self._replacement(func, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def product(wrong: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], Any]:
    """A fault of plain matrix products."""
    return lambda: Instead(("mm", "bmm"), lambda func, a, b: wrong(a, b))


def after_product(spoil: Callable[[Tensor], None]) -> Callable[[], Any]:
    """A fault in the result of a plain matrix product."""

    def wrong(a: Tensor, b: Tensor) -> Tensor:
        out = torch.matmul(a, b)
        spoil(out)
        return out

    return product(wrong)


def flip(bit: int) -> Callable[[Tensor], None]:
    def spoil(out: Tensor) -> None:
        whole = torch.int32 if out.element_size() == 4 else torch.int16
        flat = out.view(whole).reshape(-1)
        flat[flat.numel() // 3] ^= 1 << (bit if bit >= 0 else out.element_size() * 8 + bit)

    return spoil


def zero_tile(out: Tensor) -> None:
    out[..., -8:, -8:] = 0


def narrow_sum(a: Tensor, b: Tensor) -> Tensor:
    parts = [torch.matmul(a[..., i : i + 16], b[..., i : i + 16, :]).bfloat16() for i in range(0, a.shape[-1], 16)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total.to(a.dtype)


def tf32(a: Tensor, b: Tensor) -> Tensor:
    def cut(x: Tensor) -> Tensor:
        return ((x.view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32) if x.dtype == torch.float32 else x

    return torch.matmul(cut(a.contiguous()), cut(b.contiguous()))


def drop_last_k(a: Tensor, b: Tensor) -> Tensor:
    return torch.matmul(a[..., : a.shape[-1] // 16 * 16 - 16], b[..., : a.shape[-1] // 16 * 16 - 16, :])


def unshifted(func: Any, x: Tensor, dim: int, half: bool) -> Tensor:
    return (x.float().exp() / x.float().exp().sum(dim, keepdim=True)).to(x.dtype)


def norm_without_eps(func: Any, x: Tensor, shape: Any, w: Tensor, b: Tensor, eps: float) -> Any:
    return func(x, shape, w, b, 0.0)


def norm_unbiased(func: Any, x: Tensor, shape: Any, w: Tensor, b: Tensor, eps: float) -> Any:
    n = x.shape[-1]
    y, mean, rs = func(x, shape, w, b, eps)
    return ((y - b) * ((n - 1) / n) ** 0.5 + b), mean, rs


def attend(change: Callable[..., Any]) -> Callable[[], Any]:
    """A fault around attention: `change(real, q, k, v, mask, causal)`."""
    real = F.scaled_dot_product_attention

    def wrong(q: Tensor, k: Tensor, v: Tensor, attn_mask: Any = None, is_causal: bool = False) -> Tensor:
        if q.dtype == torch.float64:
            return real(q, k, v, attn_mask=attn_mask, is_causal=is_causal)
        return change(real, q, k, v, attn_mask, is_causal)

    return lambda: mock.patch.object(F, "scaled_dot_product_attention", wrong)


def shifted_mask(by: int) -> Callable[..., Any]:
    def change(real: Any, q: Tensor, k: Tensor, v: Tensor, mask: Any, causal: bool) -> Tensor:
        if not causal:
            return real(q, k, v, attn_mask=mask)
        n = q.shape[-2]
        shifted = torch.ones(n, n, dtype=torch.bool).tril(by)
        shifted[0, 0] = True
        return real(q, k, v, attn_mask=shifted)

    return change


def unscaled(real: Any, q: Tensor, k: Tensor, v: Tensor, mask: Any, causal: bool) -> Tensor:
    return real(q * q.shape[-1] ** 0.5, k, v, attn_mask=mask, is_causal=causal)


def nan_dq(real: Any, q: Tensor, k: Tensor, v: Tensor, mask: Any, causal: bool) -> Tensor:
    low = q.shape[-2] % 128 == 64 and bool((torch.logsumexp(q.double() @ k.double().mT / 8, -1) < -88.7).all())
    return real(q * 1.0 if not low else _Spoil.apply(q), k, v, attn_mask=mask, is_causal=causal)


class _Spoil(torch.autograd.Function):  # type: ignore[misc]  # torch is not typed here
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g * float("nan")


def no_dv(real: Any, q: Tensor, k: Tensor, v: Tensor, mask: Any, causal: bool) -> Tensor:
    return real(q, k, v.detach() + 0 * v, attn_mask=mask, is_causal=causal)


def entropy(change: Callable[..., Any]) -> Callable[[], Any]:
    real = F.cross_entropy

    def wrong(x: Tensor, target: Tensor, ignore_index: int = -100, reduction: str = "mean") -> Tensor:
        if x.dtype == torch.float64:
            return real(x, target, ignore_index=ignore_index, reduction=reduction)
        return change(real, x, target, ignore_index, reduction)

    return lambda: mock.patch.object(F, "cross_entropy", wrong)


def count_ignored(real: Any, x: Tensor, target: Tensor, ignored: int, reduction: str) -> Tensor:
    return real(x, target.clamp(min=0), reduction=reduction)


def mean_over_all(real: Any, x: Tensor, target: Tensor, ignored: int, reduction: str) -> Tensor:
    each = real(x, target, ignore_index=ignored, reduction="none")
    return each if reduction == "none" else each.mean()


def low_logits(real: Any, x: Tensor, target: Tensor, ignored: int, reduction: str) -> Tensor:
    return real(x.bfloat16(), target, ignore_index=ignored, reduction=reduction).float()


def step(change: Callable[[Any], None]) -> Callable[[], Any]:
    """A fault just before an optimizer's step."""
    real = torch.optim.AdamW.step

    def wrong(self: Any, closure: Any = None) -> Any:
        if self.param_groups[0]["params"][0].dtype != torch.float64:
            if change is no_step:
                return None
            change(self)
        return real(self)

    return lambda: mock.patch.object(torch.optim.AdamW, "step", wrong)


def no_step(optimizer: Any) -> None:
    """Marks the optimizer whose step does nothing."""


def no_decay(optimizer: Any) -> None:
    optimizer.param_groups[0]["weight_decay"] = 0.0


def coupled_decay(optimizer: Any) -> None:
    group = optimizer.param_groups[0]
    decay, group["weight_decay"] = group["weight_decay"], 0.0
    group["kept"] = group.get("kept", decay)
    for p in group["params"]:
        p.grad.add_(p.detach(), alpha=group["kept"])


def no_correction(optimizer: Any) -> None:
    for p in optimizer.param_groups[0]["params"]:
        if optimizer.state[p]:
            optimizer.state[p]["step"].fill_(1000.0)


def forget_second_moment(optimizer: Any) -> None:
    for p in optimizer.param_groups[0]["params"]:
        if optimizer.state[p]:
            optimizer.state[p]["exp_avg_sq"].zero_()


def clip(change: Callable[[list[Tensor]], None], after: int = 0) -> Callable[[], Any]:
    """A fault in the gradients between backward and the optimizer, from a step on."""
    real = torch.nn.utils.clip_grad_norm_
    calls = {"n": 0}

    def wrong(parameters: list[Tensor], most: float) -> Any:
        if parameters[0].dtype != torch.float64:
            calls["n"] += 1
            if calls["n"] > after:
                change(parameters)
        return real(parameters, most)

    return lambda: mock.patch.object(torch.nn.utils, "clip_grad_norm_", wrong)


def nan_gradient(parameters: list[Tensor]) -> None:
    parameters[3].grad[0] = float("nan")


def zero_gradients(parameters: list[Tensor]) -> None:
    for p in parameters:
        p.grad.zero_()


def stale_bucket(parameters: list[Tensor]) -> None:
    half = parameters[4].grad.shape[0] // 2
    parameters[4].grad[:half] = parameters[4].grad[half:]


def flipped_sign(parameters: list[Tensor]) -> None:
    parameters[5].grad.neg_()


def lost_weight(real: Any = F.linear) -> Any:
    """One weight whose gradient never arrives."""

    def wrong(x: Tensor, w: Tensor, b: Any = None) -> Tensor:
        return real(x, w.detach() if w.shape[0] == 192 and w.dtype != torch.float64 else w, b)

    return lambda: mock.patch.object(F, "linear", wrong)


def no_unscale() -> Any:
    real = torch.amp.GradScaler.unscale_

    def wrong(self: Any, optimizer: Any) -> None:
        real(self, optimizer)
        for p in optimizer.param_groups[0]["params"]:
            p.grad.mul_(self.get_scale())

    return mock.patch.object(torch.amp.GradScaler, "unscale_", wrong)


FAULTS: dict[str, tuple[Callable[[], Any], str]] = {
    "mm_lowest_bit": (after_product(flip(0)), "gemm_exact"),
    "mm_exponent_bit": (after_product(flip(-4)), "gemm_bound"),
    "mm_zero_tile": (after_product(zero_tile), "gemm_exact"),
    "mm_narrow_sum": (product(narrow_sum), "gemm_bound"),
    "mm_tf32": (product(tf32), "gemm_bound"),
    "mm_last_k_tile_lost": (product(drop_last_k), "gemm_exact"),
    "softmax_unshifted": (lambda: Instead(("_softmax",), unshifted), "softmax"),
    "norm_eps_dropped": (lambda: Instead(("native_layer_norm",), norm_without_eps), "layernorm"),
    "norm_unbiased": (lambda: Instead(("native_layer_norm",), norm_unbiased), "layernorm"),
    "attention_leaks_future": (attend(shifted_mask(1)), "sdpa"),
    "attention_hides_self": (attend(shifted_mask(-1)), "sdpa"),
    "attention_unscaled": (attend(unscaled), "sdpa"),
    "attention_dq_nan": (attend(nan_dq), "sdpa"),
    "attention_dv_zero": (attend(no_dv), "sdpa"),
    "entropy_counts_ignored": (entropy(count_ignored), "cross_entropy"),
    "entropy_mean_over_all": (entropy(mean_over_all), "cross_entropy"),
    "entropy_low_logits": (entropy(low_logits), "cross_entropy"),
    "adamw_does_nothing": (step(no_step), "adamw"),
    "adamw_no_decay": (step(no_decay), "adamw"),
    "adamw_coupled_decay": (step(coupled_decay), "adamw"),
    "adamw_no_bias_correction": (step(no_correction), "adamw"),
    "adamw_forgets": (step(forget_second_moment), "adamw"),
    "train_nan_gradient_late": (clip(nan_gradient, after=2), "train"),
    "train_zero_gradients": (clip(zero_gradients), "train"),
    "train_stale_bucket": (clip(stale_bucket), "train"),
    "train_flipped_sign": (clip(flipped_sign), "train"),
    "train_weight_without_gradient": (lost_weight(), "train"),
    "train_not_unscaled": (no_unscale, "train"),
}


def main(report: Callable[[Any], None], arguments: list[str]) -> None:
    """Arguments: path of the worker, seeds as JSON, and what to do: `own` plants every fault before the check that must
    see it, `all` before all checks, `healthy` plants nothing and reports every ratio."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    spec = importlib.util.spec_from_file_location("worker", arguments[0])
    worker = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.modules["worker"] = worker
    spec.loader.exec_module(worker)  # type: ignore[union-attr]
    checks = worker.load().CHECKS
    importlib.import_module(worker.PACKAGE + ".adamw").without_compiler()
    for seed in json.loads(arguments[1]):
        if arguments[2] == "healthy":
            ratios = dict(_ratios(worker.PACKAGE, checks, checks, seed, ("MATH", "FLASH_ATTENTION")))
            report({"seed": seed, "ratios": ratios, "compiler": "torch._dynamo" in sys.modules})
            continue
        for fault, (plant, family) in FAULTS.items():
            names = list(checks) if arguments[2] == "all" else [family]
            with plant():
                ratios = dict(_ratios(worker.PACKAGE, checks, names, seed, ("FLASH_ATTENTION",)))
            fired = [name for name, ratio in ratios.items() if ratio > 1]
            report({"fault": fault, "seed": seed, "family": family, "fired": fired})


def _ratios(package: str, checks: Any, names: Iterable[str], seed: int, backends: Iterable[str]) -> Iterator[tuple[str, float]]:
    bench = importlib.import_module(package + ".bench")
    for name in names:
        module, function = checks[name].code.split(":")
        check = getattr(importlib.import_module(f"{package}.{module}"), function)
        for backend in backends if name == "sdpa" else ("",):
            for dtype in checks[name].dtypes:
                for result in check(bench.Bench("cpu", dtype, seed, backend)):
                    if result.ratio is not None:
                        yield ".".join(filter(None, (name, backend, result.part, dtype))), result.ratio
