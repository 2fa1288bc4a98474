"""The declared target: what the command line says of the machine and the run, as a Snapshot laid over what was read."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Callable, Dict, Optional, Sequence, Tuple

from envcheck import documents, settings, versions, wire
from envcheck.errors import InputError
from envcheck.facts import gpus as gpu_table
from envcheck.model import Fact, Gpu, Scalar, Snapshot


@dataclass(frozen=True)
class Target:
    """What was declared, as it was written."""

    gpu: Tuple[str, ...] = ()
    """`A800`, `sm_80`, `8.0`, `gfx90a`, with `x8` behind it for a count; `none` for a machine without one."""
    driver: str = ""
    cuda: str = ""
    """The CUDA version that torch is built for."""
    python_version: str = ""
    platform: str = ""
    """`linux`, `windows` or `macos`, with the machine behind it where that matters: `linux-aarch64`."""
    settings: Tuple[str, ...] = ()
    """`train.precision=bf16`, `env.NCCL_P2P_DISABLE=1`, `cuda_toolkit=12.4`."""

    def __post_init__(self) -> None:
        """One GPU or setting may be given as a plain text."""
        for name in ("gpu", "settings"):
            value = getattr(self, name)
            if isinstance(value, str):
                object.__setattr__(self, name, (value,))


GpuRows = Callable[[], Sequence[gpu_table.Row]]


def read(target: Target, gpu_rows: GpuRows) -> Snapshot:
    """The Snapshot of a declared target. Raises `InputError` naming the option for what cannot be understood."""
    facts = {_FACTS[name]: reader(option, getattr(target, name)) for name, option, reader in _DECLARED if getattr(target, name)}
    if target.platform:
        facts.update(_platform(target.platform))
    train, env, plain = _settings(target.settings)
    return Snapshot(facts={**facts, **plain}, gpus=_gpus(target.gpu, gpu_rows), train=train, env=env)


def _version(option: str, text: str) -> Fact:
    try:
        versions.vendor(text)
    except versions.VersionError as error:
        raise InputError(str(error), where=option, hint=f"for example `{option} {_EXAMPLES[option]}`") from None
    return Fact(text, option)


# `cu121` as torch's local tags write it, and `121` as nobody should: the last digit is the minor version.
_CUDA_TAG = re.compile(r"cu([0-9]{1,2})([0-9])", re.IGNORECASE)
_NO_CUDA = re.compile(r"[2-9][0-9]|[0-9]{3,}")


def _cuda(option: str, text: str) -> Fact:
    tag = _CUDA_TAG.fullmatch(text.strip())
    if _NO_CUDA.fullmatch(text.strip()):
        raise InputError(f"`{text}` is no CUDA version", where=option, hint=f"write for example `{option} 12.1` or `{option} cu121`")
    return _version(option, f"{tag[1]}.{tag[2]}" if tag else text)


def _python(option: str, text: str) -> Fact:
    if not documents.PYTHON.fullmatch(text.strip()):
        raise InputError(f"`{text}` is no version of Python 3", where=option, hint=f"for example `{option} 3.10` or `{option} 3.10.12`")
    return Fact(text.strip(), option)


_PLATFORM = re.compile(r"(linux|windows|win32|win|macos|darwin|osx)(?:[-_/](x86_64|amd64|x64|aarch64|arm64))?", re.IGNORECASE)
_MACHINES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}


def _platform(text: str) -> Dict[str, Fact]:
    """The operating system and, where it is named, the machine of `--platform`; macOS calls its own machine arm64."""
    found = _PLATFORM.fullmatch(text.strip())
    if not found:
        raise InputError(f"`{text}` is no platform", where="--platform", hint="write `linux`, `windows`, `macos`, or for example `linux-aarch64`")
    system = wire.os_name(found[1])
    machine = (found[2] or "").lower()
    machine = _MACHINES.get(machine, machine)
    machine = "arm64" if system == "macos" and machine == "aarch64" else machine
    return {"os": Fact(system, "--platform"), **({"arch": Fact(machine, "--platform")} if machine else {})}


_DECLARED = (("driver", "--driver", _version), ("cuda", "--cuda", _cuda), ("python_version", "--python-version", _python))
_FACTS = {"driver": "driver", "cuda": "torch_cuda", "python_version": "python"}
_EXAMPLES = {"--driver": "535.104.05", "--cuda": "12.1"}


FACTS = ("glibc", "cuda_toolkit", "fabric_manager", "cuda_compat", "cudnn", "nccl", "gcc", "rocm", "npu", "cann")
"""The facts of a machine that `--set` takes under their own names, because they have no option of their own."""


def _settings(declared: Sequence[str]) -> Tuple[Dict[str, Fact], Dict[str, Fact], Dict[str, Fact]]:
    """Training settings, variables and facts."""
    found: Dict[str, Dict[str, Fact]] = {"train": {}, "env": {}, "": {}}
    for text in declared:
        path, equals, value = text.partition("=")
        room, _, key = path.strip().partition(".")
        if room in FACTS and not key:
            room, key = "", room
        if not equals or room not in found or not key or not value.strip():
            near = wire.nearest(path.strip(), FACTS)
            hint = f"did you mean `--set {near}=…`?" if near and equals else "write `--set train.precision=bf16` or `--set env.NCCL_P2P_DISABLE=1`"
            raise InputError(f"`{text}` is no setting", where="--set", hint=hint)
        found[room][key] = _fact(key, value.strip()) if not room else Fact(_setting(key, value.strip()) if room == "train" else value.strip(), "--set")
    return found["train"], found["env"], found[""]


_WORDS = {"fabric_manager": ("absent", "running")}


def _fact(key: str, value: str) -> Fact:
    """A fact under its own name: a version, or `absent`."""
    if key != "npu" and value not in _WORDS.get(key, ("absent",)):
        try:
            versions.vendor(value)
        except versions.VersionError as error:
            raise InputError(str(error), where=f"--set {key}", hint=f"write a version, or `--set {key}=absent`") from None
    return Fact(value, "--set")


def _setting(key: str, value: str) -> Scalar:
    if key not in settings.TRAIN_KEYS:
        near, other = wire.nearest(key, settings.TRAIN_KEYS), settings.elsewhere(key)
        hint = f"write `--set train.{other}`" if other else f"did you mean `train.{near}`?" if near else "known: " + ", ".join(settings.TRAIN_KEYS)
        raise InputError(f"no rule or entry knows the training setting `{key}`", where="--set", hint=hint)
    normal = settings.normal(key, value)
    known = settings.known_values(key, normal)
    if known:
        raise InputError(f"`{value}` is no value of `train.{key}`", where="--set", hint="known values: " + ", ".join(known))
    return normal


# `A800x8`, `A800 x8`, `H100 (x8)`, `H100 (8x)`; `8xA800`, `8 x A800`. No machine has 100000 GPUs: more digits are no count.
_COUNT_BEHIND = re.compile(r"(?P<name>.+?)\s*(?:[x×*]\s*(?P<count>[1-9][0-9]{0,4})|\(\s*[x×*]?\s*(?P<inner>[1-9][0-9]{0,4})\s*[x×*]?\s*\))", re.IGNORECASE)
_COUNT_BEFORE = re.compile(r"(?P<count>[1-9][0-9]{0,4})\s*[x×*]\s*(?P<name>.+)", re.IGNORECASE)
_GFX = re.compile(r"gfx[0-9a-f]{3,4}", re.IGNORECASE)
_BARE = re.compile(r"[2-9][0-9]|1[0-9]{2}")
_APPLE = re.compile(r"mps|apple\b.*|m[1-9]\s*(?:pro|max|ultra)?", re.IGNORECASE)
_NPU = re.compile(r"(?:huawei\s*)?(?:ascend\s*)?(?:910[a-d]?[0-9]?|310[bp]?[0-9]?)|(?:huawei|ascend)\b.*|npu", re.IGNORECASE)


def _gpus(declared: Sequence[str], rows: GpuRows) -> Optional[Tuple[Gpu, ...]]:
    if not declared:
        return None
    parts = [part.strip() for text in declared for part in text.split(",")]
    if [part.lower() for part in parts] in (["none"], ["cpu"]):
        return ()
    return tuple(_gpu(part, rows) for part in parts)


def _gpu(text: str, rows: GpuRows) -> Gpu:
    """One kind of GPU: the whole text where it is a name, for `RTX 4090` holds no times sign; else a name and a count."""
    whole = _known(text, rows)
    if whole is not None:
        return whole
    for pattern in (_COUNT_BEHIND, _COUNT_BEFORE):
        counted = pattern.fullmatch(text)
        if counted:
            name, count = counted["name"], next(digits for digits in (counted["count"], counted.groupdict().get("inner")) if digits)
            gpu = _known(name, rows)
            if gpu is not None:
                return replace(gpu, count=int(count))
            text = name if any(letter.isdigit() for letter in name) and len(name) > 2 else text
    raise _unknown_gpu(text, rows())


def _known(name: str, rows: GpuRows) -> Optional[Gpu]:
    """The GPU that a capability, an architecture or a listed name stands for; None where it is none of these."""
    if _NPU.fullmatch(name):
        raise InputError(
            f"`{name}` is an NPU, not a GPU",
            where="--gpu",
            hint='NPUs are declared in a snapshot: `{"npu": "910B", "cann": "8.0.RC3", "gpus": []}` with `--snapshot FILE`',
        )
    if _GFX.fullmatch(name):
        return Gpu(f"AMD {name.lower()}", None, name.lower(), None, None, "--gpu")
    if _APPLE.fullmatch(name):
        return Gpu(_apple_name(name), None, "mps", None, None, "--gpu")
    try:
        capability = versions.capability(name).text
        return Gpu(f"sm_{capability.replace('.', '')}", capability, None, None, None, "--gpu")
    except versions.VersionError:
        return _listed(name, rows())


def _apple_name(name: str) -> str:
    if name.lower().startswith("apple"):
        return name
    return "Apple GPU" if name.lower() == "mps" else f"Apple {name[0].upper()}{name[1:]}"


def _listed(name: str, rows: Sequence[gpu_table.Row]) -> Optional[Gpu]:
    found = gpu_table.identify(name, rows)
    if found.strange or (found.capability is None and found.arch is None):
        return None
    return Gpu(_plainest(found.names) or name, found.capability, found.arch, None, None, "--gpu")


def _plainest(names: Sequence[str]) -> Optional[str]:
    """The name that all the others add something to (`RTX 4090`, `RTX 4090 D`), if there is one."""
    first = min(names, key=len)
    return first if all(gpu_table.name_words(first) <= gpu_table.name_words(name) for name in names) else None


def _unknown_gpu(name: str, rows: Sequence[gpu_table.Row]) -> InputError:
    found = gpu_table.identify(name, rows)
    way_out = "the compute capability is understood too, such as `--gpu 8.6` or `--gpu gfx90a`"
    if len(found.names) > 1 and found.capability is None and found.arch is None:
        hint = "write the whole name, or the compute capability, such as `--gpu 8.6`; several GPUs are written `--gpu A100x4,V100x2`"
        return InputError(f"`{name}` may be {_either(found.names)}", where="--gpu", hint=hint)
    near = found.names[0] if found.names else f"sm_{name}" if _BARE.fullmatch(name) else _nearest(name, gpu_table.of_vendor(name, rows))
    return InputError(f"no GPU named `{name}` is listed", where="--gpu", hint=(f"did you mean `{near}`? " if near else "") + way_out)


def _nearest(name: str, rows: Sequence[gpu_table.Row]) -> Optional[str]:
    """The listed name that a misspelt one most likely means; letters and digits may be glued or apart."""
    spelt = {_plain(word): str(row[0]) for row in reversed(rows) for word in (str(row[0]), *str(row[0]).split()) if any(map(str.isdigit, word))}
    near = wire.nearest(_plain(name), spelt, 0.65) if any(map(str.isdigit, name)) else None
    return spelt[near] if near else None


def _plain(name: str) -> str:
    return " ".join(sorted(gpu_table.name_words(name), reverse=True))


def _either(names: Sequence[str]) -> str:
    # The first and the last, because a text that names two models ends with the other one.
    shown = [f"`{name}`" for name in (names if len(names) < 5 else (*names[:3], names[-1]))]
    return ", ".join(shown[:-1]) + f" or {shown[-1]}"
