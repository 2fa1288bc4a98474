"""The devices torch can see, why it cannot see others, and the settings under which the checks run."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch


def visible() -> list[str]:
    """Every accelerator that torch can use, by the name torch has for it; the CPU alone where there is none."""
    found = [f"{kind}:{i}" for kind in ("cuda", "xpu", "npu") for i in range(_count(kind))]
    return (found + ["mps"] * _count("mps")) or ["cpu"]


def missing(device: str) -> str:
    """Why torch cannot use a device, or nothing."""
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return ""
    count = _count(kind)
    if count == 0:
        return f"torch {torch.__version__} sees no {kind} device"
    if index.isdigit() and int(index) >= count:
        return f"torch sees {count} {kind} device{'s' * (count > 1)}"
    return ""


def _count(kind: str) -> int:
    """How many devices of a kind there are; none where torch does not know the kind or fails to ask."""
    try:
        if kind == "mps":
            return int(torch.backends.mps.is_available())
        if kind == "npu" and importlib.util.find_spec("torch_npu"):
            importlib.import_module("torch_npu")
        module: Any = getattr(torch, kind, None)
        return int(module.device_count()) if module is not None and module.is_available() else 0
    except Exception:
        return 0


def cannot(device: str, dtype: str) -> str:
    """Why a device is not asked for a precision, or nothing."""
    if dtype == "bf16" and device.startswith("cuda") and not getattr(torch.version, "hip", None):
        major, minor = torch.cuda.get_device_capability(device)
        if major < 8:
            return f"compute capability {major}.{minor} emulates bf16"
    return ""


_SWITCHES = (
    ("cuda.matmul", "allow_tf32"),
    ("cudnn", "allow_tf32"),
    ("cuda.matmul", "allow_fp16_reduced_precision_reduction"),
    ("cuda.matmul", "allow_bf16_reduced_precision_reduction"),
)
"""What makes CUDA compute in less than was asked for: https://docs.pytorch.org/docs/stable/notes/cuda.html"""

_SHOWN = (
    ("", "get_float32_matmul_precision"),
    *_SWITCHES,
    ("", "are_deterministic_algorithms_enabled"),
    ("cuda", "flash_sdp_enabled"),
    ("cuda", "mem_efficient_sdp_enabled"),
    ("cuda", "cudnn_sdp_enabled"),
    ("cuda", "math_sdp_enabled"),
)


def settings() -> dict[str, str]:
    """What torch has by default here, before `settle` changes it."""
    found = {"torch": str(torch.__version__)}
    for place, name in _SHOWN:
        where = f"{place}.{name}" if place else name.replace("get_", "").replace("are_", "")
        found[where] = _read(_at(place) if place else torch, name)
    return found


def settle(device: str, own: bool = False, tf32: object = None) -> None:
    """One thread and no more than a tenth of the device's memory; unless `own`, IEEE fp32 and wide accumulators.

    One thread because children share the cores: with two on a busy machine the same checks took ten times as long.
    Wide accumulators because sums that are allowed to be narrow differ legitimately from the exact ones. With `own` the
    user's defaults stay, and `tf32` is set as transformers' `TrainingArguments` sets it.
    """
    torch.set_num_threads(1)
    if own:
        if isinstance(tf32, bool):
            _attempt(lambda: setattr(torch.backends.cuda.matmul, "allow_tf32", tf32))
    else:
        # Reading or writing an old switch after a new one raises in some versions: every setting is its own attempt.
        _attempt(lambda: torch.set_float32_matmul_precision("highest"))
        for place, name in _SWITCHES:
            _attempt(lambda place=place, name=name: setattr(_at(place), name, False))
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, max(0.1, 2**31 / total)), device)
    if device.startswith("cpu"):
        _attempt(_bound_memory)


ROOM = 6 << 30
"""Bytes of address space that the checks may take on a CPU beyond what importing torch took; they need a tenth of it."""


def _bound_memory() -> None:
    """Let a runaway allocation fail instead of the machine. Not where CUDA is in use, which reserves terabytes."""
    import resource

    with open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = taken + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def describe(device: str) -> str:
    """The device in words, for the report: its name, and what it is driven by."""
    kind = device.partition(":")[0]
    try:
        if kind == "cuda":
            found: Any = torch.cuda.get_device_properties(device)
            build = f"ROCm {torch.version.hip}" if getattr(torch.version, "hip", None) else f"CUDA {torch.version.cuda}"
            return f"{found.name}, {found.total_memory >> 20} MiB, {build}"
        if kind == "cpu":
            return torch.backends.cpu.get_cpu_capability()
        module: Any = getattr(torch, kind)
        return str(module.get_device_name(device)) if hasattr(module, "get_device_name") else kind
    except Exception:
        return kind


def _at(place: str) -> Any:
    found: Any = torch.backends
    for name in place.split("."):
        found = getattr(found, name)
    return found


def _read(owner: Any, name: str) -> str:
    try:
        value = getattr(owner, name)
        return str(value() if callable(value) else value)
    except Exception as error:
        return f"unreadable ({type(error).__name__})"


def _attempt(action: Any) -> None:
    try:
        action()
    except Exception:
        return
