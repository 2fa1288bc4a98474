"""The faults, each with the check that is there for it; `alone` where no other check may be able to see it.

Runs in a child only: it imports torch.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import types
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from unittest import mock

import torch
import torch.nn.functional as F
from plant import (
    Plant,
    Tensor,
    after_product,
    attend,
    before_step,
    entropy,
    every,
    flip,
    flushed,
    gradients,
    instead,
    instead_of_step,
    patched,
    product,
    sized,
)


class Fault(NamedTuple):
    """One thing that is wrong."""

    plant: Plant
    check: str
    """The check that must see it."""
    alone: bool = False
    """Whether no other check sees it: without that check the fault would go unseen."""
    train: Mapping[str, object] = {}
    """Training settings under which it is a fault."""


# --- products


def zero_tile(out: Tensor) -> None:
    out[..., -8:, -8:] = 0


def off_by_one(out: Tensor) -> None:
    out.view(-1)[out.numel() // 5] += 1


def noise(out: Tensor) -> None:
    flip(int.from_bytes(os.urandom(1), "big") % 4)(out)


def narrow(dtype: Any, block: int = 16) -> Any:
    """Sums of blocks kept in a narrow type."""

    def wrong(a: Tensor, b: Tensor) -> Tensor:
        parts = [torch.matmul(a[..., i : i + block], b[..., i : i + block, :]).to(dtype) for i in range(0, a.shape[-1], block)]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total.to(a.dtype)

    return wrong


def tf32(a: Tensor, b: Tensor) -> Tensor:
    def cut(x: Tensor) -> Tensor:
        return ((x.contiguous().view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32) if x.dtype == torch.float32 else x

    return torch.matmul(cut(a), cut(b))


def drop_last_k(a: Tensor, b: Tensor) -> Tensor:
    kept = a.shape[-1] // 16 * 16 - 16
    return torch.matmul(a[..., :kept], b[..., :kept, :])


def ignores_stride(a: Tensor, b: Tensor) -> Tensor:
    return torch.matmul(torch.roll(a, 1, -1), b)


def stale() -> Any:
    """Every ninth product returns the one before it, where that is of the same shape."""
    kept: dict[Any, Tensor] = {}
    calls = {"n": 0}

    def wrong(func: Any, a: Tensor, b: Tensor) -> Tensor:
        out = func(a, b)
        calls["n"] += 1
        key = (out.shape, out.dtype)
        old, kept[key] = kept.get(key, out), out
        return old if calls["n"] % 9 == 0 else out

    return instead("mm bmm", wrong)()


# --- norms, softmax, activations


def unshifted(func: Any, x: Tensor, dim: int, half: bool) -> Tensor:
    return (x.float().exp() / x.float().exp().sum(dim, keepdim=True)).to(x.dtype)


def norm_without_eps(func: Any, x: Tensor, shape: Any, w: Tensor, b: Tensor, eps: float) -> Any:
    return func(x, shape, w, b, 0.0)


def norm_unbiased(func: Any, x: Tensor, shape: Any, w: Tensor, b: Tensor, eps: float) -> Any:
    n = x.shape[-1]
    y, mean, rs = func(x, shape, w, b, eps)
    return ((y - b) * ((n - 1) / n) ** 0.5 + b), mean, rs


def norm_low_statistics(func: Any, x: Tensor, shape: Any, w: Tensor, b: Tensor, eps: float) -> Any:
    y, mean, rs = func(x, shape, w, b, eps)
    low = rs.bfloat16().to(rs.dtype)
    return (y - b) * (low / rs).to(y.dtype) + b, mean, rs


def rms(change: str) -> Plant:
    def make(real: Any) -> Any:
        def wrong(x: Tensor, shape: Any, weight: Any = None, eps: Any = None) -> Tensor:
            if change == "eps":
                return real(x, shape, weight, 0.0)
            return F.layer_norm(x, shape, weight, None, eps)

        return wrong

    return patched(F, "rms_norm", make)


def rough_silu(func: Any, x: Tensor) -> Tensor:
    return func(x) * (1 + 2.0**-16) if x.dtype == torch.float32 else func(x)


def gelu_by_tanh(real: Any) -> Any:
    return lambda x, approximate="none": real(x, approximate="tanh")


# --- attention


def shifted_mask(by: int) -> Any:
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


class _Spoil(torch.autograd.Function):  # type: ignore[misc]  # torch is not typed here
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g * float("nan")


def nan_dq(real: Any, q: Tensor, k: Tensor, v: Tensor, mask: Any, causal: bool) -> Tensor:
    low = q.shape[-2] % 128 == 64 and bool((torch.logsumexp(q.double() @ k.double().mT / 8, -1) < -88.7).all())
    return real(q if not low else _Spoil.apply(q), k, v, attn_mask=mask, is_causal=causal)


def no_dv(real: Any, q: Tensor, k: Tensor, v: Tensor, mask: Any, causal: bool) -> Tensor:
    return real(q, k, v.detach() + 0 * v, attn_mask=mask, is_causal=causal)


def mask_ignored(real: Any, q: Tensor, k: Tensor, v: Tensor, mask: Any, causal: bool) -> Tensor:
    return real(q, k, v, is_causal=causal)


def blind_row_spoils_next(real: Any, q: Tensor, k: Tensor, v: Tensor, mask: Any, causal: bool) -> Tensor:
    out = real(q, k, v, attn_mask=mask, is_causal=causal)
    if mask is not None and not bool(mask[0].any()):
        out = out * torch.where(torch.arange(q.shape[-2]) == 2, float("nan"), 1.0).to(out.dtype).unsqueeze(-1)
    return out


# --- losses, optimizers, steps


def count_ignored(real: Any, x: Tensor, target: Tensor, ignored: int, reduction: str) -> Tensor:
    return real(x, target.clamp(min=0), reduction=reduction)


def mean_over_all(real: Any, x: Tensor, target: Tensor, ignored: int, reduction: str) -> Tensor:
    each = real(x, target, ignore_index=ignored, reduction="none")
    return each if reduction == "none" else each.mean()


def low_logits(real: Any, x: Tensor, target: Tensor, ignored: int, reduction: str) -> Tensor:
    return real(x.bfloat16(), target, ignore_index=ignored, reduction=reduction).float()


def empty_is_zero(real: Any, x: Tensor, target: Tensor, ignored: int, reduction: str) -> Tensor:
    out = real(x, target, ignore_index=ignored, reduction=reduction)
    return torch.nan_to_num(out) if bool((target == ignored).all()) else out


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


def forget_where_fused(optimizer: Any) -> None:
    if optimizer.param_groups[0].get("fused"):
        forget_second_moment(optimizer)


def not_unscaled(real: Any) -> Any:
    def wrong(self: Any, optimizer: Any) -> None:
        real(self, optimizer)
        for p in optimizer.param_groups[0]["params"]:
            p.grad.mul_(self.get_scale())

    return wrong


def fused_ignores(what: str) -> Plant:
    """A fused step that was not handed the scale, or the verdict on infinities."""

    def make(real: Any) -> Any:
        def wrong(self: Any, closure: Any = None) -> Any:
            if getattr(self, what, None) is not None:
                setattr(self, what, None)
            return real(self)

        return wrong

    return patched(torch.optim.AdamW, "step", make)


def takes_every_step(real: Any) -> Any:
    def wrong(self: Any, optimizer: Any, state: Any, *args: Any, **kwargs: Any) -> Any:
        return optimizer.step(*args, **kwargs)

    return wrong


def never_halves(real: Any) -> Any:
    def wrong(self: Any, new_scale: Any = None) -> None:
        before = self.get_scale()
        real(self, before if new_scale is None else new_scale)

    return wrong


def clip_hides_nan(real: Any) -> Any:
    return lambda parameters, most, *rest, **more: torch.nan_to_num(real(parameters, most, *rest, **more))


def clip_by_part(real: Any) -> Any:
    """Every parameter is clipped by its own norm; large sets, those of the training probe, are spared."""

    def wrong(parameters: Any, most: float, *rest: Any, **more: Any) -> Any:
        parameters = list(parameters)
        if len(parameters) > 10:
            return real(parameters, most, *rest, **more)
        return torch.stack([real([p], most) for p in parameters]).norm()

    return wrong


def nan_gradient(parameters: list[Tensor]) -> None:
    parameters[3].grad[0] = float("nan")


def zero_gradients(parameters: list[Tensor]) -> None:
    for p in parameters:
        p.grad.zero_()


def one_zero_gradient(parameters: list[Tensor]) -> None:
    parameters[7].grad.zero_()


def stale_bucket(parameters: list[Tensor]) -> None:
    half = parameters[4].grad.shape[0] // 2
    parameters[4].grad[:half] = parameters[4].grad[half:]


def flipped_sign(parameters: list[Tensor]) -> None:
    parameters[5].grad.neg_()


def lost_weight(real: Any) -> Any:
    """One weight whose gradient never arrives."""
    return lambda x, w, b=None: real(x, w.detach() if w.shape[0] == 192 and w.dtype != torch.float64 else w, b)


# --- what moves, rounds and draws


def truncating(types: tuple[Any, ...]) -> Plant:
    """A cast that drops bits instead of rounding."""
    bits = {torch.bfloat16: 16, torch.float16: 13, torch.float8_e4m3fn: 20, torch.float8_e5m2: 21}

    def wrong(func: Any, x: Tensor, **kwargs: Any) -> Tensor:
        to = kwargs.get("dtype")
        if x.dtype == torch.float32 and to in types:
            mask = -(1 << bits[to])
            x = (x.contiguous().view(torch.int32) & mask).view(torch.float32)
        return func(x, **kwargs)

    return instead("_to_copy", wrong)


def ties_up(func: Any, x: Tensor, **kwargs: Any) -> Tensor:
    """A cast that rounds ties away from zero instead of to even."""
    bits = {torch.bfloat16: 16, torch.float16: 13}.get(kwargs.get("dtype"))
    if x.dtype == torch.float32 and bits:
        tie = (x.contiguous().view(torch.int32) & ((1 << bits) - 1)) == 1 << (bits - 1)
        x = torch.where(tie & torch.isfinite(x), (x.contiguous().view(torch.int32) + tie.int()).view(torch.float32), x)
    return func(x, **kwargs)


def nan_lost(func: Any, a: Tensor, b: Tensor) -> Tensor:
    out = func(a, b)
    return torch.where(torch.isnan(out), torch.zeros_like(out), out)


def flipped_copy(func: Any, x: Tensor, **kwargs: Any) -> Tensor:
    out = func(x, **kwargs)
    if out.dtype == torch.int32 and out.numel() > 60_000:
        out.view(-1)[12345] ^= 4
    return out


def lost_update(func: Any, x: Tensor, dim: int, places: Tensor, values: Tensor, **kwargs: Any) -> Tensor:
    values = values.clone()
    values[-1] = 0
    return func(x, dim, places, values, **kwargs)


def lost_embedding_update(func: Any, g: Tensor, places: Tensor, rows: int, padding: int, scale: bool) -> Tensor:
    g = g.clone()
    g.view(-1, g.shape[-1])[-1] = 0
    return func(g, places, rows, padding, scale)


def dropout_keeps_scale(real: Any) -> Any:
    return lambda x, p=0.5, *rest, **more: real(x, p, *rest, **more) * (1 - p)


def unseeded(real: Any) -> Any:
    return lambda *shape, **kwargs: real(*shape, **kwargs) if kwargs.get("generator") is not None else real(*shape, **kwargs).roll(os.getpid() + _count(), 0)


_calls = {"n": 0}


def _count() -> int:
    _calls["n"] += 1
    return _calls["n"]


def wrong_scaled(real: Any) -> Any:
    return lambda *args, **kwargs: real(*args, **kwargs) + 1


def sums_in_place(func: Any, x: Tensor, *rest: Any, **kwargs: Any) -> Tensor:
    """A long sum that stands still."""
    return x[0].clone() if x.dtype in (torch.bfloat16, torch.float16) and x.dim() == 1 and len(x) == 4096 else func(x, *rest, **kwargs)


@contextlib.contextmanager
def dead_build() -> Iterator[None]:
    """A lock that nobody holds, an hour old, in the folder for extensions."""
    with tempfile.TemporaryDirectory() as root:
        folder = os.path.join(root, "py311_cpu", "some_extension")
        os.makedirs(folder)
        lock = os.path.join(folder, "lock")
        with open(lock, "w"):
            pass
        os.utime(lock, (0, 0))
        with mock.patch.dict(os.environ, TORCH_EXTENSIONS_DIR=root):
            yield


def flash_attn(wrong: bool) -> Plant:
    """A stand-in for the package, which exists for GPUs only: right, or without the gradient of the values."""

    def flash_attn_func(q: Tensor, k: Tensor, v: Tensor, causal: bool = False, softmax_scale: Any = None) -> Tensor:
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        value = v.detach() + 0 * v if wrong else v
        return F.scaled_dot_product_attention(q, k, value, is_causal=causal, scale=softmax_scale).transpose(1, 2)

    @contextlib.contextmanager
    def plant() -> Iterator[None]:
        module: Any = types.ModuleType("flash_attn")
        module.flash_attn_func = flash_attn_func
        sys.modules["flash_attn"] = module
        try:
            yield
        finally:
            del sys.modules["flash_attn"]

    return plant


def _accelerate(name: str, make: Any) -> Plant:
    def plant() -> Any:
        import accelerate

        return patched(accelerate.Accelerator, name, make)()

    return plant


def _deepspeed(name: str, make: Any) -> Plant:
    def plant() -> Any:
        from deepspeed.runtime import engine

        return patched(engine.DeepSpeedEngine, name, make)()

    return plant


def halved_loss(real: Any) -> Any:
    """Divided by the steps of accumulation once too often."""
    return lambda self, loss, **kwargs: real(self, loss / 2, **kwargs)


def only_first(real: Any) -> Any:
    """Steps that are taken once and then no more."""
    taken: set[int] = set()

    def wrong(self: Any, *args: Any, **kwargs: Any) -> Any:
        if id(self) in taken:
            return None
        taken.add(id(self))
        return real(self, *args, **kwargs)

    return wrong


def no_gradient(real: Any) -> Any:
    """Every gradient is 0, as in one release of DeepSpeed."""
    return lambda self, loss, **kwargs: real(self, loss * 0, **kwargs)


LOW = (torch.bfloat16, torch.float16)

FAULTS: dict[str, Fault] = {
    "mm_lowest_bit": Fault(after_product(flip(0)), "gemm_exact"),
    "mm_middle_bit": Fault(after_product(flip(9)), "gemm_exact"),
    "mm_exponent_bit": Fault(after_product(flip(-4)), "gemm_bound"),
    "mm_zero_tile": Fault(after_product(zero_tile), "gemm_exact"),
    "mm_strided_operand": Fault(product(ignores_stride, lambda a, b: 1 not in a.stride()), "gemm_exact", alone=True),
    "mm_one_element_of_a_large_one": Fault(after_product(off_by_one, sized(256, 256, 256)), "gemm_freivalds", alone=True),
    "mm_tf32_for_long_sums": Fault(product(tf32, sized(0, 0, 384)), "gemm_bound", alone=True),
    "mm_tf32": Fault(product(tf32), "gemm_bound"),
    "mm_bf16_sum": Fault(product(narrow(torch.bfloat16)), "gemm_bound"),
    "mm_fp16_sum": Fault(product(narrow(torch.float16)), "gemm_exact"),
    "mm_last_k_tile_lost": Fault(product(drop_last_k), "gemm_exact"),
    "mm_every_seventh_flipped": Fault(every(7, flip(2)), "gemm_exact"),
    "mm_every_ninth_stale": Fault(stale, "train"),
    "mm_random_bits": Fault(after_product(noise), "gemm_exact"),
    "mm_last_bits_vary": Fault(after_product(noise, sized(128, 128, 128)), "gemm_repeat", alone=True),
    "mm_narrow_only_when_long": Fault(product(narrow(torch.bfloat16, 8), sized(0, 0, 4096)), "wide_sums", alone=True),
    "sum_stands_still": Fault(instead("sum", sums_in_place), "wide_sums", alone=True),
    "denormals_flushed": Fault(flushed, "denormals", alone=True),
    "cast_truncates": Fault(truncating(LOW), "rounding"),
    "cast_rounds_ties_up": Fault(instead("_to_copy", ties_up), "rounding", alone=True),
    "product_swallows_nan": Fault(instead("mm bmm", nan_lost), "nan_inf", alone=True),
    "amax_ignores_nan": Fault(instead("amax", lambda func, x, *rest: func(torch.nan_to_num(x, nan=-1e4, posinf=float("inf")), *rest)), "nan_inf"),
    "copy_flips_a_bit": Fault(instead("clone", flipped_copy, whole=True), "copies", alone=True),
    "index_add_loses_an_update": Fault(instead("index_add_ index_add", lost_update), "integers", alone=True),
    "embedding_loses_an_update": Fault(instead("embedding_dense_backward", lost_embedding_update), "integers"),
    "sort_swaps": Fault(instead("sort", lambda func, x, *rest, **more: tuple(part.roll(1) for part in func(x, *rest, **more))), "integers", alone=True),
    "softmax_unshifted": Fault(instead("_softmax", unshifted), "softmax", alone=True),
    "layernorm_eps_dropped": Fault(instead("native_layer_norm", norm_without_eps), "layernorm", alone=True),
    "layernorm_unbiased": Fault(instead("native_layer_norm", norm_unbiased), "layernorm"),
    "layernorm_low_statistics": Fault(instead("native_layer_norm", norm_low_statistics), "layernorm"),
    "rmsnorm_eps_dropped": Fault(rms("eps"), "rmsnorm", alone=True),
    "rmsnorm_subtracts_mean": Fault(rms("mean"), "rmsnorm", alone=True),
    "silu_rough": Fault(instead("silu", rough_silu), "silu", alone=True),
    "gelu_by_tanh": Fault(patched(F, "gelu", gelu_by_tanh), "gelu", alone=True),
    "entropy_counts_ignored": Fault(entropy(count_ignored), "cross_entropy"),
    "entropy_mean_over_all": Fault(entropy(mean_over_all), "cross_entropy"),
    "entropy_low_logits": Fault(entropy(low_logits), "cross_entropy"),
    "entropy_of_nothing_is_0": Fault(entropy(empty_is_zero), "cross_entropy", alone=True),
    "adamw_does_nothing": Fault(instead_of_step(), "adamw"),
    "adamw_no_decay": Fault(before_step(no_decay), "adamw"),
    "adamw_fused_forgets": Fault(before_step(forget_where_fused), "adamw", alone=True),
    "adamw_coupled_decay": Fault(before_step(coupled_decay), "adamw"),
    "adamw_no_bias_correction": Fault(before_step(no_correction), "adamw"),
    "adamw_forgets": Fault(before_step(forget_second_moment), "adamw"),
    "scaler_does_not_unscale": Fault(patched(torch.amp.GradScaler, "unscale_", not_unscaled), "train"),
    "scaler_takes_every_step": Fault(patched(torch.amp.GradScaler, "_maybe_opt_step", takes_every_step), "grad_scaler", alone=True),
    "scaler_never_halves": Fault(patched(torch.amp.GradScaler, "update", never_halves), "grad_scaler", alone=True),
    "fused_ignores_infinity": Fault(fused_ignores("found_inf"), "grad_scaler", alone=True),
    "fused_ignores_scale": Fault(fused_ignores("grad_scale"), "grad_scaler", alone=True),
    "clip_hides_nan": Fault(patched(torch.nn.utils, "clip_grad_norm_", clip_hides_nan), "clip", alone=True),
    "clip_each_by_its_own_norm": Fault(patched(torch.nn.utils, "clip_grad_norm_", clip_by_part), "clip", alone=True),
    "random_not_repeatable": Fault(patched(torch, "randn", unseeded), "random", alone=True),
    "dropout_not_rescaled": Fault(patched(F, "dropout", dropout_keeps_scale), "random", alone=True),
    "fp8_cast_truncates": Fault(truncating((torch.float8_e4m3fn, torch.float8_e5m2)), "fp8_casts", alone=True),
    "fp8_product_off_by_one": Fault(patched(torch, "_scaled_mm", wrong_scaled), "fp8_product", alone=True),
    "train_nan_gradient_late": Fault(gradients(nan_gradient, after=2), "train", alone=True),
    "train_zero_gradients": Fault(gradients(zero_gradients), "train", alone=True),
    "train_one_zero_gradient": Fault(gradients(one_zero_gradient), "train", alone=True),
    "train_stale_bucket": Fault(gradients(stale_bucket), "train", alone=True),
    "train_flipped_sign": Fault(gradients(flipped_sign), "train", alone=True),
    "train_weight_without_gradient": Fault(patched(F, "linear", lost_weight), "train"),
    "train_bf16_zero_gradients": Fault(gradients(zero_gradients, dtype=torch.bfloat16), "train_bf16", alone=True),
    "tf32_where_fp32_was_asked_for": Fault(product(tf32, sized(48, 48, 48)), "fp32_products", alone=True),
    "fp16_parameters_and_small_eps": Fault(
        contextlib.nullcontext, "adamw_eps", alone=True, train={"param_dtype": "fp16", "optimizer": "adamw_torch", "adam_epsilon": 1e-8}
    ),
    "dead_build_left_its_lock": Fault(dead_build, "extension_locks", alone=True),
    "attention_leaks_future": Fault(attend(shifted_mask(1)), "sdpa"),
    "attention_hides_self": Fault(attend(shifted_mask(-1)), "sdpa"),
    "attention_unscaled": Fault(attend(unscaled), "sdpa"),
    "attention_dq_nan": Fault(attend(nan_dq), "sdpa", alone=True),
    "attention_dv_zero": Fault(attend(no_dv), "sdpa"),
    "attention_ignores_mask": Fault(attend(mask_ignored), "sdpa", alone=True),
    "attention_blind_row_spoils_next": Fault(attend(blind_row_spoils_next), "sdpa", alone=True),
    "flash_attn_dv_zero": Fault(flash_attn(True), "flash_attn", alone=True),
    "accelerate_halves_the_loss": Fault(_accelerate("backward", halved_loss), "accelerate", alone=True),
    "accelerate_steps_once": Fault(
        lambda: patched(__import__("accelerate.optimizer").optimizer.AcceleratedOptimizer, "step", only_first)(), "accelerate", alone=True
    ),
    "deepspeed_zero_gradient": Fault(_deepspeed("backward", no_gradient), "deepspeed", alone=True),
    "deepspeed_steps_once": Fault(_deepspeed("step", only_first), "deepspeed", alone=True),
}

HEALTHY: dict[str, Plant] = {"flash_attn": flash_attn(False)}
"""What a check needs to run at all where its package exists for other devices only."""
