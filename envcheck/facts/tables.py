"""Fact tables on disk -> plain rows, checked: `matrices/facts/<table>.yaml`, each row with its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from envcheck import documents, versions
from envcheck.documents import Text, line_of
from envcheck.errors import InputError, MatrixError, Problem
from envcheck.facts import arguments, binaries, builds, calls, families, gone, images, minimums, missing, numpy_abi, public, refused, releases, requires, stacks
from envcheck.facts.columns import ARCHITECTURE, package


def load(paths: Sequence[Path]) -> Dict[str, Any]:
    """Table name -> rows as they are compiled into the index. Raises `MatrixError` with every problem, file and line."""
    found: Dict[str, Any] = {}
    problems: List[Problem] = []
    for path in paths:
        checker = TABLES.get(path.stem)
        if checker is None:
            problems.append(Problem(str(path), 1, f"unknown table; known: {', '.join(TABLES)}"))
            continue
        try:
            document = documents.parse_yaml(documents.read_text(path), str(path), aliases=False)
        except InputError as error:
            problems.append(Problem(error.where or str(path), None, error.message))
            continue
        rows = document.get("rows") if isinstance(document, dict) else None
        if not isinstance(rows, list):
            problems.append(Problem(str(path), 1, "a table is a mapping with `source` and a list `rows`"))
            continue
        checked = _checked(rows, checker, str(path), problems)
        found[path.stem] = _by_package(path.stem, checked, str(path), problems) if path.stem in BY_PACKAGE else checked
    if problems:
        raise MatrixError(problems)
    return found


def _by_package(table: str, rows: Sequence[Any], path: str, problems: List[Problem]) -> Dict[str, Any]:
    """Package -> its row, or the list of its rows in a table that may have several."""
    found: Dict[str, Any] = {}
    for name, row in rows:
        if table in SEVERAL:
            found.setdefault(name, []).append(row)
        elif name in found:
            problems.append(Problem(path, None, f"`{name}` has two rows"))
        else:
            found[name] = row
    return found


def _checked(rows: Sequence[Any], checker: Callable[[Any], Any], path: str, problems: List[Problem]) -> List[Any]:
    good = []
    for row in rows:
        try:
            good.append(checker(row))
        except (ValueError, TypeError, KeyError) as error:
            problems.append(Problem(path, line_of(row), f"malformed row: {error}"))
    return good


def _gpu(row: Mapping[str, Text]) -> List[Optional[str]]:
    """`{name: NVIDIA A800, capability: "8.0", source: …}` -> [name, capability, None]; another vendor's has `arch` instead."""
    if set(row) - {"name", "capability", "arch", "source", "note"}:
        raise ValueError(f"unknown key among {', '.join(row)}")
    if ("capability" in row) is ("arch" in row):
        raise ValueError("a GPU has either `capability` or `arch`")
    if "capability" in row:
        return [str(row["name"]), versions.capability(row["capability"]).text, None]
    if not ARCHITECTURE.fullmatch(row["arch"]):
        raise ValueError(f"`{row['arch']}` is no architecture; write for example `gfx90a`")
    return [str(row["name"]), None, str(row["arch"])]


TABLES: Dict[str, Callable[[Any], Any]] = {
    "gpus": _gpu,
    "stack": package,
    "torch_wheels": binaries.check_wheel,
    "drivers": binaries.check_driver,
    "requires": requires.check_row,
    "releases": releases.check_row,
    "numpy_abi": numpy_abi.check_row,
    "gone_modules": gone.check_row,
    "refused_metadata": refused.check_row,
    "own_minimums": minimums.check_row,
    "arguments": arguments.check_row,
    "call_arguments": calls.check_row,
    "former_names": calls.check_row,
    "model_families": families.check_row,
    "family_precision": families.check_precision,
    "stacks": stacks.check_row,
    "images": images.check,
    "missing_names": missing.check_row,
    "framework_names": missing.check_row,
    "library_names": missing.check_row,
    "outside_names": missing.check_row,
    "public_names": public.check_row,
    **builds.TABLES,
}
"""Table -> what one of its rows becomes in the index, or an error that says why not."""

BY_PACKAGE = frozenset(
    (
        "requires",
        "releases",
        "numpy_abi",
        "gone_modules",
        "refused_metadata",
        "own_minimums",
        "arguments",
        "call_arguments",
        "former_names",
        "missing_names",
        "framework_names",
        "library_names",
        "outside_names",
        "public_names",
        "model_families",
        "family_precision",
    )
)
"""Tables with one row a package (or model family), of which a run reads only the rows of what is there; their checkers give (package, row)."""

SEVERAL = frozenset(("arguments", "gone_modules", "own_minimums"))
"""Those of them that may have several rows for one package."""
