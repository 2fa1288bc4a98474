"""Lock files whose packages name their dependencies by requirement: which packages the target needs.

Poetry and PDM write every package once or once a fork, and markers on the edges. Where the file says to which groups a
package belongs and under which marker, that decides; where it does not, a package counts when an edge whose marker holds leads
to it, or when no edge leads to it, because then the project asks for it. Where the project itself is known, it is a node
without a name, and everything is reached from there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
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


def needed(nodes: Sequence[Node], gathered: Gathered, extras: Collection[str] = ()) -> list[Node]:
    """The nodes that the target needs."""
    alive = [node for node in nodes if node.is_root is not False and gathered.markers.admits(node.requires_python)]
    if all(node.is_root for node in alive):
        return alive
    leading = {name for node in nodes for name, _, _ in _edges(node)}
    has_project = any(not node.name for node in nodes)
    reached = [node for node in alive if node.is_root or not (has_project or node.name in leading)]
    seen = {id(node) for node in reached}
    queue = list(reached)
    by_name: dict[str, list[Node]] = {}
    for node in alive:
        by_name.setdefault(node.name, []).append(node)
    while queue:
        node = queue.pop()
        for name, specifier, marker in _edges(node):
            if marker and not gathered.markers.hold(marker, node.origin, extras):
                continue
            for target in _fitting(by_name.get(name, ()), specifier):
                if id(target) not in seen:
                    seen.add(id(target))
                    reached.append(target)
                    queue.append(target)
    return [node for node in alive if id(node) in seen]


def _edges(node: Node) -> Iterable[tuple[str, str, str]]:
    from packaging.requirements import InvalidRequirement, Requirement

    for edge in node.edges:
        asked, _, marker = split_marker(edge)
        try:
            parsed = Requirement(asked)
        except (InvalidRequirement, ValueError, RecursionError):
            continue
        yield canonical_name(parsed.name), str(parsed.specifier), marker


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
