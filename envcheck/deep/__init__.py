"""`--deep`: what the installed files import of each other, and what happens when they are really imported."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from envcheck.deep import imports, installed
from envcheck.matrix.store import Matrix
from envcheck.model import Finding, Snapshot
from envcheck.rules.rule import Tables


def findings(python: Optional[str], snapshot: Snapshot, matrix: Matrix, tables: Tables, limit: Optional[float]) -> Tuple[Finding, ...]:
    """What both looks find in the environment that `snapshot` was taken of; `python` as `probe` takes it.

    `limit` is how many seconds each import may take; without one nothing is imported.
    """
    found = installed.findings(python, snapshot, tables)
    return found + (imports.findings(python, snapshot, matrix, limit) if limit is not None else ())


__all__: Any = ["findings"]
