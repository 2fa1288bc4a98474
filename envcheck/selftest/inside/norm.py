"""LayerNorm, RMSNorm and their gradients on rows of very different scale and offset."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from .arithmetic import U32, UA, Result, Tensor, bounded, gamma, skipped
from .bench import Bench

ROWS, COLUMNS, EPS = 16, 96, 1e-5


def layernorm(bench: Bench) -> Iterator[Result]:
    """Forward, input gradient and weight gradient, see `_Errors`."""
    x = bench.pair(_rows(bench), grad=True)
    w = bench.pair(1 + bench.normal(COLUMNS, scale=0.2), grad=True)
    b = bench.pair(bench.normal(COLUMNS))
    g = bench.pair(bench.normal(ROWS, COLUMNS))
    got = F.layer_norm(x.low, (COLUMNS,), w.low, b.low, EPS)
    got.backward(g.low)
    exact = _Errors(x.ref, 0.0)
    y = exact.xh * w.ref + b.ref
    rounding = 3 * U32 * ((exact.xh * w.ref).abs() + b.ref.abs()) + bench.u * y.abs() + bench.eta
    yield bounded("", got, y, w.ref.abs() * exact.e_xh + rounding)
    # The statistics saved for the gradients may be of the low precision: torch on a CPU does so.
    saved = _Errors(x.ref, bench.u)
    yield bounded("dx", x.low.grad, *_input_gradient(saved, g.ref * w.ref, bench))
    yield bounded("dw", w.low.grad, *_weight_gradient(saved, g.ref, bench))


def _rows(bench: Bench) -> Tensor:
    x = bench.normal(ROWS, COLUMNS)
    x[4:8] *= 1e-3
    x[8:12] = 8 + 2 * x[8:12]
    x[12:] *= 100
    return x


class _Errors:
    """Statistics of rows in fp64, and how far a conforming device may be off them.

    Mean: `gamma_(n+1)(UA) mean|x| + lp |mu|`. Its reciprocal deviation, relative: `1.5 gamma_(n+2)(UA) kappa + 6 U32 + lp`,
    where `kappa = 1 + mu^2 / (var + eps)` admits the one-pass variance `E x^2 - mu^2` (Higham, section 1.9) and half
    of a relative error survives the root. `xh = (x - mu) rs` may be computed as `x rs - mu rs`. `lp` is the roundoff of
    the saved statistics, 0 where they never left fp32.
    """

    def __init__(self, x: Tensor, lp: float) -> None:
        n = x.shape[-1]
        self.x, self.mu = x, x.mean(-1, keepdim=True)
        var = (x - self.mu).square().mean(-1, keepdim=True)
        self.rs = (var + EPS).rsqrt()
        self.xh = (x - self.mu) * self.rs
        kappa = 1 + self.mu.square() / (var + EPS)
        self.e_rs = 1.5 * gamma(n + 2, UA) * kappa + 6 * U32 + lp
        e_mu = gamma(n + 1, UA) * x.abs().mean(-1, keepdim=True) + lp * self.mu.abs()
        self.spread = self.rs * (x.abs() + self.mu.abs())
        self.e_xh = self.rs * e_mu + self.xh.abs() * (self.e_rs + 4 * U32) + 6 * U32 * self.spread


def _input_gradient(s: _Errors, gw: Tensor, bench: Bench) -> tuple[Tensor, Tensor]:
    """`dx = rs (gw - m1 - xh m2)`, `m1 = mean gw`, `m2 = mean gw xh`; errors of every term, to first order.

    `m2` may be computed as `rs (mean gw x - mu mean gw)`, so its summation error is counted on `|gw| spread`.
    """
    n = gw.shape[-1]
    m1, m2 = gw.mean(-1, keepdim=True), (gw * s.xh).mean(-1, keepdim=True)
    e_m1 = (gamma(n + 1, UA) + U32) * gw.abs().mean(-1, keepdim=True)
    e_m2 = (gw.abs() * (s.e_xh + (gamma(n + 2, UA) + 2 * U32) * s.spread)).mean(-1, keepdim=True)
    terms = gw.abs() + m1.abs() + (s.xh * m2).abs()
    want = s.rs * (gw - m1 - s.xh * m2)
    bound = s.rs * ((s.e_rs + 4 * U32) * terms + e_m1 + s.e_xh * m2.abs() + s.xh.abs() * e_m2)
    return want, bound + bench.u * (want.abs() + bound) + bench.eta


def _weight_gradient(s: _Errors, g: Tensor, bench: Bench) -> tuple[Tensor, Tensor]:
    """`dw = sum g xh` over the rows: `sum |g| e_xh + (gamma_rows(UA) + gamma_rows(u)) sum |g xh| + u |dw| + eta`.

    The term in `u` admits an accumulator of the low precision, whose buffer torch on a CPU allocates in the input's dtype.
    """
    rows = g.shape[0]
    want = (g * s.xh).sum(0)
    bound = (g.abs() * s.e_xh).sum(0) + (gamma(rows, UA) + gamma(rows, bench.u)) * (g * s.xh).abs().sum(0)
    return want, bound + bench.u * (want.abs() + bound) + bench.eta


def rmsnorm(bench: Bench) -> Iterator[Result]:
    """Forward, input gradient and weight gradient of `xh w`, `xh = x rs`, `rs = 1 / sqrt(mean x^2 + eps)`.

    `rs`, relative: `gamma_(n+2)(UA) / 2 + 4 U32`, all terms being positive. Implementations that are composed of single
    operations round `xh` to the precision before it meets the weight, and in the gradient `xh` and `g w`: `2u` on each term.
    """
    if not hasattr(F, "rms_norm"):
        yield skipped("", f"torch {torch.__version__} has no rms_norm")
        return
    x = bench.pair(_rows(bench), grad=True)
    w = bench.pair(1 + bench.normal(COLUMNS, scale=0.2), grad=True)
    g = bench.pair(bench.normal(ROWS, COLUMNS))
    got = F.rms_norm(x.low, (COLUMNS,), w.low, EPS)
    got.backward(g.low)
    rs = (x.ref.square().mean(-1, keepdim=True) + EPS).rsqrt()
    xh, e = x.ref * rs, gamma(COLUMNS + 2, UA) / 2 + 6 * U32 + 2 * bench.u
    want = xh * w.ref
    yield bounded("", got, want, _once(want.abs() * (e + 2 * U32), want, bench))

    gw = g.ref * w.ref
    m2 = (gw * xh).mean(-1, keepdim=True)
    e_m2 = (2 * e + gamma(COLUMNS + 1, UA) + 2 * U32) * (gw * xh).abs().mean(-1, keepdim=True)
    want = rs * (gw - xh * m2)
    bound = rs * ((2 * e + 4 * U32) * (gw.abs() + (xh * m2).abs()) + xh.abs() * e_m2)
    yield bounded("dx", x.low.grad, want, _once(bound, want, bench))
    want, size = (g.ref * xh).sum(0), (g.ref * xh).abs().sum(0)
    yield bounded("dw", w.low.grad, want, _once((2 * e + gamma(ROWS, UA) + gamma(ROWS, bench.u)) * size, want, bench))


def _once(error: Tensor, want: Tensor, bench: Bench) -> Tensor:
    return error + bench.u * (want.abs() + error) + bench.eta
