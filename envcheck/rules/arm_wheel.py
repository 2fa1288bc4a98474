"""A torch for 64-bit Arm from the default package index, where for years only CPU wheels lay."""

from __future__ import annotations

from typing import Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

ID = "arm-torch-without-cuda"

PAGE = Page(
    symptom=("other", "slow"),
    signature=(r"Torch not compiled with CUDA enabled",),
    cause="Until 2.8 the default package index held only CPU wheels of torch for Linux on 64-bit Arm (GH200, GB200, Jetson). `pip install` of "
    "anything that pins torch takes "
    "one of them, also in the place of a CUDA build that was there, and training runs on the CPU.",
    fix=("install torch from its CUDA index, as `--index-url https://download.pytorch.org/whl/cu128`, and after everything that depends on it",),
    links=("https://github.com/pytorch/pytorch/issues/160162",),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding on Arm with an NVIDIA GPU, where torch up to 2.8 has no local tag and nothing says that it is a CUDA build."""
    torch, cuda = snapshot.package("torch"), snapshot.fact("torch_cuda")
    if snapshot.fact("arch").value not in ("aarch64", "arm64") or snapshot.fact("os").value not in (None, "linux") or not asking.nvidia_gpus(snapshot):
        return ()
    if not asking.is_published_torch(snapshot) or "+" in str(torch.value) or cuda.value not in (None, "absent") or not asking.has(snapshot, "torch", "<2.9"):
        return ()
    certain = cuda.value == "absent"
    title = f"torch {asking.release(torch)} {'is' if certain else 'from the default package index is'} a CPU build on 64-bit Arm"
    facts = (*asking.used(snapshot, "torch", "torch_cuda", "arch"), asking.gpu_fact(asking.nvidia_gpus(snapshot)[0]))
    return (Finding(ID, "bad", "warning", "certain", title, ("torch", "arch", "gpu"), facts, PAGE),)


RULE = Rule(ID, "torch for Arm from the default index is a CPU build", PAGE, find)
