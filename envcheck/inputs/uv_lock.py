"""uv.lock: the packages that `uv sync` installs for the target, found by walking from the project along the edges.

https://docs.astral.sh/uv/concepts/resolution/#universal-resolution
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from envcheck import toml
from envcheck.documents import read_text
from envcheck.inputs import locktoml
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.locked import Package, table, tables, take, text, texts
from envcheck.wire import canonical_name

_Row = Mapping[str, Any]
DEFAULT_GROUP = "dev"
"""The group that `uv sync` takes where a project does not say otherwise."""


def read(text_: str, path: str, gathered: Gathered) -> None:
    """Take what is reached from the project under the target's markers, extras and groups."""
    lock = locktoml.read(text_, path)
    gathered.markers.fit_python(text(lock.top.get("requires-python")))
    walk = _Walk(lock, path, gathered)
    walk.run()
    take(walk.found, gathered)
    gathered.complete.append(not gathered.left_out())
    gathered.say_left_out(path)


class _Step(NamedTuple):
    number: int
    extras: tuple[str, ...]


class _Walk:
    def __init__(self, lock: locktoml.Locked, path: str, gathered: Gathered) -> None:
        self.lock = lock
        self.path = path
        self.gathered = gathered
        self.found: list[Package] = []
        self.named: dict[str, list[int]] = {}
        for number, row in enumerate(lock.packages):
            self.named.setdefault(text(row.get("name")), []).append(number)
        self.conflicts: set[str] = set()
        self.seen: set[tuple[int, str]] = set()
        self.queue: deque[_Step] = deque()

    def run(self) -> None:
        roots = self._roots()
        for number in roots:
            self._root(number)
        while self.queue:
            self._visit(self.queue.popleft())

    def _roots(self) -> list[int]:
        """The project itself, or every member of a workspace without one; of a lock without a project every package."""
        local = [number for number, row in enumerate(self.lock.packages) if _is_local(row.get("source"))]
        here = [number for number in local if _place(self.lock.packages[number].get("source")) == "."]
        members = texts(table(self.lock.top.get("manifest")).get("members"))
        return here or [number for number in local if text(self.lock.packages[number].get("name")) in members] or local or list(range(len(self.lock.packages)))

    def _root(self, number: int) -> None:
        row, choice = self.lock.packages[number], self.gathered.choice
        name = text(row.get("name"))
        extras = []
        for extra in table(row.get("optional-dependencies")):
            self.gathered.met("extra", extra, choice.takes_extra(extra))
            if choice.takes_extra(extra):
                extras.append(extra)
                self.conflicts |= {extra, f"extra-{len(name)}-{name}-{extra}"}
        groups = table(row.get("dev-dependencies"))
        default = _default_groups(os.path.dirname(self.path), groups)
        taken = [group for group in groups if choice.takes(group, canonical_name(group) in default)]
        self.conflicts |= {f"group-{len(name)}-{name}-{group}" for group in taken}
        for group in groups:
            self.gathered.met("group", group, group in taken)
        self.queue.append(_Step(number, tuple(extras)))
        for group in taken:
            self._edges(groups[group], number)

    def _visit(self, step: _Step) -> None:
        row = self.lock.packages[step.number]
        if (step.number, "") not in self.seen:
            self.seen.add((step.number, ""))
            self._take(row, step.number)
            self._edges(row.get("dependencies"), step.number)
        optional = table(row.get("optional-dependencies"))
        for extra in step.extras:
            if (step.number, extra) not in self.seen:
                self.seen.add((step.number, extra))
                self._edges(optional.get(extra), step.number)

    def _take(self, row: _Row, number: int) -> None:
        place, origin = table(row.get("source")), f"{self.path}:{self.lock.lines[number]}"
        if "virtual" in place:
            return
        self.found.append(Package(text(row.get("name")), text(row.get("version")), origin))
        if text(place.get("registry")) and text(row.get("name")) == "torch":
            self.gathered.index(text(place.get("registry")), origin, only=True)

    def _edges(self, edges: Any, number: int) -> None:
        for edge in tables(edges):
            marker = text(edge.get("marker"))
            if marker and not self.gathered.markers.hold(marker, f"{self.path}:{self.lock.lines[number]}", self.conflicts):
                continue
            extras = tuple(texts(edge.get("extra")) + texts(edge.get("extras")))
            for target in self._targets(edge):
                self.queue.append(_Step(target, extras))

    def _targets(self, edge: _Row) -> Sequence[int]:
        """The packages that an edge leads to: one, unless the lock has several and the edge does not say which."""
        numbers = self.named.get(text(edge.get("name")), [])
        for key in ("version", "source"):
            if len(numbers) > 1 and key in edge:
                numbers = [number for number in numbers if self.lock.packages[number].get(key) == edge[key]]
        if len(numbers) > 1:
            numbers = [number for number in numbers if self._is_forked_here(number)] or numbers
        return numbers

    def _is_forked_here(self, number: int) -> bool:
        markers = texts(self.lock.packages[number].get("resolution-markers"))
        origin = f"{self.path}:{self.lock.lines[number]}"
        return not markers or any(self.gathered.markers.hold(marker, origin, self.conflicts) for marker in markers)


def _default_groups(folder: str, groups: Iterable[str]) -> set[str]:
    """The groups that `uv sync` takes without being asked: `dev`, or what `[tool.uv]` of the project beside the lock file says.

    https://docs.astral.sh/uv/concepts/projects/dependencies/#default-groups
    """
    beside = os.path.join(folder, "pyproject.toml")
    if not os.path.isfile(beside):
        return {DEFAULT_GROUP}
    named = table(table(toml.parse(read_text(beside), beside).get("tool")).get("uv")).get("default-groups")
    chosen = groups if named == "all" else texts(named) if isinstance(named, list) else (DEFAULT_GROUP,)
    return set(map(canonical_name, chosen))


def _is_local(source: Any) -> bool:
    if isinstance(source, str):  # before uv 0.2.30
        return source.startswith(("editable+", "directory+"))
    return bool({"editable", "virtual", "directory"} & set(table(source)))


def _place(source: Any) -> str:
    if isinstance(source, str):
        return source.partition("+")[2] or "."
    return next((text(value) for key, value in table(source).items() if key in ("editable", "virtual", "directory")), "")
