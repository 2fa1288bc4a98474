"""The accelerators of every vendor, put together: which driver counts, and which GPUs a program is shown."""

from __future__ import annotations

import os
import sys
from typing import Dict, Optional, Tuple

from envcheck.model import Fact, Gpu
from envcheck.probe import accelerators, nvidia, toolchain, visible
from envcheck.probe.readers import Readers

Seen = Tuple[Dict[str, Fact], Optional[Tuple[Gpu, ...]]]


def look(machine: Readers) -> Seen:
    """Facts of the hardware and of the tools that belong to it, and the GPUs; None where nobody could tell."""
    facts: Dict[str, Fact] = {**toolchain.facts(machine), **accelerators.ascend(machine)}
    rocm, amd = accelerators.rocm(machine)
    facts.update(rocm)
    apple = accelerators.apple(machine, sys.platform, os.uname().machine if hasattr(os, "uname") else "")
    cuda, gpus = nvidia.facts(machine)
    if not gpus and (amd or apple):
        cuda, gpus = _without_nvidia(machine, cuda, gpus, amd, apple)
    elif gpus:
        # A processor's own graphics unit is in the kernel's list too; nobody trains on it without ROCm.
        others = visible.amd(amd, machine.env, alone=False) if rocm["rocm"].is_known else ()
        gpus = _shown(machine, cuda, visible.nvidia(gpus, machine.env) + others)
    return {**facts, **cuda}, gpus


def _without_nvidia(machine: Readers, cuda: Dict[str, Fact], gpus: Optional[Tuple[Gpu, ...]], amd: Tuple[Gpu, ...], apple: Tuple[Gpu, ...]) -> Seen:
    driver = cuda["driver"]
    if gpus is None and (driver.is_known or driver.reason != nvidia.NO_TRACE):
        # An NVIDIA driver is there and does not say what it drives: the other GPU must not stand in for that.
        return cuda, None
    facts = {"driver": driver if driver.is_known else Fact("absent", "another vendor's GPU")}
    return facts, _shown(machine, facts, visible.amd(amd, machine.env, alone=True) + apple)


def _shown(machine: Readers, facts: Dict[str, Fact], gpus: Tuple[Gpu, ...]) -> Tuple[Gpu, ...]:
    if not gpus:
        facts["gpus"] = visible.hidden(machine.env)
    return gpus
