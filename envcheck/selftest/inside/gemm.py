"""Matrix products: integers that must come out bit for bit, and normal numbers within the bound of any summation order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Callable

import torch
import torch.nn.functional as F

from .arithmetic import UA, Result, Tensor, bounded, exact, gamma, worst
from .bench import Bench

SHAPES = ((67, 129, 193), (129, 31, 67))
"""m, n, k: odd, and past the tile sizes, so that the edges of tiles are computed too."""

INTEGERS = {"fp32": 2**8, "bf16": 2**8, "fp16": 2**11}
"""Every integer up to this is a number of the dtype; for fp32 the limit is that of the narrow formats it may be emulated with."""

SUMS = {"fp32": 2**24, "bf16": 2**24, "fp16": 65504}
"""Every integer up to this is exact in an fp32 accumulator and does not overflow the result."""


def _strided(values: Tensor) -> Tensor:
    """The same matrix as every second element of a larger one, which starts off its allocation's alignment."""
    rows, columns = values.shape
    large = values.new_full((2 * rows + 1, 2 * columns + 1), 7)
    large[1::2, 1::2] = values
    return large[1::2, 1::2]


FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "plain": lambda a, b: a @ b,
    "transposed left": lambda a, b: a.t().contiguous().t() @ b,
    "transposed right": lambda a, b: a @ b.t().contiguous().t(),
    "linear": lambda a, b: F.linear(a, b.t().contiguous()),
    "broadcast batch": lambda a, b: torch.bmm(a.expand(3, *a.shape), b.expand(3, *b.shape))[2],
    "strided": lambda a, b: _strided(a) @ _strided(b),
}
"""The operand layouts that have been wrong on one device or another (pytorch issues 116769, 180201, 193487)."""


def exact_forms(bench: Bench) -> Iterator[Result]:
    """Integers of at most `a` with `k a^2 <= 2^24` (fp16: 65504): every partial sum in every order, tile and emulation is
    exact, so the product must be the exact one rounded once, and the bound is 0."""
    yield worst("", [result for shape in SHAPES for result in _forms(bench, *shape)])


def _forms(bench: Bench, m: int, n: int, k: int) -> Iterator[Result]:
    most = min(INTEGERS[bench.dtype], math.isqrt(SUMS[bench.dtype] // k))
    a, b = bench.integers(most, m, k), bench.integers(most, k, n)
    # fp64 to bf16 and fp16 goes through fp32, where these integers are exact: this rounds once.
    want = (a @ b).to(bench.torch_dtype)
    low_a, low_b = bench.down(a), bench.down(b)
    for name, product in FORMS.items():
        yield exact(name, product(low_a, low_b), want)
    yield _added(bench, m, n, k)


def _added(bench: Bench, m: int, n: int, k: int) -> Result:
    """`addmm` may round before it adds: with sums of at most 256 both roundings are exact in every dtype."""
    a, b, c = bench.integers(1, m, k), bench.integers(1, k, n), bench.integers(60, m, n)
    a[:, 190:] = 0
    got = torch.addmm(bench.down(c), bench.down(a), bench.down(b))
    return exact("addmm", got, c + a @ b)


def bounded_product(bench: Bench) -> Iterator[Result]:
    """`|C~ - C| <= (1 + u) gamma_k(UA) |A||B| + u |C| + eta`: Higham, section 3.5, for any order of summation."""
    m, n, k = 96, 96, 384
    a, b = bench.pair(bench.normal(m, k)), bench.pair(bench.normal(k, n))
    want = a.ref @ b.ref
    bound = (1 + bench.u) * gamma(k, UA) * (a.ref.abs() @ b.ref.abs()) + bench.u * want.abs() + bench.eta
    yield bounded("", a.low @ b.low, want, bound)


def freivalds(bench: Bench) -> Iterator[Result]:
    """A large product `C = A B` of -1, 0 and 1, judged in `O(n^2)`: `C x = A (B x)` and `y C = (y A) B` in integers below 2^53.

    R. Freivalds, "Probabilistic machines can use less running time", IFIP 1977. Columns of B hold at most 256 numbers, so
    every element of C is an integer that all precisions have, and the bound is 0. One wrong element is always seen, and
    named, because x and y have no 0; several in one row could only cancel in one case of 2^20.
    """
    n = (4096 if bench.kind != "cpu" else 512) if bench.large else 256
    a, b = bench.integers(1, n, n), bench.integers(1, n, n)
    if n > 256:
        places = torch.arange(n)
        b = b * ((places.unsqueeze(1) + places) % (n // 256) == 0)
    c = (bench.down(a) @ bench.down(b)).to("cpu").double()
    x = torch.randint(1, 2**20, (n, 1), generator=bench.generator).double()
    yield exact("rows", c @ x, a @ (b @ x))
    yield exact("columns", x.t() @ c, (x.t() @ a) @ b)


def repeated(bench: Bench) -> Iterator[Result]:
    """The same product twelve times over has the same bits: no reference, and so nothing but a race or a flip can differ.

    cuBLAS is held to one workspace (`CUBLAS_WORKSPACE_CONFIG`), without which it may choose differently from call to call.
    """
    n = 512 if bench.kind != "cpu" else 128
    a, b = bench.down(bench.normal(n, n)), bench.down(bench.normal(n, n))
    first = (a @ b).to("cpu")
    yield worst("", [exact(f"call {i + 2}", a @ b, first) for i in range(11)])
