"""TOML as `documents` shapes YAML: every scalar a `Text` with its line, which no parser of the standard library gives."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Callable

from envcheck.documents import Text
from envcheck.errors import InputError

# `[training]`, `[[table]]`, `key = value`, `"key" = value`, `a.b = value`.
_TABLE = re.compile(r"\s*\[{1,2}\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([\w.\"'-]+(?:\s*\.\s*[\w\"'-]+)*)\s*=")
_AT_LINE = re.compile(r"\(at line (\d+)")


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises `InputError` for malformed TOML, or where Python before 3.11 has no `tomli`."""
    loads = _loads(where)
    try:
        parsed = loads(text)
    except (ValueError, RecursionError) as error:
        line = _AT_LINE.search(str(error))
        raise InputError(
            f"is not valid TOML: {str(error).partition(' (at')[0] or 'nested too deeply'}",
            where=f"{where}:{line[1]}" if line else where,
            hint="check quotes, brackets and repeated keys there",
        ) from None
    return _shaped(parsed, dict(_lines(text)), ())


def _loads(where: str) -> Callable[[str], dict[str, Any]]:
    """The parser: the standard library's from Python 3.11 on, else `tomli`'s where that is installed."""
    for name in ("tomllib", "tomli"):
        try:
            loads: Callable[[str], dict[str, Any]] = importlib.import_module(name).loads
        except ImportError:
            continue
        return loads
    raise InputError("is TOML, which this Python cannot read", where=where, hint="`pip install tomli`, or use Python 3.11 or newer")


def _lines(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        header, key = _TABLE.match(line), _KEY.match(line)
        if key:
            yield (*table, *_parts(key[1])), number
        elif header:
            table = _parts(header[1])


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _shaped(table: Mapping[str, Any], lines: Mapping[tuple[str, ...], int], place: tuple[str, ...]) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for key, value in table.items():
        here = (*place, key)
        built[Text(key, lines.get(here, 0))] = _value(value, lines, here)
    return built


def _value(value: Any, lines: Mapping[tuple[str, ...], int], here: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return _shaped(value, lines, here)
    if isinstance(value, list):
        return [_value(one, lines, here) for one in value]
    if isinstance(value, bool):
        return Text(str(value).lower(), lines.get(here, 0))
    return Text(str(value), lines.get(here, 0), isinstance(value, str) and value.lower() in ("true", "false"))
