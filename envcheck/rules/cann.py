"""A CANN that is older than the one torch-npu was published for."""

from __future__ import annotations

from typing import Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

ID = "cann-older-than-torch-npu"

PAGE = Page(
    symptom=("undefined-symbol", "import-error", "crash"),
    signature=(r"libtorch_npu\.so: undefined symbol", r"libascendcl\.so: cannot open shared object file", r"\[ERROR\] .*CANN"),
    cause="torch-npu calls CANN's libraries, and each release is published for one version of CANN. An older CANN lacks operators and symbols that "
    "it calls; it fails at "
    "import or at the first operator that is new.",
    fix=("install the CANN that torch-npu's compatibility table names (toolkit, kernels and NNAL of one version), or an older torch-npu",),
    links=("https://github.com/Ascend/pytorch/blob/9e73e708/COMPATIBILITY.en.md", "https://github.com/vllm-project/vllm-ascend/issues/117"),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where CANN's first two numbers are lower than those of the CANN that this torch-npu is for."""
    if snapshot.fact("cann").value in (None, "absent") or not asking.is_there(snapshot, "torch-npu"):
        return ()
    wanted = next((str(cann) for release, cann in tables.rows("torch_npu_cann") if asking.has(snapshot, "torch-npu", f"=={release}")), None)
    if wanted is None or not asking.lacks(snapshot, "cann", f">={wanted}"):
        return ()
    title = f"CANN {snapshot.fact('cann').value} is older than the {wanted} that torch-npu {asking.release(snapshot.package('torch-npu'))} is for"
    facts = asking.used(snapshot, "cann", "torch-npu", "npu")
    return (Finding(ID, "bad", "warning", "certain", title, ("npu", "torch-npu"), facts, PAGE),)


RULE = Rule(ID, "CANN is older than torch-npu needs", PAGE, find)
