"""A libstdc++ that is older than what the compiler of this machine builds for: `version `GLIBCXX_3.4.29' not found`."""

from __future__ import annotations

from typing import Tuple

from envcheck.model import Finding, Page, Snapshot, UsedFact
from envcheck.rules import asking, jit
from envcheck.rules.rule import Rule, Tables

ID = "libstdcxx-older-than-gcc"

PAGE = Page(
    symptom=("import-error", "attribute-error"),
    signature=(r"libstdc\+\+\.so\.6: version `?GLIBCXX_3\.4\.\d+' not found", r"'DeepSpeedCPUAdam' object has no attribute 'ds_opt_adam'"),
    cause="A Python of conda's loads the libstdc++ of its own environment, and LD_LIBRARY_PATH may lead to another. DeepSpeed compiles its operators with the "
    "system's gcc when they are first used; code of gcc 11 and newer asks for GLIBCXX_3.4.29, which an older libstdc++ does not have. The operator is built "
    "and does not load; for DeepSpeedCPUAdam the attribute error that follows is all that is seen.",
    fix=(
        "update the environment's library: `conda install -c conda-forge 'libstdcxx-ng>=12'`",
        "compile with the environment's own compiler: `conda install -c conda-forge gxx`, and remove what was built below ~/.cache/torch_extensions",
    ),
    links=(
        "https://github.com/deepspeedai/DeepSpeed/issues/4257",
        "https://github.com/deepspeedai/DeepSpeed/issues/2886",
        "https://github.com/OpenGVLab/InternVL/issues/972",
        "https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html",
    ),
    level="many",
)
KEY = "python.libstdcxx"
_GCC, _NEEDED = ">=11", "6.0.29"
"""libstdc++.so.6.0.29, which has GLIBCXX_3.4.29, came with gcc 11.1 (https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html)."""


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where DeepSpeed compiles here and the result will not load: a warning where training uses what is compiled, else a note."""
    there = snapshot.builds.get(KEY)
    if there is None or there.value is None or asking.compared(str(there.value), _NEEDED) != -1:
        return ()
    if not asking.has(snapshot, "gcc", _GCC) or not asking.is_there(snapshot, "deepspeed") or jit.severity(snapshot) is None:
        return ()
    severity = "warning" if jit.uses_compiled_operator(snapshot) else "note"
    gcc = snapshot.fact("gcc").value
    title = f"DeepSpeed's operators are built with gcc {gcc} and will not load beside libstdc++ {there.value}"
    used = (UsedFact(KEY, there.value, there.origin), *asking.used(snapshot, "gcc", "deepspeed"))
    return (Finding(ID, "caution", severity, "certain", title, ("deepspeed", "gcc", "libstdc++"), used, PAGE),)


RULE = Rule(ID, "the C++ library that Python loads is older than the compiler", PAGE, find)
