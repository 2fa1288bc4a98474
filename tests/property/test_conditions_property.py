"""The laws of three-valued logic, on conditions and snapshots made up at random."""

from __future__ import annotations

from typing import Any

import pytest
from build import snap
from hypothesis import given
from hypothesis import strategies as st

from envcheck.conditions import evaluate
from envcheck.model import Truth

pytestmark = pytest.mark.property

KEYS = ["torch", "numpy", "driver", "train.zero_stage", "gpu"]
values = st.sampled_from(["2.0.0", "3.0.0", "4.0.0"])
arguments = st.sampled_from(["<3", ">=3", "==3.0.0", ">=2,<4"])
simple = st.dictionaries(st.sampled_from(KEYS), arguments, min_size=1, max_size=3)
whens = st.recursive(
    simple,
    lambda inner: st.one_of(st.builds(lambda one: {"not": one}, inner), st.builds(lambda some: {"any": some}, st.lists(inner, min_size=1, max_size=3))),
    max_leaves=6,
)
facts = st.dictionaries(st.sampled_from(KEYS), values)


def build(known: dict[str, str]) -> Any:
    wire: dict[str, Any] = {key: value for key, value in known.items() if key in ("torch", "numpy", "driver")}
    if "train.zero_stage" in known:
        wire["train"] = {"zero_stage": known["train.zero_stage"][0]}
    if "gpu" in known:
        wire["gpus"] = [{"name": "X", "capability": known["gpu"][:3]}]
    return snap(**wire)


@given(whens, facts, st.sampled_from(KEYS), values)
def test_adding_a_fact_never_turns_an_answer_back_into_a_question(when: dict[str, Any], known: dict[str, str], key: str, value: str) -> None:
    before = evaluate(when, build(known)).truth
    after = evaluate(when, build({key: value, **known})).truth
    if before is not Truth.UNKNOWN:
        assert after is before


@given(whens, facts)
def test_not_turns_yes_and_no_round_and_leaves_unknown(when: dict[str, Any], known: dict[str, str]) -> None:
    snapshot = build(known)
    assert evaluate({"not": when}, snapshot).truth.value == 2 - evaluate(when, snapshot).truth.value


@given(st.lists(whens, min_size=1, max_size=4), facts)
def test_any_is_the_best_and_all_the_worst(branches: list[dict[str, Any]], known: dict[str, str]) -> None:
    snapshot = build(known)
    each = [evaluate(branch, snapshot).truth.value for branch in branches]
    assert evaluate({"any": branches}, snapshot).truth.value == max(each)
    both = {"not": {"any": [{"not": branch} for branch in branches]}}
    assert evaluate(both, snapshot).truth.value == min(each)


@given(whens, facts)
def test_unknown_says_what_is_missing(when: dict[str, Any], known: dict[str, str]) -> None:
    outcome = evaluate(when, build(known))
    if outcome.truth is Truth.UNKNOWN:
        assert outcome.missing or outcome.ranged
        assert not set(outcome.missing) & set(known)
