"""What only moves numbers about must not change them: copies, gathers, scatters, sums of integers, sorting."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from .arithmetic import Result, Tensor, exact, holds, worst
from .bench import Bench

PATTERNS = (0x55555555, -0x55555556, 0, -1)


def copies(bench: Bench) -> Iterator[Result]:
    """Five bit patterns to the device, across it and back, compared after every hop: a flip that happens twice would cancel.

    Copies through a host bridge with address translation have come back changed: https://github.com/pytorch/pytorch/issues/84803
    """
    count = 1 << (16 if not bench.large else 20 if bench.kind == "cpu" else 22)
    random = torch.randint(-(2**31), 2**31, (count,), generator=bench.generator).to(torch.int32)
    sent = [torch.full((count,), pattern, dtype=torch.int64).to(torch.int32) for pattern in PATTERNS] + [random]
    yield worst("", [result for values in sent for result in _hops(bench, values)])


def _hops(bench: Bench, values: Tensor) -> Iterator[Result]:
    there = values.to(bench.device)
    across = there.clone()
    yield _same("to the device and back", there, values)
    yield _same("across the device", across, values)
    view = torch.empty(len(values) + 1, dtype=torch.int32, device=bench.device)[1:]
    view.copy_(across)
    yield _same("to an unaligned address", view, values)
    places = torch.randperm(len(values), generator=torch.Generator().manual_seed(1))
    yield _same("gather", across[places.to(bench.device)], values[places])


def _same(part: str, got: Tensor, want: Tensor) -> Result:
    wrong = got.to("cpu") ^ want
    if not bool(wrong.any()):
        return Result(part, 0.0, 0.0, 0.0)
    first = int(wrong.ne(0).nonzero()[0])
    return holds(part, False, f"{int(wrong.ne(0).sum())} of {len(want)} words changed; the first is {first}, by the bits {int(wrong[first]) & 0xFFFFFFFF:08x}")


def integers(bench: Bench) -> Iterator[Result]:
    """Sums of integers in places that collide, exact in any order; a lost update of two threads is a whole number off."""
    rows, width, count = 37, 24, 400
    places = torch.randint(0, rows, (count,), generator=bench.generator)
    values = bench.integers(1, count, width)
    want = torch.zeros(rows, width, dtype=torch.float64).index_add_(0, places, values)
    there, low = places.to(bench.device), bench.down(values)

    table = torch.zeros(rows, width, dtype=bench.torch_dtype, device=bench.device, requires_grad=True)
    F.embedding(there, table).backward(low)
    yield exact("embedding", table.grad, want.to(bench.torch_dtype))
    empty = torch.zeros(rows, width, dtype=bench.torch_dtype, device=bench.device)
    yield exact("index_add", empty.clone().index_add_(0, there, low), want.to(bench.torch_dtype))
    yield exact("scatter_add", empty.clone().scatter_add_(0, there.unsqueeze(1).expand(-1, width), low), want.to(bench.torch_dtype))
    yield from _in_order(bench)


def _in_order(bench: Bench) -> Iterator[Result]:
    count = 20_000 if bench.dtype == "fp32" else 120
    values = bench.integers(2, count)
    low = bench.down(values)
    yield exact("cumsum", low.cumsum(0), values.cumsum(0).to(bench.torch_dtype))
    yield exact("sum", low.sum().reshape(1), values.sum().reshape(1).to(bench.torch_dtype))
    mixed = torch.randperm(251, generator=bench.generator).double()
    ordered, places = bench.down(mixed).sort()
    yield exact("sort", ordered, torch.arange(251).to(bench.torch_dtype))
    yield holds("sort places", bool(torch.equal(mixed[places.cpu()], torch.arange(251).double())), "the places that `sort` returns are not those of its values")
    top = int(bench.down(mixed).argmax())
    yield holds("argmax", top == int(mixed.argmax()), f"`argmax` is {top}, the largest element is at {int(mixed.argmax())}")
