"""Entry files on disk -> Drafts; all problems of all files at once."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from envcheck import documents
from envcheck.errors import InputError, MatrixError, Problem
from envcheck.matrix import schema

Notice = Optional[Callable[[str], None]]


def drafts(paths: Sequence[Path], notice: Notice = None, relative_to: Optional[Path] = None) -> Tuple[schema.Draft, ...]:
    """The entries of these files, in order; their `source` is the path, as it is or relative to a folder.

    `notice` is called with one sentence for each entry of a newer schema, which is skipped. Raises `MatrixError` with
    every problem of every file, repeated ids among them.
    """
    found: List[schema.Draft] = []
    problems: List[Problem] = []
    for path in paths:
        draft, wrong = _one(path, str(path.relative_to(relative_to)) if relative_to else str(path), notice)
        problems += wrong
        if draft is not None:
            found.append(draft)
    problems += _repeated(found)
    if problems:
        raise MatrixError(problems)
    return tuple(found)


def _one(path: Path, shown: str, notice: Notice) -> Tuple[Optional[schema.Draft], List[Problem]]:
    try:
        document = documents.parse_yaml(documents.read_text(path), shown, aliases=False)
    except InputError as error:
        place, _, line = error.where.rpartition(":")
        return None, [Problem(place or shown, int(line), error.message) if line.isdigit() else Problem(shown, None, error.message)]
    newer = str(document.get("schema", schema.SCHEMA)) if isinstance(document, dict) else ""
    if newer.isdigit() and int(newer) > schema.SCHEMA:
        if notice:
            notice(f"{shown}: skipped, it has schema {newer} and this envcheck reads {schema.SCHEMA}; a newer envcheck reads it")
        return None, []
    return schema.read(document, shown, path.stem)


def _repeated(found: Sequence[schema.Draft]) -> List[Problem]:
    first: Dict[str, str] = {}
    problems = []
    for draft in found:
        if draft.entry.id in first:
            problems.append(Problem(draft.path, 1, f"the id `{draft.entry.id}` is already that of {first[draft.entry.id]}"))
        first.setdefault(draft.entry.id, draft.path)
    return problems
