"""An extension without machine code for the GPU, beside a torch that may have it."""

from __future__ import annotations

from typing import Callable, Dict, Optional, Tuple

from envcheck.facts import binaries
from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

ID = "extension-without-kernels"

PAGE = Page(
    symptom=("no-kernel-image", "crash"),
    signature=(
        r"FlashAttention only supports Ampere GPUs or newer",
        r"no kernel image is available for execution on the device at line \d+ in file .*/bitsandbytes/",
        r"Error no kernel image is available for execution on the device at line \d+ in file .*ops\.cu",
        r"CUDA error \(.*flash.*\): no kernel image is available",
        r"Error invalid device function at line \d+ in file .*ops\.hip",
    ),
    cause="Each extension carries its own machine code, for the GPUs its build names. torch can run on a GPU that an extension beside it has nothing for. "
    "FlashAttention 2 needs compute capability 8.0, and names Blackwell (10.0, 12.0) from 2.7.3 on, where it is compiled with CUDA 12.8 or newer. "
    "The wheels of xformers have nothing for Volta and older from 0.0.31 on. mamba-ssm names B200 from 2.2.5 on and RTX 50 from 2.2.6 on, causal-conv1d "
    "from 1.5.1 and 1.5.3 on.",
    fix=(
        "use a release of the extension that has code for this GPU",
        "do without it: `attn_implementation: sdpa` instead of flash_attention_2, a plain optimizer instead of an 8-bit one",
    ),
    links=(
        "https://github.com/Dao-AILab/flash-attention/blob/v2.8.3/README.md",
        "https://github.com/bitsandbytes-foundation/bitsandbytes/pull/1715",
        "https://github.com/unslothai/unsloth/pull/7354",
    ),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding for each extension that has code for none of the NVIDIA GPUs."""
    cards = asking.nvidia_gpus(snapshot)
    names = [name for name in _LISTS if asking.is_there(snapshot, name)] if cards else []
    found = []
    for name in names:
        listed, severity = _LISTS[name](snapshot, tables), _SEVERITY[name](snapshot)
        if listed and severity and not any(binaries.runs(str(gpu.capability), listed) for gpu in cards):
            title = f"{name} {asking.release(snapshot.package(name))} has no kernels for {asking.named(cards[0])}"
            facts = (*asking.used(snapshot, name, "torch_cuda", "train.attn_implementation"), asking.gpu_fact(cards[0], f"it has {listed.replace(';', ', ')}"))
            found.append(Finding(ID, "bad", severity, "certain", title, (name, "gpu"), facts, PAGE))
    return (*found, *_amd(snapshot, tables))


def _amd(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where the ROCm library of bitsandbytes has code for none of the AMD GPUs; it has no portable code."""
    cards = [gpu for gpu in snapshot.gpus or () if (gpu.arch or "").startswith("gfx")]
    if not cards or not asking.is_there(snapshot, "bitsandbytes") or asking.is_own_build(snapshot.package("bitsandbytes")):
        return ()
    if "HSA_OVERRIDE_GFX_VERSION" in snapshot.env or snapshot.fact("os").value not in (None, "linux"):
        return ()
    rows = tables.rows("bitsandbytes_gfx")
    listed = next((str(row[2]) for row in rows if asking.has(snapshot, "bitsandbytes", row[0]) and asking.has(snapshot, "rocm", row[1])), "")
    if not listed or any(gpu.arch in listed.split(";") for gpu in cards):
        return ()
    title = f"bitsandbytes {asking.release(snapshot.package('bitsandbytes'))} has no kernels for {asking.named(cards[0])}"
    facts = (*asking.used(snapshot, "bitsandbytes", "rocm"), asking.gpu_fact(cards[0], f"it has {listed.replace(';', ', ')}"))
    return (Finding(ID, "bad", "warning", "certain", title, ("bitsandbytes", "gpu"), facts, PAGE),)


def _listed(package: str, snapshot: Snapshot, tables: Tables) -> Optional[str]:
    rows = (row for row in tables.rows("extension_kernels") if row[0] == package)
    return next((str(listed) for name, release, listed in rows if asking.has(snapshot, name, release)), None)


def _flash(snapshot: Snapshot, tables: Tables) -> Optional[str]:
    return _listed("flash-attn", snapshot, tables)


def _xformers(snapshot: Snapshot, tables: Tables) -> Optional[str]:
    """What the installed one says of itself; else what the default index's wheels of its release have."""
    known = snapshot.builds.get("xformers.capabilities")
    if known is not None and known.value is not None:
        return str(known.value)
    if "+" in str(snapshot.package("xformers").value) or snapshot.fact("os").value not in (None, "linux"):
        return None
    return _listed("xformers", snapshot, tables)


def _named_in_setup(package: str) -> Callable[[Snapshot, Tables], Optional[str]]:
    """The list in its build script, which is the same on every machine, for Blackwell: older GPUs than it names were seen to work."""

    def listed(snapshot: Snapshot, tables: Tables) -> Optional[str]:
        return _listed(package, snapshot, tables) if asking.has(snapshot, "gpu", ">=10.0") else None

    return listed


def _bitsandbytes(snapshot: Snapshot, tables: Tables) -> Optional[str]:
    """The list of the library for torch's CUDA; the nearest library of 0.50 counts as its neighbours."""
    if snapshot.fact("os").value not in (None, "linux"):
        return None
    if snapshot.fact("arch").value not in (None, "x86_64") or "BNB_CUDA_VERSION" in snapshot.env:
        return None
    rows = tables.rows("bitsandbytes_kernels")
    return next((str(row[2]) for row in rows if asking.has(snapshot, "bitsandbytes", row[0]) and asking.has(snapshot, "torch_cuda", row[1])), None)


def _flash_severity(snapshot: Snapshot) -> str:
    """An error where training asks for it, nothing where it asks for another attention."""
    attention = snapshot.train.get("attn_implementation")
    if attention is None or attention.value is None:
        return "warning"
    return "error" if attention.value == "flash_attention_2" else ""


def _always_error(snapshot: Snapshot) -> str:
    return "error"


def _xformers_severity(snapshot: Snapshot) -> str:
    """It may have been compiled here, which is said to be so where the machine itself was looked at."""
    return "error" if "xformers.capabilities" in snapshot.builds else "warning"


def _always_warning(snapshot: Snapshot) -> str:
    """They are there for some layers only, and others go through Triton."""
    return "warning"


_LISTS: Dict[str, Callable[[Snapshot, Tables], Optional[str]]] = {
    "flash-attn": _flash,
    "bitsandbytes": _bitsandbytes,
    "xformers": _xformers,
    "mamba-ssm": _named_in_setup("mamba-ssm"),
    "causal-conv1d": _named_in_setup("causal-conv1d"),
}
_SEVERITY: Dict[str, Callable[[Snapshot], str]] = {
    "flash-attn": _flash_severity,
    "bitsandbytes": _always_error,
    "xformers": _xformers_severity,
    "mamba-ssm": _always_warning,
    "causal-conv1d": _always_warning,
}


RULE = Rule(ID, "an extension has no machine code for the GPU", PAGE, find)
