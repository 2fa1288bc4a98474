"""One library from two packages that install the same file."""

from __future__ import annotations

import re
from typing import Dict, List, Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

ID = "library-from-two-packages"

PAGE = Page(
    symptom=("undefined-symbol", "import-error", "crash"),
    signature=(r"libtorch_cuda\.so: undefined symbol: nccl\w+",),
    cause="NVIDIA's packages for two CUDA major versions install their library under one name (`nvidia/nccl/lib/libnccl.so.2`, "
    "`nvidia/cudnn/lib/libcudnn.so.9`). The "
    "one that was installed later overwrote the other's file, and removing either takes the file away from both. It comes from an upgrade of torch across CUDA "
    "versions, or from packages that pin different ones.",
    fix=("uninstall the one for the other CUDA, then install the one that torch needs again with `--force-reinstall --no-deps`",),
    links=("https://github.com/pytorch/pytorch/issues/186591", "https://github.com/rwth-i6/returnn/issues/1802"),
    level="maintainer",
)
_LIBRARY = re.compile(r"(nvidia-(?:nccl|cudnn|cusparselt|nvshmem))-cu(\d+)")


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding for each library that packages for two CUDA versions provide; a note where the others may do as well."""
    providers: Dict[str, List[str]] = {}
    for name in snapshot.packages:
        found = _LIBRARY.fullmatch(name) if name.startswith("nvidia-") and asking.is_there(snapshot, name) else None
        if found:
            providers.setdefault(found[1], []).append(name)
    return tuple(_finding(snapshot, sorted(names), _severity(snapshot, library)) for library, names in providers.items() if len(names) > 1)


def _severity(snapshot: Snapshot, library: str) -> str:
    """NCCL gains symbols in every release, and torch calls the newest; of the others both may do.

    A list that names the whole set of both CUDA versions is one for several platforms, or what an upgrade of torch left behind: there
    the newer set was installed last, and its files count.
    """
    if snapshot.complete:
        return "warning"
    both = asking.is_there(snapshot, "nvidia-cuda-runtime-cu12") and asking.is_there(snapshot, "nvidia-cuda-runtime")
    return "warning" if library == "nvidia-nccl" and not both else "note"


def _finding(snapshot: Snapshot, names: List[str], severity: str) -> Finding:
    title = f"{' and '.join(names)} install the same library"
    return Finding(ID, "caution", severity, "certain", title, tuple(names), asking.used(snapshot, "torch", *names), PAGE)


RULE = Rule(ID, "one library comes from two packages", PAGE, find)
