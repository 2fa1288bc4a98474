"""Lock files in TOML, as tools write them: one `[[package]]` after another, most of it hashes that nobody needs here.

A lock of three thousand packages has over ten megabytes, for which the standard library's parser needs seconds. Machines
write a regular subset line by line, which is turned into JSON and read by C; what is not of that subset is read by the parser.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterator, List, Match, NamedTuple, Tuple

from envcheck import toml
from envcheck.errors import InputError


class Locked(NamedTuple):
    """What a lock file holds."""

    top: Dict[str, Any]
    """Everything but the packages."""
    packages: List[Dict[str, Any]]
    """The tables of the packages, without their files."""
    lines: List[int]
    """The line of each package's heading."""


_HEADING = re.compile(r"^\[\[(package|packages|distribution)\]\][ \t]*$", re.MULTILINE)
_TOP = re.compile(r"^\[(?!\[?(?:package|packages|distribution)[.\]])", re.MULTILINE)
_BULK = ("files", "wheels", "sdist", "metadata.files")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|(\'[^\']*\')|([A-Za-z0-9_.-]+)\s*=|,(?=\s*[\]}])')


class _Irregular(Exception):
    pass


def read(text: str, where: str) -> Locked:
    """The packages of a lock file with their lines. Raises `InputError` for what is no TOML, and where there is no package."""
    starts = [(found.start(), found.end()) for found in _HEADING.finditer(text)]
    if not starts:
        raise InputError("locks no package", where=where, hint="is this the file you meant?")
    lines = list(_lines(text, [start for start, _ in starts]))
    try:
        return _regular(text, where, starts, lines)
    except (_Irregular, ValueError, RecursionError):
        top = toml.parse(text, where)
        packages: List[Any] = next((top.pop(name) for name in ("package", "packages", "distribution") if isinstance(top.get(name), list)), [])
        if not all(isinstance(one, dict) for one in packages):
            raise InputError("its packages are no tables", where=where, hint="is this the file you meant?") from None
        return Locked(top, packages, lines if len(lines) == len(packages) else [1] * len(packages))


def _lines(text: str, starts: List[int]) -> Iterator[int]:
    line, before = 1, 0
    for start in starts:
        line += text.count("\n", before, start)
        before = start
        yield line


def _regular(text: str, where: str, starts: List[Tuple[int, int]], lines: List[int]) -> Locked:
    ends = [start for start, _ in starts[1:]]
    tail = _TOP.search(text, starts[-1][1])
    ends.append(tail.start() if tail else len(text))
    top = toml.parse(text[: starts[0][0]], where)
    if tail:
        top.update(_table(text[tail.start() :], relative=False))
    return Locked(top, [_table(text[begin:end]) for (_, begin), end in zip(starts, ends)], lines)


def _table(block: str, relative: bool = True) -> Dict[str, Any]:
    """One package's table with its sub-tables, as JSON reads it. Raises `_Irregular` or ValueError."""
    root: Dict[str, Any] = {}
    at, prefix = root, ""
    rows = iter(block.split("\n"))
    for row in rows:
        if not row or row[0] == "#":
            continue
        if row[0] == "[":
            prefix = row.rstrip()
            if not prefix.endswith("]") or prefix.startswith("[["):
                raise _Irregular
            path = [part.strip('"') for part in prefix[1:-1].split(".")]
            at = root
            for part in path[1:] if relative else path:
                at = at.setdefault(part, {})
                if not isinstance(at, dict):
                    raise _Irregular
            continue
        key, equals, value = row.partition(" = ")
        if not equals or not value:
            raise _Irregular
        key = key.strip('"')
        if value[0] == '"' and value[-1] == '"' and "\\" not in value and value.count('"') == 2:
            at[key] = value[1:-1]
            continue
        if value == "[":
            inner = []
            for one in rows:
                if one == "]":
                    break
                inner.append(one)
            else:
                raise _Irregular
            value = "" if key in _BULK or prefix == "[metadata.files]" else "[" + "\n".join(inner) + "]"
        elif key in _BULK:
            value = ""
        if value:
            at[key] = json.loads(_TOKEN.sub(_json, value))
    return root


def _json(found: Match[str]) -> str:
    if found[1]:
        return json.dumps(found[1][1:-1])
    if found[2]:
        return f'"{found[2]}":'
    return "" if found[0][0] == "," else found[0]
