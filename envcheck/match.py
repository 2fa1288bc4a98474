"""(Snapshot, entries) -> findings and what could not be decided. Pure, total, deterministic."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from envcheck.conditions import Outcome, evaluate, truth_of
from envcheck.model import KINDS, SEVERITIES, Difference, Entry, Fact, Finding, Nearest, Snapshot, Truth, Undecided, UsedFact

MOST_MISSING = 2
"""An entry that more facts are missing for is too far away to be worth a person's attention."""
_BACKGROUND = frozenset(("python", "os", "arch", "glibc", "gpu_count"))
"""Facts that nearly every environment shares: that they fit says nothing about an entry."""
_LOWERED = {"error": "warning", "warning": "warning", "note": "note"}
"""Severity where a requirement merely allows what is bad: nothing broken is installed yet."""


class Matches(NamedTuple):
    """What a set of entries says of a snapshot."""

    findings: Tuple[Finding, ...]
    undecided: Tuple[Undecided, ...]


def match(snapshot: Snapshot, entries: Iterable[Entry]) -> Matches:
    """Findings of the bad and caution entries that hold, certainly or possibly, and the undecided ones, each ranked."""
    findings: List[Finding] = []
    undecided: List[Undecided] = []
    for entry in entries:
        outcome = evaluate(entry.when, snapshot)
        if outcome.truth is Truth.NO or entry.kind == "good":
            continue
        if outcome.truth is Truth.YES:
            findings.append(_finding(entry, outcome, "certain", entry.severity))
        elif not outcome.missing:
            findings.append(_finding(entry, outcome, "possible", _LOWERED[entry.severity]))
        elif _is_near(entry, outcome):
            undecided.append(Undecided(entry.id, entry.kind, entry.severity, entry.culprit, entry.title, outcome.missing))
    return Matches(tuple(sorted(findings, key=_finding_rank)), tuple(sorted(undecided, key=_undecided_rank)))


def _finding(entry: Entry, outcome: Outcome, certainty: str, severity: str) -> Finding:
    facts = tuple(UsedFact(key, fact.value, fact.origin) for key, fact in outcome.used if fact.value is not None)
    return Finding(entry.id, entry.kind, severity, certainty, entry.title, entry.culprit, facts)


def _is_near(entry: Entry, outcome: Outcome) -> bool:
    """Whether everything known fits, at least one fact of its own among it, and little is missing."""
    if len(outcome.missing) > MOST_MISSING:
        return False
    return any(key not in _BACKGROUND for key, _ in outcome.used)


def _finding_rank(finding: Finding) -> Tuple[int, int, int, str]:
    return (SEVERITIES.index(finding.severity), finding.certainty != "certain", KINDS.index(finding.kind), finding.id)


def _undecided_rank(item: Undecided) -> Tuple[int, int, int, str]:
    return (SEVERITIES.index(item.severity), KINDS.index(item.kind), len(item.needs), item.id)


def known_good(snapshot: Snapshot, entries: Iterable[Entry], stack: FrozenSet[str]) -> Tuple[Tuple[Finding, ...], Optional[Nearest]]:
    """The good entries that name this very combination, or else the nearest one and what differs.

    A good entry speaks only for the packages it names: where the snapshot holds another package of `stack` (those that
    run in a training step), the combination is untested, however well the rest fits. The nearest has the fewest
    departures, then the most in common; without one version in common it is no neighbour.
    """
    present = [name for name, fact in snapshot.packages.items() if name in stack and fact.value is not None and fact.value != "absent"]
    truths = _Remembered(snapshot)
    findings: List[Finding] = []
    best: Optional[Tuple[Tuple[int, int, str], Entry]] = None
    for entry in entries:
        fitting = [key for key, argument in entry.when.items() if truths.of(key, argument) is Truth.YES]
        departures = len(entry.when) - len(fitting) + sum(name not in entry.when for name in present)
        if not departures:
            findings.append(_finding(entry, evaluate(entry.when, snapshot), "certain", entry.severity))
        common = sum(key in present for key in fitting)
        rank = (departures - common, -common, entry.id)
        if common and (best is None or rank < best[0]):
            best = rank, entry
    return tuple(findings), None if findings or best is None else _nearest(best[1], snapshot, present)


class _Remembered:
    """Answers of one snapshot: good entries share most of their conditions."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.answers: Dict[Tuple[str, str], Truth] = {}

    def of(self, key: str, argument: Any) -> Truth:
        asked = (key, argument if isinstance(argument, str) else repr(argument))
        if asked not in self.answers:
            self.answers[asked] = truth_of(key, argument, self.snapshot)
        return self.answers[asked]


def _nearest(entry: Entry, snapshot: Snapshot, present: Sequence[str]) -> Nearest:
    differs = [
        Difference(key, _shown(snapshot, key), _wanted(wanted)) for key, wanted in entry.when.items() if truth_of(key, wanted, snapshot) is not Truth.YES
    ]
    differs += [Difference(name, _shown(snapshot, name), None) for name in present if name not in entry.when]
    return Nearest(entry.id, entry.title, tuple(differs))


def _shown(snapshot: Snapshot, key: str) -> Optional[str]:
    fact = snapshot.facts.get(key) or snapshot.package(key)
    return None if fact.value is None else str(fact.value)


def _wanted(argument: object) -> str:
    text = " or ".join(argument) if isinstance(argument, (list, tuple)) else str(argument)
    return text[2:] if text.startswith("==") and "," not in text else text


def unpinned(snapshot: Snapshot, matches: Matches) -> Dict[str, Tuple[str, ...]]:
    """Package -> ids of the entries that its requirement allows but does not force: what a tighter pin would settle."""
    allowed: Dict[str, List[str]] = {}
    open_ones = [(one.id, one.culprit) for one in matches.findings if one.certainty == "possible"]
    open_ones += [(one.id, one.culprit) for one in matches.undecided]
    for id, culprit in open_ones:
        for name in culprit:
            if _is_range(snapshot.packages.get(name)):
                allowed.setdefault(name, []).append(id)
    return {name: tuple(ids) for name, ids in sorted(allowed.items())}


def _is_range(fact: Optional[Fact]) -> bool:
    return fact is not None and isinstance(fact.value, str) and fact.value[:1] in "<>=!~"
