"""Accelerators of other vendors, as far as their files and tools tell: AMD ROCm, Huawei Ascend, Apple."""

from __future__ import annotations

import re
import sys
from typing import Dict, List, Optional, Tuple

from envcheck.model import Fact, Gpu, unknown
from envcheck.probe.readers import Readers

_KFD = "/sys/class/kfd/kfd/topology/nodes"


def rocm(readers: Readers) -> Tuple[Dict[str, Fact], Tuple[Gpu, ...]]:
    """The ROCm release (`absent` where there is none) and AMD's GPUs by architecture, from the kernel's topology."""
    gpus = _kfd_gpus(readers)
    for folder in filter(None, (readers.env("ROCM_PATH"), "/opt/rocm")):
        path = f"{folder}/.info/version"
        found = re.match(r"\d+(?:\.\d+)+", (readers.read_text(path) or "").strip())
        if found:
            return {"rocm": Fact(found[0], path)}, gpus
    if gpus:
        return {"rocm": unknown("AMD GPUs are there, but no ROCm installation was found (`ROCM_PATH`, `/opt/rocm`)")}, gpus
    return {"rocm": Fact("absent", "/opt/rocm")}, ()


# simd_count 440
# gfx_target_version 90010
_PROPERTY = re.compile(r"^(\w+) (\d+)$", re.MULTILINE)


def _kfd_gpus(readers: Readers) -> Tuple[Gpu, ...]:
    counts: Dict[str, int] = {}
    for node in readers.list_folder(_KFD):
        properties = dict(_PROPERTY.findall(readers.read_text(f"{_KFD}/{node}/properties") or ""))
        # Nodes without SIMD units are CPUs.
        if properties.get("simd_count", "0") != "0" and properties.get("gfx_target_version", "0") != "0":
            name = gfx_name(int(properties["gfx_target_version"]))
            counts[name] = counts.get(name, 0) + 1
    return tuple(Gpu(f"AMD {name}", None, name, count, None, _KFD) for name, count in counts.items())


def gfx_name(target: int) -> str:
    """`90010` -> `gfx90a`, `110000` -> `gfx1100`: major x 10000 + minor x 100 + stepping, the stepping in hexadecimal
    (https://docs.kernel.org/gpu/amdgpu/driver-misc.html, `gfx_target_version`).
    """
    major, minor, stepping = target // 10000, target // 100 % 100, target % 100
    return f"gfx{major}{minor}{stepping:x}"


_ASCEND = "/usr/local/Ascend"
_CANN_FILES = (
    f"{_ASCEND}/ascend-toolkit/latest/version.cfg",
    f"{_ASCEND}/ascend-toolkit/latest/compiler/version.info",
    f"{_ASCEND}/latest/version.cfg",
    f"{_ASCEND}/cann/version.info",
)
# toolkit_running_version=[8.0.RC3:8.0.RC3]        Version=8.0.RC3
_CANN = re.compile(r"(?:toolkit_running_version=\[[^:\]]*:|^[Vv]ersion=)\s*([0-9][0-9A-Za-z.]*)", re.MULTILINE)
# | 0     910B3               | OK            | 93.6        44                0    / 0             |
_NPU = re.compile(r"^\|\s*\d+\s+((?:Ascend)?\d{3}[0-9A-Z-]*)\s*\|\s*(?:OK|Warning|Alarm)", re.MULTILINE)


def ascend(readers: Readers) -> Dict[str, Fact]:
    """`npu` (the chip's name, `absent`, or unknown) and `cann`, from Ascend's files and `npu-smi info`."""
    devices = [name for name in readers.list_folder("/dev") if re.fullmatch(r"davinci\d+", name)]
    cann = _cann(readers)
    if not devices:
        return {"npu": Fact("absent", "/dev"), "cann": cann or Fact("absent", _ASCEND)}
    answer = readers.run(("npu-smi", "info"))
    found = _NPU.search(answer.text or "")
    npu = Fact("Ascend" + found[1].replace("Ascend", ""), "npu-smi info") if found else unknown(answer.trouble or "`npu-smi info` named no chip", "/dev")
    return {"npu": npu, "cann": cann or unknown(f"no CANN version file below {_ASCEND}")}


def _cann(readers: Readers) -> Optional[Fact]:
    paths: List[str] = list(_CANN_FILES)
    home = readers.env("ASCEND_TOOLKIT_HOME") or readers.env("ASCEND_HOME_PATH")
    if home:
        paths = [f"{home}/version.cfg", f"{home}/compiler/version.info", f"{home}/version.info", *paths]
    for path in paths:
        found = _CANN.search(readers.read_text(path) or "")
        if found:
            return Fact(found[1], path)
    return None


def apple(readers: Readers, platform: str = sys.platform, machine: str = "") -> Tuple[Gpu, ...]:
    """Apple's GPU on an Apple-silicon Mac; torch calls it `mps`."""
    if platform != "darwin" or machine != "arm64":
        return ()
    name = (readers.run(("sysctl", "-n", "machdep.cpu.brand_string")).text or "").strip()
    return (Gpu(name or "Apple GPU", None, "mps", 1, None, "sysctl"),)
