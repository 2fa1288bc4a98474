"""Snapshots built by hand, for tests."""

from __future__ import annotations

from typing import Any

from envcheck import wire
from envcheck.model import Snapshot


def snap(**given: Any) -> Snapshot:
    """A Snapshot: wire keys by name, and every other keyword a package (`snap(torch="2.1.2", gpus=[…], flash_attn="2.5")`)."""
    known = {
        "python",
        "os",
        "arch",
        "glibc",
        "torch_cuda",
        "cuda_toolkit",
        "driver",
        "fabric_manager",
        "cuda_compat",
        "cudnn",
        "nccl",
        "gcc",
        "rocm",
        "npu",
        "cann",
        "complete",
        "packages",
        "gpus",
        "env",
        "env_complete",
        "train",
        "builds",
        "requires",
        "anomalies",
    }
    packages = {name.replace("_", "-"): version for name, version in given.items() if name not in known}
    named = {key: value for key, value in given.items() if key in known}
    return wire.read({**named, "packages": {**named.get("packages", {}), **packages}}, "test")
