"""torch.compile on a Python that this torch's compiler does not take."""

from __future__ import annotations

from dataclasses import replace
from typing import Tuple, Union

from envcheck.model import Finding, Page, Snapshot, Undecided
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

ID = "python-without-torch-compile"
TITLE = "torch.compile refuses a Python that is newer than its torch takes"

PAGE = Page(
    symptom=("crash",),
    signature=(r"Dynamo is not supported on Python 3\.1\d\+", r"Python 3\.1\d\+ not yet supported for torch\.compile"),
    cause="torch.compile works on the frames of CPython and is ported to each minor version of it. Wheels of torch for a new Python are published before that: "
    "3.11 is taken from torch 2.1 on, 3.12 from 2.4, 3.13 from 2.6, 3.14 from 2.10.",
    fix=(
        "set train.torch_compile=false",
        "use a torch that takes this Python, or an older Python",
        "bitsandbytes 0.49 and transformers 5.1 no longer compile unasked",
    ),
    links=(
        "https://github.com/pytorch/pytorch/issues/120233",
        "https://github.com/pytorch/pytorch/issues/144048",
        "https://github.com/kyutai-labs/moshi/issues/156",
        "https://github.com/instructlab/instructlab/issues/1491",
        "https://github.com/bitsandbytes-foundation/bitsandbytes/pull/1831",
        "https://github.com/MIC-DKFZ/nnUNet/issues/2149",
    ),
    level="maintainer",
)

_FIRST = (3, 11)
"""Every torch that compiles takes the Pythons before it."""
_UNASKED = (
    {"bitsandbytes": ">=0.48.0,<0.49.0"},
    {"transformers": ">=4.48.0,<5.1.0", "train.model_type": "modernbert"},
    {"nnunetv2": ">=2.4", "os": "linux"},
)
"""What calls torch.compile though no setting asks for it: bitsandbytes (backends/default/ops.py) and ModernBERT (modeling_modernbert.py) while they are
imported, nnU-Net's trainer unless the variable nnUNet_compile says otherwise."""


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Union[Finding, Undecided], ...]:
    """One error where training compiles on such a Python; a question where nobody said whether it does."""
    version, compiles = snapshot.fact("python"), snapshot.train.get("torch_compile")
    if version.value is None or (asking.minor(version) or _FIRST) < _FIRST:
        return ()
    unasked = _unasked(snapshot)
    asked = bool(unasked) or compiles is not None and compiles.value is not None
    if asked and not unasked and not asking.has(snapshot, "train.torch_compile", "true"):
        return ()
    python = next((str(python) for torch, python in tables.rows("compile_pythons") if asking.has(snapshot, "torch", torch)), None)
    if python is None or not asking.lacks(snapshot, "python", python):
        return ()
    if not asked:
        return (Undecided(ID, "bad", "error", ("python", "torch"), TITLE, ("train.torch_compile",)),)
    shown = ".".join(str(version.value).split(".")[:2])
    title = f"torch.compile of torch {asking.release(snapshot.package('torch'))} takes Python {python}, and this is {shown}" + (
        f"; {unasked} calls it" if unasked else ""
    )
    used = asking.used(snapshot, "python", "torch", "train.torch_compile", *([unasked] if unasked else []))
    # Whoever only predicts with nnU-Net, or trains on the CPU, does not compile.
    severity = "warning" if unasked == "nnunetv2" else "error"
    # What compiles unasked does not look at the setting.
    page = replace(PAGE, fix=PAGE.fix[1:] if unasked else PAGE.fix[:2])
    return (Finding(ID, "bad", severity, "certain", title, ("python", "torch"), used, page),)


def _unasked(snapshot: Snapshot) -> str:
    """The package that compiles without being asked; empty where none certainly does."""
    if "nnUNet_compile" in snapshot.env:
        return ""
    found = next((next(iter(facts)) for facts in _UNASKED if all(asking.has(snapshot, key, wanted) for key, wanted in facts.items())), "")
    # TotalSegmentator brings nnU-Net along to predict with, which compiles nothing.
    return "" if found == "nnunetv2" and asking.is_there(snapshot, "totalsegmentator") else found


RULE = Rule(ID, TITLE, PAGE, find)
