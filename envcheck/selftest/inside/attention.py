"""Scaled dot product attention and its gradients, one backend at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F

from .arithmetic import TINY, U32, UA, Result, Tensor, bounded, exact, exp_error, gamma, skipped, told
from .bench import Bench, Pair

BACKENDS: dict[str, tuple[str, int]] = {
    "MATH": ("enable_math_sdp", 0),
    "FLASH_ATTENTION": ("enable_flash_sdp", 1),
    "EFFICIENT_ATTENTION": ("enable_mem_efficient_sdp", 2),
    "CUDNN_ATTENTION": ("enable_cudnn_sdp", 3),
}
"""Switch in `torch.backends.cuda` and number in `torch._fused_sdp_choice`, which are those of `torch.nn.attention.SDPBackend`."""

DEFAULT = "DEFAULT"
"""What torch itself chooses, which is what a training run gets."""

BATCH, HEADS, WIDTH = 2, 2, 64


class Case(NamedTuple):
    """One shape and mask."""

    length: int
    causal: bool
    masked: bool
    low: bool
    """Whether every row's log-sum-exp lies below -88.7, where `exp(-lse)` overflows fp32."""


CASES = {
    "causal": Case(128, True, False, False),
    # cuDNN's dQ was NaN for lengths of 64 modulo 128 with such rows: https://github.com/pytorch/pytorch/issues/196678
    "lowlse": Case(64, False, True, True),
    "mask": Case(67, False, True, False),
}


def use_only(backend: str) -> str:
    """Switch all attention backends off but one, for the whole process; why it cannot be, or nothing."""
    name, _ = BACKENDS[backend]
    if not hasattr(F, "scaled_dot_product_attention") or not hasattr(torch.backends.cuda, name):
        return f"torch {torch.__version__} has no {backend} attention"
    for other, (switch, _) in BACKENDS.items():
        if hasattr(torch.backends.cuda, switch):
            getattr(torch.backends.cuda, switch)(other == backend)
    return ""


def attention(bench: Bench) -> Iterator[Result]:
    """Output, dq, dk and dv of every case, see `Exact`; then what the future must not change, and rows that see nothing."""
    why = "" if bench.backend == DEFAULT else use_only(bench.backend)
    for name, case in CASES.items():
        q, k, v, g = (bench.pair(x, grad=True) for x in inputs(bench, case))
        mask = mask_of(bench, case)
        on_device = mask.to(bench.device) if case.masked else None
        refused = why or _refused(bench.backend, q.low, k.low, v.low, on_device, case.causal)
        if refused:
            yield skipped(name, refused)
            continue
        out = F.scaled_dot_product_attention(q.low, k.low, v.low, attn_mask=on_device, is_causal=case.causal)
        out.backward(g.low.detach())
        exact_one = Exact(q, k, v, g, mask, bench)
        yield bounded(f"{name}.out", out, *exact_one.out())
        for part, tensor, (want, bound) in (("dq", q, exact_one.dq()), ("dk", k, exact_one.dk()), ("dv", v, exact_one.dv())):
            yield bounded(f"{name}.{part}", tensor.low.grad, want, bound)
        if name == "causal":
            yield _past(bench, q, k, v, out)
        if name == "mask":
            yield from _blind(bench, q, k, v, g, mask)


def _past(bench: Bench, q: Pair, k: Pair, v: Pair, out: Tensor) -> Result:
    """Other keys and values after the middle leave everything before it bit for bit as it was: no reference is needed."""
    half = q.low.shape[-2] // 2
    later = [torch.cat([one.low.detach()[..., :half, :], -one.low.detach()[..., half:, :]], -2) for one in (k, v)]
    again = F.scaled_dot_product_attention(q.low.detach(), *later, is_causal=True)
    return exact("causal.past", again[..., :half, :].contiguous(), out.detach()[..., :half, :].contiguous().to("cpu"), "after a change of the future")


def _blind(bench: Bench, q: Pair, k: Pair, v: Pair, g: Pair, mask: Tensor) -> Iterator[Result]:
    """Two rows that see nothing, as padding on the left makes them: the others must not notice.

    Their own result is 0 from torch 2.5 on and was NaN before (https://github.com/pytorch/pytorch/issues/103749), so it is
    told, as are gradients that became NaN by it.
    """
    blind = mask.clone()
    blind[:2] = False
    low = [one.low.detach().clone().requires_grad_() for one in (q, k, v)]
    refused = _refused(bench.backend, *low, blind.to(bench.device), False)
    if refused:
        yield skipped("blind", refused)
        return
    out = F.scaled_dot_product_attention(*low, attn_mask=blind.to(bench.device))
    want, bound = Exact(q, k, v, g, mask, bench).out()
    yield bounded("blind.out", out[..., 2:, :], want[..., 2:, :], bound[..., 2:, :])
    out[..., 2:, :].backward(g.low.detach()[..., 2:, :])
    broken = [name for name, one in zip(("dq", "dk", "dv"), low) if not bool(torch.isfinite(one.grad).all())]
    if broken or not bool(torch.isfinite(out).all()):
        yield told("blind.rows", f"rows that see nothing come out as NaN{', and spoil ' + ' and '.join(broken) if broken else ''}")


def inputs(bench: Bench, case: Case) -> list[Tensor]:
    """Queries, keys, values and the gradient of the output, in fp64."""
    q, k, v, g = (bench.normal(BATCH, HEADS, case.length, WIDTH) for _ in range(4))
    if case.low:
        # Scores of about -8 * 3.7^2 = -110, with a spread of 1.5.
        q, k = 3.7 + 0.3 * q, -3.7 + 0.3 * k
    return [q, k, v, g]


def mask_of(bench: Bench, case: Case) -> Tensor:
    """Where attention may look; every row sees at least itself, because torch has given rows that see nothing NaN or 0."""
    n = case.length
    triangle = torch.ones(n, n, dtype=torch.bool).tril()
    if case.causal or case.low:
        return triangle
    return (bench.normal(n, n) > 0) | torch.eye(n, dtype=torch.bool)


def _refused(backend: str, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> str:
    """Why torch would not take this backend here, or nothing."""
    if backend == DEFAULT or not hasattr(torch, "_fused_sdp_choice"):
        return "" if hasattr(F, "scaled_dot_product_attention") else f"torch {torch.__version__} has no attention of its own"
    try:
        chosen = torch._fused_sdp_choice(q, k, v, mask, 0.0, causal)
    except RuntimeError as error:
        return f"{backend} is not available: {str(error).splitlines()[0]}"
    return "" if int(chosen) == BACKENDS[backend][1] else f"{backend} is not available for these inputs on this device"


class Exact:
    """Attention in fp64 by its formulas, each step with the error a conforming device may make, to first order in it.

    Scores `s = c q.k`, `c = 1/sqrt(D)`: `e_s = gamma_D(UA) a + 3 U32 (a + |s|)`, `a = c |q|.|k|`; the MATH backend may round its scaled
    operands, the scores and the masked scores to the precision: `+ 2u a + 2u |s|`.
    Weights, relative: `R = expm1(e_s_ij + max_j e_s_ij) + ex(s - max) + max ex + gamma_L(UA) + 4 U32 + 2u`: a softmax changes by at
    most that factor when its arguments change by `e_s`; then `exp_error`, the sum, and two roundings to the precision
    (flash rounds the weights before it multiplies by v: Dao, "FlashAttention-2", 2023, algorithm 1; MATH after the softmax).
    `ep = p R + eta` for underflow. Each matrix product adds `gamma(UA)` on absolute values (Higham, section 3.5).
    """

    def __init__(self, q: Pair, k: Pair, v: Pair, g: Pair, mask: Tensor, bench: Bench) -> None:
        self.q, self.k, self.v, self.g = q.ref, k.ref, v.ref, g.ref
        self.u, self.eta = bench.u, max(bench.eta, TINY)
        self.scale = 1 / math.sqrt(WIDTH)
        self.length = mask.shape[-1]
        s = (self.q @ self.k.mT * self.scale).masked_fill(~mask, float("-inf"))
        self.shifted = s - s.amax(-1, keepdim=True)
        self.p = torch.softmax(s, -1)
        sized = self.q.abs() @ self.k.mT.abs() * self.scale
        e_s = gamma(WIDTH, UA) * sized + 3 * U32 * (sized + s.abs())
        if bench.backend in ("MATH", DEFAULT):
            e_s = e_s + 2 * self.u * (sized + s.abs())
        e_s = e_s.masked_fill(~mask, 0.0)
        ex = exp_error(self.shifted).masked_fill(~mask, 0.0)
        relative = torch.expm1(e_s + e_s.amax(-1, keepdim=True)) + ex + (self.p * ex).sum(-1, keepdim=True)
        self.ep = (self.p * (relative + gamma(self.length, UA) + 4 * U32 + 2 * self.u) + self.eta).masked_fill(~mask, 0.0)
        self._scores_gradient()

    def _scores_gradient(self) -> None:
        """`dS = p (dP - D)`, `dP = g v^T`, `D = sum p dP = sum g out`: flash forms D from the rounded output, MATH from p and dP."""
        out, e_out = self.out()
        dp = self.g @ self.v.mT
        e_dp = gamma(WIDTH, UA) * (self.g.abs() @ self.v.mT.abs()) + self.u * dp.abs()
        d = (self.p * dp).sum(-1, keepdim=True)
        by_p = (self.ep * dp.abs() + (self.p + self.ep) * e_dp + gamma(self.length, UA) * self.p * dp.abs()).sum(-1, keepdim=True)
        by_out = (self.g.abs() * (e_out + gamma(WIDTH, UA) * out.abs())).sum(-1, keepdim=True)
        e_d = by_p + by_out
        self.ds = self.p * (dp - d)
        e = self.ep * (dp - d).abs() + (self.p + self.ep) * (e_dp + e_d + 2 * U32 * (dp.abs() + d.abs()))
        self.e_ds = e + self.u * (self.ds.abs() + e) + self.eta * (self.p > 0)

    def _product(self, a: Tensor, e_a: Tensor, b: Tensor, scale: float, extra: float) -> tuple[Tensor, Tensor]:
        """`scale a b` with `a` off by `e_a`; `extra` counts roundings to the precision on the terms."""
        k = a.shape[-1]
        want = scale * (a @ b)
        size = a.abs() + e_a
        bound = scale * (e_a @ b.abs() + (gamma(k, UA) + extra * self.u + 2 * U32) * (size @ b.abs()))
        return want, bound + self.u * (want.abs() + bound) + self.eta

    def out(self) -> tuple[Tensor, Tensor]:
        return self._product(self.p, self.ep, self.v, 1.0, 0)

    def dv(self) -> tuple[Tensor, Tensor]:
        return self._product(self.p.mT, self.ep.mT, self.g, 1.0, 0)

    def dq(self) -> tuple[Tensor, Tensor]:
        """The MATH backend rounds the scaled key and the product before it scales it: two more roundings."""
        return self._product(self.ds, self.e_ds, self.k, self.scale, 2)

    def dk(self) -> tuple[Tensor, Tensor]:
        return self._product(self.ds.mT, self.e_ds.mT, self.q, self.scale, 2)
