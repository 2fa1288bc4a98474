"""Another triton than the one torch's compiler was released with."""

from __future__ import annotations

import re
from typing import Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking, torch_libraries
from envcheck.rules.rule import Rule, Tables

ID = "triton-of-another-torch"

PAGE = Page(
    symptom=("import-error", "crash", "attribute-error"),
    signature=(
        r"cannot import name 'triton_key' from 'triton\.compiler\.compiler'",
        r"cannot import name 'AttrsDescriptor' from 'triton",
        r"No module named 'triton\.(ops|common|runtime)",
    ),
    cause="torch.compile generates code for one version of triton and imports its private parts; the wheel pins that version. With another one "
    "kernels fail to compile or do not "
    "import. Programs that do not compile, and kernels that people wrote themselves, are touched only by what triton itself changed.",
    fix=("install the triton that torch pins; it comes with `pip install --force-reinstall torch==VERSION`",),
    links=("https://github.com/pytorch/pytorch/blob/main/RELEASE.md",),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where triton certainly is not what torch's wheel pins: a warning where it is older, or of another minor version and something compiles, else
    a note. unsloth compiles.
    """
    if not asking.is_there(snapshot, "triton"):
        return ()
    wheels = tables.made("torch_libraries", torch_libraries.by_torch)
    wheel = wheels.get(asking.release(snapshot.package("torch"))) if asking.is_published_torch(snapshot) else None
    pin = dict(wheel.requires).get("triton") if wheel and snapshot.fact("os").value in (None, "linux") else None
    if pin is None or "+rocm" in str(snapshot.package("torch").value) or not asking.lacks(snapshot, "triton", pin):
        return ()
    first = re.sub(r"[^0-9.]", "", pin)
    # The breaks that are known came with another minor version, none with a later patch of the pinned one.
    is_patch = asking.has(snapshot, "triton", f">{first},=={'.'.join(first.split('.')[:2])}.*")
    compiles = not is_patch and (asking.has(snapshot, "train.torch_compile", "true") or asking.is_there(snapshot, "unsloth"))
    loud = compiles or asking.has(snapshot, "triton", f"<{first}")
    title = f"triton is {asking.release(snapshot.package('triton'))}, torch {asking.release(snapshot.package('torch'))} pins {pin}"
    facts = asking.used(snapshot, "triton", "torch", "train.torch_compile")
    return (Finding(ID, "caution", "warning" if loud else "note", "certain", title, ("triton", "torch"), facts, PAGE),)


RULE = Rule(ID, "triton is not the one that torch pins", PAGE, find)
