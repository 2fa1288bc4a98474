"""A ROCm torch without machine code for the AMD GPU: `HIP error: invalid device function`."""

from __future__ import annotations

from typing import FrozenSet, Tuple

from envcheck.model import Finding, Gpu, Page, Snapshot
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

ID = "rocm-wheel-without-kernels"

PAGE = Page(
    symptom=("no-kernel-image", "crash"),
    signature=(r"HIP error: invalid device function", r"hipErrorNoBinaryForGpu", r"Unable to find code object for all current devices"),
    cause="torch's ROCm wheels hold machine code for a list of architectures, most of them data-centre GPUs and the newer consumer ones; there is "
    "no portable code as on "
    "NVIDIA GPUs. On another GPU the first kernel fails.",
    fix=(
        "use a torch that was built for this architecture: a distribution's or AMD's own packages have longer lists",
        "a GPU whose instructions a listed one shares runs with HSA_OVERRIDE_GFX_VERSION (10.3.0 for gfx1031 to gfx1036); nobody supports it",
    ),
    links=("https://github.com/pytorch/pytorch/issues/132570", "https://github.com/pytorch/pytorch/pull/164854"),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where no AMD GPU is in the list of the installed wheel, or in none of the lists where the wheel is not known."""
    cards = [gpu for gpu in snapshot.gpus or () if (gpu.arch or "").startswith("gfx")]
    if not cards or "HSA_OVERRIDE_GFX_VERSION" in snapshot.env or snapshot.fact("os").value not in (None, "linux"):
        return ()
    listed, exact = _listed(snapshot, tables)
    if not listed or any(gpu.arch in listed for gpu in cards):
        return ()
    return (_finding(snapshot, cards[0], listed, exact),)


def _listed(snapshot: Snapshot, tables: Tables) -> Tuple[FrozenSet[str], bool]:
    """The architectures of the wheel, and whether it is this very wheel's list; nothing for builds that are not torch's own."""
    torch = snapshot.package("torch")
    if asking.is_there(snapshot, "torch") and ("+" in str(torch.value) and "+rocm" not in str(torch.value) or not asking.is_published_torch(snapshot)):
        return frozenset(), False
    rocm = str(snapshot.fact("rocm").value or "absent")
    if rocm in ("absent", "installed"):
        return frozenset(), False
    rows = tables.rows("rocm_wheels")
    mine = [row for row in rows if asking.has(snapshot, "torch", f"=={row[0]}") and ".".join(rocm.split(".")[:2]) in row[1].split(";")]
    if not mine and (asking.has(snapshot, "torch", ">=2.9") or rocm.count(".") > 1 and not rocm.startswith(("5.", "6."))):
        return frozenset(), False  # a wheel of another index, whose list nobody told
    return frozenset(one for row in (mine or rows) for one in row[2].split(";")), bool(mine)


def _finding(snapshot: Snapshot, gpu: Gpu, listed: FrozenSet[str], exact: bool) -> Finding:
    torch = asking.release(snapshot.package("torch")) if asking.is_there(snapshot, "torch") else ""
    what = f"torch {torch}" if exact else "no torch wheel"
    title = f"{what} for ROCm {snapshot.fact('rocm').value} has {'no ' if exact else ''}kernels for {asking.named(gpu)}"
    facts = (*asking.used(snapshot, "torch", "rocm"), asking.gpu_fact(gpu, f"there are {', '.join(sorted(listed))}"))
    return Finding(ID, "bad", "error" if exact else "warning", "certain", title, ("torch", "gpu"), facts, PAGE)


RULE = Rule(ID, "a ROCm torch has no machine code for the GPU", PAGE, find)
