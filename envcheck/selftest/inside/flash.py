"""The flash-attn package, by the bounds of the flash kernels of torch itself."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import torch

from .arithmetic import Result, bounded
from .attention import CASES, WIDTH, Case, Exact, inputs, mask_of
from .bench import Bench

LENGTHS = {"causal": CASES["causal"], "odd": Case(67, True, False, False), "full": Case(64, False, False, False)}


def flash_attn(bench: Bench) -> Iterator[Result]:
    """Output and gradients of `flash_attn_func`, which takes batches of tokens of heads; see `attention.Exact`."""
    function = importlib.import_module("flash_attn").flash_attn_func
    for name, case in LENGTHS.items():
        q, k, v, g = (bench.pair(x, grad=True) for x in inputs(bench, case))
        low = [one.low.detach().transpose(1, 2).contiguous().requires_grad_() for one in (q, k, v)]
        out = function(*low, causal=case.causal, softmax_scale=WIDTH**-0.5)
        out.backward(g.low.detach().transpose(1, 2).contiguous())
        mask = mask_of(bench, case) if case.causal else torch.ones(case.length, case.length, dtype=torch.bool)
        want = Exact(q, k, v, g, mask, bench)
        yield bounded(f"{name}.out", out.transpose(1, 2), *want.out())
        for part, tensor, pair in (("dq", low[0], want.dq()), ("dk", low[1], want.dk()), ("dv", low[2], want.dv())):
            yield bounded(f"{name}.{part}", tensor.grad.transpose(1, 2), *pair)
