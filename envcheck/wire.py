"""Snapshot to and from its flat JSON form, which a person can write by hand (docs/snapshot.md).

`read` names the nearest known key for one it does not know; keys that begin with `_` are ignored. `write` and `read`
are inverse: what was unknown, and why, and where each fact came from survive.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from envcheck import settings, versions
from envcheck.errors import InputError
from envcheck.model import SENSE_KEYS, Anomaly, Fact, Gpu, Scalar, Snapshot, unknown

_OTHER_KEYS = ("complete", "packages", "gpus", "env", "env_complete", "train", "builds", "requires", "anomalies", "origins", "unknown")
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
            raise unknown_key(key, known, where)
    reader = _Reader(where, wire.get("origins") or {}, wire.get("unknown") or {})
    facts = {key: reader.fact(key, wire[key]) for key in SENSE_KEYS if key in wire}
    for key, reason in reader.reasons.items():
        if key in (*SENSE_KEYS, "gpus") and not facts.get(key, _NONE).is_known:
            facts[key] = unknown(str(reason), reader.origin(key))
    if facts.get("os", _NONE).value is not None:
        facts["os"] = _os_fact(facts["os"])
    train = _spelt(reader.mapping("train", wire.get("train")))
    if warn:
        for sentence in _doubts(train):
            warn(f"{where}: {sentence}")
    return Snapshot(
        facts=facts,
        packages=reader.packages(wire.get("packages")),
        complete=reader.flag("complete", wire.get("complete")),
        gpus=reader.gpus(wire.get("gpus")),
        env=reader.mapping("env", wire.get("env")),
        env_complete=reader.flag("env_complete", wire.get("env_complete")),
        train=train,
        builds=reader.mapping("builds", wire.get("builds")),
        requires=reader.mapping("requires", wire.get("requires")),
        anomalies=reader.anomalies(wire.get("anomalies")),
    )


_NONE = Fact(None)


def _spelt(train: Mapping[str, Fact]) -> Dict[str, Fact]:
    return {key: fact if fact.value is None else fact._replace(value=settings.normal(key, fact.value)) for key, fact in train.items()}


def _doubts(train: Mapping[str, Fact]) -> Iterator[str]:
    for key, fact in train.items():
        known = None if fact.value is None else settings.known_values(key, fact.value)
        if key not in settings.TRAIN_KEYS:
            near = nearest(key, settings.TRAIN_KEYS)
            yield f"no rule or entry knows the training setting `{key}`" + (f"; did you mean `{near}`?" if near else "")
        elif known:
            yield f"no rule or entry knows `{fact.value}` as a value of the training setting `{key}`; known: {', '.join(known)}"


def _os_fact(fact: Fact) -> Fact:
    return Fact(os_name(str(fact.value)), fact.origin)


def os_name(name: str) -> str:
    """An operating system as envcheck calls it: `Darwin` is `macos`."""
    return _OS_NAMES.get(name.lower(), name.lower())


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> Optional[str]:
    """The known word that a misspelt one most likely means, or None."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), 1, cutoff)), None)


def unknown_key(key: str, known: Tuple[str, ...], where: str) -> InputError:
    """The error about a key that nobody knows, with the nearest known one."""
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

    def packages(self, value: Any) -> Dict[str, Fact]:
        found: Dict[str, Fact] = {}
        for name, fact in self.mapping("packages", value).items():
            if canonical_name(name) in found:
                raise InputError(
                    f"`{canonical_name(name)}` stands twice in `packages`", where=self.where, hint="case, `-`, `_` and `.` make no difference; keep one"
                )
            found[canonical_name(name)] = fact
        return found

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
        return tuple(self._gpu(gpu, f"gpus.{number}") for number, gpu in enumerate(value))

    def _gpu(self, gpu: Mapping[str, Any], place: str) -> Gpu:
        for key in gpu:
            if key not in _GPU_KEYS and not key.startswith("_"):
                raise unknown_key(f"gpus.{key}", tuple(f"gpus.{k}" for k in _GPU_KEYS), self.where)
        name, arch = (self._text(gpu.get(key), f"gpus.{key}") for key in ("name", "arch"))
        capability, other = self._capability(gpu.get("capability"))
        count, memory = (_whole(gpu.get(key), f"gpus.{key}", self.where) for key in ("count", "memory_mib"))
        arch = arch or other
        return Gpu(name or arch or "unnamed GPU", capability, arch, count, memory, self.origin(place if place in self.origins else "gpus"))

    def _text(self, value: Any, key: str) -> Optional[str]:
        if value is None or isinstance(value, str):
            return value
        raise InputError(f"`{key}` is {_shape(value)}, not a text", where=self.where, hint=f'write for example "{key[5:]}": "{_GPU_EXAMPLES[key]}"')

    def _capability(self, value: Any) -> Tuple[Optional[str], Optional[str]]:
        """A compute capability, or the architecture that other vendors' GPUs have in its place (`gfx90a`)."""
        if isinstance(value, float):
            value = str(value)
        text = self._text(value, "gpus.capability") if not isinstance(value, int) or isinstance(value, bool) else str(value)
        if not text:
            return None, None
        try:
            return versions.capability(text).text, None
        except versions.VersionError as error:
            if text[0].isdigit():
                raise InputError(f"`gpus.capability`: {error}", where=self.where, hint='write for example "capability": "8.0"') from None
            return None, text

    def anomalies(self, value: Any) -> Tuple[Anomaly, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not all(_is_anomaly(one) for one in value):
            raise InputError(
                "`anomalies` is a list of objects with kind, packages and detail", where=self.where, hint="`packages` is a list of one name or more"
            )
        return tuple(Anomaly(str(a["kind"]), tuple(a["packages"]), str(a["detail"]), str(a.get("origin", ""))) for a in value)


_GPU_EXAMPLES = {"gpus.name": "NVIDIA A800", "gpus.arch": "gfx90a", "gpus.capability": "8.0"}


def _is_anomaly(value: Any) -> bool:
    packages = value.get("packages") if isinstance(value, Mapping) and {"kind", "detail"} <= set(value) else None
    return isinstance(packages, list) and bool(packages) and all(isinstance(name, str) for name in packages)


def _shape(value: Any) -> str:
    return "a list" if isinstance(value, list) else "a mapping" if isinstance(value, Mapping) else f"of type {type(value).__name__}"


_WHOLE = re.compile(r"[0-9]{1,12}")


def _whole(value: Any, key: str, where: str) -> Optional[int]:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not _WHOLE.fullmatch(str(value)):
        raise InputError(f"`{key}` is a whole number", where=where)
    return int(value)


def write(snapshot: Snapshot, *, origins: bool = False) -> Dict[str, Any]:
    """The wire object of a Snapshot; with `origins` also where each fact was read, as `probe -o` saves it."""
    wire: Dict[str, Any] = {key: snapshot.facts[key].value for key in SENSE_KEYS if key in snapshot.facts}
    wire["complete"] = snapshot.complete
    wire["packages"] = _values(snapshot.packages)
    if snapshot.gpus is not None:
        wire["gpus"] = [_gpu_wire(gpu) for gpu in snapshot.gpus]
    for name in ("env", "train", "builds", "requires"):
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
        wire["origins"].update(_gpu_origins(snapshot.gpus or ()))
    return wire


def _values(facts: Mapping[str, Fact]) -> Dict[str, Optional[Scalar]]:
    return {key: fact.value for key, fact in facts.items()}


def _every(snapshot: Snapshot) -> List[Tuple[str, Fact]]:
    rows = list(snapshot.facts.items())
    for name in ("packages", "env", "train", "builds", "requires"):
        rows += [(f"{name}.{key}", fact) for key, fact in getattr(snapshot, name).items()]
    return rows


def _gpu_origins(gpus: Sequence[Gpu]) -> Dict[str, str]:
    """One origin for all of them where they share it, else one for each by its number."""
    origins = [gpu.origin for gpu in gpus]
    if len(set(origins)) < 2:
        return {"gpus": origins[0]} if origins else {}
    return {f"gpus.{number}": origin for number, origin in enumerate(origins)}


def _gpu_wire(gpu: Gpu) -> Dict[str, Any]:
    row = {"name": gpu.name, "capability": gpu.capability, "arch": gpu.arch, "count": gpu.count, "memory_mib": gpu.memory_mib}
    return {key: value for key, value in row.items() if value is not None}
