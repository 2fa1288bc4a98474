"""Whether anything compiles CUDA code on this machine, and how sure that is."""

from __future__ import annotations

from typing import Optional

from envcheck.model import Snapshot
from envcheck.rules import asking

# Operators that DeepSpeed compiles when they are first used, by the settings that use them.
_COMPILED_OPTIMIZERS = frozenset(
    ("fusedadam", "deepspeedcpuadam", "cpuadam", "fusedlamb", "onebitadam", "onebitlamb", "zerooneadam", "cpuadagrad", "fusedlion", "cpulion")
)
_FROM_SOURCE = ("apex", "causal-conv1d", "flash-attn", "mamba-ssm", "transformer-engine")
"""Compiled when they are installed, unless a ready-made wheel fits."""


def severity(snapshot: Snapshot) -> Optional[str]:
    """`error` where training certainly compiles an operator, `warning` where something may, `note` where nothing that does is
    mentioned, None where nothing here does.

    DeepSpeed is what compiles while it runs; other packages did it when they were installed, which a list of requirements
    has still before it. Where no package is named at all, the compiler is what somebody asks about.
    """
    deepspeed = snapshot.package("deepspeed")
    if _is_precompiled(snapshot) or snapshot.complete and deepspeed.value == "absent":
        return None
    if deepspeed.value not in (None, "absent"):
        return "error" if uses_compiled_operator(snapshot) else "warning"
    asked = not snapshot.packages or any(asking.is_there(snapshot, name) for name in _FROM_SOURCE)
    return "warning" if asked else "note"


def uses_compiled_operator(snapshot: Snapshot) -> bool:
    """Whether the settings ask for offloading or for one of DeepSpeed's own optimizers."""
    optimizer, offload = (str(snapshot.train[key].value).lower() if key in snapshot.train else "" for key in ("optimizer", "offload"))
    return optimizer.replace("_", "") in _COMPILED_OPTIMIZERS or offload == "true" and asking.is_there(snapshot, "deepspeed")


def is_skipped(snapshot: Snapshot) -> bool:
    """Whether somebody told DeepSpeed not to look."""
    flag = snapshot.env.get("DS_SKIP_CUDA_CHECK")
    return flag is not None and str(flag.value) == "1"


def _is_precompiled(snapshot: Snapshot) -> bool:
    ops = snapshot.builds.get("deepspeed.ops")
    return ops is not None and str(ops.value) not in ("none", "")
