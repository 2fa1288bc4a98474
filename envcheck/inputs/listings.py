"""What installers print of an environment: `pip list` in columns and as JSON, `pip inspect`, `conda list --json`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from envcheck import documents
from envcheck.errors import InputError
from envcheck.inputs import conda_names
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.locked import table, tables, text

_ROW = re.compile(r"([A-Za-z0-9][\w.-]*) +(\S+)(?: .*)?")
_RULE = re.compile(r"-+(?: -+)+\s*")


def pip_columns(text_: str, path: str, gathered: Gathered) -> None:
    """Take the rows below the underlined heading, up to the first line that is none."""
    rows = iter(enumerate(text_.split("\n"), 1))
    for _, line in rows:
        if _RULE.fullmatch(line):
            break
    found = False
    for number, line in rows:
        row = _ROW.fullmatch(line.rstrip())
        if row is None:
            break
        found = True
        gathered.pin(row[1], row[2], f"{path}:{number}")
    if not found:
        raise InputError("lists no package", where=path, hint="`pip list` prints a heading, a line of dashes and one package a line")
    gathered.complete.append(True)


def pip_json(text_: str, path: str, gathered: Gathered) -> None:
    """Take the objects of `pip list --format json`, or `uv pip list --format json`."""
    for row, line in _rows(documents.plain_json(text_, path), text_, path):
        gathered.pin(text(row.get("name")), text(row.get("version")), f"{path}:{line}")
    gathered.complete.append(True)


def pip_inspect(text_: str, path: str, gathered: Gathered) -> None:
    """Take what `pip inspect` says of the installed distributions and the interpreter
    (https://pip.pypa.io/en/stable/reference/inspect-report/).
    """
    document = table(documents.plain_json(text_, path))
    environment = {key: value for key, value in table(document.get("environment")).items() if isinstance(value, str)}
    _interpreter(environment, path, gathered)
    installed = [table(row.get("metadata")) for row in tables(document.get("installed"))]
    for row, line in _rows(installed, text_, path):
        gathered.pin(text(row.get("name")), text(row.get("version")), f"{path}:{line}")
    gathered.complete.append(True)


_SYSTEMS = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}


def _interpreter(environment: Mapping[str, str], path: str, gathered: Gathered) -> None:
    if documents.PYTHON.fullmatch(environment.get("python_full_version", "")):
        gathered.python(environment["python_full_version"], path)
    if environment.get("platform_system") in _SYSTEMS:
        gathered.fact("os", _SYSTEMS[environment["platform_system"]], path)
    if environment.get("platform_machine"):
        gathered.fact("arch", environment["platform_machine"], path)


def conda_json(text_: str, path: str, gathered: Gathered) -> None:
    """Take the objects of `conda list --json`: conda's packages under the names PyPI gives them, pip's as they are."""
    for row, line in _rows(documents.plain_json(text_, path), text_, path):
        pip = text(row.get("channel")) == "pypi"
        conda_names.take(
            conda_names.Item(text(row.get("name")), text(row.get("version")), text(row.get("build_string")), f"{path}:{line}", "pypi" if pip else ""), gathered
        )
    gathered.complete.append(True)


def _rows(document: Any, text_: str, path: str) -> Iterator[tuple[Mapping[str, Any], int]]:
    """The objects with a name and a version, each with the line of its name."""
    found, at = 0, 0
    for row in tables(document):
        if not text(row.get("name")) or not text(row.get("version")):
            continue
        found += 1
        place = re.compile(rf'"name"\s*:\s*"{re.escape(text(row["name"]))}"').search(text_, at)
        at = place.start() if place else at
        yield row, text_.count("\n", 0, at) + 1
    if not found:
        raise InputError("lists no package", where=path, hint="is this the file you meant?")
