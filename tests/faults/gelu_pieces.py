"""Derives the constant `PIECES` of the check of GELU from oneDNN's source, where erf is a polynomial of degree 5 on each piece of |x|.

Usage: `gelu_pieces.py FILE`, where FILE is `src/cpu/x64/injectors/jit_uni_eltwise_injector.cpp` of a release of oneDNN. It prints, for each
piece and in units of 2^-24, by how much the polynomial misses erf(x / sqrt 2), and what the five fused roundings of Horner's rule may add.

Both are maxima over a grid. Between neighbours, `h` apart, a function exceeds its larger end by at most `h^2 / 8` times its second derivative,
or by `h / 2` times its first; both are bounded by the absolute coefficients and those of erf (below 0.5 and 0.8), and added.
"""

from __future__ import annotations

import math
import re
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

U32 = 2.0**-24
DEGREE = 5
_PADDED = 32
"""Places in the table of each degree; the polynomials come first."""


class Piece(NamedTuple):
    """One polynomial and where it serves."""

    low: float
    high: float
    coefficients: Sequence[float]


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    total = 0.0
    for piece in pieces(Path(sys.argv[1]).read_text()):
        missed, rounded = errors(piece)
        total = max(total, missed + rounded)
        sys.stdout.write(f"{piece.low:.4f} to {piece.high:.4f}: misses by {missed / U32:.2f}, rounds by {rounded / U32:.2f}\n")
    sys.stdout.write(f"(1 + erf) / 2 is off by at most {total / U32 / 2:.2f} x 2^-24 before the sum is rounded\n")
    return 0


def pieces(source: str) -> list[Piece]:
    """The polynomials that the source has between 0 and the point from which erf is 1; the number of a piece is in the bits of |x|."""
    table = [_number(bits) for bits in re.findall(r"gelu_erf_minimax_pol, \{(0x[0-9a-f]{8})", source)]
    bias, last = (int(re.search(rf"gelu_erf_{name}, \{{(0x[0-9a-f]+)", source)[1], 16) for name in ("idx_bias", "rbound"))  # type: ignore[index]
    end = _number(hex(last))
    starts = [0.0, *(_number(hex((place << 21) - bias & 0xFFFFFFFF)) for place in range(2, 24))]
    found = [Piece(low, min(high, end), table[place::_PADDED]) for place, (low, high) in enumerate(zip(starts, starts[1:]), 1)]
    return [piece for piece in found if piece.low < piece.high]


def errors(piece: Piece, points: int = 20_000) -> tuple[float, float]:
    """By how much the polynomial of a piece misses erf(x / sqrt 2) at most, and what the roundings of its evaluation add at most."""
    step = (piece.high - piece.low) / points
    missed = rounded = 0.0
    for place in range(points + 1):
        x = piece.low + step * place
        value, spread = piece.coefficients[-1], 0.0
        for coefficient in reversed(piece.coefficients[:-1]):
            value = value * x + coefficient
            spread = spread * x + abs(value)
        missed, rounded = max(missed, abs(value - math.erf(x / math.sqrt(2)))), max(rounded, spread * U32)
    first, second = (_steepest(piece, order) for order in (1, 2))
    return missed + step**2 / 8 * (second + 0.5), rounded + step / 2 * DEGREE * first * U32


def _steepest(piece: Piece, order: int) -> float:
    """A bound on a derivative of the polynomial, and of every step of its evaluation, over the piece."""
    return sum(abs(c) * math.perm(k, order) * max(1.0, piece.high) ** k for k, c in enumerate(piece.coefficients))


def _number(bits: str) -> float:
    return float(struct.unpack(">f", struct.pack(">I", int(bits, 16)))[0])


if __name__ == "__main__":
    sys.exit(main())
