"""Bytes of a tensor -> counts, by whole-number tricks on the bits: one maximum as signed and one as unsigned numbers give
the largest and the most negative value of a chunk, and tell whether anything in it is not finite. Only then it is counted.
"""

from __future__ import annotations

from typing import Any, List, Tuple

import numpy

from envcheck.weights.dtypes import DTYPES, Dtype, decoded
from envcheck.weights.tensors import Counts

_Array = Any


def measure(raw: memoryview, name: str) -> Counts:
    """The counts of a chunk of whole values, or whole blocks, of the format `name`.

    Blocks are judged by their scales: their low and high are those of the scales.
    """
    dtype = DTYPES[name]
    if dtype.scales:
        return _blocks(raw, dtype)
    width = dtype.size // dtype.parts
    unsigned = numpy.frombuffer(raw, dtype=f"<u{width}")
    if not unsigned.size:
        return Counts()
    if dtype.exponent:
        return _floats(unsigned, dtype)
    values = unsigned.view(f"<i{width}") if dtype.sign else unsigned
    return Counts(values.size * dtype.block, low=int(values.min()), high=int(values.max()))


def _blocks(raw: memoryview, dtype: Dtype) -> Counts:
    rows = numpy.frombuffer(raw, dtype="u1").reshape(-1, dtype.size)
    counts = Counts()
    for offset, scale, many in dtype.scales:
        held = DTYPES[scale]
        part = numpy.ascontiguousarray(rows[:, offset : offset + many * held.size]).view(f"<u{held.size}").reshape(-1)
        # A scale at fp16's limit is a scale like any other; its values were never stopped there.
        counts = counts.plus(_floats(part, held._replace(narrow=False)))
    return counts._replace(total=rows.shape[0] * dtype.block)


def _floats(unsigned: _Array, dtype: Dtype) -> Counts:
    top = 1 << (8 * unsigned.itemsize - 1)
    if not dtype.sign:
        return _exact(unsigned, dtype, top)
    positive = int(unsigned.view(f"<i{unsigned.itemsize}").max())
    greatest = int(unsigned.max())
    special = dtype.special if dtype.special is not None else top
    if dtype.nan_at_minus_zero or positive >= special or (greatest & (top - 1)) >= special:
        return _exact(unsigned, dtype, top)
    low, high = _range(unsigned, positive, greatest, top)
    return _limited(Counts(unsigned.size, low=decoded(low, dtype), high=decoded(high, dtype)), unsigned, dtype, (low, high))


def _range(unsigned: _Array, positive: int, greatest: int, top: int) -> Tuple[int, int]:
    """The bits of the lowest and highest of finite values, from the maximum of each reading."""
    low = greatest if greatest >= top else int(unsigned.min())
    high = positive if positive >= 0 else int(unsigned.min())  # all negative: the least magnitude is the highest
    return low, high


def _exact(unsigned: _Array, dtype: Dtype, top: int) -> Counts:
    """The counts where something may not be finite: each class by itself."""
    magnitude = unsigned & (top - 1) if dtype.sign else unsigned
    if dtype.nan_at_minus_zero:
        is_bad = unsigned == top
        nan, inf = int(numpy.count_nonzero(is_bad)), 0
    else:
        is_bad = magnitude >= dtype.special
        inf = int(numpy.count_nonzero(magnitude == dtype.special)) if dtype.has_inf else 0
        nan = int(numpy.count_nonzero(is_bad)) - inf
    finite = unsigned[~is_bad]
    counts = Counts(unsigned.size, nan, inf)
    if not finite.size:
        return counts
    if not dtype.sign:
        return counts._replace(low=decoded(int(finite.min()), dtype), high=decoded(int(finite.max()), dtype))
    low, high = _range(finite, int(finite.view(f"<i{finite.itemsize}").max()), int(finite.max()), top)
    return _limited(counts._replace(low=decoded(low, dtype), high=decoded(high, dtype)), finite, dtype, (low, high))


def _limited(counts: Counts, unsigned: _Array, dtype: Dtype, reached: Tuple[int, int]) -> Counts:
    """With the values at the format's limit counted, where the range reaches it."""
    if not dtype.narrow or dtype.special is None:
        return counts
    limit = dtype.special - 1
    top = 1 << (8 * unsigned.itemsize - 1)
    at_limit: List[int] = [int(numpy.count_nonzero(unsigned == one)) for one in {limit, limit | top} & set(reached)]
    return counts._replace(at_limit=sum(at_limit))
