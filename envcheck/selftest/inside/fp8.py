"""fp8, where torch and the device have it: casts, and products of integers that even a 14-bit accumulator holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from .arithmetic import Result, exact, nearest, skipped
from .bench import Bench

FORMATS = (("e4m3", "float8_e4m3fn", 4, -9, 448), ("e5m2", "float8_e5m2", 3, -16, 57344))
"""Name, torch's type, significant bits, exponent of the smallest subnormal, largest number: Micikevicius et al., "FP8 formats
for deep learning", 2022, https://arxiv.org/abs/2209.05433, table 1."""


def casts(bench: Bench) -> Iterator[Result]:
    """Casts from fp32 round to nearest, ties to even; numbers beyond the largest are left out, where implementations differ."""
    for name, attribute, bits, least, most in FORMATS:
        dtype = getattr(torch, attribute, None)
        if dtype is None:
            yield skipped(name, f"torch {torch.__version__} has no {attribute}")
            continue
        values = torch.cat([bench.normal(512), bench.normal(512) * 2.0 ** (least + 3), bench.integers(most, 256) * 1.0]).float()
        values = values[values.abs() <= most]
        got = values.to(bench.device).to(dtype).float()
        yield exact(name, got, nearest(values.double(), bits, least).float())


def product(bench: Bench) -> Iterator[Result]:
    """Integers of at most 8 over 64 terms: sums below 2^13, which H100's fp8 accumulator of about 14 bits holds exactly.

    The accumulator: https://arxiv.org/abs/2412.19437, section 3.3.2.
    """
    if not hasattr(torch, "_scaled_mm"):
        yield skipped("", f"torch {torch.__version__} has no scaled product")
        return
    a, b = bench.integers(8, 32, 64), bench.integers(8, 48, 64)
    one = torch.ones((), device=bench.device)
    low: Any = [values.to(bench.device).to(bench.torch_dtype) for values in (a.float(), b.float())]
    try:
        got = torch._scaled_mm(low[0], low[1].t(), scale_a=one, scale_b=one, out_dtype=torch.float32)
    except (RuntimeError, TypeError, NotImplementedError, ValueError) as error:
        yield skipped("", f"no fp8 product on this device: {str(error).strip().splitlines()[0][:200]}")
        return
    yield exact("", got[0] if isinstance(got, tuple) else got, (a @ b.t()).float())
