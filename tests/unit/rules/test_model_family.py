"""Families of models and the first transformers that knows them, as read in its wheels."""

from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.facts import families
from envcheck.rules import model_family

TABLES = Checker().tables()


@pytest.mark.parametrize(
    ("version", "family"),
    [("4.50.3", "qwen3"), ("4.36.2", "qwen2"), ("4.51.1", "glm4"), ("4.41.2", "gemma2"), ("==4.44.2", "mllama"), ("<4.40", "qwen2_vl")],
)
def test_an_older_transformers_cannot_load_the_family(version: str, family: str) -> None:
    [found] = model_family.find(snap(transformers=version, train={"model_type": family}), TABLES)
    assert (found.severity, found.culprit) == ("error", ("transformers", "config"))


@pytest.mark.parametrize(
    ("version", "train"),
    [
        ("4.51.0", {"model_type": "qwen3"}),
        ("4.51.0.dev0", {"model_type": "qwen3"}),
        (">=4.40", {"model_type": "qwen3"}),
        ("4.36.2", {"model_type": "baichuan"}),
        ("4.36.2", {"model_type": "qwen2", "framework": "torchtune"}),
        ("4.36.2", {"precision": "bf16"}),
        ("absent", {"model_type": "qwen2"}),
    ],
)
def test_what_is_known_or_open_or_brings_its_own_code_is_left_alone(version: str, train: Any) -> None:
    assert model_family.find(snap(transformers=version, train=train), TABLES) == ()


def test_a_row_of_another_shape_is_refused() -> None:
    assert families.check_row({"family": "qwen3", "first": "4.51.0"}) == ("qwen3", "4.51.0")
    for row in ({"family": "Qwen 3", "first": "4.51.0"}, {"family": "qwen3"}, {"family": "qwen3", "first": "soon"}):
        with pytest.raises((ValueError, KeyError)):
            families.check_row(row)
