"""Features and precisions that a config asks for, on GPUs as people have them."""

from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.rules import capability, family_precision

TABLES = Checker().tables()
GPUS = {
    "P100": "6.0",
    "P40": "6.1",
    "V100": "7.0",
    "T4": "7.5",
    "A100": "8.0",
    "RTX 3090": "8.6",
    "L40S": "8.9",
    "H20": "9.0",
    "B200": "10.0",
    "RTX 5090": "12.0",
}
FA2, FA3, FP8, TF32 = {"attn_implementation": "flash_attention_2"}, {"attn_implementation": "flash_attention_3"}, {"precision": "fp8"}, {"tf32": True}
COMPILE, INT8 = {"torch_compile": True}, {"quantization": "8bit"}
NF4 = {"quantization": "4bit", "bnb_4bit_compute_dtype": "bf16"}


def found(cards: str, train: dict[str, Any], **packages: str) -> list[str]:
    gpus = [{"name": f"NVIDIA {card}", "capability": GPUS[card], "count": 1} for card in cards.split(", ")]
    snapshot = snap(gpus=gpus, train=train, **packages)
    return [one.id for rule in capability.RULES for one in rule.find(snapshot, TABLES)]


@pytest.mark.parametrize(
    ("cards", "train", "packages", "id"),
    [("T4", FA2, {}, "gpu-without-flash-attention-2"), ("V100", FA2, {}, "gpu-without-flash-attention-2"), ("RTX 5090", FA3, {}, "gpu-without-flash-attention-3"),
     ("T4", FA3, {}, "gpu-without-flash-attention-3"), ("A100", FP8, {}, "gpu-without-fp8"), ("RTX 3090, T4", FP8, {}, "gpu-without-fp8"),
     ("T4", TF32, {"transformers": "4.57.1"}, "gpu-without-tf32"), ("P100", COMPILE, {}, "gpu-without-triton"), ("P40", INT8, {"bitsandbytes": "0.35.4"}, "gpu-without-int8"),
     ("V100", INT8, {"bitsandbytes": "0.37.0"}, "gpu-with-slow-int8"), ("T4", NF4, {}, "gpu-without-bf16-for-4bit"), ("V100", NF4, {"bitsandbytes": "0.45.0"}, "gpu-without-bf16-for-4bit")],
)  # fmt: skip
def test_no_gpu_has_what_is_asked_for(cards: str, train: dict[str, Any], packages: dict[str, str], id: str) -> None:
    assert found(cards, train, **packages) == [id]


@pytest.mark.parametrize(
    ("cards", "train", "packages"),
    [("A100", FA2, {}), ("L40S, T4", FA2, {}), ("T4", {"attn_implementation": "sdpa"}, {}), ("H20", FA3, {}), ("A100", FA3, {}), ("L40S", FP8, {}), ("B200", FP8, {}),
     ("T4", TF32, {}), ("T4", TF32, {"transformers": "4.27.4"}), ("A100", TF32, {"transformers": "4.57.1"}), ("V100", COMPILE, {}), ("P100", {"torch_compile": False}, {}),
     ("P40", INT8, {}), ("V100", INT8, {"bitsandbytes": "0.45.0"}), ("A100", NF4, {}),
     ("T4", {"quantization": "4bit"}, {}), ("T4", {"quantization": "4bit", "bnb_4bit_compute_dtype": "fp16"}, {}), ("T4", INT8, {"bitsandbytes": "0.35.4"}), ("T4", {}, {})],
)  # fmt: skip
def test_a_gpu_has_it_or_nobody_asks(cards: str, train: dict[str, Any], packages: dict[str, str]) -> None:
    assert found(cards, train, **packages) == []


def test_a_gpu_of_unknown_capability_may_have_it() -> None:
    snapshot = snap(gpus=[{"name": "NVIDIA T4", "capability": "7.5", "count": 1}, {"name": "AMD Instinct MI300X", "arch": "gfx942", "count": 1}], train=FP8)
    assert not [one for rule in capability.RULES for one in rule.find(snapshot, TABLES)]


@pytest.mark.parametrize("family", ["qwen2", "qwen2_5_vl", "gemma3", "gpt_oss", "mt5"])
def test_fp16_with_a_family_that_overflows(family: str) -> None:
    [finding] = family_precision.find(snap(train={"model_type": family, "precision": "fp16"}), TABLES)
    assert (finding.severity, finding.culprit) == ("warning", ("config", "gpu"))
    assert finding.page.links


@pytest.mark.parametrize(
    "train", [{"model_type": "qwen2", "precision": "bf16"}, {"model_type": "llama", "precision": "fp16"}, {"model_type": "qwen2"}, {"precision": "fp16"}]
)
def test_another_precision_or_family(train: dict[str, str]) -> None:
    assert not family_precision.find(snap(train=train), TABLES)
