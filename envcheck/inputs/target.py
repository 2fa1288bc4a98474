"""The declared target: what the command line says of the machine and the run, as a Snapshot laid over what was read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Dict, Optional, Sequence, Tuple

from envcheck import versions, wire
from envcheck.errors import InputError
from envcheck.facts import gpus as gpu_table
from envcheck.model import Fact, Gpu, Snapshot


@dataclass(frozen=True)
class Target:
    """What was declared, as it was written."""

    gpu: Tuple[str, ...] = ()
    """`A800`, `sm_80`, `8.0`, `gfx90a`, with `x8` behind it for a count; `none` for a machine without one."""
    driver: str = ""
    cuda: str = ""
    """The CUDA version that torch is built for."""
    python_version: str = ""
    settings: Tuple[str, ...] = ()
    """`train.precision=bf16`, `env.NCCL_P2P_DISABLE=1`."""


GpuRows = Callable[[], Sequence[gpu_table.Row]]


def read(target: Target, gpu_rows: GpuRows) -> Snapshot:
    """The Snapshot of a declared target. Raises `InputError` naming the option for what cannot be understood."""
    facts: Dict[str, Fact] = {}
    declared = (("driver", "--driver", target.driver), ("torch_cuda", "--cuda", target.cuda), ("python", "--python-version", target.python_version))
    for key, option, text in declared:
        if text:
            facts[key] = _version(option, text)
    train, env = _settings(target.settings)
    return Snapshot(facts=facts, gpus=_gpus(target.gpu, gpu_rows), train=train, env=env)


def _version(option: str, text: str) -> Fact:
    try:
        versions.vendor(text)
    except versions.VersionError as error:
        raise InputError(str(error), where=option, hint=f"for example `{option} {_EXAMPLES[option]}`") from None
    return Fact(text, option)


_EXAMPLES = {"--driver": "535.104.05", "--cuda": "12.1", "--python-version": "3.10"}


def _settings(settings: Sequence[str]) -> Tuple[Dict[str, Fact], Dict[str, Fact]]:
    found: Dict[str, Dict[str, Fact]] = {"train": {}, "env": {}}
    for text in settings:
        path, equals, value = text.partition("=")
        room, _, key = path.strip().partition(".")
        if not equals or room not in found or not key or not value.strip():
            raise InputError(f"`{text}` is no setting", where="--set", hint="write `--set train.precision=bf16` or `--set env.NCCL_P2P_DISABLE=1`")
        if room == "train" and key not in wire.TRAIN_KEYS:
            near = wire.nearest(key, wire.TRAIN_KEYS)
            raise InputError(
                f"no rule or entry knows the training setting `{key}`",
                where="--set",
                hint=f"did you mean `train.{near}`?" if near else "known: " + ", ".join(wire.TRAIN_KEYS),
            )
        found[room][key] = Fact(value.strip(), "--set")
    return found["train"], found["env"]


_COUNTED = re.compile(r"(?P<name>.+?)\s*[x×*]\s*(?P<count>[1-9]\d{0,5})|(?P<first>[1-9]\d{0,5})\s*[x×*]\s*(?P<rest>.+)")
_GFX = re.compile(r"gfx[0-9a-f]{3,5}")


def _gpus(declared: Sequence[str], rows: GpuRows) -> Optional[Tuple[Gpu, ...]]:
    if not declared:
        return None
    if [text.lower() for text in declared] in (["none"], ["cpu"]):
        return ()
    return tuple(_gpu(text.strip(), rows) for text in declared)


def _gpu(text: str, rows: GpuRows) -> Gpu:
    counted = _COUNTED.fullmatch(text)
    name = (counted["name"] or counted["rest"]) if counted else text
    count = int(counted["count"] or counted["first"]) if counted else None
    if _GFX.fullmatch(name.lower()):
        return Gpu(f"AMD {name.lower()}", None, name.lower(), count, None, "--gpu")
    try:
        capability = versions.capability(name).text
        return Gpu(f"sm_{capability.replace('.', '')}", capability, None, count, None, "--gpu")
    except versions.VersionError:
        return _named(name, count, rows())


def _named(name: str, count: Optional[int], rows: Sequence[gpu_table.Row]) -> Gpu:
    if name.lower().startswith("apple"):
        return Gpu(name, None, "mps", count, None, "--gpu")
    capability, names = gpu_table.capability_of(name, rows)
    if capability is not None:
        return Gpu(names[0] if len(names) == 1 else name, capability, None, count, None, "--gpu")
    if names:
        raise InputError(f"`{name}` may be {_either(names)}", where="--gpu", hint="write the whole name, or the compute capability, such as `--gpu 8.6`")
    near = wire.nearest(name.lower(), (row[0].lower() for row in rows), 0.5)
    known = next((row[0] for row in rows if row[0].lower() == near), None)
    raise InputError(
        f"no GPU named `{name}` is listed",
        where="--gpu",
        hint=(f"did you mean `{known}`? " if known else "") + "the compute capability is understood too, such as `--gpu 8.6` or `--gpu gfx90a`",
    )


def _either(names: Sequence[str]) -> str:
    shown = [f"`{name}`" for name in names[:4]]
    return ", ".join(shown[:-1]) + f" or {shown[-1]}"
