"""Rules on training settings and on what a script's source tells."""

from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.rules import RULES, Tables, judge

TABLES = Tables(frozenset(("torch",)))
SIZES = {"deepspeed": True, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 4, "train_batch_size": 64, "world_size": 8}


def ids(**train: Any) -> list[str]:
    return [one.id for one in judge(snap(train=train), TABLES).findings]


def test_sizes_that_multiply() -> None:
    assert ids(**SIZES) == []


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({"world_size": 4}, "`train_batch_size` is 64, and 2 x 4 x 4 is 32"),
        ({"world_size": None, "train_batch_size": 60}, "`train_batch_size` is 60, and 2 x 4 is 8 on each process"),
    ],
)
def test_sizes_that_do_not(change: dict[str, Any], title: str) -> None:
    [finding] = judge(snap(train={**SIZES, **change}), TABLES).findings
    assert (finding.id, finding.severity, finding.title) == ("batch-arithmetic", "warning", title)


@pytest.mark.parametrize("change", [{"deepspeed": False}, {"train_batch_size": None}, {"gradient_accumulation_steps": None}, {"world_size": None}])
def test_sizes_of_which_one_is_open(change: dict[str, Any]) -> None:
    assert ids(**{**SIZES, "world_size": 4, **change}) == []


@pytest.mark.parametrize("train", [{"learning_rate": 0.05}, {"learning_rate": "1e-10"}, {"max_grad_norm": 1000}])
def test_a_value_far_outside_is_a_note(train: dict[str, Any]) -> None:
    [finding] = judge(snap(train=train), TABLES).findings
    assert (finding.id, finding.severity) == ("setting-far-outside", "note")


@pytest.mark.parametrize("train", [{"learning_rate": 3e-3}, {"learning_rate": 0}, {"learning_rate": 1.0, "optimizer": "prodigy"}, {"max_grad_norm": 10}])
def test_a_usual_value(train: dict[str, Any]) -> None:
    assert ids(**train) == []


@pytest.mark.parametrize(
    "kind",
    [
        "clip-before-unscale",
        "scaler-with-bf16",
        "mask-sum-divisor",
        "gradients-never-cleared",
        "half-parameters-with-adam",
        "end-token-masked",
        "padding-in-labels",
        "frozen-layers-reentrant",
    ],
)
def test_what_a_script_does_is_told_with_its_line(kind: str) -> None:
    odd = {"kind": kind, "packages": ["config"], "detail": "seen", "origin": "t.py:3"}
    [finding] = judge(snap(anomalies=[odd]), TABLES).findings
    assert (finding.id, finding.title, finding.facts[0].origin) == (kind, "seen", "t.py:3")
    assert finding.page.fix
    assert kind in RULES


@pytest.mark.parametrize(
    ("train", "id"),
    [({"deepspeed_fp16": True, "deepspeed_bf16": True}, "deepspeed-two-precisions"), ({"deepspeed_bf16": True, "trainer_precision": "fp32"}, "deepspeed-precision-of-trainer"),
     ({"deepspeed_fp16": True, "trainer_precision": "bf16"}, "deepspeed-precision-of-trainer"), ({"deepspeed_bf16": True, "trainer_precision": "bf16"}, None),
     ({"deepspeed_bf16": True}, None), ({"deepspeed_fp16": True, "deepspeed_bf16": False}, None), ({"deepspeed_fp16": False, "trainer_precision": "bf16"}, None)],
)  # fmt: skip
def test_precisions_of_deepspeed_and_trainer(train: dict[str, Any], id: str | None) -> None:
    assert ids(**train) == ([id] if id else [])
