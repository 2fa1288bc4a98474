"""torch and its companions from different builds: a `+cu121` torch beside a `+cpu` torchvision."""

from __future__ import annotations

import re
from typing import Dict, Tuple

from envcheck.model import Fact, Finding, Page, Snapshot, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "mixed-builds"
# Not torchaudio: published stacks run it beside a torch of another CUDA major version.
_COMPANIONS = ("torchvision",)
# `0.16.2+cpu`, `2.1.2+cu121`, `2.5.0+rocm6.2`, `2.6.0+xpu`; a build of somebody's own (`+gita8d6afb`) names no flavour.
# Only CUDA's major version counts: torchvision refuses another major when it is imported and accepts another minor.
_FLAVOUR = re.compile(r"\+(cpu|cu\d+(?=\d)|rocm|xpu)")

PAGE = Page(
    symptom=("crash", "import-error"),
    cause="The compiled operators of torchvision are built for one device library. Beside a torch of another flavour they are missing "
    "on the GPU (`torchvision::nms` has no CUDA kernel) or do not load at all.",
    fix=("install torch and torchvision together, from one index, so that their local tags agree",),
    links=("https://github.com/ultralytics/ultralytics/issues/7713", "https://github.com/pytorch/vision/blob/v0.16.2/torchvision/extension.py"),
    level="many",
)


_NAMES = {"cpu": "a CPU build", "rocm": "a ROCm build", "xpu": "an XPU build", "cu11": "a CUDA 11 build", "cu12": "a CUDA 12 build", "cu13": "a CUDA 13 build"}


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where the local tags of torch and a companion name different flavours."""
    flavours: Dict[str, Tuple[str, Fact]] = {}
    for name in ("torch", *_COMPANIONS):
        fact = snapshot.package(name)
        found = _FLAVOUR.search(str(fact.value or ""))
        if found:
            flavours[name] = (found[1], fact)
    odd = [name for name in _COMPANIONS if name in flavours and "torch" in flavours and flavours[name][0] != flavours["torch"][0]]
    if not odd:
        return ()
    used = tuple(UsedFact(name, fact.value or "", fact.origin) for name, (_, fact) in flavours.items())
    title = f"torch is {_NAMES.get(flavours['torch'][0], 'a CUDA build')}, {' and '.join(odd)} {'is' if len(odd) == 1 else 'are'} of another kind"
    return (Finding(ID, "bad", "warning", "certain", title, ("torch", *odd), used, PAGE),)


RULE = Rule(ID, "torch and torchvision come from different builds", PAGE, find)
