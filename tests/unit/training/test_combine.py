"""Several configs together: what settles what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.model import Fact
from envcheck.training import combine
from envcheck.training.values import AUTO, unclipped

TRAINER = {"trainer_precision": Fact("bf16", "t:1"), "precision": Fact("bf16", "t:1")}
AUTO_FACT = Fact(None, "d:1", AUTO)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        pytest.param(AUTO_FACT, Fact(4, "t:2"), Fact(4, "t:2"), id="auto-is-settled"),
        pytest.param(AUTO_FACT, Fact(1, "t: TrainingArguments' default"), Fact(1, "t: TrainingArguments' default"), id="auto-by-a-default"),
        pytest.param(Fact(8, "t: TrainingArguments' default"), Fact(2, "d:1"), Fact(2, "d:1"), id="written-beats-default"),
        pytest.param(Fact(2, "d:1"), Fact(2.0, "t:2"), Fact(2, "d:1"), id="agreed"),
        pytest.param(AUTO_FACT, Fact(None, "t", "not given"), Fact(None, "t", "not given"), id="most-telling-reason"),
        pytest.param(unclipped("d"), Fact(1.0, "t:2"), unclipped("d"), id="firm-unknown"),
        pytest.param(Fact(2, "d:1"), Fact(4, "t:2"), Fact(None, "d:1, t:2", "the files disagree: `2` (d:1) and `4` (t:2)"), id="contradiction"),
    ],
)
def test_one_setting(first: Fact, second: Fact, together: Fact) -> None:
    assert combine([{"x": first}, {"x": second}])["x"] == together


def test_both_sides_of_a_contradiction_stay() -> None:
    facts = combine([TRAINER, {"deepspeed": Fact("true", "d:1"), "deepspeed_fp16": Fact("true", "d:2"), "precision": Fact("fp16", "d:2")}])
    assert (facts["trainer_precision"].value, facts["deepspeed_fp16"].value) == ("bf16", "true")
    assert facts["precision"].reason == "the files disagree: `fp16` (d:2) and `bf16` (t:1)"


def test_auto_becomes_what_the_trainer_says() -> None:
    facts = combine([TRAINER, {"deepspeed_fp16": Fact("auto", "d:2"), "deepspeed_bf16": Fact("auto", "d:3")}])
    assert (facts["deepspeed_fp16"], facts["deepspeed_bf16"]) == (Fact("false", "t:1"), Fact("true", "t:1"))


def test_deepspeed_builds_its_own_optimizer() -> None:
    facts = combine([{**TRAINER, "optimizer": Fact("adamw_torch", "t:3")}, {"optimizer": Fact("Adam", "d:4")}])
    assert facts["optimizer"] == Fact("Adam", "d:4")


def test_nothing() -> None:
    assert combine([]) == {}


some_facts = st.sampled_from([AUTO_FACT, Fact(1, "a:1"), Fact(2, "b:1"), Fact(8, "a: X's default"), Fact(None, "c:1", "not given"), unclipped("d")])


@pytest.mark.property
@given(st.lists(some_facts, min_size=1, max_size=4))
def test_combining_again_changes_nothing(facts: list[Fact]) -> None:
    once = combine([{"x": fact} for fact in facts])
    assert combine([once]) == once
    assert combine([once, once]) == once
