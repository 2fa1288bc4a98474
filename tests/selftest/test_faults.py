"""Every planted fault is seen by the check that is there for it."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from envcheck import child
from envcheck.selftest import CHECKS, host

HERE = Path(__file__).parent
SEEDS = (0,)


def names() -> list[str]:
    """The keys of `FAULTS`, read without importing the file, which needs torch."""
    for node in ast.parse((HERE / "faults.py").read_text()).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "FAULTS":
            assert isinstance(node.value, ast.Dict)
            return [ast.literal_eval(key) for key in node.value.keys if key is not None]
    raise AssertionError("no FAULTS")


def carried_out(task: str) -> list[dict[str, Any]]:
    arguments = [str(host.WORKER), str(list(SEEDS)), task]
    outcome = child.run(sys.executable, HERE / "faults.py", arguments, timeout=300, environment=host.ENVIRONMENT)
    assert outcome.ending == "ok", outcome
    return [dict(row) for row in outcome.rows]


@pytest.fixture(scope="module")
def planted() -> list[dict[str, Any]]:
    return carried_out("own")


@pytest.mark.torch
def test_without_a_fault_nothing_is_seen_and_no_compiler_imported() -> None:
    for row in carried_out("healthy"):
        assert not {name: ratio for name, ratio in row["ratios"].items() if ratio > 1}
        assert not row["compiler"]


@pytest.mark.torch
@pytest.mark.parametrize("name", names())
def test_fault_is_seen(name: str, planted: list[dict[str, Any]]) -> None:
    rows = [row for row in planted if row["fault"] == name]
    assert [row["seed"] for row in rows] == list(SEEDS)
    assert all(row["fired"] for row in rows), rows


@pytest.mark.torch
def test_every_check_has_a_fault(planted: list[dict[str, Any]]) -> None:
    assert {row["family"] for row in planted} == set(CHECKS)
