"""The worker of the self-test under a torch without what came after 1.13; for tests only.

The names are those that the code of the children uses and that the wheel of 1.13.1 does not have.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from typing import Any, Callable

NEWER = {
    "nn.functional": ("scaled_dot_product_attention", "rms_norm"),
    "": ("_fused_sdp_choice", "_scaled_mm", "float8_e4m3fn", "float8_e5m2", "compile"),
    "amp": ("GradScaler",),
    "backends.cpu": ("get_cpu_capability",),
    "backends.cuda": ("enable_math_sdp", "enable_flash_sdp", "enable_mem_efficient_sdp", "enable_cudnn_sdp"),
    "backends.cuda.matmul": ("allow_bf16_reduced_precision_reduction",),
}


def main(report: Callable[[Any], None], arguments: list[str]) -> None:
    spec = importlib.util.spec_from_file_location("worker", os.environ["REAL_WORKER"])
    worker = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.modules["worker"] = worker
    spec.loader.exec_module(worker)  # type: ignore[union-attr]

    import torch
    import torch.amp

    for place, names in NEWER.items():
        owner = functools.reduce(getattr, filter(None, place.split(".")), torch)
        for name in names:
            if name in vars(owner):
                delattr(owner, name)
    real = torch.optim.AdamW.__init__

    def unfused(self: Any, *given: Any, **named: Any) -> None:
        if "fused" in named:
            raise TypeError("__init__() got an unexpected keyword argument 'fused'")
        real(self, *given, **named)

    torch.optim.AdamW.__init__ = unfused
    torch.__version__ = "1.13.1"
    worker.main(report, arguments)
