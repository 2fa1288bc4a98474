"""The family that a model's name stands for."""

from __future__ import annotations

import pytest
from build import snap

from envcheck.derive import derive
from envcheck.families import family


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Qwen/Qwen2-7B-Instruct", "qwen2"),
        ("/data/models/Qwen2.5-VL-7B-Instruct", "qwen2_5_vl"),
        ("Qwen/Qwen-VL-Chat", "qwen"),
        ("Qwen/Qwen3-30B-A3B", "qwen3_moe"),
        ("meta-llama/Llama-3.2-11B-Vision", "mllama"),
        ("meta-llama/Meta-Llama-3.1-8B", "llama"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "qwen2"),
        ("deepseek-ai/DeepSeek-Coder-V2-Lite-Base", None),
        ("google/gemma-3-1b-it", "gemma3_text"),
        ("google/flan-t5-xl", "t5"),
        ("./my-qwen2-finetune", None),
        ("t5-rank", None),
    ],
)
def test_a_model_is_known_by_its_makers_name_only(name: str, wanted: str | None) -> None:
    assert family(name) == wanted


def test_the_family_follows_from_the_name_and_a_given_one_stays() -> None:
    named = derive(snap(train={"model": "Qwen/Qwen2-7B"}), tuple)
    assert named.train["model_type"].value == "qwen2"
    assert derive(snap(train={"model": "Qwen/Qwen2-7B", "model_type": "llama"}), tuple).train["model_type"].value == "llama"
    assert "model_type" not in derive(snap(train={"model": "./mine"}), tuple).train
