"""A triton whose assembler does not know the GPU: `ptxas fatal: Value 'sm_121a' is not defined for option 'gpu-name'`."""

from __future__ import annotations

import re
from typing import Dict, Optional, Sequence, Tuple, Union

from envcheck.model import Fact, Finding, Gpu, Page, Snapshot, Undecided
from envcheck.rules import asking, torch_libraries
from envcheck.rules.rule import Rows, Rule, Tables

ID = "triton-without-gpu"
TITLE = "triton's own assembler does not know the GPU"

PAGE = Page(
    symptom=("crash",),
    signature=(
        r"ptxas(?:-blackwell)? fatal\s*: Value 'sm_\d+a?' is not defined for option 'gpu-name'",
        r"PTXASError: PTXAS error: Internal Triton PTX codegen error",
    ),
    cause="Triton hands its code to the ptxas inside its own wheel, whatever CUDA torch or the machine has, and torch pins the triton. A GPU that this ptxas "
    "does not know runs torch's ready-made kernels, and everything that compiles a Triton kernel fails on it: torch.compile, Liger, unsloth, "
    "flash-linear-attention, vLLM.",
    fix=(
        "use a torch whose triton knows the GPU (3.3 for 10.0 and 12.0, 3.6 for 10.3 and 12.1)",
        "where a toolkit is installed that knows it: set env.TRITON_PTXAS_PATH=/usr/local/cuda/bin/ptxas",
        "set train.torch_compile=false",
    ),
    links=(
        "https://github.com/triton-lang/triton/issues/8539",
        "https://github.com/pytorch/pytorch/issues/148551",
        "https://github.com/gpustack/gpustack/issues/4372",
        "https://github.com/vllm-project/vllm/pull/31338",
    ),
    level="maintainer",
    unstated="Who has such a GPU and has named no other assembler is concerned.",
)
_VARIABLE = "TRITON_PTXAS_PATH"
_FIRST = 7
"""Triton serves no GPU below capability 7.0, which another rule says."""
_KERNELS = ("unsloth", "liger-kernel", "flash-linear-attention", "vllm", "mamba-ssm")
"""Packages whose own kernels are written in Triton, so that whoever uses them compiles."""


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Union[Finding, Undecided], ...]:
    """One finding where triton's assembler knows none of the NVIDIA GPUs, an error where training certainly compiles.

    Who has such a GPU may have named another assembler: without a word about variables it is possible where something certainly
    compiles, and else a question.
    """
    cards = asking.nvidia_gpus(snapshot)
    if not cards or len(cards) != len(snapshot.gpus or ()) or any(_major(gpu) < _FIRST for gpu in cards):
        return ()
    triton = _triton(snapshot, tables)
    row = tables.made("triton_ptxas", _by_release).get(triton) if triton else None
    if triton is None or row is None or any(str(gpu.capability) in row[1] for gpu in cards):
        return ()
    if asking.has(snapshot, f"env.{_VARIABLE}", "set"):
        return ()
    compiles = asking.has(snapshot, "train.torch_compile", "true") or asking.has(snapshot, "train.use_liger_kernel", "true")
    kernels = [name for name in _KERNELS if asking.is_there(snapshot, name)]
    needs = () if asking.has(snapshot, f"env.{_VARIABLE}", "unset") else (f"env.{_VARIABLE}",)
    if needs and not compiles and not kernels:
        return (Undecided(ID, "bad", "warning", ("triton", "gpu"), TITLE, needs),)
    title = f"triton {triton} cannot generate code for {asking.named(cards[0])}"
    used = (*asking.used(snapshot, "triton", "torch", "train.torch_compile", *kernels), asking.gpu_fact(cards[0], f"its ptxas is of CUDA {row[0]}"))
    severity, certainty = ("warning", "possible") if needs else ("error" if compiles else "warning", "certain")
    return (Finding(ID, "bad", severity, certainty, title, ("triton", "gpu"), used, PAGE, needs),)


def _by_release(rows: Rows) -> Dict[str, Tuple[str, Sequence[str]]]:
    return {triton: (cuda, capabilities.split(";")) for triton, cuda, capabilities in rows}


def _major(gpu: Gpu) -> int:
    return asking.major(Fact(gpu.capability)) or 0


def _triton(snapshot: Snapshot, tables: Tables) -> Optional[str]:
    """The release of triton that is there, or that the torch which is there brings along; None where neither is certain."""
    triton = snapshot.package("triton")
    if triton.value is not None:
        return None if triton.value == "absent" or triton.is_open or asking.is_own_build(triton) else asking.release(triton)
    torch = snapshot.package("torch")
    if torch.is_open or not asking.is_published_torch(snapshot) or "+rocm" in str(torch.value) or snapshot.fact("os").value not in (None, "linux"):
        return None
    wheel = tables.made("torch_libraries", torch_libraries.by_torch).get(asking.release(torch))
    pin = re.fullmatch(r"==(\d+(?:\.\d+)+)", dict(wheel.requires).get("triton", "")) if wheel else None
    return pin[1] if pin else None


RULE = Rule(ID, TITLE, PAGE, find)
