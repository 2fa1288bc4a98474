"""A CUDA toolkit of another minor version than torch's CUDA, which the installed DeepSpeed does not let pass."""

from __future__ import annotations

from typing import Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking, jit
from envcheck.rules.rule import Rule, Tables

ID = "toolkit-deepspeed-refuses"

PAGE = Page(
    symptom=("build-failure", "crash"),
    signature=(r"DeepSpeed Op Builder: Installed CUDA version \S+ does not match the\s+version torch was compiled with",),
    cause="DeepSpeed compiles its operators only where nvcc's CUDA is torch's, or where both stand in a list of versions that it lets pass for one "
    "another. Each release knows those of its day: 12.4 is there since 0.14.3, 12.6 since 0.15.3, 12.8 since 0.16.4, and no version of CUDA 13 is. torch "
    "itself would compile.",
    fix=(
        "set env.DS_SKIP_CUDA_CHECK=1: within one major version the operators compile and work",
        "use a newer DeepSpeed, which knows this toolkit",
        "install the toolkit of torch's CUDA and set env.CUDA_HOME to it",
    ),
    links=("https://github.com/deepspeedai/DeepSpeed/pull/5591", "https://github.com/hiyouga/LlamaFactory/issues/3220"),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where nvcc and torch agree in the major version only, and this DeepSpeed does not accept the two together."""
    toolkit, cuda, deepspeed = snapshot.fact("cuda_toolkit"), snapshot.fact("torch_cuda"), snapshot.package("deepspeed")
    mine, wanted = asking.minor(toolkit), asking.minor(cuda)
    severity = jit.severity(snapshot)
    if mine is None or wanted is None or mine == wanted or mine[0] != wanted[0] or severity is None or jit.is_skipped(snapshot):
        return ()
    accepted = next((cuda for release, cuda in tables.rows("deepspeed_toolkits") if asking.has(snapshot, "deepspeed", str(release))), None)
    if accepted is None or {f"{one}.{other}" for one, other in (mine, wanted)} <= set(str(accepted).split(";")):
        return ()
    title = f"DeepSpeed {asking.release(deepspeed)} compiles nothing with CUDA toolkit {toolkit.value} where torch is built for CUDA {cuda.value}"
    facts = asking.used(snapshot, "cuda_toolkit", "torch_cuda", "deepspeed", "train.offload", "train.optimizer")
    return (Finding(ID, "bad", severity, "certain", title, ("deepspeed", "cuda_toolkit"), facts, PAGE),)


RULE = Rule(ID, "DeepSpeed does not let the CUDA toolkit pass for torch's CUDA", PAGE, find)
