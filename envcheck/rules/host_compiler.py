"""A gcc that nvcc refuses as too new, or torch's headers as too old."""

from __future__ import annotations

from typing import Optional, Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking, jit
from envcheck.rules.rule import Rule, Tables

ID = "host-compiler-refused"

PAGE = Page(
    symptom=("build-failure",),
    signature=(
        r"#error -- unsupported GNU version! gcc versions later than \d+ are not supported",
        r"You're trying to build PyTorch with a too old version of GCC",
        r"C\+\+17 or later compatible compiler is required to use PyTorch",
    ),
    cause="nvcc checks the host compiler and stops at a gcc that is newer than it knows. torch's headers are C++17 since 2.1 and stop at a gcc "
    "before 9. It concerns only what is "
    "compiled here: DeepSpeed's operators, and extensions that are installed from source.",
    fix=("install a gcc in between and name it for both compilers: env.CC=gcc-12 env.CXX=g++-12 env.NVCC_PREPEND_FLAGS='-ccbin g++-12'",),
    links=(
        "https://github.com/deepspeedai/DeepSpeed/issues/7143",
        "https://docs.nvidia.com/cuda/cuda-installation-guide-linux/#host-compiler-support-policy",
    ),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where gcc is outside what nvcc and torch's headers accept, and something is or may be compiled here."""
    gcc = snapshot.fact("gcc")
    severity = jit.severity(snapshot) if gcc.value not in (None, "absent") else None
    wrong = _too_old(snapshot) or _too_new(snapshot, tables) if severity else None
    if severity is None or wrong is None:
        return ()
    facts = asking.used(snapshot, "gcc", "torch", "cuda_toolkit", "deepspeed")
    return (Finding(ID, "bad", severity, "certain", f"gcc {gcc.value} {wrong}", ("gcc", "deepspeed", "torch"), facts, PAGE),)


def _too_old(snapshot: Snapshot) -> Optional[str]:
    """https://github.com/deepspeedai/DeepSpeed/issues/7143"""
    old = asking.has(snapshot, "torch", ">=2.1") and asking.has(snapshot, "gcc", "<9")
    return f"is too old for the headers of torch {asking.release(snapshot.package('torch'))}, which ask for 9" if old else None


def _too_new(snapshot: Snapshot, tables: Tables) -> Optional[str]:
    for cuda, newest in tables.rows("toolkit_gcc"):
        if asking.has(snapshot, "cuda_toolkit", f"=={cuda}.*") and asking.has(snapshot, "gcc", f">={int(newest) + 1}"):
            return f"is newer than the CUDA toolkit {cuda} accepts ({newest})"
    return None


RULE = Rule(ID, "gcc is too old for torch or too new for the CUDA toolkit", PAGE, find)
