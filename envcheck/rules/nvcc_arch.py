"""A CUDA toolkit whose nvcc does not know the GPU, or knows it no longer."""

from __future__ import annotations

from typing import Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking, jit
from envcheck.rules.rule import Rule, Tables

ID = "toolkit-without-gpu"

PAGE = Page(
    symptom=("build-failure",),
    signature=(r"nvcc fatal\s*: Unsupported gpu architecture 'compute_\d+a?'", r"Value 'sm_\d+a?' is not defined for option 'gpu-name'"),
    cause="nvcc generates code for the GPUs of its day: 8.6 from CUDA 11.1 on, 8.9 and 9.0 from 11.8, 10.0 and 12.0 from 12.8; CUDA 13 dropped "
    "everything before 7.5. "
    "DeepSpeed's operators and extensions from source are compiled for the GPU that is there, and fail.",
    fix=(
        "install a toolkit that knows the GPU, of the same major version as torch's CUDA, and set env.CUDA_HOME to it",
        "for an older GPU under CUDA 13: a torch for CUDA 12 and its toolkit",
    ),
    links=("https://github.com/QwenLM/Qwen/issues/1125", "https://github.com/deepspeedai/DeepSpeed/issues/607"),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where nvcc knows none of the GPUs and something is or may be compiled here."""
    toolkit, cards = snapshot.fact("cuda_toolkit"), asking.nvidia_gpus(snapshot)
    severity = jit.severity(snapshot)
    if toolkit.value in (None, "absent") or not cards or severity is None or "TORCH_CUDA_ARCH_LIST" in snapshot.env:
        return ()
    ranges = {str(capability): str(toolkits) for capability, toolkits in tables.rows("toolkit_gpus")}
    unknown = [gpu for gpu in cards if gpu.capability in ranges and asking.lacks(snapshot, "cuda_toolkit", ranges[gpu.capability])]
    if len(unknown) < len(cards):
        return ()
    title = f"the CUDA toolkit {toolkit.value} cannot generate code for {asking.named(unknown[0])}"
    facts = (*asking.used(snapshot, "cuda_toolkit", "deepspeed"), asking.gpu_fact(unknown[0], f"a toolkit {ranges[str(unknown[0].capability)]} can"))
    return (Finding(ID, "bad", severity, "certain", title, ("cuda_toolkit", "gpu", "deepspeed"), facts, PAGE),)


RULE = Rule(ID, "the CUDA toolkit does not know the GPU", PAGE, find)
