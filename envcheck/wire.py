"""Snapshot to and from its flat JSON form, which a person can write by hand (docs/snapshot.md).

`read` names the nearest known key for one it does not know; keys that begin with `_` are ignored. `write` and `read`
are inverse: what was unknown, and why, and where each fact came from survive.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple

from envcheck import versions
from envcheck.errors import InputError
from envcheck.model import SENSE_KEYS, Anomaly, Fact, Gpu, Scalar, Snapshot, unknown

TRAIN_KEYS = (
    "precision",
    "param_dtype",
    "zero_stage",
    "overlap_comm",
    "contiguous_gradients",
    "reduce_bucket_size",
    "offload",
    "fsdp",
    "parallelism",
    "optimizer",
    "adam_epsilon",
    "learning_rate",
    "max_grad_norm",
    "gradient_accumulation_steps",
    "per_device_train_batch_size",
    "train_batch_size",
    "world_size",
    "gradient_checkpointing",
    "use_reentrant",
    "attn_implementation",
    "quantization",
    "method",
    "lora_r",
    "model",
    "model_type",
    "torch_compile",
    "tf32",
    "packing",
    "padding_side",
    "use_liger_kernel",
    "resize_embeddings",
    "tie_word_embeddings",
    "trainer",
    "trainer_precision",
    "deepspeed_fp16",
    "deepspeed_bf16",
    "declared_precision",
    "bnb_4bit_compute_dtype",
    "ddp_find_unused_parameters",
    "logging_nan_inf_filter",
    "group_by_length",
    "deepspeed",
)
"""Known keys under `train`; another one is kept, with a warning."""

_OTHER_KEYS = ("complete", "packages", "gpus", "env", "env_complete", "train", "builds", "anomalies", "origins", "unknown")
_GPU_KEYS = ("name", "capability", "arch", "count", "memory_mib")
_OS_NAMES = {"darwin": "macos", "mac": "macos", "osx": "macos", "win32": "windows", "win": "windows"}
_NAME_BREAK = re.compile(r"[-_.]+")


@lru_cache(maxsize=16384)
def canonical_name(name: str) -> str:
    """A distribution's name as the packaging standards compare it: `Flash_Attn` is `flash-attn`."""
    return _NAME_BREAK.sub("-", name).lower()


def read(wire: Any, where: str, warn: Optional[Callable[[str], None]] = None) -> Snapshot:
    """The Snapshot that a decoded JSON object stands for; every fact without an origin of its own gets `where`.

    `warn` is called with one sentence for each unknown training setting. Raises `InputError` for another unknown key
    and for a value of the wrong shape.
    """
    if not isinstance(wire, Mapping):
        raise InputError("a snapshot is one JSON object", where=where, hint='for example {"packages": {"torch": "2.1.2"}}')
    known = SENSE_KEYS + _OTHER_KEYS
    for key in wire:
        if key not in known and not key.startswith("_"):
            raise _unknown_key(key, known, where)
    reader = _Reader(where, wire.get("origins") or {}, wire.get("unknown") or {})
    facts = {key: reader.fact(key, wire[key]) for key in SENSE_KEYS if key in wire}
    for key, reason in reader.reasons.items():
        if key in (*SENSE_KEYS, "gpus") and not facts.get(key, _NONE).is_known:
            facts[key] = unknown(str(reason), reader.origin(key))
    if facts.get("os", _NONE).value is not None:
        facts["os"] = _os_fact(facts["os"])
    train = reader.mapping("train", wire.get("train"))
    for key in train:
        if key not in TRAIN_KEYS and warn:
            near = nearest(key, TRAIN_KEYS)
            warn(f"{where}: no rule or entry knows the training setting `{key}`" + (f"; did you mean `{near}`?" if near else ""))
    return Snapshot(
        facts=facts,
        packages={canonical_name(name): fact for name, fact in reader.mapping("packages", wire.get("packages")).items()},
        complete=reader.flag("complete", wire.get("complete")),
        gpus=reader.gpus(wire.get("gpus")),
        env=reader.mapping("env", wire.get("env")),
        env_complete=reader.flag("env_complete", wire.get("env_complete")),
        train=train,
        builds=reader.mapping("builds", wire.get("builds")),
        anomalies=reader.anomalies(wire.get("anomalies")),
    )


_NONE = Fact(None)


def _os_fact(fact: Fact) -> Fact:
    name = str(fact.value).lower()
    return Fact(_OS_NAMES.get(name, name), fact.origin)


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> Optional[str]:
    """The known word that a misspelt one most likely means, or None."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), 1, cutoff)), None)


def _unknown_key(key: str, known: Tuple[str, ...], where: str) -> InputError:
    near = nearest(key, known)
    hint = f"did you mean `{near}`?" if near else "known keys: " + ", ".join(known)
    return InputError(f"unknown key `{key}`", where=where, hint=hint)


class _Reader:
    """Reads the parts of one wire object, knowing where it came from."""

    def __init__(self, where: str, origins: Any, reasons: Any) -> None:
        self.where = where
        if not isinstance(origins, Mapping) or not isinstance(reasons, Mapping):
            raise InputError("`origins` and `unknown` are mappings of key to text", where=where)
        self.origins = origins
        self.reasons = reasons

    def origin(self, key: str) -> str:
        return str(self.origins[key]) if key in self.origins else self.where

    def fact(self, key: str, value: Any) -> Fact:
        if value is None:
            return Fact(None, self.origin(key), str(self.reasons.get(key, "")))
        if isinstance(value, (str, int, float)):
            return Fact(value, self.origin(key))
        raise InputError(f"`{key}` is {_shape(value)}, not one value", where=self.where, hint="write a text, a number, true, false or null")

    def mapping(self, name: str, value: Any) -> Dict[str, Fact]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise InputError(f"`{name}` is {_shape(value)}, not a mapping", where=self.where, hint=f'write "{name}": {{"key": "value"}}')
        return {str(key): self.fact(f"{name}.{key}", inner) for key, inner in value.items() if not str(key).startswith("_")}

    def flag(self, name: str, value: Any) -> bool:
        if value is None or isinstance(value, bool):
            return bool(value)
        if value in ("true", "false"):
            return bool(value == "true")
        raise InputError(f"`{name}` is true or false", where=self.where)

    def gpus(self, value: Any) -> Optional[Tuple[Gpu, ...]]:
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(gpu, Mapping) for gpu in value):
            raise InputError("`gpus` is a list of objects", where=self.where, hint='for example [{"name": "NVIDIA A800", "count": 8}]')
        return tuple(self._gpu(gpu) for gpu in value)

    def _gpu(self, gpu: Mapping[str, Any]) -> Gpu:
        for key in gpu:
            if key not in _GPU_KEYS and not key.startswith("_"):
                raise _unknown_key(f"gpus.{key}", tuple(f"gpus.{k}" for k in _GPU_KEYS), self.where)
        capability, arch = _capability(gpu.get("capability")), gpu.get("arch")
        if gpu.get("capability") is not None and capability is None:
            arch = arch or str(gpu["capability"])
        count, memory = (_whole(gpu.get(key), f"gpus.{key}", self.where) for key in ("count", "memory_mib"))
        return Gpu(str(gpu.get("name") or arch or "unnamed GPU"), capability, arch, count, memory, self.origin("gpus"))

    def anomalies(self, value: Any) -> Tuple[Anomaly, ...]:
        if value is None:
            return ()
        try:
            return tuple(Anomaly(str(a["kind"]), tuple(map(str, a["packages"])), str(a["detail"]), str(a.get("origin", ""))) for a in value)
        except (TypeError, KeyError, AttributeError):
            raise InputError("`anomalies` is a list of objects with kind, packages and detail", where=self.where) from None


def _shape(value: Any) -> str:
    return "a list" if isinstance(value, list) else "a mapping" if isinstance(value, Mapping) else f"of type {type(value).__name__}"


def _capability(value: Any) -> Optional[str]:
    if value is None:
        return None
    try:
        return versions.capability(str(value)).text
    except versions.VersionError:
        return None


def _whole(value: Any, key: str, where: str) -> Optional[int]:
    if value is None:
        return None
    if isinstance(value, bool) or not str(value).isdigit():
        raise InputError(f"`{key}` is a whole number", where=where)
    return int(value)


def write(snapshot: Snapshot, *, origins: bool = False) -> Dict[str, Any]:
    """The wire object of a Snapshot; with `origins` also where each fact was read, as `probe -o` saves it."""
    wire: Dict[str, Any] = {key: snapshot.facts[key].value for key in SENSE_KEYS if key in snapshot.facts}
    wire["complete"] = snapshot.complete
    wire["packages"] = _values(snapshot.packages)
    if snapshot.gpus is not None:
        wire["gpus"] = [_gpu_wire(gpu) for gpu in snapshot.gpus]
    for name in ("env", "train", "builds"):
        if getattr(snapshot, name):
            wire[name] = _values(getattr(snapshot, name))
    if snapshot.env_complete:
        wire["env_complete"] = True
    if snapshot.anomalies:
        wire["anomalies"] = [{"kind": a.kind, "packages": list(a.packages), "detail": a.detail, "origin": a.origin} for a in snapshot.anomalies]
    reasons = {key: fact.reason for key, fact in _every(snapshot) if fact.reason}
    if reasons:
        wire["unknown"] = reasons
    if origins:
        wire["origins"] = {key: fact.origin for key, fact in _every(snapshot) if fact.origin}
        if snapshot.gpus:
            wire["origins"]["gpus"] = snapshot.gpus[0].origin
    return wire


def _values(facts: Mapping[str, Fact]) -> Dict[str, Optional[Scalar]]:
    return {key: fact.value for key, fact in facts.items()}


def _every(snapshot: Snapshot) -> List[Tuple[str, Fact]]:
    rows = list(snapshot.facts.items())
    for name in ("packages", "env", "train", "builds"):
        rows += [(f"{name}.{key}", fact) for key, fact in getattr(snapshot, name).items()]
    return rows


def _gpu_wire(gpu: Gpu) -> Dict[str, Any]:
    row = {"name": gpu.name, "capability": gpu.capability, "arch": gpu.arch, "count": gpu.count, "memory_mib": gpu.memory_mib}
    return {key: value for key, value in row.items() if value is not None}
