"""Which entries of an index a snapshot leaves over: what something known makes interesting and nothing known refutes."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from envcheck.conditions import is_package, truth_of, version_set
from envcheck.matrix.index import Index, Located
from envcheck.matrix.slabs import Span
from envcheck.model import Snapshot, Truth


def known_facts(snapshot: Snapshot) -> Iterator[Tuple[str, Any]]:
    """The condition keys that `snapshot` has something to say about, with what decides each."""
    yield from ((key, fact.value) for key, fact in snapshot.facts.items() if fact.value is not None)
    yield from ((name, fact.value) for name, fact in snapshot.packages.items() if fact.value is not None)
    if snapshot.gpus:
        yield "gpu", snapshot.gpus
        yield "gpu_count", snapshot.gpus
    yield from ((f"train.{key}", fact.value) for key, fact in snapshot.train.items() if fact.value is not None)
    yield from ((f"env.{key}", fact.value) for key, fact in snapshot.env.items() if fact.value is not None)


class Sieve:
    """Remembers what each fact reaches and refutes, by its value.

    Thousands of snapshots share few versions of each package. Sets of entries are the bits of one integer each, so that
    nearly every entry is dismissed by a handful of operations on integers.
    """

    LIMIT = 20_000

    def __init__(self, index: Index) -> None:
        """Over one index, whose rows are read as they are reached."""
        self._index = index
        self._numbers: Dict[Span, int] = {}
        self._located: List[Located] = []
        self._naming: Dict[str, List[int]] = {}
        """Condition key -> the numbers of the entries read so far that name it outside `any` and `not`."""
        self._reached: Dict[Tuple[str, Any], int] = {}
        self._beside: Dict[Tuple[str, str], int] = {}
        self._refuted: Dict[Tuple[str, Any, bool], Tuple[int, int]] = {}

    def left_over(self, snapshot: Snapshot) -> Iterator[Located]:
        """The entries; their order means nothing."""
        known = dict(known_facts(snapshot))
        reached = 0
        for key in self._index.keys & known.keys():
            reached |= self._reach(key, known[key]) | self._reach_beside(key, known, snapshot)
        left = reached
        for key in self._naming.keys() & known.keys():
            if not left:
                return
            left &= ~self._refute(key, known[key], snapshot)
        while left:
            lowest = left & -left
            yield self._located[lowest.bit_length() - 1]
            left ^= lowest

    def _reach(self, key: str, value: Any) -> int:
        """Entries whose primary key this is, as far as its value lets them through, and those without a primary key."""
        asked = (key, value if isinstance(value, tuple) else str(value))
        if asked not in self._reached:
            directory = self._index.directory(key)
            found = version_set(key, value)
            spans = [] if value == "absent" else directory.reached(found.intervals if found else None)
            self._remember(self._reached, asked, self._bits([*spans, *directory.loose]))
        return self._reached[asked]

    def _reach_beside(self, key: str, known: Mapping[str, Any], snapshot: Snapshot) -> int:
        """Entries that name this key and whose primary fact nobody knows."""
        bits = 0
        for main, spans in self._index.directory(key).beside.items():
            if main in known or snapshot.complete and is_package(main) and main not in snapshot.packages:
                continue
            if (key, main) not in self._beside:
                self._beside[key, main] = self._bits(spans)
            bits |= self._beside[key, main]
        return bits

    def _refute(self, key: str, value: Any, snapshot: Snapshot) -> int:
        # As text, because 1, 1.0 and true are equal keys and different settings.
        asked = (key, value if isinstance(value, tuple) else str(value), snapshot.complete)
        judged, bits = self._refuted.get(asked, (0, 0))
        naming = self._naming[key]
        if judged < len(naming):
            for number in naming[judged:]:
                if truth_of(key, self._located[number].entry.when[key], snapshot) is Truth.NO:
                    bits |= 1 << number
            self._remember(self._refuted, asked, (len(naming), bits))
        return bits

    def _remember(self, memory: Dict[Any, Any], asked: Any, answer: Any) -> None:
        if len(memory) >= self.LIMIT:
            memory.clear()
        memory[asked] = answer

    def _bits(self, spans: Sequence[Span]) -> int:
        bits = 0
        for span in spans:
            bits |= 1 << self._number(span)
        return bits

    def _number(self, span: Span) -> int:
        number = self._numbers.get(span)
        if number is None:
            number = self._numbers[span] = len(self._located)
            located = self._index.located(span)
            self._located.append(located)
            for key in located.entry.when:
                if key not in ("any", "not"):
                    self._naming.setdefault(key, []).append(number)
        return number
