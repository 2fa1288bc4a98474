"""A driver older than torch's CUDA needs: `torch.cuda.is_available()` is False, or error 803."""

from __future__ import annotations

from typing import Optional, Tuple

from envcheck import versions
from envcheck.model import Finding, Page, Snapshot, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "driver-older-than-cuda"

PAGE = Page(
    symptom=("crash", "other"),
    signature=(r"The NVIDIA driver on your system is too old", r"forward compatibility was attempted on non supported HW"),
    cause="Programs built for any minor release of a CUDA major version run on every driver from that major version's first one on. Below it torch finds no "
    "GPU. A driver that is newer than torch's CUDA is never the problem.",
    fix=("install a newer driver", "use a torch built for an older CUDA major version"),
    links=("https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html",),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where the driver is certainly older than the floor of torch's CUDA major version."""
    driver, cuda = snapshot.fact("driver"), snapshot.fact("torch_cuda")
    floor = _floor(snapshot, tables)
    if floor is None or driver.value in (None, "absent") or _has_forward_compatibility(snapshot):
        return ()
    try:
        older = versions.within(versions.vendor(str(driver.value)), versions.specifier(f">={floor}")) is False
    except versions.VersionError:
        return ()
    if not older:
        return ()
    title = f"driver {driver.value} is older than CUDA {str(cuda.value).partition('.')[0]} needs ({floor})"
    used = (UsedFact("driver", driver.value or "", driver.origin), UsedFact("torch_cuda", cuda.value or "", cuda.origin))
    return (Finding(ID, "bad", "error", "certain", title, ("driver", "torch"), used, PAGE),)


def _floor(snapshot: Snapshot, tables: Tables) -> Optional[str]:
    major = str(snapshot.fact("torch_cuda").value or "").partition(".")[0]
    windows = snapshot.fact("os").value == "windows"
    return next((row[2 if windows else 1] for row in tables.rows("drivers") if row[0] == major), None)


def _has_forward_compatibility(snapshot: Snapshot) -> bool:
    """Whether the libraries that let data-centre GPUs run a newer CUDA on an older driver are on the path, as in NVIDIA's images."""
    path = snapshot.env.get("LD_LIBRARY_PATH")
    return path is not None and "compat" in str(path.value)


RULE = Rule(ID, "the driver is older than torch's CUDA needs", PAGE, find)
