"""A CUDA toolkit of another major version than torch's CUDA: extensions cannot be compiled."""

from __future__ import annotations

from typing import Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking, jit
from envcheck.rules.rule import Rule, Tables

ID = "toolkit-of-another-cuda"

PAGE = Page(
    symptom=("build-failure",),
    signature=(
        r"Installed CUDA version \S+ does not match the version torch was compiled with",
        r"The detected CUDA version \(\S+\) mismatches the version that was used to compile\s+PyTorch",
        r"CUDAMismatchException",
    ),
    cause="torch and DeepSpeed refuse to compile CUDA code with an nvcc whose major version differs from the CUDA that torch was built for. It "
    "concerns what is compiled "
    "here: DeepSpeed's operators when they are first used, and flash-attn, apex, transformer-engine and the like when they are installed from source. "
    "torch itself and ready-made wheels do not use the toolkit, and another minor version does no harm.",
    fix=(
        "install the toolkit of torch's CUDA (its nvcc is enough: the package nvidia-cuda-nvcc, or conda's cuda-nvcc) and set env.CUDA_HOME to it",
        "use a torch for the toolkit's CUDA",
    ),
    links=("https://github.com/deepspeedai/DeepSpeed/issues/3223", "https://github.com/NVIDIA/TransformerEngine/issues/553"),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where the major versions of nvcc and of torch's CUDA differ and something is or may be compiled here."""
    toolkit, cuda = snapshot.fact("cuda_toolkit"), snapshot.fact("torch_cuda")
    mine, wanted = asking.major(toolkit), asking.major(cuda)
    severity = jit.severity(snapshot)
    if mine is None or wanted is None or mine == wanted or severity is None or jit.is_skipped(snapshot):
        return ()
    title = f"the CUDA toolkit is {toolkit.value}, and torch is built for CUDA {cuda.value}: no CUDA code can be compiled here"
    facts = asking.used(snapshot, "cuda_toolkit", "torch_cuda", "torch", "deepspeed", "train.offload", "train.optimizer")
    return (Finding(ID, "bad", severity, "certain", title, ("cuda_toolkit", "torch", "deepspeed"), facts, PAGE),)


RULE = Rule(ID, "the CUDA toolkit is of another major version than torch's CUDA", PAGE, find)
