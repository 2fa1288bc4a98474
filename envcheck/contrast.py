"""What differs between two environments, or which node differs from the others, and which differences the matrix cares about."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Dict, List, Mapping, Sequence, Tuple

from envcheck.model import SENSE_KEYS, Fact, Finding, Gpu, Report, Snapshot


@dataclass(frozen=True)
class Contrast:
    """One fact that two environments have differently."""

    key: str
    one: str
    other: str
    findings: Tuple[str, ...] = ()
    """Ids of the findings that only one of them has and that rest on this fact."""


@dataclass(frozen=True)
class Comparison:
    """Two environments side by side."""

    differs: Tuple[Contrast, ...]
    only_one: Tuple[Finding, ...]
    """What is found only in the first."""
    only_other: Tuple[Finding, ...]
    unknown: Tuple[str, ...]
    """Keys that only one of them tells, so that nothing can be said."""


@dataclass(frozen=True)
class Odd:
    """One fact of a node that most others have differently."""

    node: str
    key: str
    value: str
    usual: str
    nodes: int
    """How many nodes have the usual value."""
    findings: Tuple[str, ...] = ()
    """Ids of the findings on that node that rest on this fact."""


UNTOLD = ""


def between(one: Report, other: Report) -> Comparison:
    """What differs, the facts that findings rest on first."""
    left, right = told(one.snapshot), told(other.snapshot)
    only_one, only_other = _only(one, other), _only(other, one)
    by_key: Dict[str, List[str]] = {}
    for finding in (*only_one, *only_other):
        for used in finding.facts:
            by_key.setdefault(_bare(used.key), []).append(finding.id)
    differs, unknown = [], []
    for key in sorted({*left, *right}):
        values = _value(left, one.snapshot, key), _value(right, other.snapshot, key)
        if UNTOLD in values:
            unknown.append(key)
        elif values[0] != values[1]:
            differs.append(Contrast(key, *values, tuple(dict.fromkeys(by_key.get(_bare(key), ())))))
    return Comparison(tuple(sorted(differs, key=lambda row: (not row.findings, _room(row.key), row.key))), only_one, only_other, tuple(unknown))


def odd_ones(nodes: Sequence[Tuple[str, Report]]) -> Tuple[Odd, ...]:
    """What single nodes have differently from the majority; a fact without a majority is odd on every node that is not of the largest group."""
    reports = dict(nodes)
    values = [(name, report.snapshot, told(report.snapshot)) for name, report in nodes]
    keys = sorted({key for _, _, row in values for key in row}, key=lambda key: (_room(key), key))
    found: List[Odd] = []
    for key in keys:
        rows = [(name, _value(row, snapshot, key)) for name, snapshot, row in values]
        counted = Counter(value for _, value in rows if value != UNTOLD)
        if len(counted) < 2:
            continue
        usual, number = max(counted.items(), key=lambda item: (item[1], item[0]))
        found += [Odd(name, key, value, usual, number, _resting(reports[name], key)) for name, value in rows if value not in (usual, UNTOLD)]
    return tuple(found)


def _resting(report: Report, key: str) -> Tuple[str, ...]:
    found = [one.id for one in report.findings if one.kind != "good" and any(_bare(used.key) == _bare(key) for used in one.facts)]
    return tuple(dict.fromkeys(found))


def told(snapshot: Snapshot) -> Dict[str, str]:
    """Every known fact by its key, as text."""
    rows: Dict[str, str] = _texts("", snapshot.facts)
    for room in ("packages", "env", "train", "builds"):
        rows.update(_texts("" if room == "packages" else f"{room}.", getattr(snapshot, room)))
    if snapshot.gpus is not None:
        rows["gpu"] = _gpus(snapshot.gpus)
    return rows


def _texts(prefix: str, facts: Mapping[str, Fact]) -> Dict[str, str]:
    return {prefix + key: str(fact.value) for key, fact in facts.items() if fact.is_known}


def _gpus(gpus: Sequence[Gpu]) -> str:
    return " + ".join(sorted(f"{gpu.count} x {gpu.name}" if gpu.count else gpu.name for gpu in gpus)) or "none"


def _value(row: Mapping[str, str], snapshot: Snapshot, key: str) -> str:
    if key in row:
        return row[key]
    if key.startswith("env."):
        return "not set" if snapshot.env_complete else UNTOLD
    if "." in key or key in snapshot.facts or key == "gpu" or key in _SENSES:
        return UNTOLD
    return str(snapshot.package(key).value or UNTOLD)


_SENSES = frozenset(SENSE_KEYS)


def _only(one: Report, other: Report) -> Tuple[Finding, ...]:
    there = {(finding.id, finding.culprit) for finding in other.findings}
    return tuple(finding for finding in one.findings if finding.kind != "good" and (finding.id, finding.culprit) not in there)


def _bare(key: str) -> str:
    return "gpu" if key in ("gpu", "gpu_count") else key.partition(" ")[0]


def _room(key: str) -> int:
    """Packages last: the machine is what differs between nodes by accident."""
    return 0 if key in _SENSES or key == "gpu" else 1 if "." in key else 2
