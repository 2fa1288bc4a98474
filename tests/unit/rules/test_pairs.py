"""Each rule on an environment on which it speaks and on a near one on which it does not (pairs.jsonl)."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from envcheck import wire
from envcheck.api import Checker
from envcheck.derive import derive
from envcheck.model import Undecided
from envcheck.rules import RULES

CASES = Path(__file__).resolve().parents[2] / "cases"
CHECKER = Checker()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


RECORDED = {case["id"]: case["snapshot"] for name in ("bad.jsonl", "good.jsonl") for case in lines(CASES / name)}
PAIRS = lines(Path(__file__).with_name("pairs.jsonl"))


def changed(snapshot: Any, change: Any) -> Any:
    """A JSON merge patch (RFC 7396): null takes a key away."""
    found = copy.deepcopy(snapshot)
    for key, value in change.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = changed(found[key], value) if isinstance(value, dict) and isinstance(found.get(key), dict) else value
    return found


def environment(pair: dict[str, Any]) -> Any:
    return RECORDED[pair["from"]] if "from" in pair else pair["snapshot"]


def said(pair: dict[str, Any], snapshot: Any) -> set[str]:
    """The severities of a rule's findings; `?` for a question."""
    told = RULES[pair["rule"]].find(derive(wire.read(snapshot, "test"), CHECKER.gpu_rows), CHECKER.tables())
    return {"?" if isinstance(one, Undecided) else one.severity for one in told}


@pytest.mark.parametrize("pair", PAIRS, ids=[f"{pair['rule']}-{number}" for number, pair in enumerate(PAIRS)])
def test_a_rule_speaks_here_and_not_nearby(pair: dict[str, Any]) -> None:
    there = environment(pair)
    assert said(pair, there) == {pair["severity"]}
    assert said(pair, changed(there, pair["near"])) == set()


def test_every_rule_has_a_pair() -> None:
    assert set(RULES) - {pair["rule"] for pair in PAIRS} == set(), "add an environment and a near one to tests/unit/rules/pairs.jsonl"
    assert all("from" in pair or pair["source"].startswith("https://") for pair in PAIRS)


@pytest.mark.parametrize(
    "family",
    [
        "V100",
        "T4",
        r"A(?:100|800)",
        r"H(?:100|20|200)\b",
        "B200",
        "RTX 3090",
        "RTX 4090",
        "RTX 5090",
        r"MI(?:250|300)",
        "Ascend910B",
        r"Apple M\d",
        r'"gpus": \[\]',
    ],
)
def test_every_kind_of_machine_is_among_them(family: str) -> None:
    assert any(re.search(family, json.dumps([environment(pair), pair["near"]])) for pair in PAIRS)


def test_few_things_differ_between_the_two() -> None:
    """A near environment is one that somebody may have had instead: at most three values change."""

    def leaves(change: Any) -> int:
        return sum(leaves(value) if isinstance(value, dict) else 1 for value in change.values())

    assert all(1 <= leaves(pair["near"]) <= 3 for pair in PAIRS)
