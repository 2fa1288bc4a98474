"""A driver older than torch's CUDA needs: `torch.cuda.is_available()` is False, or error 803."""

from __future__ import annotations

from typing import Optional, Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking, torch_libraries
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
    """One finding where the driver is older than the floor of torch's CUDA major version; possible where only torch's release is known."""
    driver, known = snapshot.fact("driver"), snapshot.fact("torch_cuda").value
    if driver.value in (None, "absent") or _has_forward_compatibility(snapshot):
        return ()
    cuda = known if known is not None else torch_libraries.default_cuda(snapshot, tables)
    floor = _floor(str(cuda), snapshot, tables)
    if floor is None or not asking.lacks(snapshot, "driver", f">={floor}"):
        return ()
    title = f"driver {driver.value} is older than CUDA {str(cuda).partition('.')[0]} needs ({floor})"
    used = asking.used(snapshot, "driver", "torch_cuda", "torch")
    if known is not None:
        return (Finding(ID, "bad", "error", "certain", title, ("driver", "torch"), used, PAGE),)
    title += f", for which torch {asking.release(snapshot.package('torch'))} of the default index is built"
    return (Finding(ID, "bad", "warning", "possible", title, ("driver", "torch"), used, PAGE),)


def _floor(cuda: str, snapshot: Snapshot, tables: Tables) -> Optional[str]:
    major = cuda.partition(".")[0]
    windows = snapshot.fact("os").value == "windows"
    return next((row[2 if windows else 1] for row in tables.rows("drivers") if row[0] == major), None)


def _has_forward_compatibility(snapshot: Snapshot) -> bool:
    """Whether the libraries that let data-centre GPUs run a newer CUDA on an older driver are on the path, as in NVIDIA's images.

    A GeForce refuses them with error 804 (https://docs.nvidia.com/deploy/cuda-compatibility/forward-compatibility.html).
    """
    path = snapshot.env.get("LD_LIBRARY_PATH")
    if path is None or "compat" not in str(path.value):
        return False
    cards = snapshot.gpus or ()
    return not cards or any("geforce" not in gpu.name.lower() for gpu in cards)


RULE = Rule(ID, "the driver is older than torch's CUDA needs", PAGE, find)
