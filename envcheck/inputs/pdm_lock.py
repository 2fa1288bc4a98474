"""pdm.lock: each package once a fork, mostly with its groups and marker."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Optional

from envcheck import toml
from envcheck.documents import read_text
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
    grouped = all("groups" in row for row in lock.packages)
    project = None if grouped else _project(path, gathered)
    taken = {group for group in groups if gathered.choice.takes(group, group == _DEFAULT) or gathered.choice.takes_extra(group)}
    for group in groups if grouped or project else ():
        gathered.met("group", group, group in taken)
    nodes = [_node(row, f"{path}:{line}", taken, gathered) for row, line in zip(lock.packages, lock.lines)]
    nodes = nodes if project is None else [project, *nodes]
    take([Package(node.name, node.version, node.origin) for node in graph.needed(nodes, gathered) if node.name], gathered)
    gathered.complete.append(not gathered.left_out() and (grouped or project is not None))
    gathered.say_left_out(path)


def _project(path: str, gathered: Gathered) -> Optional[graph.Node]:
    """What the pyproject.toml beside an older lock file asks for; None where there is none."""
    beside = os.path.join(os.path.dirname(path), "pyproject.toml")
    if not os.path.isfile(beside):
        return None
    document = toml.parse(read_text(beside), beside)
    project, choice = table(document.get("project")), gathered.choice
    edges = texts(project.get("dependencies"))
    for extra, rows in table(project.get("optional-dependencies")).items():
        edges += texts(rows) if choice.takes_extra(extra) or choice.takes(extra) else []
    for group, rows in table(table(table(document.get("tool")).get("pdm")).get("dev-dependencies")).items():
        edges += texts(rows) if choice.takes(group) else []
    return graph.Node("", "", beside, edges, "", True)


def _node(row: Mapping[str, Any], origin: str, taken: set[str], gathered: Gathered) -> graph.Node:
    groups, marker = texts(row.get("groups")), text(row.get("marker"))
    needed: Optional[bool] = bool(taken & set(groups)) if groups else None
    if needed is not False and marker and not gathered.markers.hold(marker, origin):
        needed = False
    version = text(row.get("version"))
    return graph.Node(canonical_name(text(row.get("name"))), version, origin, texts(row.get("dependencies")), text(row.get("requires_python")), needed)
