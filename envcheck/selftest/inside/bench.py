"""What a check works with: the device, the precision, and reproducible inputs that are exact on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from .arithmetic import ETA, TORCH_DTYPE, UNIT, Tensor


class Pair(NamedTuple):
    """The same numbers twice: as the device sees them, and in fp64 on the CPU."""

    low: Tensor
    ref: Tensor


class Bench:
    """One device, one precision, one seed."""

    def __init__(
        self,
        device: str,
        dtype: str,
        seed: int = 0,
        backend: str = "",
        train: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        large: bool = False,
    ) -> None:
        self.device = device
        self.kind = device.partition(":")[0]
        self.dtype = dtype
        self.seed = seed
        self.train: Mapping[str, Any] = train or {}
        """The user's training settings by their HF name, as far as they are known."""
        self.environment: Mapping[str, str] = environment or {}
        """Variables of the user's shell that change how torch computes."""
        self.large = large
        """Whether there is time for the larger sizes: at level `thorough`, and on accelerators."""
        self.backend = backend
        """Attention backend that is switched on, for the `sdpa` checks."""
        self.torch_dtype: Any = TORCH_DTYPE[dtype]
        self.u: float = UNIT[dtype]
        # MI200 flushes subnormal fp16 in its matrix cores (PyTorch manual, "Numerical accuracy"), so ROCm may.
        self.eta: float = 2.0**-14 if dtype == "fp16" and getattr(torch.version, "hip", None) else ETA[dtype]
        # Always on the CPU and in fp64, so that every device gets the same bits.
        self.generator = torch.Generator("cpu").manual_seed(0x5EED0000 + seed)

    def normal(self, *shape: int, scale: float = 1.0) -> Tensor:
        """Fresh fp64 normal numbers on the CPU."""
        return torch.randn(*shape, generator=self.generator, dtype=torch.float64) * scale

    def integers(self, most: int, *shape: int) -> Tensor:
        """Fresh fp64 integers of -most to most on the CPU."""
        return torch.randint(-most, most + 1, shape, generator=self.generator).double()

    def pair(self, values: Tensor, dtype: Any = None, grad: bool = False) -> Pair:
        """`values` rounded to the precision; the reference gets the rounded ones, so input rounding is no error."""
        rounded = values.to(dtype or self.torch_dtype)
        ref = rounded.double()
        return Pair(rounded.to(self.device).requires_grad_(grad), ref)

    def down(self, values: Tensor) -> Tensor:
        """`values` rounded to the precision, on the device."""
        return self.pair(values).low
