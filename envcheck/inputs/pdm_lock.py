"""pdm.lock: each package once a fork, mostly with its groups and marker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from envcheck.inputs import graph, locktoml
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.locked import Package, table, tables, take, text, texts
from envcheck.wire import canonical_name

_DEFAULT = "default"


def read(text_: str, path: str, gathered: Gathered) -> None:
    """Take the packages of the default and the chosen groups, under the target's markers; PDM's extras are groups too."""
    lock = locktoml.read(text_, path)
    metadata = table(lock.top.get("metadata"))
    targets = [text(one.get("requires_python")) for one in tables(metadata.get("targets"))]
    if not any(map(gathered.markers.admits, targets)):
        gathered.markers.fit_python(next(iter(targets), ""))
    groups = texts(metadata.get("groups"))
    taken = {group for group in groups if gathered.choice.takes(group, group == _DEFAULT) or gathered.choice.takes_extra(group)}
    for group in groups:
        gathered.met("group", group, group in taken)
    nodes = [_node(row, f"{path}:{line}", taken, gathered) for row, line in zip(lock.packages, lock.lines)]
    take([Package(node.name, node.version, node.origin) for node in graph.needed(nodes, gathered)], gathered)
    gathered.complete.append(not gathered.left_out() and all("groups" in row for row in lock.packages))
    gathered.say_left_out(path)


def _node(row: Mapping[str, Any], origin: str, taken: set[str], gathered: Gathered) -> graph.Node:
    groups, marker = texts(row.get("groups")), text(row.get("marker"))
    needed: Optional[bool] = bool(taken & set(groups)) if groups else None
    if needed is not False and marker and not gathered.markers.hold(marker, origin):
        needed = False
    version = text(row.get("version"))
    return graph.Node(canonical_name(text(row.get("name"))), version, origin, texts(row.get("dependencies")), text(row.get("requires_python")), needed)
