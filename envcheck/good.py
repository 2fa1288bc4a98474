"""Which published combination a snapshot is, or else the nearest one and what differs."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterable, List, Optional, Sequence, Tuple

from envcheck.conditions import CONDITIONS, evaluate, truth_of
from envcheck.match import finding
from envcheck.model import SENSE_KEYS, Difference, Entry, Finding, Nearest, Snapshot, Truth

Condition = Tuple[str, str]
"""A condition key and its argument as text."""


class GoodCombinations:
    """The good entries, laid out so that a condition that many of them share is judged once, and once for all snapshots
    in which one fact decides it the same way.
    """

    LIMIT = 20_000

    def __init__(self, entries: Iterable[Entry], stack: FrozenSet[str]) -> None:
        """`stack` names the packages that run in a training step."""
        self._stack = stack
        self._arguments: Dict[str, Dict[str, Any]] = {}
        self._entries: List[Tuple[Entry, FrozenSet[Condition], FrozenSet[str]]] = []
        for entry in entries:
            self._entries.append((entry, frozenset((key, repr(argument)) for key, argument in entry.when.items()), frozenset(entry.when)))
            for key, argument in entry.when.items():
                self._arguments.setdefault(key, {})[repr(argument)] = argument
        self._answers: Dict[Tuple[str, Any, bool], FrozenSet[Condition]] = {}

    def judge(self, snapshot: Snapshot) -> Tuple[Tuple[Finding, ...], Optional[Nearest]]:
        """The entries that name this very combination, or else the nearest one and what differs.

        A good entry speaks only for the packages it names: where the snapshot holds another package of the stack, the
        combination is untested, however well the rest fits. The nearest has the fewest departures, then the most in
        common; without one version of an installed package in common it is no neighbour.
        """
        present = [name for name, fact in snapshot.packages.items() if name in self._stack and fact.value != "absent"]
        if not present:
            return (), None
        fits = frozenset().union(*(self._fitting(key, snapshot) for key in self._arguments))
        there = frozenset(present)
        shared = frozenset(condition for condition in fits if condition[0] in there)
        findings: List[Finding] = []
        best: Optional[Tuple[Tuple[int, int, str], Entry]] = None
        for entry, conditions, keys in self._entries:
            common = len(shared & conditions)
            if not common:
                continue
            departures = len(conditions) - len(fits & conditions) + len(there - keys)
            if not departures:
                findings.append(finding(entry, evaluate(entry.when, snapshot), "certain", entry.severity))
            rank = (departures - common, -common, entry.id)
            if best is None or rank < best[0]:
                best = rank, entry
        return tuple(findings), None if findings or best is None else _nearest(best[1], snapshot, present)

    def _fitting(self, key: str, snapshot: Snapshot) -> FrozenSet[Condition]:
        """The conditions under `key` that hold."""
        if key in CONDITIONS and key not in SENSE_KEYS or "." in key or key in ("any", "not"):
            return self._judged(key, snapshot)
        fact = snapshot.fact(key) if key in SENSE_KEYS else snapshot.package(key)
        asked = (key, None if fact.value is None else str(fact.value), snapshot.complete)
        if asked not in self._answers:
            if len(self._answers) >= self.LIMIT:
                self._answers.clear()
            self._answers[asked] = self._judged(key, snapshot)
        return self._answers[asked]

    def _judged(self, key: str, snapshot: Snapshot) -> FrozenSet[Condition]:
        return frozenset((key, text) for text, argument in self._arguments[key].items() if truth_of(key, argument, snapshot) is Truth.YES)


def _nearest(entry: Entry, snapshot: Snapshot, present: Sequence[str]) -> Nearest:
    differs = [
        Difference(key, _shown(snapshot, key), _wanted(wanted)) for key, wanted in entry.when.items() if truth_of(key, wanted, snapshot) is not Truth.YES
    ]
    differs += [Difference(name, _shown(snapshot, name), None) for name in present if name not in entry.when]
    return Nearest(entry.id, entry.title, tuple(differs))


def _shown(snapshot: Snapshot, key: str) -> Optional[str]:
    fact = snapshot.fact(key) if key in SENSE_KEYS else snapshot.package(key)
    return None if fact.value is None else str(fact.value)


def _wanted(argument: object) -> str:
    text = " or ".join(argument) if isinstance(argument, (list, tuple)) else str(argument)
    return text[2:] if text.startswith("==") and "," not in text else text
