"""The number formats of checkpoints: how many bytes, and which bits are not a number.

Of a float without its sign bit, as a whole number, everything from `special` on is Inf or NaN, so counting needs no arithmetic.
fp8: https://arxiv.org/abs/2209.05433; block formats: the block structures of GGML.
"""

from __future__ import annotations

import struct
from typing import Dict, NamedTuple, Optional, Tuple


class Dtype(NamedTuple):
    """How one value, or one block of values, lies in a file."""

    size: int
    """Bytes of a value; of a block where `scales` are given."""
    mantissa: int = 0
    """Bits of the mantissa; 0 for what is no float."""
    special: Optional[int] = None
    """The least magnitude, as a whole number, that is not finite; None where every pattern is finite."""
    has_inf: bool = True
    """Whether `special` itself is Inf; else it is NaN."""
    exponent: int = 0
    """Bits of the exponent."""
    sign: bool = True
    nan_at_minus_zero: bool = False
    """Whether the pattern of -0 is the only NaN (the `fnuz` formats)."""
    narrow: bool = False
    """Whether a cast may have stopped values at its limit: fp16. (fp8 is scaled to reach its limit.)"""
    bias: int = 0
    block: int = 1
    """Values in `size` bytes."""
    scales: Tuple[Tuple[int, str, int], ...] = ()
    """Scales of a block: offset in it, their format, how many."""
    parts: int = 1
    """Values of half the size that one value is made of: 2 for complex numbers."""


def _ieee(exponent: int, mantissa: int, *, narrow: bool = False) -> Dtype:
    special = ((1 << exponent) - 1) << mantissa
    return Dtype((1 + exponent + mantissa) // 8, mantissa, special, True, exponent, narrow=narrow, bias=(1 << (exponent - 1)) - 1)


def _blocks(size: int, block: int, *scales: Tuple[int, str, int]) -> Dtype:
    return Dtype(size, block=block, scales=scales)


DTYPES: Dict[str, Dtype] = {
    "float64": _ieee(11, 52),
    "float32": _ieee(8, 23),
    "float16": _ieee(5, 10, narrow=True),
    "bfloat16": _ieee(8, 7),
    "float8_e5m2": _ieee(5, 2),
    "float8_e4m3fn": Dtype(1, 3, 0x7F, False, 4, bias=7),
    "float8_e4m3fnuz": Dtype(1, 3, None, False, 4, nan_at_minus_zero=True, bias=8),
    "float8_e5m2fnuz": Dtype(1, 2, None, False, 5, nan_at_minus_zero=True, bias=16),
    "float8_e8m0fnu": Dtype(1, 0, 0xFF, False, 8, sign=False, bias=127),
    "complex64": _ieee(8, 23)._replace(size=8, parts=2),
    "complex128": _ieee(11, 52)._replace(size=16, parts=2),
    "int64": Dtype(8),
    "int32": Dtype(4),
    "int16": Dtype(2),
    "int8": Dtype(1),
    "uint64": Dtype(8, sign=False),
    "uint32": Dtype(4, sign=False),
    "uint16": Dtype(2, sign=False),
    "uint8": Dtype(1, sign=False),
    "bool": Dtype(1, sign=False),
    "float4_e2m1": Dtype(1, sign=False, block=2),
    "q4_0": _blocks(18, 32, (0, "float16", 1)),
    "q4_1": _blocks(20, 32, (0, "float16", 2)),
    "q5_0": _blocks(22, 32, (0, "float16", 1)),
    "q5_1": _blocks(24, 32, (0, "float16", 2)),
    "q8_0": _blocks(34, 32, (0, "float16", 1)),
    "q2_k": _blocks(84, 256, (80, "float16", 2)),
    "q3_k": _blocks(110, 256, (108, "float16", 1)),
    "q4_k": _blocks(144, 256, (0, "float16", 2)),
    "q5_k": _blocks(176, 256, (0, "float16", 2)),
    "q6_k": _blocks(210, 256, (208, "float16", 1)),
    "q8_k": _blocks(292, 256, (0, "float32", 1)),
}
"""Name, as torch or GGML has it, in lower case -> format."""


def is_float(name: str) -> bool:
    """Whether values of this format are floats of their own, not blocks or whole numbers."""
    return bool(DTYPES[name].exponent)


def decoded(bits: int, dtype: Dtype) -> float:
    """The value of a finite bit pattern."""
    width = dtype.size // dtype.parts
    if width >= 4:
        # Integers of these widths and the formats of the C library; nothing here rounds.
        code = ("<f", "<I") if width == 4 else ("<d", "<Q")
        return float(struct.unpack(code[0], struct.pack(code[1], bits))[0])
    sign = -1.0 if dtype.sign and bits >> (8 * width - 1) else 1.0
    exponent = (bits >> dtype.mantissa) & ((1 << dtype.exponent) - 1)
    fraction = bits & ((1 << dtype.mantissa) - 1)
    if exponent == 0 and dtype.mantissa:
        return sign * fraction * 2.0 ** (1 - dtype.bias - dtype.mantissa)
    return sign * (1.0 + fraction / (1 << dtype.mantissa)) * 2.0 ** (exponent - dtype.bias)


def smallest_normal(dtype: Dtype) -> float:
    """The smallest normal magnitude; 0 where there is none."""
    return 2.0 ** (1 - dtype.bias) if dtype.mantissa else 0.0
