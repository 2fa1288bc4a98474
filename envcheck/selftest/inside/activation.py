"""SiLU and GELU with their gradients, from far left of zero to far right of it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F

from .arithmetic import U32, Result, Tensor, bounded, exp_error
from .bench import Bench, Pair

COUNT = 2048
TANH = 4 * U32
"""How far tanh may be off: CUDA's is within 2 units in the last place (CUDA C++ Programming Guide, "Mathematical functions"),
and its argument is rounded."""

ERF = 1.5e-7
"""How far erf may be off before roundings: torch's vectorised CPU code evaluates formula 7.1.26 of Abramowitz, Stegun,
"Handbook of mathematical functions", whose error this is; other libraries are better."""

PIECES = 9 * U32
"""How far `P` may be off where erf is a polynomial of degree 5 on each piece of `|x|`, as oneDNN has it for AVX-512 (release 3.12,
`gelu_erf_minimax_approx_compute_vector_fwd`): half of the 17.96 U32 by which the polynomials miss erf and the five fused roundings of
Horner's rule add. `tests/faults/gelu_pieces.py` derives that from the coefficients in oneDNN's source."""


def silu(bench: Bench) -> Iterator[Result]:
    """`y = x s`, `s = 1 / (1 + exp(-x))` is off by `s ((1 - s) ex(x) + 3 U32)`; `y' = s (1 + x (1 - s))` by its terms.

    `1 - s` may be formed by a subtraction, so its error is that of `s` plus `U32`. Everything in fp32, rounded once at the end.
    """
    x, g, got = _run(bench, F.silu)
    s = torch.sigmoid(x.ref)
    e_s = s * ((1 - s) * exp_error(x.ref) + 3 * U32)
    want = x.ref * s
    yield bounded("", got, want, _rounded(x.ref.abs() * e_s + 2 * U32 * want.abs(), want, bench))
    inner = 1 + x.ref * (1 - s)
    size = 1 + x.ref.abs() * (1 - s)
    e_inner = x.ref.abs() * (e_s + U32) + 3 * U32 * size
    slope, e_slope = s * inner, e_s * size + s * e_inner + 2 * U32 * s * size
    yield _gradient("dx", x, g, slope, e_slope, bench)


def gelu(bench: Bench) -> Iterator[Result]:
    """`y = x P(x)`, `P = (1 + erf(x / sqrt 2)) / 2`; then the form by tanh, `y = x (1 + t) / 2`, `t = tanh z`.

    In the gradient `P` is absolutely off by `(ERF + (12 U32 + ex(x^2/2)) erfc(|x| / sqrt 2)) / 2 + 2 U32`: a polynomial of twelve roundings
    times an exponential, subtracted from 1 and added to it; in the forward pass by that or by `PIECES + 2 U32`, whichever is more.
    `y' = P + x p(x)`, `p = exp(-x^2/2) / sqrt(2 pi)` relatively off by `ex(x^2/2) + 6 U32`. By tanh: `y' = (1 + t) / 2 + x z' (1 - t^2) / 2`
    with `t` off by `e_t = 6 U32 |z| (1 - t^2) + TANH`, each term by its factors.
    """
    x, g, got = _run(bench, F.gelu)
    p = 0.5 * torch.erfc(-x.ref / math.sqrt(2))
    decay = exp_error(x.ref.square() / 2)
    e_p = 0.5 * (ERF + (12 * U32 + decay) * torch.erfc(x.ref.abs() / math.sqrt(2))) + 2 * U32
    want = x.ref * p
    yield bounded("", got, want, _rounded(x.ref.abs() * e_p.clamp(min=PIECES + 2 * U32) + 3 * U32 * want.abs(), want, bench))
    density = torch.exp(-x.ref.square() / 2) / math.sqrt(2 * math.pi)
    steep = x.ref * density
    yield _gradient("dx", x, g, p + steep, e_p + steep.abs() * (decay + 6 * U32) + 2 * U32 * p, bench)
    yield from _by_tanh(bench)


def _by_tanh(bench: Bench) -> Iterator[Result]:
    x, g, got = _run(bench, lambda values: F.gelu(values, approximate="tanh"))
    c = math.sqrt(2 / math.pi)
    z, slope_z = c * (x.ref + 0.044715 * x.ref**3), c * (1 + 3 * 0.044715 * x.ref.square())
    t = torch.tanh(z)
    flat = 1 / torch.cosh(z.clamp(-300, 300)).square()
    e_t = 6 * U32 * z.abs() * flat + TANH
    want = x.ref * 0.5 * (1 + t)
    yield bounded("tanh", got, want, _rounded(0.5 * x.ref.abs() * (e_t + U32) + 3 * U32 * want.abs(), want, bench))
    steep = 0.5 * x.ref * slope_z * flat
    e = 0.5 * (e_t + U32) + 0.5 * x.ref.abs() * slope_z * (2 * e_t + 2 * U32) + 6 * U32 * steep.abs() + 2 * U32 * (1 + t)
    yield _gradient("tanh.dx", x, g, 0.5 * (1 + t) + steep, e, bench)


def _run(bench: Bench, function: object) -> tuple[Pair, Pair, Tensor]:
    spread = torch.linspace(-12, 12, COUNT // 2, dtype=torch.float64)
    x = bench.pair(torch.cat([spread, bench.normal(COUNT // 2) * 3]), grad=True)
    g = bench.pair(bench.normal(COUNT))
    got = function(x.low)  # type: ignore[operator]
    got.backward(g.low)
    return x, g, got


def _gradient(part: str, x: Pair, g: Pair, slope: Tensor, e_slope: Tensor, bench: Bench) -> Result:
    want = g.ref * slope
    return bounded(part, x.low.grad, want, _rounded(g.ref.abs() * e_slope + 2 * U32 * want.abs(), want, bench))


def _rounded(error: Tensor, want: Tensor, bench: Bench) -> Tensor:
    return error + bench.u * (want.abs() + error) + bench.eta
