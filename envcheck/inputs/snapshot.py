"""Saved snapshots: one JSON object, or one a line in a `.jsonl` file."""

from __future__ import annotations

from typing import Callable, Iterator, Tuple

from envcheck import documents, wire
from envcheck.errors import InputError
from envcheck.inputs.gathered import Gathered
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
    return wire.read(documents.plain_json(text, path), path, warn)


def read_lines(path: str, warn: Callable[[str], None]) -> Iterator[Tuple[str, Snapshot]]:
    """The Snapshots of a `.jsonl` file with their places, in order; empty lines are passed over. Raises `InputError` where
    a line is wrong, after the ones before it were handed out.
    """
    found = False
    for number, line in enumerate(documents.read_text(path, limit=_LINES_LIMIT).split("\n"), 1):
        if line.strip():
            found = True
            where = f"{path}:{number}"
            yield where, wire.read(documents.plain_json(line, path, first=number), where, warn)
    if not found:
        raise InputError("holds no snapshot", where=path, hint="one JSON object a line, as `envcheck probe --format json` prints it")


def take(text: str, path: str, gathered: Gathered) -> None:
    """Take a saved snapshot as one file among others. Raises `InputError`."""
    gathered.lay(wire.read(documents.plain_json(text, path), path, gathered.warn))
