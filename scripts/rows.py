"""Fact tables whose rows are one line each, for the scripts that add to them: nothing is written that the table's own checker refuses."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

from installer import Refused

from envcheck import documents
from envcheck.errors import MatrixError
from envcheck.facts import tables

FOLDER = Path(__file__).resolve().parent.parent / "matrices" / "facts"
Row = Mapping[str, str]


def read(path: Path) -> List[Dict[str, str]]:
    """The rows of a table as they are written. Raises `InputError`."""
    document: Any = documents.parse_yaml(documents.read_text(path), str(path), aliases=False)
    return [{str(key): str(value) for key, value in row.items()} for row in document["rows"]]


def add(path: Path, rows: Sequence[Row], after: str = "") -> None:
    """Write rows behind the last row that begins with `after`, which is its first column (`package: flash-attn`).

    Raises `Refused`, and leaves the file as it is, where the table with them would not load.
    """
    if not rows:
        return
    text = path.read_text(encoding="utf-8").splitlines()
    start = f"  - {{{after}" if after else "  - {"
    last = max((number for number, line in enumerate(text) if line.startswith(start)), default=len(text) - 1)
    text[last + 1 : last + 1] = ["  - {" + ", ".join(f"{key}: {_written(key, value)}" for key, value in row.items()) + "}" for row in rows]
    written = "\n".join(text) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        trial.write_text(written, encoding="utf-8")
        try:
            tables.load([trial])
        except MatrixError as error:
            raise Refused(f"{path.name} would not load any more: {error}") from None
    path.write_text(written, encoding="utf-8")


def _written(key: str, value: str) -> str:
    return value if key in ("package", "choice") else f'"{value}"'
