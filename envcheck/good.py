"""Which published combination a snapshot is, or else the nearest one and what differs."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterable, List, Optional, Sequence, Tuple

from envcheck.conditions import evaluate, truth_of
from envcheck.match import finding
from envcheck.model import Difference, Entry, Finding, Nearest, Snapshot, Truth


class GoodCombinations:
    """The good entries, laid out so that a condition that many of them share is judged once for a snapshot."""

    def __init__(self, entries: Iterable[Entry], stack: FrozenSet[str]) -> None:
        """`stack` names the packages that run in a training step."""
        self._stack = stack
        self._conditions: List[Tuple[str, Any]] = []
        numbers: Dict[Tuple[str, str], int] = {}
        self._entries: List[Tuple[Entry, Tuple[int, ...]]] = []
        for entry in entries:
            used = []
            for key, argument in entry.when.items():
                number = numbers.setdefault((key, repr(argument)), len(self._conditions))
                if number == len(self._conditions):
                    self._conditions.append((key, argument))
                used.append(number)
            self._entries.append((entry, tuple(used)))

    def judge(self, snapshot: Snapshot) -> Tuple[Tuple[Finding, ...], Optional[Nearest]]:
        """The entries that name this very combination, or else the nearest one and what differs.

        A good entry speaks only for the packages it names: where the snapshot holds another package of the stack, the
        combination is untested, however well the rest fits. The nearest has the fewest departures, then the most in
        common; without one version of an installed package in common it is no neighbour.
        """
        present = [name for name, fact in snapshot.packages.items() if name in self._stack and fact.value not in (None, "absent")]
        if not present:
            return (), None
        fits = [truth_of(key, argument, snapshot) is Truth.YES for key, argument in self._conditions]
        counts = [key in present and fit for (key, _), fit in zip(self._conditions, fits)]
        findings: List[Finding] = []
        best: Optional[Tuple[Tuple[int, int, str], Entry]] = None
        for entry, used in self._entries:
            common = sum([counts[number] for number in used])
            if not common:
                continue
            departures = len(used) - sum([fits[number] for number in used]) + sum([name not in entry.when for name in present])
            if not departures:
                findings.append(finding(entry, evaluate(entry.when, snapshot), "certain", entry.severity))
            rank = (departures - common, -common, entry.id)
            if best is None or rank < best[0]:
                best = rank, entry
        return tuple(findings), None if findings or best is None else _nearest(best[1], snapshot, present)


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
