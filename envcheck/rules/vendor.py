"""A torch built for another vendor's GPU, or for none."""

from __future__ import annotations

from typing import Optional, Tuple

from envcheck.model import Finding, Page, Snapshot, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "torch-for-another-device"

PAGE = Page(
    symptom=("slow", "other"),
    cause="A torch build serves one vendor's devices: CUDA builds NVIDIA's, ROCm builds AMD's, CPU builds none. `torch.cuda.is_available()` is False and the "
    "run falls back to the CPU or stops.",
    fix=("install the torch build for this device: https://pytorch.org/get-started/locally/",),
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where every GPU is of a vendor that torch's build does not serve."""
    serves = _serves(snapshot)
    vendors = {"nvidia" if gpu.capability else "amd" if (gpu.arch or "").startswith("gfx") else "other" for gpu in snapshot.gpus or ()}
    if serves is None or not vendors or "other" in vendors or serves in vendors:
        return ()
    torch = snapshot.package("torch")
    gpu = (snapshot.gpus or ())[0]
    title = f"torch {torch.value} is a {_BUILDS[serves]} build, and the GPU is {gpu.name}"
    used = (UsedFact("torch", torch.value or "", torch.origin), UsedFact("gpu", gpu.name, gpu.origin))
    return (Finding(ID, "bad", "warning", "certain", title, ("torch", "gpu"), used, PAGE),)


_BUILDS = {"nvidia": "CUDA", "amd": "ROCm", "none": "CPU"}


def _serves(snapshot: Snapshot) -> Optional[str]:
    """`nvidia`, `amd` or `none`; None where the build is not known for certain."""
    torch, cuda = snapshot.package("torch"), snapshot.fact("torch_cuda")
    version = str(torch.value or "")
    if torch.value in (None, "absent") or torch.is_open:
        return None
    if "+rocm" in version or snapshot.builds.get("torch.hip") is not None and snapshot.builds["torch.hip"].value != "absent":
        return "amd"
    if "+cpu" in version:
        return "none"
    if cuda.value == "absent":
        # 64-bit Arm has a rule of its own, with another way out (arm_wheel).
        return "none" if "+xpu" not in version and snapshot.fact("arch").value not in ("aarch64", "arm64") else None
    return "nvidia" if cuda.is_known else None


RULE = Rule(ID, "torch is built for another vendor's device, or for none", PAGE, find)
