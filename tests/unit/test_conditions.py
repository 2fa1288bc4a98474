from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.conditions import evaluate
from envcheck.model import Truth

YES, NO, UNKNOWN = Truth.YES, Truth.NO, Truth.UNKNOWN

CASES: list[tuple[str, dict[str, Any], Any, Truth]] = [
    ("a package in range", {"torch": "<2.3"}, snap(torch="2.2.0+cu121"), YES),
    ("a package out of range", {"torch": "<2.3"}, snap(torch="2.3.0"), NO),
    ("a package nobody spoke of", {"torch": "<2.3"}, snap(numpy="2.0.0"), UNKNOWN),
    ("a package missing from a complete listing", {"torch": "<2.3"}, snap(numpy="2.0.0", complete=True), NO),
    ("installed, in a range requirement", {"apex": "installed"}, snap(apex=">=0"), YES),
    ("absent, in a complete listing", {"apex": "absent"}, snap(complete=True), YES),
    ("absent, nobody spoke of it", {"apex": "absent"}, snap(torch="2.0.0"), UNKNOWN),
    ("absent, said so", {"apex": "installed"}, snap(apex="absent"), NO),
    ("a version nobody can read", {"torch": "<2.3"}, snap(torch="custom-build"), UNKNOWN),
    ("any of a list", {"torch": ["==2.0.0", "==2.2.0"]}, snap(torch="2.2.0"), YES),
    ("a partial version in an incomplete report", {"torch": ">=2.2.1"}, snap(torch="2.2"), UNKNOWN),
    ("two numbers in a complete listing are a release", {"tzdata": ">=2025.2.1"}, snap(tzdata="2025.2", complete=True), NO),
    ("Volta, both bounds", {"gpu": ">=7.0,<7.5"}, snap(gpus=[{"name": "Tesla V100", "capability": "7.0"}]), YES),
    ("Pascal is not Volta", {"gpu": ">=7.0,<7.5"}, snap(gpus=[{"name": "Tesla P100", "capability": "6.0"}]), NO),
    ("an NVIDIA card of unknown capability", {"gpu": ">=8.0"}, snap(gpus=[{"name": "NVIDIA X999"}]), UNKNOWN),
    ("another vendor has no capability", {"gpu": ">=8.0"}, snap(gpus=[{"name": "AMD MI250", "arch": "gfx90a"}]), NO),
    ("no GPU at all", {"gpu": ">=8.0"}, snap(gpus=[]), NO),
    ("nobody looked for GPUs", {"gpu": ">=8.0"}, snap(torch="2.0.0"), UNKNOWN),
    ("a GPU by a whole word", {"gpu": "A10"}, snap(gpus=[{"name": "NVIDIA A100-SXM4-80GB", "capability": "8.0"}]), NO),
    ("a GPU by its name", {"gpu": "H20"}, snap(gpus=[{"name": "NVIDIA H20-3e", "capability": "9.0"}]), YES),
    ("a GPU by a pattern", {"gpu": "RTX 50*"}, snap(gpus=[{"name": "NVIDIA GeForce RTX 5090", "capability": "12.0"}]), YES),
    ("a GPU by its architecture", {"gpu": "gfx942"}, snap(gpus=[{"name": "AMD Instinct MI300X", "capability": "gfx942"}]), YES),
    ("one of two GPUs is enough", {"gpu": "<7.5"}, snap(gpus=[{"name": "A", "capability": "9.0"}, {"name": "B", "capability": "7.0"}]), YES),
    ("GPUs are counted together", {"gpu_count": ">=8"}, snap(gpus=[{"name": "A", "count": 4}, {"name": "B", "count": 4}]), YES),
    ("a count nobody gave", {"gpu_count": ">=2"}, snap(gpus=[{"name": "A"}]), UNKNOWN),
    ("a driver keeps its leading zero", {"driver": "<535.104.6"}, snap(driver="535.104.05"), YES),
    ("a CPU build has no CUDA", {"torch_cuda": ">=12"}, snap(torch_cuda="absent"), NO),
    ("torch's CUDA is exact", {"torch_cuda": "==12.1"}, snap(torch_cuda="12.1"), YES),
    ("an operating system", {"os": "windows"}, snap(os="win32"), YES),
    ("a variable with a value", {"env.NCCL_P2P_DISABLE": "1"}, snap(env={"NCCL_P2P_DISABLE": "1"}), YES),
    ("a variable that a probe did not find", {"env.NCCL_P2P_DISABLE": "1"}, snap(env_complete=True), NO),
    ("a variable nobody looked for", {"env.NCCL_P2P_DISABLE": "1"}, snap(torch="2.0.0"), UNKNOWN),
    ("unset, after a probe", {"env.X": "unset"}, snap(env_complete=True), YES),
    ("a setting", {"train.precision": "bf16"}, snap(train={"precision": "BF16"}), YES),
    ("a switch written as JSON", {"train.overlap_comm": "true"}, snap(train={"overlap_comm": True}), YES),
    ("a stage as a number", {"train.zero_stage": ["1", "2"]}, snap(train={"zero_stage": 2}), YES),
    ("a number above", {"train.gradient_accumulation_steps": ">1"}, snap(train={"gradient_accumulation_steps": "8"}), YES),
    ("a range inside a range", {"train.gradient_accumulation_steps": ">=1"}, snap(train={"gradient_accumulation_steps": ">1"}), YES),
    ("a range over a bound", {"train.gradient_accumulation_steps": ">4"}, snap(train={"gradient_accumulation_steps": ">1"}), UNKNOWN),
    ("numbers, not texts", {"train.learning_rate": ">=1e-4,<1e-2"}, snap(train={"learning_rate": "0.0002"}), YES),
    ("FSDP by its strategy", {"train.fsdp": "true"}, snap(train={"fsdp": "full_shard auto_wrap"}), YES),
    ("FSDP by its version", {"train.fsdp": "true"}, snap(train={"fsdp": 2}), YES),
    ("FSDP switched off", {"train.fsdp": "true"}, snap(train={"fsdp": False}), NO),
    ("FSDP switched off by a number", {"train.fsdp": "true"}, snap(train={"fsdp": 0}), NO),
    ("another project's FSDP", {"train.fsdp": "true"}, snap(train={"fsdp": "megatron_fsdp"}), NO),
    ("a strategy of FSDP", {"train.fsdp": "*hybrid*"}, snap(train={"fsdp": "full_shard"}), NO),
    ("a model by a pattern", {"train.model_type": "gemma*"}, snap(train={"model_type": "gemma2"}), YES),
    ("no beats unknown", {"torch": "<2.3", "numpy": ">=2"}, snap(torch="2.4.0"), NO),
    ("unknown beats yes", {"torch": "<2.3", "numpy": ">=2"}, snap(torch="2.2.0"), UNKNOWN),
    ("any of two, one holds", {"any": [{"torch": "<2"}, {"numpy": ">=2"}]}, snap(numpy="2.0.0"), YES),
    ("any of two, none can", {"any": [{"torch": "<2"}, {"numpy": ">=2"}]}, snap(torch="2.1.0", numpy="1.26.4"), NO),
    ("any of two, one open", {"any": [{"torch": "<2"}, {"numpy": ">=2"}]}, snap(torch="2.1.0"), UNKNOWN),
    ("not, of what holds", {"not": {"torch": "<2"}}, snap(torch="1.13.1"), NO),
    ("not, of what does not", {"not": {"torch": "<2"}}, snap(torch="2.0.1"), YES),
    ("not, of what is open", {"not": {"torch": "<2"}}, snap(numpy="2.0.0"), UNKNOWN),
]


@pytest.mark.parametrize(("when", "snapshot", "truth"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_conditions(when: dict[str, Any], snapshot: Any, truth: Truth) -> None:
    assert evaluate(when, snapshot).truth is truth


def test_what_is_missing_is_told_apart_from_what_is_too_wide() -> None:
    outcome = evaluate({"deepspeed": ">=0.12.4,<0.14.3", "train.zero_stage": "2"}, snap(deepspeed=">=0.12"))
    assert outcome.missing == ("train.zero_stage",)
    assert outcome.ranged == ("deepspeed",)


def test_any_asks_for_as_little_as_possible() -> None:
    outcome = evaluate({"any": [{"train.fsdp": "true", "torch": "<2"}, {"train.zero_stage": "3"}]}, snap(numpy="2.0.0"))
    assert outcome.missing == ("train.zero_stage",)


def test_a_finding_can_name_the_facts_that_fired() -> None:
    used = evaluate({"torch": "<2.3", "gpu": ">=7.0,<7.5"}, snap(torch="2.2.0", gpus=[{"name": "Tesla V100", "capability": "7.0"}])).used
    assert [(key, fact.value) for key, fact in used] == [("torch", "2.2.0"), ("gpu", "Tesla V100 (sm_70)")]


def test_a_version_nobody_can_read_is_missing_and_not_a_range() -> None:
    outcome = evaluate({"deepspeed": "==0.14.3"}, snap(deepspeed="master-abc", complete=True))
    assert (outcome.missing, outcome.ranged) == (("deepspeed",), ())


@pytest.mark.parametrize(("argument", "truth"), [("installed", YES), ("absent", NO), (">=2", UNKNOWN)])
def test_a_package_of_unknown_version_is_still_there(argument: str, truth: Truth) -> None:
    assert evaluate({"flash-attn": argument}, snap(packages={"flash-attn": None}, complete=True)).truth is truth


def test_a_variable_that_is_null_is_unknown() -> None:
    assert evaluate({"env.X": "unset"}, snap(env={"X": None}, env_complete=True)).truth is UNKNOWN


def test_a_driver_that_reports_no_real_capability_leaves_it_open() -> None:
    from dataclasses import replace

    from envcheck.model import Gpu

    snapshot = replace(snap(torch="2.0.0"), gpus=(Gpu("sick card", "0.0"),))
    assert evaluate({"gpu": ">=8.0"}, snapshot).truth is UNKNOWN
