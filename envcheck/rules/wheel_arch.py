"""A torch wheel without machine code for the GPU: `no kernel image is available for execution on the device`."""

from __future__ import annotations

import re
from typing import Optional, Tuple

from envcheck.facts import binaries
from envcheck.model import Finding, Gpu, Page, Snapshot, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "torch-wheel-without-kernels"
# A release from one of torch's own indexes: `2.7.1`, `2.7.1+cu128`. Vendors' and people's own builds have other lists.
_RELEASE = re.compile(r"(\d+\.\d+\.\d+)(\+cu\d+)?")

PAGE = Page(
    symptom=("no-kernel-image",),
    signature=(r"no kernel image is available for execution on the device", r"is not compatible with the current PyTorch installation"),
    cause="A wheel holds machine code for the architectures it was built for. Code for X.Y runs on every GPU X.Z with Z >= Y and on no other major version. "
    "Which architectures a wheel has depends on its CUDA tag as much as on torch's version.",
    fix=(
        "install torch from an index whose CUDA tag has code for this GPU: https://pytorch.org/get-started/locally/ lists them by release",
        "run `python -c 'import torch; print(torch.cuda.get_arch_list())'` to see what an installed torch has",
    ),
    links=("https://github.com/pytorch/pytorch/issues/167244", "https://github.com/pytorch/pytorch/issues/160269"),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where no NVIDIA GPU of the snapshot is served by the torch wheel; silent about wheels it has no row for."""
    cards = [gpu for gpu in snapshot.gpus or () if gpu.capability is not None]
    listed = _listed(snapshot, tables)
    if listed is None or not cards or any(binaries.runs(str(gpu.capability), listed) for gpu in cards):
        return ()
    torch, cuda = snapshot.package("torch"), snapshot.fact("torch_cuda")
    tagged = "+cu" in str(torch.value)
    title = f"torch {str(torch.value).partition('+')[0]} for CUDA {cuda.value} has no kernels for {_named(cards[0])}"
    used = (
        UsedFact("torch", torch.value or "", torch.origin),
        UsedFact("gpu", f"{_named(cards[0])}; the wheel has {listed.replace(';', ', ')}", cards[0].origin),
    )
    # Without a local tag it may also be somebody's own build, whose list nobody knows.
    return (Finding(ID, "bad", "error" if tagged else "warning", "certain", title, ("torch", "gpu"), used, PAGE),)


def _listed(snapshot: Snapshot, tables: Tables) -> Optional[str]:
    release = _RELEASE.fullmatch(str(snapshot.package("torch").value or ""))
    cuda, machine = snapshot.fact("torch_cuda"), snapshot.fact("arch")
    if release is None or cuda.value in (None, "absent") or snapshot.fact("os").value not in (None, "linux"):
        return None
    return tables.made("torch_wheels", binaries.Wheels).capabilities(release[1], str(cuda.value), str(machine.value or "x86_64"))


def _named(gpu: Gpu) -> str:
    sm = f"sm_{str(gpu.capability).replace('.', '')}"
    return gpu.name if sm in gpu.name else f"{gpu.name} ({sm})"


RULE = Rule(ID, "a torch wheel has no machine code for the GPU", PAGE, find)
