"""One decision for all ranks: a few numbers added up over them."""

from __future__ import annotations

import os
from typing import Any, List

import torch


def together() -> bool:
    """Whether this process is one of several that train together."""
    return bool(torch.distributed.is_available() and torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1)


def rank() -> int:
    """This process's number, 0 where it is alone."""
    return int(torch.distributed.get_rank()) if together() else int(os.environ.get("RANK", "0") or 0)


def world() -> int:
    """How many processes train together."""
    return int(torch.distributed.get_world_size()) if together() else 1


def summed(values: Any) -> List[float]:
    """The sum of a 1-d float64 tensor over the ranks, as numbers: the one synchronisation of a step."""
    if together():
        # NCCL takes no tensor of the CPU, where offloaded gradients lie.
        device = values.device
        if device.type == "cpu" and "nccl" in str(torch.distributed.get_backend()):
            device = torch.device("cuda", torch.cuda.current_device())
        values = values.to(device)
        torch.distributed.all_reduce(values)
    return [float(value) for value in values.tolist()]
