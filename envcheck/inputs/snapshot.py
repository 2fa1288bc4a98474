"""Saved snapshots: one JSON object, or one a line in a `.jsonl` file."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterator, Sequence, Tuple

from envcheck import documents, wire
from envcheck.errors import InputError
from envcheck.model import Snapshot

_LINES_LIMIT = 1 << 30
"""A `.jsonl` file may hold a whole cluster's snapshots."""


def is_lines(path: str) -> bool:
    """Whether a file holds one snapshot a line, by its name."""
    return path.lower().endswith((".jsonl", ".ndjson"))


def read(path: str, warn: Callable[[str], None]) -> Snapshot:
    """The Snapshot in a JSON file. Raises `InputError` with the line for malformed JSON and unknown keys."""
    text = documents.read_text(path)
    if not text.strip():
        raise InputError("is empty", where=path, hint="`envcheck probe -o snapshot.json` writes one")
    return wire.read(_decoded(text, path, 1), path, warn)


def read_lines(path: str, warn: Callable[[str], None]) -> Iterator[Tuple[str, Snapshot]]:
    """The Snapshots of a `.jsonl` file with their places, in order; empty lines are passed over. Raises `InputError` where
    a line is wrong, after the ones before it were handed out.
    """
    found = False
    for number, line in enumerate(documents.read_text(path, limit=_LINES_LIMIT).split("\n"), 1):
        if line.strip():
            found = True
            where = f"{path}:{number}"
            yield where, wire.read(_decoded(line, path, number), where, warn)
    if not found:
        raise InputError("holds no snapshot", where=path, hint="one JSON object a line, as `envcheck probe --format json` prints it")


def _decoded(text: str, path: str, first: int) -> Any:
    try:
        # As they are written: a float would make `2.10` the version 2.1.
        return json.loads(text, object_pairs_hook=_unique, parse_float=str, parse_constant=str)
    except _Repeated as error:
        raise InputError(f"`{error}` stands twice in one object", where=path if first == 1 else f"{path}:{first}", hint="keep one of them") from None
    except ValueError as error:
        line = first + getattr(error, "lineno", 1) - 1
        raise InputError(f"is not valid JSON: {getattr(error, 'msg', error)}", where=f"{path}:{line}", hint="check commas, quotes and brackets there") from None
    except RecursionError:
        raise InputError("is nested too deeply", where=f"{path}:{first}", hint="is this the file you meant?") from None


class _Repeated(Exception):
    pass


def _unique(pairs: Sequence[Tuple[str, Any]]) -> Dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Repeated(next(key for key in keys if keys.count(key) > 1))
    return built
