"""A new entry from a few answers: its file, with examples that hit, miss and stay unknown."""

from __future__ import annotations

import datetime
import json
import re
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from envcheck import versions
from envcheck.conditions import CONDITIONS, VERSION_CONDITIONS, evaluate
from envcheck.model import Snapshot, Truth
from envcheck.wire import read as read_wire
from envcheck.workshop.work import Workbench

Wire = Dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """What a contributor knows."""

    package: str
    since: str
    """First bad version; empty for every one before `fixed`."""
    fixed: str
    """First good version after it; empty where there is none."""
    beside: Mapping[str, str]
    """Further conditions by key, such as `{"torch": "<2.3", "train.zero_stage": "2"}`."""
    symptom: str
    title: str
    cause: str
    link: str
    level: str
    """One of `EVIDENCE_LEVELS`."""

    @property
    def when(self) -> Dict[str, str]:
        """The conditions of the entry."""
        bounds = [f">={self.since}" if self.since else "", f"<{self.fixed}" if self.fixed else ""]
        return {self.package: ",".join(filter(None, bounds)) or "installed", **self.beside}

    @property
    def id(self) -> str:
        """A slug from the package and what else takes part."""
        beside = [re.sub(r"[^a-z0-9.]+", "-", f"{key.rpartition('.')[2]} {value}".lower()).strip("-.") for key, value in self.beside.items()]
        parts = [self.package, self.since or (f"before-{self.fixed}" if self.fixed else ""), *beside]
        return re.sub(r"[.-]{2,}", "-", "-".join(filter(None, parts)))


def text(answers: Answers, bench: Workbench) -> str:
    """The file. A single reporter's word makes it a caution; the author raises a warning to an error where that is deserved."""
    kind = "caution" if answers.level == "reporter" else "bad"
    fix = f"change: {{{answers.package}: {_quoted('>=' + answers.fixed)}}}" if answers.fixed else "do: TODO what a user can change to get out of it"
    examples = _examples(answers, bench)
    lines = [
        f"id: {answers.id}",
        f"kind: {kind}",
        "severity: warning",
        f"title: {_quoted(answers.title)}",
        f"culprit: [{answers.package}]",
        "when:",
        *(f"  {key}: {_quoted(value)}" for key, value in answers.when.items()),
        f"symptom: [{answers.symptom}]",
        "cause: >-",
        f"  {answers.cause}",
        "fix:",
        f"  - {fix}",
        "evidence:",
        f"  level: {answers.level}",
        f"  reviewed: {datetime.date.today().isoformat()}",
        f"  links: [{_quoted(answers.link)}]",
        "examples:",
    ]
    for heading, snapshots in examples.items():
        lines += [f"  {heading}:", *(f"    - {_flow(one)}" for one in snapshots)]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return value if re.fullmatch(r"[a-z_]+", str(value)) else _quoted(str(value))


def _examples(answers: Answers, bench: Workbench) -> Dict[str, List[Wire]]:
    """First and last bad version as hits; for each condition a miss that differs in it alone; and one without the package."""
    inside = {key: _inside(key, argument, bench) for key, argument in answers.when.items()}
    first = {key: values[0] for key, values in inside.items()}
    hits = [first, *([{**first, answers.package: inside[answers.package][-1]}] if len(inside[answers.package]) > 1 else [])]
    misses = [{**first, key: value} for key, argument in answers.when.items() for value in _outside(key, argument, bench)]
    found = {"hit": [_wire(one) for one in hits], "miss": [_wire(one) for one in misses]}
    rest = {key: value for key, value in first.items() if key != answers.package}
    found["unknown"] = [_wire(rest) if rest else {"packages": {"another-package": "1.0.0"}}]
    return {heading: [one for one in snapshots if _truth(answers.when, one) is _WANTED[heading]] for heading, snapshots in found.items()}


_WANTED = {"hit": Truth.YES, "miss": Truth.NO, "unknown": Truth.UNKNOWN}


def _truth(when: Mapping[str, Any], wire: Wire) -> Truth:
    snapshot: Snapshot = read_wire(wire, "new entry", lambda message: None)
    return evaluate(when, snapshot).truth


def _inside(key: str, argument: str, bench: Workbench) -> Sequence[str]:
    """Values that satisfy a condition: the oldest and the newest release, or what the bound names."""
    if argument in ("installed", "set"):
        return (bench.releases(key) or ("1.0.0",))[-1:]
    if not _is_versioned(key):
        return (argument,)
    admitted = bench.released(key, argument)
    if admitted:
        return tuple(dict.fromkeys((admitted[0], admitted[-1])))
    return tuple(one for one in _bounds(argument) if versions.within(versions.installed(one), versions.specifier(argument)))[:1] or ("0.0.1",)


def _outside(key: str, argument: str, bench: Workbench) -> Iterator[str]:
    """Values that just fail a condition."""
    if not _is_versioned(key):
        other = _other(argument)
        if other is not None:
            yield other
        return
    if argument == "installed":
        yield "absent"
        return
    admitted, known = bench.released(key, argument), bench.releases(key)
    if admitted:
        before, after = known.index(admitted[0]) - 1, known.index(admitted[-1]) + 1
        yield from ([known[before]] if before >= 0 else []) + ([known[after]] if after < len(known) else [])
        return
    ends = ("2.0", "19.9") if key == "gpu" else ("0.0.0", "9999.0.0")
    yield from (one for one in (*_bounds(argument), *ends) if versions.within(versions.installed(one), versions.specifier(argument)) is False)


def _other(argument: str) -> Optional[str]:
    return {"true": "false", "false": "true", "linux": "windows", "windows": "linux"}.get(argument, "0" if argument.isdigit() and argument != "0" else "other")


def _is_versioned(key: str) -> bool:
    return key in VERSION_CONDITIONS or key == "gpu" or (key not in CONDITIONS and "." not in key)


def _bounds(specifier: str) -> List[str]:
    return re.findall(r"[0-9][0-9a-z.]*", specifier)


def _wire(values: Mapping[str, str]) -> Wire:
    found: Wire = {}
    for key, value in values.items():
        room, dot, name = key.partition(".")
        if key == "gpu":
            found["gpus"] = [{"name": "a GPU", "capability": value}]
        elif key in CONDITIONS:
            found[key] = value
        elif dot and room in ("train", "env"):
            found.setdefault(room, {})[name] = value
        else:
            found.setdefault("packages", {})[key] = value
    return found


def conditions(texts: Sequence[str]) -> Tuple[Tuple[str, str], ...]:
    """`torch<2.3`, `train.zero_stage=2`, `os=windows` -> condition key and argument. Raises ValueError for another shape."""
    return tuple(_condition(one.strip()) for one in texts)


def _condition(text: str) -> Tuple[str, str]:
    key = re.match(r"[A-Za-z0-9_.-]*", text)[0]  # type: ignore[index]
    rest = text[len(key) :].strip()
    argument = rest[1:].strip() if re.match(r"=(?!=)", rest) else rest
    if not key or not argument or rest[:1] not in "<>=!~":
        raise ValueError(f"`{text}` is no condition; write for example `torch<2.3` or `train.zero_stage=2`")
    return key, argument
