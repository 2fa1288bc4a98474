"""How faults are planted into torch: dispatch modes and patches, which spare fp64, in which the references are computed.

A real fault of one precision, kernel or size does so too. Runs in a child only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

Tensor = Any
Plant = Callable[[], Any]
"""Makes a context in which the fault is there."""


class Instead(TorchDispatchMode):  # type: ignore[misc]  # torch is not typed here
    """Calls `replacement(operation, *arguments)` instead of the operations named, unless they are in fp64."""

    def __init__(self, names: tuple[str, ...], replacement: Callable[..., Any], whole: bool = False) -> None:
        super().__init__()
        self._names, self._replacement, self._whole = names, replacement, whole

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in self._names and (self._whole or _is_low(args)):
            return self._replacement(func, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _is_low(args: Any) -> bool:
    return any(isinstance(a, torch.Tensor) and a.is_floating_point() and a.dtype != torch.float64 for a in args)


def instead(names: str, replacement: Callable[..., Any], whole: bool = False) -> Plant:
    """A fault of the operations named, separated by spaces; with `whole` those on integers too."""
    return lambda: Instead(tuple(names.split()), replacement, whole)


def product(wrong: Callable[[Tensor, Tensor], Tensor], when: Callable[[Tensor, Tensor], bool] = lambda a, b: True) -> Plant:
    """A fault of plain matrix products of some operands."""
    return instead("mm bmm", lambda func, a, b: wrong(a, b) if when(a, b) else func(a, b))


def after_product(spoil: Callable[[Tensor], None], when: Callable[[Tensor, Tensor], bool] = lambda a, b: True) -> Plant:
    """A fault in the result of a plain matrix product."""

    def wrong(a: Tensor, b: Tensor) -> Tensor:
        out = torch.matmul(a, b)
        spoil(out)
        return out

    return product(wrong, when)


def every(n: int, spoil: Callable[[Tensor], None]) -> Plant:
    """A fault in every nth product: an intermittent one that a test can rely on."""

    def plant() -> Any:
        calls = {"n": 0}

        def sometimes(out: Tensor) -> None:
            calls["n"] += 1
            if calls["n"] % n == 0:
                spoil(out)

        return after_product(sometimes)()

    return plant


def sized(*sizes: int) -> Callable[[Tensor, Tensor], bool]:
    """Whether a product is of m, n and k; 0 stands for any."""
    return lambda a, b: all(asked in (0, size) for asked, size in zip(sizes, (a.shape[-2], b.shape[-1], a.shape[-1])))


def flip(bit: int, place: int = 3) -> Callable[[Tensor], None]:
    """Flip a bit of one element, counted from the lowest, or from the highest where it is negative."""

    def spoil(out: Tensor) -> None:
        whole = torch.int32 if out.element_size() == 4 else torch.int16
        flat = out.view(whole).reshape(-1)
        flat[flat.numel() // place] ^= 1 << (bit if bit >= 0 else out.element_size() * 8 + bit)

    return spoil


def patched(owner: Any, name: str, make: Callable[[Any], Any]) -> Plant:
    """A fault laid over a Python function: `make(real)` returns the wrong one."""
    return lambda: mock.patch.object(owner, name, make(getattr(owner, name)))


def attend(change: Callable[..., Any]) -> Plant:
    """A fault around attention: `change(real, q, k, v, mask, causal)`."""

    def make(real: Any) -> Any:
        def wrong(q: Tensor, k: Tensor, v: Tensor, attn_mask: Any = None, is_causal: bool = False, **rest: Any) -> Tensor:
            if q.dtype == torch.float64 or rest:
                return real(q, k, v, attn_mask=attn_mask, is_causal=is_causal, **rest)
            return change(real, q, k, v, attn_mask, is_causal)

        return wrong

    return patched(F, "scaled_dot_product_attention", make)


def entropy(change: Callable[..., Any]) -> Plant:
    """A fault around cross-entropy."""

    def make(real: Any) -> Any:
        def wrong(x: Tensor, target: Tensor, ignore_index: int = -100, reduction: str = "mean") -> Tensor:
            if x.dtype == torch.float64:
                return real(x, target, ignore_index=ignore_index, reduction=reduction)
            return change(real, x, target, ignore_index, reduction)

        return wrong

    return patched(F, "cross_entropy", make)


def before_step(change: Callable[[Any], None]) -> Plant:
    """A fault just before an optimizer's step."""

    def make(real: Any) -> Any:
        def wrong(self: Any, closure: Any = None) -> Any:
            if self.param_groups[0]["params"][0].dtype != torch.float64:
                change(self)
            return real(self)

        return wrong

    return patched(torch.optim.AdamW, "step", make)


def instead_of_step() -> Plant:
    """An optimizer that does nothing."""
    return patched(
        torch.optim.AdamW, "step", lambda real: lambda self, closure=None: real(self) if self.param_groups[0]["params"][0].dtype == torch.float64 else None
    )


def gradients(change: Callable[[list[Tensor]], None], after: int = 0, dtype: Any = torch.float32) -> Plant:
    """A fault in the gradients between backward and the optimizer, from a step on, of parameters of one type."""

    def plant() -> Any:
        calls = {"n": 0}

        def make(real: Any) -> Any:
            def wrong(parameters: Any, most: float, *rest: Any, **more: Any) -> Any:
                parameters = list(parameters)
                if len(parameters) > 10 and parameters[0].dtype == dtype:
                    calls["n"] += 1
                    if calls["n"] > after:
                        change(parameters)
                return real(parameters, most, *rest, **more)

            return wrong

        return patched(torch.nn.utils, "clip_grad_norm_", make)()

    return plant


@contextlib.contextmanager
def flushed() -> Iterator[None]:
    """Subnormal numbers are flushed to 0, as a library built with -ffast-math leaves the process."""
    if not torch.set_flush_denormal(True):
        raise RuntimeError("this CPU cannot flush subnormal numbers")
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
