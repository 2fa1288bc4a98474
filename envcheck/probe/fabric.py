"""The Fabric Manager of machines whose GPUs are joined by NVSwitches: its version, that it runs, or that none does.

A container sees the switches and not the service, so *absent* is said only where the processes of the whole machine are seen.
"""

from __future__ import annotations

import re
from typing import Optional

from envcheck.model import Fact, unknown
from envcheck.probe.readers import Readers

IN_PROGRESS, COMPLETED = 2, 3
"""NVML's `NVML_GPU_FABRIC_STATE_*`; below IN_PROGRESS stand *not supported* and *not started*."""
_SWITCHES = "/proc/driver/nvidia-nvswitch/devices"
_SERVICE = "nv-fabricmanage"
"""The name as /proc cuts it, after 15 characters."""
# Fabric Manager version is : 535.104.05
_VERSION = re.compile(r"version is\s*:\s*(\d+(?:\.\d+)+)")


def fact(readers: Readers, state: Optional[int]) -> Optional[Fact]:
    """The `fabric_manager` fact, with what NVML says of the first GPU's fabric; None of a machine that shows no NVSwitch."""
    runs = _runs(readers)
    if runs:
        answer = readers.run(("nv-fabricmanager", "--version"))
        found = _VERSION.search(answer.text or "")
        return Fact(found[1], "nv-fabricmanager --version") if found else Fact("running", "/proc")
    if state == COMPLETED:
        return Fact("running", "NVML")
    if not readers.list_folder(_SWITCHES) and state != IN_PROGRESS:
        return None
    if runs is None:
        return unknown("NVSwitches are there, and whether their Fabric Manager runs cannot be seen from here (a container, or hidden processes)", _SWITCHES)
    return Fact("absent", "/proc")


def _runs(readers: Readers) -> Optional[bool]:
    """Whether the service is among the processes; None where not all of them are seen."""
    names = {(readers.read_text(f"/proc/{pid}/comm") or "").strip() for pid in readers.list_folder("/proc") if pid.isdecimal()}
    if _SERVICE in names:
        return True
    # The second process of a machine is the kernel's own; in a container, or where processes are hidden, it is not there.
    return False if (readers.read_text("/proc/2/comm") or "").strip() == "kthreadd" else None
