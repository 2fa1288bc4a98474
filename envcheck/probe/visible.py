"""What of a machine's GPUs a program is shown, by the variables that hide some of them.

`NVIDIA_VISIBLE_DEVICES` is none of these: it tells a container runtime which devices to put into the container, where
NVML then sees no others, and it hides nothing from CUDA. Applying it again would count the host's indices twice.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from envcheck.model import Fact, Gpu, unknown

Gpus = Tuple[Gpu, ...]


def nvidia(gpus: Gpus, env: Callable[[str], Optional[str]]) -> Gpus:
    """The GPUs, given in NVML's order, that CUDA shows a program."""
    return merged(_chosen(gpus, "CUDA_VISIBLE_DEVICES", env("CUDA_VISIBLE_DEVICES"), env("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"))


def amd(gpus: Gpus, env: Callable[[str], Optional[str]], alone: bool) -> Gpus:
    """The GPUs that ROCm shows: HIP counts in what ROCr left, and takes CUDA's variable where its own is not set.

    CUDA's variable counts only where AMD is `alone`: beside an NVIDIA card it speaks of that one.
    """
    second = "HIP_VISIBLE_DEVICES" if env("HIP_VISIBLE_DEVICES") is not None or not alone else "CUDA_VISIBLE_DEVICES"
    for name in ("ROCR_VISIBLE_DEVICES", second):
        gpus = _chosen(gpus, name, env(name), ordered=False)
    return merged(gpus)


def hidden(env: Callable[[str], Optional[str]]) -> Fact:
    """Why there is no GPU where the machine has some: the variables that are set, by name."""
    names = [name for name in ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES") if env(name) is not None]
    return unknown(f"{', '.join(names)} hides every GPU", "the environment")


def merged(gpus: Gpus) -> Gpus:
    """Equal GPUs as one with the sum of their counts, in the order in which they were met; an unknown count stays one."""
    totals: Dict[Gpu, Optional[int]] = {}
    for gpu in gpus:
        kind = replace(gpu, count=None)
        before = totals.get(kind, 0)
        totals[kind] = None if before is None or gpu.count is None else before + gpu.count
    return tuple(replace(kind, count=count) for kind, count in totals.items())


def _chosen(gpus: Gpus, name: str, value: Optional[str], ordered: bool) -> Gpus:
    if value is None or not gpus:
        return gpus
    items = [item.strip() for item in value.split(",")]
    marked = tuple(replace(gpu, origin=f"{gpu.origin}, {name}") for gpu in gpus)
    if items[0].startswith(("GPU-", "MIG-")):
        return _by_identity(marked, items)
    return _by_index(marked, items, ordered)


def _by_identity(gpus: Gpus, items: Sequence[str]) -> Gpus:
    # Which device an identity means is not looked up; like an index, a repeated one leaves nothing.
    kind = items[0][:4]
    named = list(takewhile(lambda item: item.startswith(kind), items))
    if len(set(named)) < len(named):
        return ()
    if not _alike(gpus):
        return (Gpu("GPU chosen by identity", count=len(named), origin=gpus[0].origin),)
    # A slice has the name and the capability of its GPU, but not its memory.
    memory = gpus[0].memory_mib if kind == "GPU-" else None
    return (replace(gpus[0], count=len(named), memory_mib=memory),)


def _by_index(gpus: Gpus, items: Sequence[str], ordered: bool) -> Gpus:
    if any(gpu.count is None for gpu in gpus):
        return () if _indices(items, 1 << 16) == [] else tuple(replace(gpu, count=None) for gpu in gpus)
    devices = [replace(gpu, count=1) for gpu in gpus for _ in range(gpu.count or 0)]
    wanted = _indices(items, len(devices))
    if not wanted or len(wanted) == len(devices) or ordered or _alike(gpus):
        return tuple(devices[index] for index in wanted)
    # CUDA's own order is fastest first, which NVML does not tell.
    return tuple(replace(gpu, count=None) for gpu in gpus)


def _indices(items: Sequence[str], total: int) -> List[int]:
    """As CUDA reads them: up to the first that names no device, and none at all where one is repeated."""
    named = [int(item) for item in takewhile(lambda item: item.isdecimal() and int(item) < total, items)]
    return named if len(set(named)) == len(named) else []


def _alike(gpus: Gpus) -> bool:
    return len({(gpu.name, gpu.capability, gpu.arch, gpu.memory_mib) for gpu in gpus}) == 1
