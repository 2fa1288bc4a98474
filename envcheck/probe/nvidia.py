"""NVIDIA driver and GPUs. The first source that answers counts:

1. NVML, in a child with a time limit (`nvml.py`)
2. `nvidia-smi --query-gpu`
3. `/proc/driver/nvidia/version` and `/proc/driver/nvidia/gpus/*/information` (driver and names only)

No trace of a driver is *unknown*, not healthy: the machine may be a login node, or a container without its devices.
"""

from __future__ import annotations

import os
import re
import sys
from itertools import groupby
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from envcheck import child
from envcheck.model import Fact, Gpu, unknown
from envcheck.probe import fabric
from envcheck.probe.readers import Answer, Readers, Run

NVML_SECONDS = 8.0
"""NVML's first call loads the driver where persistence mode is off, which takes seconds on an 8-GPU node."""
NO_TRACE = "no NVIDIA driver found on this machine"
"""The reason where nothing at all speaks for an NVIDIA driver; any other one tells of a driver that is there and sick."""
_SIGNS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-gpu")


class Seen(NamedTuple):
    """What one source said."""

    driver: Optional[str]
    gpus: Optional[Tuple[Gpu, ...]]
    origin: str
    fabric: Optional[int] = None
    """How far the fabric that joins the GPUs is set up, as NVML counts (`fabric.fact`)."""


Source = Callable[[Readers], "tuple[Optional[Seen], str]"]


def facts(readers: Readers) -> Tuple[Dict[str, Fact], Optional[Tuple[Gpu, ...]]]:
    """`driver` (and `gpus` where unknown) as facts, and the GPUs; None where no source could tell."""
    readers = readers._replace(run=_giving_up(readers.run))
    troubles: List[str] = []
    driver: Optional[Fact] = None
    for source in SOURCES if _has_sign(readers) else ():
        seen, trouble = source(readers)
        if seen is None:
            troubles.append(trouble)
            continue
        if driver is None and seen.driver:
            driver = Fact(seen.driver, seen.origin)
        if seen.gpus is not None:
            joined = fabric.fact(readers, seen.fabric)
            found = {"driver": driver or unknown(f"{seen.origin} did not say")}
            return {**found, **({"fabric_manager": joined} if joined else {})}, seen.gpus
    reason = "; ".join(filter(None, troubles)) or NO_TRACE
    return {"driver": driver or unknown(reason), "gpus": unknown(reason)}, None


def _giving_up(run: Run) -> Run:
    """`run`, but a tool that once gave no answer is not asked again: a second question would cost its time limit again."""
    silent: Dict[str, Answer] = {}

    def ask(command: Sequence[str]) -> Answer:
        answer = silent.get(command[0]) or run(command)
        if "no answer" in answer.trouble:
            silent[command[0]] = answer
        return answer

    return ask


def _has_sign(readers: Readers) -> bool:
    """Whether anything speaks for an NVIDIA driver; asking NVML for nothing would cost every CPU machine a process."""
    if sys.platform == "win32" or any(os.path.exists(sign) for sign in _SIGNS):
        return True
    return readers.run(("nvidia-smi", "--version")).trouble != "`nvidia-smi` not found"


def _nvml(readers: Readers) -> Tuple[Optional[Seen], str]:
    outcome = child.run(sys.executable, Path(__file__).with_name("nvml.py"), timeout=NVML_SECONDS)
    if not outcome.rows:
        return None, f"NVML: {outcome.detail or 'said nothing'}"
    row = outcome.rows[0]
    if row.get("trouble"):
        return None, str(row["trouble"])
    # A lost GPU is still one that the run would meet: it is shown, and whatever depends on it stays unknown.
    gpus = [gpu if gpu.get("name") else {"name": f"a GPU that NVML cannot read: {gpu.get('trouble', 'no name')}"} for gpu in row.get("gpus", [])]
    return Seen(row.get("driver"), _grouped(gpus, "NVML"), "NVML", row.get("fabric")), ""


_QUERIES = (("name", "driver_version", "memory.total", "compute_cap"), ("name", "driver_version", "memory.total"))
"""Drivers before 510 refuse a query that names compute_cap."""


# NVIDIA A800-SXM4-80GB, 535.104.05, 81920, 8.0
def _smi(readers: Readers) -> Tuple[Optional[Seen], str]:
    trouble = ""
    for fields in _QUERIES:
        answer = readers.run(("nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"))
        if answer.text is not None:
            return _smi_rows(answer.text, len(fields))
        trouble = answer.trouble
        if "not found" in trouble or "no answer" in trouble:
            break
    return None, trouble


def _smi_rows(text: str, columns: int) -> Tuple[Optional[Seen], str]:
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line.strip()]
    if not rows or any(len(row) != columns for row in rows):
        return None, "`nvidia-smi` printed something else than the table it was asked for"
    gpus = [
        {
            "name": row[0],
            "memory_mib": int(row[2]) if row[2].isdigit() else None,
            "capability": row[3] if columns > 3 and re.fullmatch(r"\d+\.\d", row[3]) else None,
        }
        for row in rows
    ]
    return Seen(rows[0][1], _grouped(gpus, "nvidia-smi"), "nvidia-smi"), ""


# NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023
# NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build  (…)
_NVRM = re.compile(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)")
_MODEL = re.compile(r"^Model:\s*(.+?)\s*$", re.MULTILINE)


def _proc(readers: Readers) -> Tuple[Optional[Seen], str]:
    path = "/proc/driver/nvidia/version"
    found = _NVRM.search(readers.read_text(path) or "")
    if not found:
        return None, f"{path} not found"
    folder = "/proc/driver/nvidia/gpus"
    texts = [readers.read_text(f"{folder}/{name}/information") or "" for name in readers.list_folder(folder)]
    models = [model[1] for model in map(_MODEL.search, texts) if model]
    return Seen(found[1], _grouped([{"name": name} for name in models], folder) if models else None, path), ""


SOURCES: Tuple[Source, ...] = (_nvml, _smi, _proc)


def _grouped(gpus: Sequence[Mapping[str, Any]], origin: str) -> Tuple[Gpu, ...]:
    """Equal neighbours as one Gpu with a count: the order of the devices is kept, because indices count in it."""
    kinds = ((str(gpu["name"]), gpu.get("capability"), gpu.get("memory_mib")) for gpu in gpus)
    return tuple(Gpu(name, capability, None, len(list(run)), memory, origin) for (name, capability, memory), run in groupby(kinds))
