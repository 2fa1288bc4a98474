"""The only place that reads TOML: values as `documents` shapes them, every text a `Text` with its line.

The standard library's parser gives values and no lines. Each statement's texts stand in the file in the order in which the
parser returns them, so a light scan for strings and brackets beside it is enough to say on which line each one stands.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Tuple

from envcheck.documents import Text, line_of
from envcheck.errors import InputError


def parse(text: str, where: str) -> Dict[str, Any]:
    """The tables of a TOML text: keys and scalars are `Text` with their lines, a text that was quoted says so, and numbers with
    a point stand as they are written.

    Raises `InputError`, with the line where the parser tells it.
    """
    values = _values(text, where)
    counts: Dict[Tuple[str, ...], int] = {}
    keys: Dict[Tuple[int, str], int] = {}
    for statement in _statements(text):
        if statement.is_array:
            counts[statement.table] = counts.get(statement.table, 0) + 1
            continue
        container = _container(values, statement.table + statement.keys[:-1], counts)
        if isinstance(container, dict) and statement.keys[-1] in container:
            lines = iter(statement.lines)
            keys[id(container), statement.keys[-1]] = statement.line
            container[statement.keys[-1]] = _placed(container[statement.keys[-1]], lines, statement.line)
    return _keyed(values, keys)


def _keyed(table: Dict[str, Any], lines: Mapping[Tuple[int, str], int]) -> Dict[str, Any]:
    """A table whose keys know their lines: that of their statement, or that of what they hold."""
    built: Dict[str, Any] = {}
    for key, value in table.items():
        line = lines.get((id(table), key))
        if line is None:
            if isinstance(value, list):
                value = [_keyed(one, lines) if isinstance(one, dict) else one for one in value]
            else:
                value = _keyed(value, lines) if isinstance(value, dict) else _placed(value, iter(()), 0)
        built[Text(key, line or line_of(value) or 0)] = value
    return built


def _values(text: str, where: str) -> Dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        values: Dict[str, Any] = tomllib.loads(text, parse_float=_Number)
        return values
    except ValueError as error:
        # "Expected '=' after a key in a key/value pair (at line 3, column 5)"
        said, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        raise InputError(
            f"is not valid TOML: {said}", where=f"{where}:{line[1]}" if line else where, hint="check quotes, brackets and equal signs there"
        ) from None
    except RecursionError:
        raise InputError("is nested too deeply", where=where, hint="is this the file you meant?") from None


class _Number(str):
    """A number with a point, as it is written: a float would make `2.10` the version 2.1."""


class _Statement(NamedTuple):
    """One `key = value`, or the heading of one table of an array."""

    table: Tuple[str, ...]
    keys: Tuple[str, ...]
    line: int
    lines: List[int]
    """The lines of the texts in the value, in order."""
    is_array: bool = False


_STRING = r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''
_KEY = rf"(?:[A-Za-z0-9_-]+|{_STRING})(?:[ \t]*\.[ \t]*(?:[A-Za-z0-9_-]+|{_STRING}))*"
_BEGIN = re.compile(rf"[ \t]*(?:(\[\[?)[ \t]*({_KEY})[ \t]*\]|({_KEY})[ \t]*=)", re.DOTALL)
_PART = re.compile(rf"([A-Za-z0-9_-]+)|({_STRING})", re.DOTALL)
_TOKEN = re.compile(rf"({_STRING})(?P<key>[ \t]*[=.])?|#[^\n]*|[\[\]{{}}\n]", re.DOTALL)


def _statements(text: str) -> Iterator[_Statement]:
    at, line, table = 0, 1, ()  # type: Tuple[int, int, Tuple[str, ...]]
    while at < len(text):
        begin = _BEGIN.match(text, at)
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if begin and begin[1]:
            table = _path(begin[2])
            if begin[1] == "[[":
                yield _Statement(table, (), line, [], True)
        elif begin:
            first = line
            lines, end = _value(text, begin.end(), line)
            yield _Statement(table, _path(begin[3]), first, lines)
        line += text.count("\n", at, end) + 1
        at = end + 1


def _value(text: str, at: int, line: int) -> Tuple[List[int], int]:
    """The lines of the texts in the value that begins at `at`, and where the value ends."""
    lines: List[int] = []
    depth = 0
    for token in _TOKEN.finditer(text, at):
        found = token[0]
        if token[1]:
            if not token["key"] or depth == 0:
                lines.append(line)
            line += found.count("\n")
        elif found in "[{":
            depth += 1
        elif found in "]}":
            depth -= 1
        elif found == "\n":
            if depth <= 0:
                return lines, token.start()
            line += 1
    return lines, len(text)


def _path(key: str) -> Tuple[str, ...]:
    return tuple(part[1] or part[2].strip("\"'") for part in _PART.finditer(key))


def _container(values: Any, path: Tuple[str, ...], counts: Dict[Tuple[str, ...], int]) -> Any:
    for depth, key in enumerate(path, 1):
        values = values.get(key) if isinstance(values, dict) else None
        if isinstance(values, list):
            number = counts.get(path[:depth], 0) - 1
            values = values[number] if 0 <= number < len(values) else None
    return values


def _placed(value: Any, lines: Iterator[int], first: int) -> Any:
    if isinstance(value, str) and not isinstance(value, _Number):
        return Text(value, next(lines, first), True)
    if isinstance(value, list):
        return [_placed(one, lines, first) for one in value]
    if isinstance(value, dict):
        placed = {key: _placed(one, lines, first) for key, one in value.items()}
        return {Text(key, line_of(one) or first): one for key, one in placed.items()}
    return Text(str(value).lower() if isinstance(value, bool) else str(value), first)
