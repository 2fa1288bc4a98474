"""NVSwitch machines whose Fabric Manager does not run, or is of another version than the driver: error 802."""

from __future__ import annotations

import re
from typing import Tuple, Union

from envcheck.model import Finding, Page, Snapshot, Undecided
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

ID = "fabric-manager-not-of-driver"
TITLE = "the Fabric Manager of an NVSwitch machine does not run, or is not the driver's"

PAGE = Page(
    symptom=("crash", "other"),
    signature=(
        r"Error 802: system not yet initialized",
        r"cudaErrorSystemNotReady|CUDA_ERROR_SYSTEM_NOT_READY",
        r"fabric manager NVIDIA GPU driver interface version \S+ don.?t match with driver version",
    ),
    cause="Where GPUs are joined by NVSwitches (HGX and DGX boards with eight A100, H100, H200 or B200), a service joins them before anything can compute. It "
    "starts beside a driver of exactly its own version and stops beside any other; without it torch finds no GPU, though nvidia-smi lists them all. An update "
    "of the driver alone is the usual way there.",
    fix=(
        "install the nvidia-fabricmanager whose version is the driver's to the last number, and start it: `systemctl enable --now nvidia-fabricmanager`",
        "after an update of the driver restart the machine, so that driver and service are of one version",
    ),
    links=(
        "https://github.com/dstackai/dstack/issues/2348",
        "https://github.com/NVIDIA/nvtrust/issues/55",
        "https://github.com/aws-samples/aws-deep-learning-ami-ubuntu-dcv-desktop/issues/33",
    ),
    level="many",
)

# As nvidia-smi names them: H100 with HBM3 is the SXM one, its siblings say PCIe or NVL. SXM2 is the V100's, joined without switches.
_SWITCHED = re.compile(r"SXM[3-9]|H100 80GB HBM3|^NVIDIA H(?:20|200|800)$|\b[BR]\d00\b", re.IGNORECASE)
_APART = re.compile(r"PCIe|NVL|GeForce|RTX|GB\d00", re.IGNORECASE)
_MOST_WITHOUT_SWITCH = 4
"""Boards of up to four GPUs join them directly."""


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Union[Finding, Undecided], ...]:
    """One error where no Fabric Manager runs that belongs to the driver; a question where the GPUs need one and nobody looked."""
    there, driver = snapshot.fact("fabric_manager").value, snapshot.fact("driver").value
    if there is None:
        asked = Undecided(ID, "bad", "error", ("driver", "fabric-manager"), TITLE, ("fabric_manager",))
        return (asked,) if _has_switches(snapshot) and driver not in (None, "absent") else ()
    if there == "absent":
        return () if _has_none(snapshot) else (_finding(snapshot, "no Fabric Manager runs, and the GPUs are joined by NVSwitches"),)
    if there == "running" or driver in (None, "absent") or not asking.compared(str(there), str(driver)):
        return ()
    return (_finding(snapshot, f"the Fabric Manager is {there}, the driver {driver}"),)


def _finding(snapshot: Snapshot, title: str) -> Finding:
    cards = asking.nvidia_gpus(snapshot)[:1]
    used = (*asking.used(snapshot, "fabric_manager", "driver"), *map(asking.gpu_fact, cards))
    return Finding(ID, "bad", "error", "certain", title, ("driver", "fabric-manager"), used, PAGE)


def _has_switches(snapshot: Snapshot) -> bool:
    """Whether the GPUs are certainly joined by NVSwitches: by their names as tools print them, and because there are more than a board without has."""
    cards = snapshot.gpus or ()
    if snapshot.fact("os").value not in (None, "linux") or not cards:
        return False
    return all(_SWITCHED.search(gpu.name) and not _APART.search(gpu.name) for gpu in cards) and sum(gpu.count or 0 for gpu in cards) > _MOST_WITHOUT_SWITCH


def _has_none(snapshot: Snapshot) -> bool:
    """Whether the GPUs are of kinds that no NVSwitch joins; that none is needed is then no fault."""
    return snapshot.gpus is not None and all(_APART.search(gpu.name) or gpu.capability is None or gpu.arch is not None for gpu in snapshot.gpus)


RULE = Rule(ID, TITLE, PAGE, find)
