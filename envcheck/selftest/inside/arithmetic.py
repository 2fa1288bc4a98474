"""Unit roundoffs and error constants, and the comparison of what came out with its reference and bound.

Notation: `u` is the unit roundoff of a dtype; `UA` that of an accumulator which may truncate instead of rounding, as
tensor cores do (Fasi, Higham, Mikaitis, Pranesh, "Numerical behavior of NVIDIA tensor cores", PeerJ CS 2021,
https://peerj.com/articles/cs-330/); `gamma(k, v) = kv / (1 - kv)` bounds k accumulated roundings in any order (Higham,
"Accuracy and Stability of Numerical Algorithms", 2nd ed., lemma 3.1). No constant here or in a check was fitted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch

Tensor = Any
"""torch is only known where this runs, so its types are not checked."""

U32 = 2.0**-24
UA = 2.0**-23
TINY = 2.0**-126
"""Smallest normal fp32 number: what is smaller may be flushed to zero on the way."""

TORCH_DTYPE = {"": torch.float32, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "fp8": getattr(torch, "float8_e4m3fn", None)}
"""By precision; the empty one is for checks that are about none."""
UNIT = {"": U32, "fp32": U32, "bf16": 2.0**-8, "fp16": 2.0**-11, "fp8": 2.0**-4}
ETA = {"": TINY, "fp32": TINY, "bf16": TINY, "fp16": 2.0**-24, "fp8": 2.0**-9}
"""Smallest result that must survive: fp32 and bf16 may flush subnormals to zero, fp16 must not."""


class Result(NamedTuple):
    """One comparison: the worst element's error over its bound, and the words for a person."""

    part: str
    """What was compared, empty for the check as a whole: `dx`, `lowlse.dq`."""
    err: float | None
    bound: float | None
    """Error and bound of the worst element; a bound of 0 asks for equal bits. None where nothing was measured."""
    ratio: float | None
    """`err / bound`; above 1 is a failure, infinite for a NaN or a bitwise difference."""
    detail: str = ""
    digest: str = ""
    """Fingerprint of what came out of a failed comparison: the same twice means the same wrong bits."""
    skipped: str = ""
    """Why there is nothing to compare."""
    word: str = ""
    """`info` for what is only told, `warn` where a failure is merely unlikely on a healthy device; empty for a verdict."""


def gamma(k: int, v: float) -> float:
    """`kv / (1 - kv)`."""
    return k * v / (1.0 - k * v)


def exp_error(d: Tensor) -> Tensor:
    """Relative error of `exp(d)` in fp32, `d` itself being a rounded difference.

    `(2 (1.173|d| + 2) + |d|) 2^-24`: CUDA's `__expf` is off by at most `2 + floor(|1.173 d|)` units in the last place
    (CUDA C++ Programming Guide, section "Intrinsic Functions"; every IEEE library is better), and the rounding of `d`
    moves the result by `|d| 2^-24`. Beyond 128 the result is 0 in fp32, and an absolute term must cover it.
    """
    d = d.abs().clamp(max=128.0)
    return (2 * (1.173 * d + 2) + d) * U32


def bounded(part: str, got: Tensor, want: Tensor, bound: Tensor, detail: str = "") -> Result:
    """Compare elementwise with fp64 on the CPU; where a NaN or an infinity came out, the ratio is infinite."""
    got = got.detach().to("cpu")
    error = (got.double() - want).abs()
    ratio = torch.where(error == 0, torch.zeros_like(error), error / bound)
    ratio = torch.where(torch.isnan(ratio), torch.full_like(ratio, float("inf")), ratio).reshape(-1)
    worst = int(ratio.argmax())
    err, limit, value = (float(x.reshape(-1)[worst]) for x in (error, bound.expand_as(error), ratio))
    if value <= 1:
        return Result(part, err, limit, value, detail)
    return Result(part, err, limit, value, _where(got, want, ratio > 1, worst, detail), digest(got))


def exact(part: str, got: Tensor, want: Tensor, detail: str = "") -> Result:
    """Compare bit for bit, `want` being of the same dtype."""
    got = got.detach().to("cpu")
    differs = (got.double() - want.double()).abs().reshape(-1)
    wrong = ~(differs == 0)
    if not bool(wrong.any()):
        return Result(part, 0.0, 0.0, 0.0, detail)
    worst = int(torch.where(torch.isnan(differs), torch.full_like(differs, float("inf")), differs).argmax())
    return Result(part, float(differs[worst]), 0.0, float("inf"), _where(got, want, wrong, worst, detail), digest(got))


def holds(part: str, truth: bool, broken: str) -> Result:
    """A statement that must be true; `broken` says in words what is wrong when it is not."""
    return Result(part, 0.0, 0.0, 0.0) if truth else Result(part, 1.0, 0.0, float("inf"), broken, broken)


def told(part: str, detail: str) -> Result:
    """A fact worth knowing, which is neither right nor wrong."""
    return Result(part, None, None, 0.0, detail, word="info")


def likely(part: str, z: float, detail: str) -> Result:
    """A standardised random quantity: 6.5 deviations happen once in 10^10 times, and only warn."""
    ratio = abs(z) / 6.5 if z == z else float("inf")
    return Result(part, abs(z), 6.5, ratio, detail, word="warn" if ratio > 1 else "")


def skipped(part: str, why: str) -> Result:
    """Nothing to compare, and why."""
    return Result(part, None, None, None, skipped=why)


def nearest(values: Tensor, bits: int, least: int) -> Tensor:
    """fp64 `values` rounded to `bits` significant ones, ties to even, with `2^least` the smallest subnormal; no overflow."""
    _, exponent = torch.frexp(values)
    unit = torch.ldexp(torch.ones_like(values), (exponent - bits).clamp(min=least))
    return torch.round(values / unit) * unit


def worst(part: str, found: Iterable[Result]) -> Result:
    """The worst of several results as one, its own part named in the detail where it failed."""
    first = max(found, key=lambda one: one.ratio or 0.0)
    named = f"{first.part}: {first.detail}" if (first.ratio or 0.0) > 1 else first.detail
    return first._replace(part=part, detail=named)


def _where(got: Tensor, want: Tensor, wrong: Tensor, worst: int, detail: str) -> str:
    place: list[int] = []
    rest = worst
    for size in reversed(got.shape):
        rest, index = divmod(rest, size)
        place.insert(0, index)
    values = f"{float(got.reshape(-1)[worst]):.9g}, expected {float(want.reshape(-1)[worst]):.9g}"
    text = f"{int(wrong.sum())} of {got.numel()} elements are off; at {place} it is {values}"
    return f"{text} ({detail})" if detail else text


def digest(values: Tensor) -> str:
    """A fingerprint of the bits of a CPU tensor, computed in integers modulo 2^64, where no order matters."""
    whole = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[values.element_size()]
    bits = values.contiguous().view(whole).reshape(-1).to(torch.int64)
    places = torch.arange(1, bits.numel() + 1, dtype=torch.int64)
    return format(int(((bits + 1) * (places * 0x9E3779B1 + 1)).sum()) & 0xFFFFFFFFFFFFFFFF, "016x")
