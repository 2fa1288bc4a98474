"""Softmax and its gradient on rows that need the shift by the maximum."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from .arithmetic import TINY, U32, UA, Result, Tensor, bounded, exp_error, gamma
from .bench import Bench

ROWS, COLUMNS = 20, 251


def softmax(bench: Bench) -> Iterator[Result]:
    """Forward and gradient, see `forward_bound` and `_gradient_bound`."""
    x = bench.pair(_rows(bench), grad=True)
    g = bench.pair(bench.normal(ROWS, COLUMNS))
    shifted = x.ref - x.ref.amax(-1, keepdim=True)
    p = shifted.exp() / shifted.exp().sum(-1, keepdim=True)
    got = torch.softmax(x.low, -1)
    got.backward(g.low)
    e = forward_bound(p, shifted, bench)
    yield bounded("", got, p, e)
    want, bound = _gradient(p, e, g.ref, bench)
    yield bounded("dx", x.low.grad, want, bound)


def _rows(bench: Bench) -> Tensor:
    x = bench.normal(ROWS, COLUMNS)
    x[4:8] += 200
    x[8:12] *= 20
    x[12:16, COLUMNS // 2 :] = float("-inf")
    x[16:] -= 90
    return x


def forward_bound(p: Tensor, shifted: Tensor, bench: Bench) -> Tensor:
    """`p (ex(d_i) + sum_j p_j ex(d_j) + gamma_n(UA) + 4 U32 + u) + max(eta, 2^-126)` with `d = x - max x`.

    Numerator, every term of the denominator, its summation, the quotient and the output's rounding: Blanchard, Higham,
    Higham, "Accurately computing the log-sum-exp and softmax functions", IMA J. Numer. Anal. 2021, section 3, with
    `exp_error` in place of an exact library.
    """
    ex = exp_error(shifted)
    relative = ex + (p * ex).sum(-1, keepdim=True) + gamma(p.shape[-1], UA) + 4 * U32 + bench.u
    return p * relative + max(bench.eta, TINY)


def _gradient(p: Tensor, e: Tensor, g: Tensor, bench: Bench) -> tuple[Tensor, Tensor]:
    """`dx = p (g - s)` with `s = sum p g`, from a `p` that is off by at most `e`, by first-order propagation:

    `e |g - s| + (p + e) (es + 2 U32 (|g| + |s| + es)) + u |dx| + eta`, `es = sum e |g| + gamma_(n+1)(UA) sum (p + e) |g|`.
    """
    s = (p * g).sum(-1, keepdim=True)
    es = (e * g.abs()).sum(-1, keepdim=True) + gamma(p.shape[-1] + 1, UA) * ((p + e) * g.abs()).sum(-1, keepdim=True)
    want = p * (g - s)
    bound = e * (g - s).abs() + (p + e) * (es + 2 * U32 * (g.abs() + s.abs() + es))
    return want, bound + bench.u * (want.abs() + bound) + bench.eta
