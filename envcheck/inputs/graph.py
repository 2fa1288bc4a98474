"""Lock files whose packages name their dependencies by requirement: which packages the target needs.

Poetry and PDM write every package once or once a fork, and markers on the edges. Where the file says to which groups a
package belongs and under which marker, that decides; where it does not, a package counts when an edge whose marker holds leads
to it, or when no edge leads to it, because then the project asks for it. Where the project itself is known, it is a node
without a name, and everything is reached from there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Optional

from envcheck.inputs.claims import split_marker
from envcheck.inputs.gathered import Gathered
from envcheck.wire import canonical_name


class Node(NamedTuple):
    """One locked package with what it asks for."""

    name: str
    version: str
    origin: str
    edges: Sequence[str]
    """PEP 508 requirements."""
    requires_python: str = ""
    is_root: Optional[bool] = None
    """Whether the file says that the target needs it; None where it does not say."""
    optional: Mapping[str, Sequence[str]] = {}
    """What each of its extras asks for besides."""


class _Edge(NamedTuple):
    name: str
    extras: tuple[str, ...]
    specifier: str
    marker: str


def needed(nodes: Sequence[Node], gathered: Gathered, extras: Collection[str] = ()) -> list[Node]:
    """The nodes that the target needs."""
    alive = [node for node in nodes if node.is_root is not False and gathered.markers.admits(node.requires_python)]
    if all(node.is_root for node in alive):
        return alive
    leading = {edge.name for node in nodes for edge in _edges(node.edges)}
    has_project = any(not node.name for node in nodes)
    roots = [node for node in alive if node.is_root or not (has_project or node.name in leading)]
    walk = _Walk(alive, gathered, extras)
    walk.run(roots)
    if walk.narrow():
        walk.run(roots)
    return [node for node in alive if id(node) in walk.reached]


class _Walk:
    """From the roots along every edge whose marker holds."""

    def __init__(self, nodes: Sequence[Node], gathered: Gathered, extras: Collection[str]) -> None:
        self.markers = gathered.markers
        self.extras = extras
        self.by_name: dict[str, list[Node]] = {}
        for node in nodes:
            self.by_name.setdefault(node.name, []).append(node)
        self.reached: set[int] = set()
        self.asked: dict[str, set[str]] = {}
        """The specifiers that edges to a package carry."""

    def run(self, roots: Sequence[Node]) -> None:
        self.reached, seen = {id(node) for node in roots}, set()
        queue = [(node, "") for node in roots]
        while queue:
            node, extra = queue.pop()
            if (id(node), extra) in seen:
                continue
            seen.add((id(node), extra))
            self.reached.add(id(node))
            for edge in _edges(node.optional.get(extra, ()) if extra else node.edges):
                if not edge.marker or self.markers.hold(edge.marker, node.origin, {*self.extras, extra} - {""}):
                    self.asked.setdefault(edge.name, set()).add(edge.specifier)
                    targets = _fitting(self.by_name.get(edge.name, ()), edge.specifier)
                    queue += [(target, wanted) for target in targets for wanted in ("", *edge.extras)]

    def narrow(self) -> bool:
        """Of a package in several versions keep those that every edge to it admits; whether that leaves any out."""
        narrowed = False
        for name, specifiers in self.asked.items():
            there = [node for node in self.by_name.get(name, ()) if id(node) in self.reached]
            fitting: Sequence[Node] = there
            for specifier in specifiers:
                fitting = _fitting(fitting, specifier)
            if len(fitting) < len(there):
                self.by_name[name] = list(fitting)
                narrowed = True
        return narrowed


def _edges(requirements: Sequence[str]) -> list[_Edge]:
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for requirement in requirements:
        asked, _, marker = split_marker(requirement)
        try:
            parsed = Requirement(asked)
        except (InvalidRequirement, ValueError, RecursionError):
            continue
        found.append(_Edge(canonical_name(parsed.name), tuple(map(canonical_name, parsed.extras)), str(parsed.specifier), marker))
    return found


def _fitting(nodes: Sequence[Node], specifier: str) -> Sequence[Node]:
    if len(nodes) < 2 or not specifier:
        return nodes
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion, Version

    fitting = []
    for node in nodes:
        try:
            if SpecifierSet(specifier).contains(Version(node.version), prereleases=True):
                fitting.append(node)
        except InvalidVersion:
            fitting.append(node)
    return fitting or nodes
