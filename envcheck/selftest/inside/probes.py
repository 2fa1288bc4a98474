"""Small exact questions about single operations: what is rounded, flushed, summed narrowly or swallowed."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from .arithmetic import Result, Tensor, exact, holds, nearest, told, worst
from .bench import Bench

TERMS = 4096


def denormals(bench: Bench) -> Iterator[Result]:
    """Subnormal fp32 numbers survive a multiplication; compared as bits, because flushing makes `==` itself take them for 0.

    One library built with `-ffast-math` switches flushing on for the whole process when it is loaded
    (https://github.com/numpy/numpy/issues/20895). Only the CPU and CUDA promise subnormals; elsewhere it is told.
    """
    bits = torch.tensor([1 << n for n in range(23)] + [0x7FFFFF, 0x812345], dtype=torch.int32)
    tiny = bits.view(torch.float32).to(bench.device)
    got = ((tiny * 2) * 0.5 * torch.ones_like(tiny)).to("cpu").view(torch.int32)
    if bench.kind in ("cpu", "cuda"):
        yield exact("", got, bits, "subnormal numbers as bit patterns")
    else:
        kept = bool((got == bits).all())
        yield told("", f"subnormal fp32 numbers are {'kept' if kept else 'flushed to zero'} on this device")


def rounding(bench: Bench) -> Iterator[Result]:
    """A cast from fp32 rounds to the nearest number, ties to even (IEEE 754, section 4.3.1); NaN stays NaN."""
    bits, least = {"bf16": (8, -133), "fp16": (11, -24)}[bench.dtype]
    ties = 1 + torch.arange(-9, 10, dtype=torch.float64) * bench.u
    normal = bench.normal(512).float().double()
    values = torch.cat([ties, -ties, 3 * ties, ties * (1 + 2.0**-22), ties * (1 - 2.0**-22), normal, normal * 1e-3]).float()
    want = nearest(values.double(), bits, least).to(bench.torch_dtype)
    yield exact("", values.to(bench.device).to(bench.torch_dtype), want)
    # The payload of this one lies in the bits that a truncation drops, and what is left is an infinity.
    nan = torch.tensor([0x7F800001], dtype=torch.int32).view(torch.float32).to(bench.device).to(bench.torch_dtype)
    yield holds("nan", bool(torch.isnan(nan).all()), "a NaN became a number")


def wide_sums(bench: Bench) -> Iterator[Result]:
    """256 and 4095 eighths: a sum in bf16 or fp16 stands still at 256, one in fp32 is exact in every order."""
    terms = torch.full((TERMS,), 0.125, dtype=torch.float64)
    terms[0] = 256
    want = nearest(terms.sum().reshape(1), {"bf16": 8, "fp16": 11}[bench.dtype], -24).to(bench.torch_dtype)
    low = bench.down(terms)
    ones = torch.ones(8, TERMS, dtype=bench.torch_dtype, device=bench.device)
    product = ones @ low.reshape(-1, 1).expand(TERMS, 8).contiguous()
    yield exact("product", product, want.expand(8, 8).contiguous())
    yield exact("sum", low.sum().reshape(1), want)


def nan_inf(bench: Bench) -> Iterator[Result]:
    """What is no number stays none, and spoils nothing beside it."""
    yield worst("", [_spread(bench), *_reduced(bench)])


def _spread(bench: Bench) -> Result:
    a = bench.integers(2, 24, 40)
    a[3, 5], a[7, 11] = float("nan"), float("inf")
    b = torch.ones(40, 16, dtype=torch.float64)
    got = (bench.down(a) @ bench.down(b)).to("cpu").double()
    clean = torch.ones(24, dtype=torch.bool)
    clean[3] = clean[7] = False
    right = bool(torch.isnan(got[3]).all()) and bool((got[7] == float("inf")).all()) and bool(torch.equal(got[clean], (a @ b)[clean]))
    return holds("product", right, "a NaN or an infinity is lost in a product, or spoils other rows")


def _reduced(bench: Bench) -> Iterator[Result]:
    x = bench.normal(4, 100)
    x[1, 50] = float("nan")
    x[2, 99] = float("inf")
    low = bench.down(x)
    reductions: dict[str, Tensor] = {"sum": low.sum(-1), "amax": low.amax(-1), "mean": low.mean(-1)}
    for name, got in reductions.items():
        values = got.to("cpu").double()
        right = bool(torch.isnan(values[1])) and float(values[2]) == float("inf") and bool(torch.isfinite(values[[0, 3]]).all())
        yield holds(name, right, f"`{name}` loses a NaN or an infinity, or spreads it")
