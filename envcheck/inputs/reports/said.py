"""What the parts of a pasted report say, each with its line and its weight, and what that comes to.

A tool's own output outweighs a list somebody typed, and that one a sentence. Of equal weight and contradictory is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Callable, NamedTuple, Optional

from envcheck import versions
from envcheck.facts.gpus import name_words
from envcheck.model import Fact, Gpu, Snapshot, unknown
from envcheck.wire import canonical_name

TOOL, TYPED, PROSE, TRACE = 3, 2, 1, 0
"""Printed by a program; a list, table or install command; a sentence; the paths of a traceback."""


class Statement(NamedTuple):
    """One thing that one line says."""

    value: str
    line: int
    weight: int
    whole: bool = False
    """Of GPUs, whether the line counts them."""


class Said:
    """The statements of one report. Readers add to it, `snapshot` weighs them."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.weight = TOOL
        """Of what is being read now."""
        self.parts: list[tuple[str, int]] = []
        """What was recognised, with its first line."""
        self.train: list[Mapping[str, Fact]] = []
        self.ignored: list[str] = []
        """One sentence for each statement that another one outweighed or contradicts; filled by `snapshot`."""
        self._rows: dict[tuple[str, str], list[Statement]] = {}
        self._gpus: dict[tuple[int, int], list[Gpu]] = {}
        self._block = 0

    def begin(self, weight: int) -> None:
        """Begin a part of the report: the GPUs of two parts are the same ones, said twice."""
        self.weight = weight
        self._block += 1

    def origin(self, line: int) -> str:
        """File and line."""
        return f"{self.path}:{line}"

    def package(self, name: str, version: str, line: int) -> None:
        """Take a package's version, or `absent`; what PEP 440 cannot read is not taken."""
        version = version.strip().removeprefix("v")
        if version != "absent":
            try:
                versions.reported(version)
            except versions.VersionError:
                return
        self._add(("packages", canonical_name(name)), version, line)

    def fact(self, key: str, value: str, line: int) -> None:
        """Take one of `SENSE_KEYS`."""
        self._add(("facts", key), value.strip(), line)

    def build(self, key: str, value: str, line: int) -> None:
        """Take what a binary was built for."""
        self._add(("builds", key), value.strip(), line)

    def env(self, name: str, value: str, line: int) -> None:
        """Take an environment variable."""
        self._add(("env", name), value, line)

    def gpu(self, gpu: Gpu, line: int) -> None:
        """Take one GPU, or several of a kind."""
        gpus = self._gpus.setdefault((self.weight, self._block), [])
        if gpus and gpus[-1].name.startswith("sm_") and gpu.capability is None:
            # xformers.info gives the capability a line before the name.
            gpu = replace(gpu, capability=gpus.pop().capability)
        gpus.append(replace(gpu, origin=self.origin(line)))

    def gpu_count(self, count: int) -> None:
        """Take how many GPUs there are of the kind that this part named."""
        gpus = self._gpus.get((self.weight, self._block), [])
        if len(gpus) == 1:
            gpus[0] = replace(gpus[0], count=count)

    def no_gpu(self) -> None:
        """Take that this part looked for GPUs and saw none."""
        self._gpus.setdefault((self.weight, self._block), [])

    def has(self, room: str, key: str) -> bool:
        """Whether anything was said of it."""
        return (room, key) in self._rows

    def is_empty(self) -> bool:
        """Whether nothing was understood."""
        return not (self._rows or self._gpus or self.train)

    def _add(self, key: tuple[str, str], value: str, line: int) -> None:
        if value:
            self._rows.setdefault(key, []).append(Statement(value, line, self.weight))

    def snapshot(self, joined: Optional[Callable[[Iterable[Mapping[str, Fact]]], Mapping[str, Fact]]] = None) -> Snapshot:
        """Everything together; `joined` makes one set of training settings of several."""
        self.ignored = []
        rooms: dict[str, dict[str, Fact]] = {"packages": {}, "facts": {}, "builds": {}, "env": {}}
        for (room, key), rows in self._rows.items():
            rooms[room][key] = self._decided(key, rows)
        train = joined(self.train) if joined and self.train else {}
        return Snapshot(facts=rooms["facts"], packages=rooms["packages"], builds=rooms["builds"], env=rooms["env"], gpus=self._devices(), train=dict(train))

    def _decided(self, key: str, rows: list[Statement]) -> Fact:
        heaviest = max(row.weight for row in rows)
        best = [row for row in rows if row.weight == heaviest]
        chosen = max(best, key=lambda row: (_exactness(row.value), -row.line))
        against = [row for row in best if not agree(row.value, chosen.value)]
        for row in rows:
            if PROSE <= row.weight < heaviest and not agree(row.value, chosen.value):
                self.ignored.append(f"{self.origin(row.line)}: `{key} {row.value}` is not counted, line {chosen.line} says {chosen.value}")
        if against:
            said = f"line {chosen.line} says {chosen.value}, line {against[0].line} says {against[0].value}"
            self.ignored.append(f"{self.origin(against[0].line)}: `{key}` is unknown: {said}")
            return unknown(f"the report contradicts itself: {said}", self.origin(chosen.line))
        # A sentence that agrees and tells more (`2.1.0+cu121`) does not replace a tool's word; one of the same weight was chosen above.
        return Fact(chosen.value, self.origin(chosen.line))

    def _devices(self) -> Optional[tuple[Gpu, ...]]:
        if not self._gpus:
            return None
        ranked = sorted(self._gpus.items(), key=lambda item: (-item[0][0], not any(gpu.count for gpu in item[1]), not item[1], item[0][1]))
        (weight, _), gpus = ranked[0]
        gpus = [replace(gpu, count=gpu.count or _told([rows for _, rows in ranked[1:]], gpu)) for gpu in gpus] if len(gpus) == 1 else gpus
        for (other, _), rows in ranked[1:]:
            if rows and gpus and other == weight and not _same(rows, gpus):
                self.ignored.append(f"{rows[0].origin}: `{rows[0].name}` is not counted beside `{gpus[0].name}` of {gpus[0].origin}")
        return _grouped(gpus)


def agree(one: str, other: str) -> bool:
    """Whether two versions may be of one thing: `2.1` and `2.1.0+cu121` do."""
    low, high = sorted((one.lower(), other.lower()), key=len)
    return high == low or (low[:1].isdigit() and high.startswith(low) and high[len(low)] in ".+")


def _exactness(value: str) -> int:
    return 0 if value[:1] in "<>!~=" else len(value)


def _same(one: list[Gpu], other: list[Gpu]) -> bool:
    """Whether the names of one part may be those of the other: `A100 80GB` and `NVIDIA A100-SXM4-80GB` are."""
    words = [[name_words(gpu.name) for gpu in gpus] for gpus in (one, other)]
    return all(any(a <= b or b <= a for b in words[1]) for a in words[0])


def _told(others: list[list[Gpu]], kind: Gpu) -> Optional[int]:
    """How many of one kind other parts count, where they agree."""
    counts = {rows[0].count for rows in others if len(rows) == 1 and rows[0].count and _same(rows, [kind])}
    return counts.pop() if len(counts) == 1 else None


def _grouped(gpus: list[Gpu]) -> tuple[Gpu, ...]:
    """Equal ones counted; a kind of which one line does not say the number is left without one."""
    counted: Counter[str] = Counter()
    first: dict[str, Gpu] = {}
    for gpu in gpus:
        first.setdefault(gpu.name, gpu)
        counted[gpu.name] += gpu.count or 0
    return tuple(replace(gpu, count=counted[name] or None) for name, gpu in first.items())
