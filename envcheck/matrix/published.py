"""Rows of the table of stacks -> good entries, so that what a project builds together is judged as any other good combination."""

from __future__ import annotations

from typing import Any, FrozenSet, Iterator, Sequence

from envcheck.errors import MatrixError, Problem
from envcheck.matrix.schema import Draft
from envcheck.model import Entry, Page

SOURCE = "matrices/facts/stacks.yaml"


def drafts(rows: Sequence[Sequence[Any]], taken: FrozenSet[str]) -> Iterator[Draft]:
    """The good entries of the table's rows (`facts.stacks.check_row`). Raises `MatrixError` where an id is in `taken`."""
    for id, title, culprit, when, by, source in rows:
        if id in taken:
            raise MatrixError([Problem(SOURCE, None, f"the id `{id}` is already taken")])
        page = Page(cause=f"{by} builds and tests these versions together.", links=(source,), level="published", source=SOURCE)
        yield Draft(Entry(id, "good", "note", title, tuple(culprit), when), page, {}, SOURCE)
