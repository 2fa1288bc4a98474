"""poetry.lock: each package once a fork; from Poetry 2 with its groups and marker, before that with markers on the edges."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Optional

from envcheck import toml
from envcheck.documents import read_text
from envcheck.inputs import graph, locktoml
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.locked import Package, flag, table, take, text, texts
from envcheck.inputs.poetry_constraints import requirements, specifier
from envcheck.wire import canonical_name


def read(text_: str, path: str, gathered: Gathered) -> None:
    """Take the packages of the main and the chosen groups, under the target's markers and extras."""
    lock = locktoml.read(text_, path)
    python = specifier(text(table(lock.top.get("metadata")).get("python-versions")))
    gathered.markers.fit_python(python or "")
    extras = table(lock.top.get("extras"))
    chosen = {extra for extra in extras if gathered.choice.takes_extra(extra)}
    for extra in extras:
        gathered.met("extra", extra, extra in chosen)
    wanted = {canonical_name(name.split(" ")[0]) for extra in chosen for name in texts(extras[extra])}
    nodes = [_node(row, f"{path}:{line}", chosen, wanted, gathered) for row, line in zip(lock.packages, lock.lines)]
    grouped = all("groups" in row for row in lock.packages)
    project = None if grouped else _project(path, gathered)
    if project is not None:
        nodes = [project, *(node._replace(is_root=False if node.is_root is False else None) for node in nodes)]
    take([Package(node.name, node.version, node.origin) for node in graph.needed(nodes, gathered, chosen) if node.name], gathered)
    # Where nobody says what the project asks for, what is not reached may still be wanted.
    gathered.complete.append(not gathered.left_out() and (grouped or project is not None))
    gathered.say_left_out(path)


def _project(path: str, gathered: Gathered) -> Optional[graph.Node]:
    """What the pyproject.toml beside a lock file asks for, as the node that everything is reached from; None where there is none."""
    beside = os.path.join(os.path.dirname(path), "pyproject.toml")
    if not os.path.isfile(beside):
        return None
    poetry = table(table(toml.parse(read_text(beside), beside).get("tool")).get("poetry"))
    if not table(poetry.get("dependencies")):
        return None
    groups = {"dev": poetry.get("dev-dependencies"), **{name: table(one).get("dependencies") for name, one in table(poetry.get("group")).items()}}
    asked = [poetry.get("dependencies"), *(rows for name, rows in groups.items() if gathered.choice.takes(name))]
    edges = [one for rows in asked for name, value in table(rows).items() if name != "python" for one, _ in requirements(name, value)]
    return graph.Node("", "", beside, edges, "", True)


def _node(row: Mapping[str, Any], origin: str, chosen: set[str], wanted: set[str], gathered: Gathered) -> graph.Node:
    name = canonical_name(text(row.get("name")))
    source = table(row.get("source"))
    if name == "torch":
        gathered.index(text(source.get("url")), origin, only=True)
    needed = _needed(row, origin, chosen, gathered)
    if flag(row.get("optional")) and needed is None:
        needed = True if name in wanted else None if wanted else False
    return graph.Node(name, text(row.get("version")), origin, _edges(row, False), text(row.get("python-versions")), needed, _optional(row))


def _needed(row: Mapping[str, Any], origin: str, chosen: set[str], gathered: Gathered) -> Optional[bool]:
    groups = texts(row.get("groups")) or texts(row.get("category"))
    if not groups:
        return None
    markers = row.get("markers")
    taken = False
    for group in groups:
        default = group == "main"
        if not default:
            gathered.met("group", group, gathered.choice.takes(group))
        marker = text(markers) or text(table(markers).get(group))
        if gathered.choice.takes(group, default) and (not marker or gathered.markers.hold(marker, origin, chosen)):
            taken = True
    if "category" in row:
        return None if taken else False
    return taken


def _edges(row: Mapping[str, Any], optional: bool) -> list[str]:
    rows = table(row.get("dependencies")).items()
    return [requirement for name, value in rows for requirement, asked in requirements(name, value) if flag(asked.get("optional")) is optional]


def _optional(row: Mapping[str, Any]) -> dict[str, list[str]]:
    """What each extra of a package asks for, as its optional dependencies say it, with their markers."""
    optional = {canonical_name(re.split(r"[^\w.-]", one, maxsplit=1)[0]): one for one in _edges(row, True)}
    extras = {canonical_name(extra): [canonical_name(one.split(" ")[0]) for one in texts(rows)] for extra, rows in table(row.get("extras")).items()}
    return {extra: [optional[name] for name in names if name in optional] for extra, names in extras.items()}
