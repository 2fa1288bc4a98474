"""Facts that follow from other facts: (Snapshot, GPU table) -> Snapshot. A fact that was read is never replaced."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Callable, Dict, Mapping, Optional, Sequence, Tuple

from envcheck.facts import gpus
from envcheck.model import Fact, Gpu, Snapshot, plain

# `2.1.2+cu121`, `2.5.0+cu118`: the digits before the last are the major version
# (https://pytorch.org/get-started/previous-versions/).
_CUDA_TAG = re.compile(r"\+cu(\d+)(\d)(?:$|[^0-9])")
_ROCM_TAG = re.compile(r"\+rocm(\d+(?:\.\d+)*)")
_NO_ROCM_TAG = re.compile(r"\+(?:cpu|xpu)")
_CUDA_WHEEL = re.compile(r"nvidia-(?:cudnn|nccl|cublas|cusparse|cusolver|cuda-runtime)-cu1\d")
_NO_CUDA_TAG = re.compile(r"\+(?:cpu|rocm|xpu)")
# nvidia-cudnn-cu12, nvidia-nccl-cu13: torch's wheels declare and load these.
_LIBRARIES = {"cudnn": ("nvidia-cudnn-cu11", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13"), "nccl": ("nvidia-nccl-cu11", "nvidia-nccl-cu12", "nvidia-nccl-cu13")}


def derive(snapshot: Snapshot, gpu_rows: Callable[[], Sequence[gpus.Row]]) -> Snapshot:
    """`snapshot` with what follows from it: torch's CUDA and ROCm from its local tag, cuDNN and NCCL from their wheels,
    a GPU's capability from its name. `gpu_rows` is called only where a capability is missing.
    """
    found: Dict[str, Fact] = {}
    for key, rule in _RULES.items():
        if not snapshot.fact(key).is_known:
            fact = rule(snapshot)
            if fact is not None:
                found[key] = fact
    train = _with_reentrance(_with_sharding(_with_family(snapshot.train)), snapshot)
    devices = snapshot.gpus
    if devices and any(gpu.capability is None and gpu.arch is None for gpu in devices):
        devices = tuple(_with_capability(gpu, gpu_rows()) for gpu in devices)
    if not found and devices is snapshot.gpus and train is snapshot.train:
        return snapshot
    facts: Mapping[str, Fact] = {**snapshot.facts, **found}
    return replace(snapshot, facts=facts, gpus=devices, train=train)


def _with_family(train: Mapping[str, Fact]) -> Mapping[str, Fact]:
    """The settings with the family that the model's public name stands for, where nothing else says it."""
    model = train.get("model")
    if model is None or not model.is_known or train.get("model_type", Fact()).is_known:
        return train
    from envcheck.families import family

    name = family(str(model.value))
    return {**train, "model_type": Fact(name, f"the model's name, {model.origin}")} if name else train


def _with_sharding(train: Mapping[str, Fact]) -> Mapping[str, Fact]:
    """The settings with what one way of writing FSDP or DeepSpeed says in the others: `fsdp: 2` is version 2 of FSDP, a
    version or `parallelism: fsdp` says that it is on, and a ZeRO stage that DeepSpeed is.
    """
    found: Dict[str, Fact] = {}
    for key, rule in _SHARDING.items():
        if not train.get(key, Fact()).is_known:
            said = next(((other, train[other]) for other, values in rule.items() if other in train and plain(train[other].value or "") in values), None)
            if said is not None:
                other, fact = said
                found[key] = Fact(plain(fact.value or "") if key == "fsdp_version" else "true", f"train.{other}, {fact.origin}")
    return {**train, **found} if found else train


_SHARDING: Dict[str, Dict[str, Tuple[str, ...]]] = {
    "fsdp_version": {"fsdp": ("1", "2")},
    "fsdp": {"fsdp_version": ("1", "2"), "parallelism": ("fsdp",)},
    "deepspeed": {"zero_stage": ("0", "1", "2", "3")},
}


def _with_reentrance(train: Mapping[str, Fact], snapshot: Snapshot) -> Mapping[str, Fact]:
    """The settings with `use_reentrant: false` where checkpointing is on and nobody said how: the default of transformers 5.0
    (`gradient_checkpointing_enable` in modeling_utils.py) and of TRL's configs from 0.27 on. Other frameworks choose for themselves.
    """
    if train.get("use_reentrant", Fact()).is_known or _said(train, "gradient_checkpointing") != "true":
        return train
    framework = _said(train, "framework")
    # TRL's trainers go back to the reentrant form for adapters under ZeRO-3, SFT's from 0.28 and the others' from 1.9 on.
    if _said(train, "zero_stage") == "3" and (framework == "trl" or not framework and snapshot.package("trl").is_known):
        return train
    for name, first, frameworks in (("transformers", "5.0", ("", "transformers", "trl")), ("trl", "0.27", ("trl",))):
        version = str(snapshot.package(name).value or "")
        if framework in frameworks and _PIN.fullmatch(version) and _is_at_least(version, first):
            return {**train, "use_reentrant": Fact("false", f"the default of {name} {version.lstrip('=')}, {snapshot.package(name).origin}")}
    return train


def _said(train: Mapping[str, Fact], key: str) -> str:
    """A setting as entries write it; empty where nobody stated it."""
    return plain(train.get(key, Fact()).value or "")


def _is_at_least(version: str, first: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version.lstrip("= ")) >= Version(first)
    except InvalidVersion:
        return False


# `2.1.2+cu121`, `==2.1.2+cu121`; what `>=2.0,!=2.1.0+cpu` excludes tells nothing.
_PIN = re.compile(r"(?:={2,3})?\s*[^<>=!~,*]+")


def _torch_version(snapshot: Snapshot) -> str:
    """Torch's version where it is installed or pinned, else an empty text."""
    version = str(snapshot.package("torch").value or "")
    return version if _PIN.fullmatch(version) else ""


def _torch_cuda(snapshot: Snapshot) -> Optional[Fact]:
    version = _torch_version(snapshot)
    tag = _CUDA_TAG.search(version)
    if tag:
        return Fact(f"{tag[1]}.{tag[2]}", f"torch's local tag, {snapshot.package('torch').origin}")
    if _NO_CUDA_TAG.search(version):
        return Fact("absent", f"torch's local tag, {snapshot.package('torch').origin}")
    return None


def _rocm(snapshot: Snapshot) -> Optional[Fact]:
    """ROCm as torch's build has it: its version where the tag gives one, else whether it can be there at all."""
    version, torch = _torch_version(snapshot), snapshot.package("torch").origin
    tag = _ROCM_TAG.search(version)
    if tag:
        return Fact(tag[1], f"torch's local tag, {torch}")
    if _CUDA_TAG.search(version) or _NO_ROCM_TAG.search(version):
        return Fact("absent", f"torch's local tag, {torch}")
    cuda = snapshot.fact("torch_cuda")
    if cuda.is_known and cuda.value != "absent":
        return Fact("absent", f"torch is built for CUDA, {cuda.origin}")
    wheel = next((name for name in snapshot.packages if _CUDA_WHEEL.fullmatch(name)), None)
    if wheel is not None:
        return Fact("absent", f"{wheel} comes with a torch built for CUDA")
    amd = next((gpu for gpu in snapshot.gpus or () if "gfx" in (gpu.arch or gpu.name).lower()), None)
    return Fact("installed", f"the GPU is AMD's, {amd.origin}") if amd else None


def _library(key: str) -> Callable[[Snapshot], Optional[Fact]]:
    def rule(snapshot: Snapshot) -> Optional[Fact]:
        known = [snapshot.packages[name] for name in _LIBRARIES[key] if name in snapshot.packages and snapshot.packages[name].is_known]
        # Two providers of one library: which one is loaded is not known.
        return known[0] if len(known) == 1 and known[0].value != "absent" else None

    return rule


_RULES: Dict[str, Callable[[Snapshot], Optional[Fact]]] = {
    "torch_cuda": _torch_cuda,
    "rocm": _rocm,
    "cudnn": _library("cudnn"),
    "nccl": _library("nccl"),
}

_GFX = re.compile(r"\bgfx[0-9a-f]+", re.IGNORECASE)


def _with_capability(gpu: Gpu, rows: Sequence[gpus.Row]) -> Gpu:
    if gpu.capability is not None or gpu.arch is not None:
        return gpu
    architecture = _GFX.search(gpu.name)
    if architecture:
        return replace(gpu, arch=architecture[0].lower())
    if gpu.name.lower().startswith("apple "):
        return replace(gpu, arch="mps")
    found = gpus.identify(gpu.name, rows)
    return replace(gpu, capability=found.capability, arch=found.arch)
