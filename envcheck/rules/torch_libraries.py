"""The libraries that torch's wheel pins, and others in their place."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Dict, List, NamedTuple, Optional, Tuple

from envcheck.model import Fact, Finding, Page, Snapshot
from envcheck.rules import asking
from envcheck.rules.rule import Rows, Rule, Tables

ID = "torch-libraries-differ"

PAGE = Page(
    symptom=("undefined-symbol", "import-error", "crash"),
    signature=(
        r"libtorch_cuda\.so: undefined symbol: nccl\w+",
        r"libcusparse\.so\.\d+: undefined symbol: __nvJitLink\w+",
        r"libcudnn\.so\.\d+: cannot open shared object file",
        r"cuDNN version incompatibility: PyTorch was compiled against",
    ),
    cause="torch's wheels are compiled against exact versions of cuDNN, NCCL, cuBLAS and their like, which come as packages and which its metadata "
    "pins. Another package, "
    "or a hand, has put another version there. An older one lacks symbols that torch calls; a newer one of the same major version mostly works.",
    fix=("`pip install --force-reinstall torch==VERSION` from the same index brings the pinned versions back",),
    links=("https://github.com/pytorch/pytorch/issues/119072", "https://github.com/pytorch/pytorch/issues/134929"),
    level="maintainer",
)


class Wheel(NamedTuple):
    """One wheel of the default index."""

    cuda: str
    requires: Tuple[Tuple[str, str], ...]


def by_torch(rows: Rows) -> Dict[str, Wheel]:
    """Release of torch -> its wheel on the default index."""
    return {torch: Wheel(cuda, tuple((name, wanted) for name, wanted in requires)) for torch, cuda, requires in rows}


def wheel_of(snapshot: Snapshot, tables: Tables) -> Optional[Wheel]:
    """The default index's Linux wheel of the torch that is there, if that may be the one; None where it certainly is another build."""
    torch = snapshot.package("torch")
    if not asking.is_published_torch(snapshot) or torch.is_open or snapshot.fact("os").value not in (None, "linux"):
        return None
    wheel = tables.made("torch_libraries", by_torch).get(asking.release(torch))
    tag, cuda = str(torch.value).partition("+")[2], snapshot.fact("torch_cuda").value
    if wheel is None or tag and tag != f"cu{wheel.cuda.replace('.', '')}" or cuda is not None and cuda != wheel.cuda:
        return None
    return wheel


def default_cuda(snapshot: Snapshot, tables: Tables) -> Optional[str]:
    """The CUDA of torch's wheel on the default index where nothing else says which build it is; a person may have chosen another index."""
    torch = snapshot.package("torch")
    if snapshot.fact("torch_cuda").value is not None or "+" in str(torch.value) or snapshot.fact("arch").value not in (None, "x86_64"):
        return None
    wheel = wheel_of(snapshot, tables)
    return wheel.cuda if wheel else None


def completed(snapshot: Snapshot, tables: Tables) -> Snapshot:
    """The snapshot with the triton, and where the build is certain the cuDNN, NCCL and cuBLAS, that torch's wheel for Linux brought along, of
    which a report or a requirements file seldom speaks. What is spoken of, and what a full listing lacks, stays as it is.
    """
    torch, tag = snapshot.package("torch"), str(snapshot.package("torch").value).partition("+")[2]
    if snapshot.complete or torch.is_open or snapshot.fact("os").value != "linux" or snapshot.fact("arch").value not in (None, "x86_64"):
        return snapshot
    if not asking.is_published_torch(snapshot) or tag and not tag.startswith("cu") or _is_for_another_device(snapshot):
        return snapshot
    wheel = tables.made("torch_libraries", by_torch).get(asking.release(torch))
    pins = dict(wheel.requires) if wheel else {}
    # All builds of a release for CUDA bring one triton; the other libraries are those of its CUDA, which only the tag tells for certain.
    brought = {"triton": pins.get("triton")} if not any("triton" in name for name in snapshot.packages) else {}
    if tag and wheel_of(snapshot, tables) is not None and not any(name.startswith("nvidia-") for name in snapshot.packages):
        unknown = [library for library in ("cudnn", "nccl", "cublas") if not snapshot.fact(library).is_known]
        brought.update({name: pin for name, pin in pins.items() for library in unknown if library in name})
    origin = f"torch {asking.release(torch)}'s wheel for Linux"
    found = {name: Fact(pin[2:] if pin.startswith("==") else pin, origin) for name, pin in brought.items() if pin}
    return replace(snapshot, packages={**snapshot.packages, **found}) if found else snapshot


def _is_for_another_device(snapshot: Snapshot) -> bool:
    """Whether torch mostly is a build without CUDA here, whatever its version looks like."""
    return (
        snapshot.fact("torch_cuda").value == "absent"
        or snapshot.fact("npu").is_known
        or any(asking.is_there(snapshot, name) for name in ("torch-npu", "torch-xla"))
    )


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """A warning about libraries that are older than torch's wheel pins, a note about other differences."""
    if not any(name.startswith("nvidia-") for name in snapshot.packages):
        return ()
    wheel = wheel_of(snapshot, tables)
    wanted = [(name, pin) for name, pin in wheel.requires if name.startswith("nvidia-")] if wheel else []
    differing = [(name, pin) for name, pin in wanted if asking.is_there(snapshot, name) and asking.lacks(snapshot, name, pin)]
    older = [(name, pin) for name, pin in differing if asking.has(snapshot, name, f"<{_first(pin)}")]
    others = [one for one in differing if one not in older]
    return tuple(_finding(snapshot, group, severity) for group, severity in ((older, "warning"), (others, "note")) if group)


def _first(pin: str) -> str:
    found = re.search(r"\d[0-9a-z.]*", pin)
    return found[0] if found else "0"


def _finding(snapshot: Snapshot, pins: List[Tuple[str, str]], severity: str) -> Finding:
    shown = ", ".join(f"{name} {asking.release(snapshot.package(name))} ({pin})" for name, pin in pins[:3])
    more = f" and {len(pins) - 3} more" if len(pins) > 3 else ""
    kind = "older than" if severity == "warning" else "not what"
    title = f"{kind} torch {asking.release(snapshot.package('torch'))} pins: {shown}{more}"
    names = tuple(name for name, _ in pins)
    return Finding(ID, "caution", severity, "certain", title, (*names, "torch"), asking.used(snapshot, "torch", *names), PAGE)


RULE = Rule(ID, "libraries that torch pins are of other versions", PAGE, find)
