"""From what releases need and have to rows: which pairs are told, by how few rows, and where the bounds lie."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest

PATH = Path(__file__).resolve().parents[2] / "scripts" / "missing_table.py"
SPEC = importlib.util.spec_from_file_location("missing_table", PATH)
assert SPEC is not None
assert SPEC.loader is not None
table = importlib.util.module_from_spec(SPEC)
sys.modules["missing_table"] = table
SPEC.loader.exec_module(table)

RELEASES = ["1.0", "2.0", "3.0", "4.0"]
HAVE: Dict[Tuple[str, str], str] = {("lib", "Old"): "1.0 2.0", ("lib", "New"): "3.0 4.0", ("lib", "Newer"): "4.0", ("lib", "Odd"): "2.0", ("lib", "Hidden"): ""}


def has(provider: str, version: str, module: str, name: Optional[str]) -> Optional[bool]:
    return None if name == "Hidden" else version in HAVE[(module, str(name))].split()


def rows(**needs: List[List[Any]]) -> List[Tuple[Tuple[str, ...], str, Tuple[str, ...], Tuple[str, ...]]]:
    importers = {release.strip("v").replace("_", "."): {"app": found} for release, found in needs.items()}
    return [(row.importers, row.use.target, row.use.missing, row.roots) for row in table.rows(importers, [("app", "error")], {"lib": ("lib", RELEASES)}, has)]


def need(name: str, *asked: Tuple[str, str]) -> List[Any]:
    return ["lib", name, "app/x.py", 3, list(asked), False]


def test_releases_that_need_the_same_are_one_row() -> None:
    assert rows(v1=[need("Old")], v2=[need("Old")], v3=[]) == [(("1", "2"), "lib.Old", ("3.0", "4.0"), ("app",))]


def test_the_fewest_rows_that_tell_every_pair() -> None:
    assert rows(v1=[need("New"), need("Newer")]) == [(("1",), "lib.Newer", ("1.0", "2.0", "3.0"), ("app",))]


def test_a_name_that_nobody_can_tell_of_is_no_row() -> None:
    assert rows(v1=[need("Hidden")]) == []


def test_a_condition_on_the_other_package_takes_releases_out() -> None:
    assert rows(v1=[need("Newer", ("lib", ">=2.0"))]) == [(("1",), "lib.Newer", ("2.0", "3.0"), ("app",))]


def test_a_part_that_fails_with_the_whole_is_not_told_again() -> None:
    importers = {"1": {"app": [need("New")], "app.part": [need("New"), need("Newer")]}}
    found = table.rows(importers, [("app", "error"), ("app.part", "warning")], {"lib": ("lib", RELEASES)}, has)
    assert [(row.use.target, row.roots) for row in found] == [("lib.New", ("app",)), ("lib.Newer", ("app.part",))]


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("1.0 2.0", ["<=2.0"]), ("3.0 4.0", [">=3.0"]), ("2.0 3.0", [">=2.0,<=3.0"]), ("1.0 4.0", ["<=1.0", ">=4.0"]), ("1.0 2.0 3.0 4.0", [">=0"])],
)
def test_ranges_are_open_where_nothing_was_read(missing: str, expected: List[str]) -> None:
    assert table.ranges(missing.split(), RELEASES) == expected


@pytest.mark.parametrize(("name", "expected"), [("Old", (None, "2.0")), ("New", ("3.0", None)), ("Odd", ("2.0", "2.0"))])
def test_the_nearest_releases_that_have_the_name(name: str, expected: Tuple[Optional[str], Optional[str]]) -> None:
    (use,) = table.uses([need(name)], "lib", "lib", RELEASES, has)
    assert table.neighbours(use, RELEASES) == expected
