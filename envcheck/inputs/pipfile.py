"""Pipenv's two files: Pipfile, what is asked for, and Pipfile.lock, what was resolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from envcheck import documents, toml
from envcheck.documents import line_of
from envcheck.errors import InputError
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.locked import table, tables, text
from envcheck.inputs.poetry_constraints import take

_OWN = ("source", "requires", "scripts", "pipenv", "_meta")
_GROUPS = {"develop": "dev", "dev-packages": "dev"}


def read(text_: str, path: str, gathered: Gathered) -> None:
    """Take the packages a Pipfile asks for."""
    _python(toml.parse(text_, path), path, gathered)
    for section, rows in _chosen(toml.parse(text_, path), "packages", gathered):
        for name, value in rows.items():
            # A bare version is exact, and `*` any, as Poetry writes it; comparisons are PEP 440's in both.
            take(name, value, f"{path}:{line_of(value) or _line(text_, name, section)}", gathered)
    gathered.complete.append(False)
    gathered.say_left_out(path)


def read_lock(text_: str, path: str, gathered: Gathered) -> None:
    """Take the versions that a Pipfile.lock holds for the target."""
    lock = documents.plain_json(text_, path)
    if not isinstance(lock, dict):
        raise InputError("is no Pipfile.lock: it holds no object", where=path)
    _python(table(lock.get("_meta")), path, gathered)
    chosen = _chosen(lock, "default", gathered)
    # Pipenv writes `'dev' in dependency_groups` on what only a group needs.
    groups = {_GROUPS.get(section, section) for section, _ in chosen}
    for section, rows in chosen:
        for name, row in rows.items():
            origin, row = f"{path}:{_line(text_, name, section)}", table(row)
            marker = text(row.get("markers"))
            if marker and not gathered.markers.hold(marker, origin, (), groups):
                continue
            version = text(row.get("version"))
            if version.startswith("=="):
                gathered.pin(name, version.lstrip("="), origin)
            else:
                gathered.unknown(name, "the lock file names a place, not a version", origin)
            index = text(row.get("index"))
            if name == "torch" and index:
                sources = tables(table(lock.get("_meta")).get("sources"))
                gathered.index(next((text(one.get("url")) for one in sources if one.get("name") == index), ""), origin, only=True)
    gathered.complete.append(not gathered.left_out())
    gathered.say_left_out(path)


def _chosen(document: Mapping[str, Any], default: str, gathered: Gathered) -> list[tuple[str, Mapping[str, Any]]]:
    chosen: list[tuple[str, Mapping[str, Any]]] = []
    for section, rows in document.items():
        if section in _OWN or not isinstance(rows, dict):
            continue
        group = _GROUPS.get(section, section)
        taken = gathered.choice.takes(group, section == default)
        if section != default and rows:
            gathered.met("group", group, taken)
        if taken:
            chosen.append((section, rows))
    return chosen


def _python(document: Mapping[str, Any], path: str, gathered: Gathered) -> None:
    requires = table(document.get("requires"))
    version = text(requires.get("python_full_version")) or text(requires.get("python_version"))
    if documents.PYTHON.fullmatch(version):
        gathered.python(version, path)


def _line(text_: str, name: str, section: str) -> int:
    """The line of a package below the heading of its section; 1 where the file is written on one."""
    start = max(text_.find(f'"{section}"'), text_.find(f"[{section}]"), 0)
    at = text_.find(f'"{name}"', start)
    at = at if at >= 0 else text_.find(f"\n{name} ", start) + 1
    return text_.count("\n", 0, max(at, 0)) + 1
