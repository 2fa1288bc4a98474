"""Counts by whole-number tricks are those that plain arithmetic gives, for every pattern of bits."""

from __future__ import annotations

import math

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from envcheck.weights.dtypes import DTYPES, decoded
from envcheck.weights.measure import measure
from envcheck.weights.tensors import Counts

EIGHT = ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"]


def expected(values: torch.Tensor) -> tuple[int, int, float | None, float | None]:
    """NaN, Inf, lowest and highest finite value, by torch's own arithmetic in fp64."""
    wide = values.to(torch.float64)
    finite = wide[torch.isfinite(wide)]
    reach = (float(finite.min()), float(finite.max())) if finite.numel() else (None, None)
    return (int(wide.isnan().sum()), int(wide.isinf().sum()), *reach)


def counted(raw: bytes, name: str) -> tuple[int, int, float | None, float | None]:
    found = measure(memoryview(raw), name)
    return found.nan, found.inf, found.low, found.high


@pytest.mark.parametrize("name", EIGHT)
def test_each_pattern_of_eight_bits(name: str) -> None:
    every = torch.arange(256, dtype=torch.int32).to(torch.uint8)
    for one in every:
        raw = bytes([int(one)])
        assert counted(raw, name) == expected(one.view(getattr(torch, name)))
    assert counted(bytes(range(256)), name) == expected(every.view(getattr(torch, name)))


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_each_pattern_of_sixteen_bits(name: str) -> None:
    every = numpy.arange(65536, dtype="<u2")
    as_torch = torch.frombuffer(bytearray(every.tobytes()), dtype=getattr(torch, name))
    assert counted(every.tobytes(), name) == expected(as_torch)
    wide = as_torch.to(torch.float64)
    for bits in range(0, 65536, 7):
        if math.isfinite(float(wide[bits])):
            assert decoded(bits, DTYPES[name]) == float(wide[bits])


@pytest.mark.property
@given(st.sampled_from(["float16", "bfloat16", "float32", "float64"]), st.binary(min_size=8, max_size=64))
def test_any_bits(name: str, raw: bytes) -> None:
    raw = raw[: len(raw) // 8 * 8]
    assert counted(raw, name) == expected(torch.frombuffer(bytearray(raw), dtype=getattr(torch, name)))


def test_values_at_the_limit_of_fp16_are_counted_beside_nan() -> None:
    values = torch.tensor([65504.0, -65504.0, 1.0, float("nan"), 65504.0]).half()
    assert measure(memoryview(values.numpy().tobytes()), "float16").at_limit == 3
    assert measure(memoryview(torch.ones(4).half().numpy().tobytes()), "float16").at_limit == 0


def test_complex_and_whole_numbers() -> None:
    values = torch.tensor([1 + 2j, complex(float("nan"), 0)])
    assert measure(memoryview(values.numpy().tobytes()), "complex64").nan == 1
    assert measure(memoryview(b"\xff\x00\x7f\x80"), "int8") == Counts(4, low=-128, high=127)


def test_a_block_is_judged_by_its_scale() -> None:
    block = numpy.float16(0.5).tobytes() + bytes(32)
    sick = numpy.float16("inf").tobytes() + bytes(32)
    assert measure(memoryview(block * 3), "q8_0") == Counts(96, low=0.5, high=0.5)
    assert measure(memoryview(block + sick), "q8_0").inf == 1


def test_an_empty_chunk_counts_nothing() -> None:
    assert measure(memoryview(b""), "float16") == Counts()
