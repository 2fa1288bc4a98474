"""Forward-compatibility libraries beside a driver or a GPU that they are not for: errors 803 and 804."""

from __future__ import annotations

from typing import Optional, Tuple, Union

from envcheck.model import Finding, Page, Snapshot, Undecided
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

ID = "cuda-compat-not-for-driver"
TITLE = "a forward-compatibility libcuda is in the place of the driver's, and is not for this driver or GPU"

PAGE = Page(
    symptom=("crash", "other"),
    signature=(
        r"Error 803: system has unsupported display driver / cuda driver combination",
        r"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        r"Error 804: forward compatibility was attempted on non supported HW",
    ),
    cause="The packages cuda-compat-X-Y bring the libcuda of a newer driver, so that a data-centre GPU runs a newer CUDA on its driver. Images put it on "
    "the library path whatever the machine is. A GeForce refuses one that is newer than its driver (error 804), and a driver refuses one that is older than "
    "itself (error 803); torch then finds no GPU, though nvidia-smi lists it.",
    fix=(
        "take the folder `cuda/compat` out of LD_LIBRARY_PATH and out of /etc/ld.so.conf.d, run `ldconfig`, and the driver's own libcuda is used again",
        "on a data-centre GPU with an older driver: install the cuda-compat package of torch's CUDA",
    ),
    links=(
        "https://github.com/vllm-project/vllm/pull/34821",
        "https://github.com/NVIDIA/nvidia-docker/issues/1515",
        "https://docs.nvidia.com/deploy/cuda-compatibility/forward-compatibility.html",
    ),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Union[Finding, Undecided], ...]:
    """One error where the library certainly is refused; a question where LD_LIBRARY_PATH leads to one whose version nobody knows."""
    compat, driver = snapshot.fact("cuda_compat"), snapshot.fact("driver")
    if driver.value in (None, "absent"):
        return ()
    if compat.value is None:
        # An older library than the driver is refused on any GPU, so that every such path is worth the question.
        asked = Undecided(ID, "bad", "error", ("driver", "cuda-compat"), TITLE, ("cuda_compat",))
        return (asked,) if is_on_path(snapshot) else ()
    title = _refused(snapshot, str(compat.value), str(driver.value))
    used = asking.used(snapshot, "cuda_compat", "driver")
    return (Finding(ID, "bad", "error", "certain", title, ("driver", "cuda-compat"), used, PAGE),) if title else ()


def _refused(snapshot: Snapshot, compat: str, driver: str) -> Optional[str]:
    if compat == "absent":
        return None
    order = asking.compared(compat, driver)
    if order == -1:
        return f"libcuda {compat} of a forward-compatibility package is older than the driver {driver}"
    if order == 1 and is_all_geforce(snapshot):
        return f"libcuda {compat} of a forward-compatibility package is newer than the driver {driver}, which a GeForce refuses"
    return None


def is_on_path(snapshot: Snapshot) -> bool:
    """Whether LD_LIBRARY_PATH names a folder of such libraries, as NVIDIA's images do."""
    path = snapshot.env.get("LD_LIBRARY_PATH")
    return path is not None and "cuda" in str(path.value) and "compat" in str(path.value)


def is_all_geforce(snapshot: Snapshot) -> bool:
    """Whether every GPU is a GeForce, which has no forward compatibility
    (https://docs.nvidia.com/deploy/cuda-compatibility/forward-compatibility.html).
    """
    cards = snapshot.gpus or ()
    return bool(cards) and all("geforce" in gpu.name.lower() for gpu in cards)


RULE = Rule(ID, TITLE, PAGE, find)
