"""LD_LIBRARY_PATH that leads to a library older than the one torch was built with."""

from __future__ import annotations

import re
from typing import Optional, Tuple

from envcheck import versions
from envcheck.model import Fact, Finding, Page, Snapshot, UsedFact
from envcheck.rules import asking, torch_libraries
from envcheck.rules.rule import Rule, Tables

ID = "older-library-on-path"

PAGE = Page(
    symptom=("undefined-symbol", "import-error", "crash"),
    signature=(
        r"libcusparse\.so\.\d+: undefined symbol: __nvJitLink\w+",
        r"libtorch_cuda\.so: undefined symbol: nccl\w+",
        r"cuDNN version incompatibility: PyTorch was compiled against",
    ),
    cause="The loader looks into LD_LIBRARY_PATH before the folders that most of NVIDIA's packages name themselves. A toolkit or module whose "
    "libraries have the same "
    "name and are older takes the place of those that torch brought, and lacks symbols that are newer.",
    fix=(
        "take the folder out of LD_LIBRARY_PATH: torch's wheels bring their own libraries (unset env.LD_LIBRARY_PATH and import torch to see)",
        "where another program needs the folder, set the variable for that program alone",
    ),
    links=(
        "https://github.com/infiniflow/ragflow/issues/4466",
        "https://github.com/pytorch/pytorch/issues/119072",
        "https://github.com/pytorch/pytorch/issues/134929",
    ),
    level="many",
)
_PREFIX = "ld-library-path."


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding for each library on the path that is of the same major version as torch's and older."""
    there = {key[len(_PREFIX) :]: fact for key, fact in snapshot.builds.items() if key.startswith(_PREFIX)}
    wheel = torch_libraries.wheel_of(snapshot, tables) if there else None
    if wheel is None:
        return ()
    found = ((name, fact, _pinned(name, wheel.requires)) for name, fact in there.items())
    return tuple(_finding(snapshot, name, fact, pin) for name, fact, pin in found if pin and _is_older(str(fact.value), pin))


def _pinned(library: str, requires: Tuple[Tuple[str, str], ...]) -> Optional[str]:
    """The version that torch's wheel pins, as far as a file name says one: three numbers."""
    pin = next((pin for name, pin in requires if re.fullmatch(rf"nvidia-{library}(?:-cu\d+)?", name)), None)
    found = re.match(r"==(\d+\.\d+\.\d+)", pin) if pin else None
    return found[1] if found else None


def _is_older(version: str, pin: str) -> bool:
    try:
        there = versions.installed(version)
    except versions.VersionError:
        return False
    same_major = version.partition(".")[0] == pin.partition(".")[0]
    return same_major and versions.within(there, versions.specifier(f"<{pin}")) is True


def _finding(snapshot: Snapshot, name: str, fact: Fact, pin: str) -> Finding:
    title = f"LD_LIBRARY_PATH leads to {name} {fact.value}, older than the {pin} of torch {asking.release(snapshot.package('torch'))}"
    used = (UsedFact(_PREFIX + name, fact.value or "", fact.origin), *asking.used(snapshot, "torch"))
    return Finding(ID, "caution", "warning", "certain", title, (name, "torch"), used, PAGE)


RULE = Rule(ID, "LD_LIBRARY_PATH leads to an older library", PAGE, find)
