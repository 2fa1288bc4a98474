"""Which entries of an index a snapshot leaves over: what something known makes interesting and nothing known refutes."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, Optional, Sequence, Tuple

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
    nearly every entry is dismissed by a handful of operations on integers. An entry with an `any` has a bit for each of its
    branches, and is dismissed with the last of them.
    """

    LIMIT = 20_000

    def __init__(self, index: Index) -> None:
        """Over one index, whose rows are read as they are reached."""
        self._index = index
        self._ways: Dict[Span, int] = {}
        self._behind: List[Tuple[Located, int]] = []
        """Behind each bit its entry, and all bits of that entry."""
        self._naming: Dict[str, List[Tuple[int, Any]]] = {}
        """Condition key -> of the entries read so far the bits that rest on it, with its argument."""
        self._reached: Dict[Tuple[str, Any], int] = {}
        self._beside: Dict[Tuple[str, str], int] = {}
        self._refuted: Dict[Tuple[str, Any, bool], Tuple[int, int]] = {}
        """Key, value and whether the listing is full -> how many of the key's `_naming` have been judged, and the bits refuted."""
        self._unlisted: Dict[Tuple[Optional[FrozenSet[str]], Optional[FrozenSet[str]]], Tuple[int, int]] = {}
        """The same for all that listings of packages and of variables lack, by how many conditions had been noted."""
        self._noted = 0

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
        if left:
            left &= ~self._refute_unlisted(snapshot)
        while left:
            located, ways = self._behind[(left & -left).bit_length() - 1]
            yield located
            left &= ~ways

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
            for ways, argument in naming[judged:]:
                if truth_of(key, argument, snapshot) is Truth.NO:
                    bits |= ways
            self._remember(self._refuted, asked, (len(naming), bits))
        return bits

    def _refute_unlisted(self, snapshot: Snapshot) -> int:
        """What rests on something that a full listing does not have."""
        packages = frozenset(snapshot.packages) if snapshot.complete else None
        variables = frozenset(f"env.{name}" for name in snapshot.env) if snapshot.env_complete else None
        asked = (packages, variables)
        judged, bits = self._unlisted.get(asked, (0, 0))
        if judged < self._noted:
            for key in self._naming:
                listed = packages if is_package(key) else variables if key.startswith("env.") else None
                if listed is not None and key not in listed:
                    bits |= self._refute(key, "absent", snapshot)
            self._remember(self._unlisted, asked, (self._noted, bits))
        return bits

    def _remember(self, memory: Dict[Any, Any], asked: Any, answer: Any) -> None:
        if len(memory) >= self.LIMIT:
            memory.clear()
        memory[asked] = answer

    def _bits(self, spans: Sequence[Span]) -> int:
        bits = 0
        for span in spans:
            bits |= self._ways_of(span)
        return bits

    def _ways_of(self, span: Span) -> int:
        """The bits of an entry, which is read when it is first asked for."""
        if span not in self._ways:
            located = self._index.located(span)
            when = located.entry.when
            branches: Sequence[Mapping[str, Any]] = when.get("any") or ({},)
            first = len(self._behind)
            ways = self._ways[span] = (1 << len(branches)) - 1 << first
            self._behind.extend([(located, ways)] * len(branches))
            self._note(when, ways)
            for number, branch in enumerate(branches, first):
                self._note(branch, 1 << number)
        return self._ways[span]

    def _note(self, when: Mapping[str, Any], ways: int) -> None:
        for key, argument in when.items():
            if key not in ("any", "not"):
                self._naming.setdefault(key, []).append((ways, argument))
                self._noted += 1
