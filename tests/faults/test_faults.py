"""Every planted fault is seen by the check that is there for it, every check has a fault of its own, and health raises no alarm."""

from __future__ import annotations

import ast
import importlib.util
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import gelu_pieces
import prove

from envcheck.selftest import CHECKS

SEED = 0
INSTALLED = {needs for needs in {check.needs for check in CHECKS.values()} if needs == "flash_attn" or (needs and importlib.util.find_spec(needs))}
"""Packages that some checks need; flash-attn has a stand-in."""


def faults() -> dict[str, tuple[str, bool]]:
    """Check and `alone` of the faults that can be planted here, read without importing the catalogue, which needs torch."""
    for node in ast.parse((Path(__file__).parent / "catalogue.py").read_text()).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "FAULTS":
            assert isinstance(node.value, ast.Dict)
            return {ast.literal_eval(key): _read(call) for key, call in zip(node.value.keys, node.value.values) if key is not None}
    raise AssertionError("no FAULTS")


def _read(call: ast.expr) -> tuple[str, bool]:
    assert isinstance(call, ast.Call)
    return ast.literal_eval(call.args[1]), any(word.arg == "alone" for word in call.keywords)


FAULTS = faults()
HERE = [name for name, (check, _) in FAULTS.items() if not CHECKS[check].needs or CHECKS[check].needs in INSTALLED]


@pytest.fixture(scope="module")
def planted() -> dict[str, Mapping[str, Any]]:
    return {row["fault"]: row for row in prove.carried_out(sys.executable, {"task": "own", "seeds": [SEED]}, timeout=500)}


@pytest.mark.torch
@pytest.mark.parametrize("name", HERE)
def test_a_fault_is_seen(name: str, planted: dict[str, Mapping[str, Any]]) -> None:
    assert planted[name]["fired"], name


@pytest.mark.torch
def test_without_a_fault_there_is_no_alarm_and_no_compiler_is_imported() -> None:
    (row,) = prove.carried_out(sys.executable, {"task": "healthy", "seeds": [SEED], "backends": ["MATH", "FLASH_ATTENTION"]}, timeout=500)
    assert not {name: ratio for name, ratio in row["ratios"].items() if ratio > 1}
    assert {prove.family(name) for name in row["ratios"]} >= {name for name, check in CHECKS.items() if check.bound != "told" and not check.needs}
    if "accelerate" not in INSTALLED:
        assert not row["compiler"]


@pytest.mark.torch
def test_faults_that_one_check_alone_must_see() -> None:
    names = ["mm_strided_operand", "clip_hides_nan", "fused_ignores_scale", "copy_flips_a_bit"]
    rows = prove.carried_out(sys.executable, {"task": "all", "seeds": [SEED], "names": names}, timeout=500)
    assert {row["fault"]: {prove.family(fired) for fired in row["fired"]} for row in rows} == {name: {FAULTS[name][0]} for name in names}


def test_every_check_with_a_verdict_has_a_fault_of_its_own() -> None:
    verdicts = {name for name, check in CHECKS.items() if check.bound != "told"}
    assert verdicts <= {check for check, alone in FAULTS.values() if alone}


def test_a_fault_that_goes_unseen_spoils_the_table() -> None:
    row = {"fault": "f", "seed": 0, "check": "softmax", "alone": True, "fired": ["softmax.dx.fp32"]}
    assert prove.table([row])[1]
    assert not prove.table([row, {**row, "seed": 1, "fired": []}])[1]
    assert not prove.table([{**row, "fired": ["softmax.dx.fp32", "gelu.fp32"]}])[1]
    assert prove.table([{**row, "fired": ["softmax.dx.fp32", "accelerate.gnorm0.fp32"]}])[1]


def test_a_seed_that_was_kept_is_not_run_again_unless_the_code_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []
    monkeypatch.setattr(prove, "carried_out", lambda python, order: ran.extend(order["seeds"]) or ({"seed": order["seeds"][0]},))
    keep = tmp_path / "rows.jsonl"
    assert prove.by_seed("python", {"task": "own"}, 2, keep) == [{"seed": 0}, {"seed": 1}]
    assert prove.by_seed("python", {"task": "own"}, 3, keep) == [{"seed": 0}, {"seed": 1}, {"seed": 2}]
    assert ran == [0, 1, 2]
    prove.by_seed("python", {"task": "all"}, 1, keep)
    monkeypatch.setattr(prove, "code", lambda: "other")
    prove.by_seed("python", {"task": "own"}, 1, keep)
    assert ran == [0, 1, 2, 0, 0]


def test_the_error_of_a_polynomial_in_place_of_erf() -> None:
    slope = math.sqrt(2 / math.pi)
    near = gelu_pieces.Piece(0.0, 0.25, [0.0, slope, 0.0, -slope / 6, 0.0, slope / 40])
    missed, rounded = gelu_pieces.errors(near)
    assert missed == pytest.approx(slope / 336 * 0.25**7, rel=0.01)  # the next term of the series
    assert 0.25 * slope < rounded / gelu_pieces.U32 < 3 * 0.25 * slope


def test_an_alarm_is_counted() -> None:
    assert prove.alarms([{"ratios": {"softmax.dx.fp32": 0.5}}])[1]
    lines, calm = prove.alarms([{"ratios": {"softmax.dx.fp32": 0.5}}, {"ratios": {"softmax.dx.fp32": 1.5}}])
    assert (lines[0], calm) == ("2 seeds, 2 comparisons, 1 above their bound", False)
