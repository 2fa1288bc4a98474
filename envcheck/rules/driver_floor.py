"""A driver older than torch's CUDA needs: `torch.cuda.is_available()` is False, or error 803."""

from __future__ import annotations

import re
from typing import Optional, Tuple, Union

from envcheck.model import Finding, Page, Snapshot, Undecided
from envcheck.rules import asking, cuda_compat, torch_libraries
from envcheck.rules.rule import Rule, Tables

ID = "driver-older-than-cuda"

PAGE = Page(
    symptom=("crash", "other"),
    signature=(r"The NVIDIA driver on your system is too old", r"forward compatibility was attempted on non supported HW"),
    cause="Programs built for any minor release of a CUDA major version run on every driver from that major version's first one on. Below it torch finds no "
    "GPU. A driver that is newer than torch's CUDA is never the problem. On data-centre GPUs a cuda-compat package brings a newer driver's libcuda.",
    fix=(
        "install a newer driver",
        "use a torch built for an older CUDA major version",
        "on a data-centre GPU: install the cuda-compat package of torch's CUDA and put its folder first into LD_LIBRARY_PATH",
    ),
    links=(
        "https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html",
        "https://docs.nvidia.com/deploy/cuda-compatibility/forward-compatibility.html",
    ),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Union[Finding, Undecided], ...]:
    """One finding where the driver is older than the floor of torch's CUDA major version; possible where only torch's release is known.

    NVIDIA's images put forward-compatibility libraries to use when they start, so that of them it is a question.
    """
    driver, known = snapshot.fact("driver"), snapshot.fact("torch_cuda").value
    if driver.value in (None, "absent"):
        return ()
    cuda = known if known is not None else torch_libraries.default_cuda(snapshot, tables)
    floor = _floor(str(cuda), snapshot, tables)
    if floor is None or not asking.lacks(snapshot, "driver", f">={floor}") or _is_lifted(snapshot, floor):
        return ()
    if _may_be_lifted(snapshot):
        return (Undecided(ID, "bad", "error", ("driver", "torch"), RULE.title, ("cuda_compat",)),)
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


# Builds of NVIDIA's own images: 2.4.0a0+07cecf4168.nv24.05
_IMAGE = re.compile(r"\.nv\d\d\.")


def _is_lifted(snapshot: Snapshot, floor: str) -> bool:
    """Whether the libcuda of a forward-compatibility package is in use that is as new as the floor, or the path leads to one of unknown version."""
    compat = snapshot.fact("cuda_compat").value
    if cuda_compat.is_all_geforce(snapshot) or compat == "absent":
        return False
    return cuda_compat.is_on_path(snapshot) if compat is None else asking.compared(str(compat), floor) in (0, 1)


def _may_be_lifted(snapshot: Snapshot) -> bool:
    is_image = _IMAGE.search(str(snapshot.package("torch").value)) is not None
    return is_image and snapshot.fact("cuda_compat").value is None and not cuda_compat.is_all_geforce(snapshot)


RULE = Rule(ID, "the driver is older than torch's CUDA needs", PAGE, find)
