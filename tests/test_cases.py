"""The recorded environments (tests/cases): no good one is refused, and what was found stays found."""

from __future__ import annotations

from pathlib import Path

from envcheck.api import Checker
from envcheck.workshop import effect

FIGURES = effect.figures(effect.judge(effect.read([Path(__file__).parent / "cases"]), Checker()))


def test_there_are_enough_to_mean_something() -> None:
    assert FIGURES["bad"] >= 150
    assert FIGURES["good"] >= 60


def test_no_good_one_is_refused_and_few_are_warned_of() -> None:
    assert FIGURES["false_alarms"] == 0
    assert FIGURES["warned"] <= 0.15
    assert FIGURES["undecided"] <= 8


def test_the_bad_ones_are_found_or_pointed_at() -> None:
    """Raised as the matrix learns; never lowered."""
    assert FIGURES["found"] >= 0.63
    assert FIGURES["pointed"] >= 0.9
