"""DeepSpeed's JSON -> training facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envcheck import training
from envcheck.errors import InputError
from envcheck.model import CONTRADICTIONS, Fact
from envcheck.training.values import AUTO

RAW = Path(__file__).parents[2] / "raw" / "training"


def facts(folder: Path, settings: Any) -> dict[str, Fact]:
    path = folder / "ds.json"
    path.write_text(json.dumps({"zero_optimization": {}, **settings}), encoding="utf-8")
    return training.read(str(path), str)


def test_a_full_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RAW)
    default = "zero2.json: DeepSpeed's default"
    assert training.read("zero2.json", str) == {
        "deepspeed": Fact("true", "zero2.json:2"),
        "zero_stage": Fact(3, "zero2.json:4"),
        "overlap_comm": Fact("true", default),
        "contiguous_gradients": Fact("true", default),
        "offload": Fact("true", "zero2.json:6"),
        "zero3_save_16bit_model": Fact("false", default),
        "deepspeed_bf16": Fact("true", "zero2.json:2"),
        "precision": Fact("bf16", "zero2.json:2"),
        "max_grad_norm": Fact(0.5, "zero2.json:11"),
        "per_device_train_batch_size": Fact(2, "zero2.json:8"),
        "gradient_accumulation_steps": Fact(8, "zero2.json:9"),
        "train_batch_size": Fact(128, "zero2.json:10"),
        "optimizer": Fact("Adam", "zero2.json:12"),
        "learning_rate": Fact(1e-4, "zero2.json:12"),
        "adam_epsilon": Fact(1e-8, "zero2.json:12"),
    }


def test_auto_is_unknown_because_the_trainer_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RAW)
    read = training.read("zero2_auto.json", str)
    assert (read["zero_stage"].value, read["overlap_comm"].value, read["reduce_bucket_size"].value) == (2, "true", 500_000_000)
    assert read["learning_rate"] == Fact(None, "zero2_auto.json:10", AUTO)
    assert read["precision"] == Fact(None, "zero2_auto.json:7, zero2_auto.json:3", AUTO)
    assert (read["deepspeed_fp16"], read["deepspeed_bf16"]) == (Fact("auto", "zero2_auto.json:3"), Fact("auto", "zero2_auto.json:7"))


def test_texts_where_booleans_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RAW)
    read = training.read("texts.json", str)
    assert (read["deepspeed_bf16"].value, read["deepspeed_fp16"].value) == ('"true" (string)', '"false" (string)')
    assert read["precision"] == Fact(None, "texts.json:2", 'a text stands where a boolean belongs: `"true"`')
    assert read["overlap_comm"] == Fact(None, "texts.json:4", 'a text stands where a boolean belongs: `"false"`')


@pytest.mark.parametrize(
    ("zero", "stage", "overlap", "offload"),
    [
        pytest.param({}, 0, None, "false", id="empty"),
        pytest.param({"stage": 1}, 1, "false", "false", id="stage-1"),
        pytest.param({"stage": "2"}, 2, "false", "false", id="stage-as-text"),
        pytest.param({"stage": 3}, 3, "true", "false", id="stage-3"),
        pytest.param({"stage": 3, "overlap_comm": False}, 3, "false", "false", id="overlap-off"),
        pytest.param({"stage": 2, "overlap_comm": None}, 2, "false", "false", id="overlap-null"),
        pytest.param({"stage": "auto"}, None, None, "false", id="stage-auto"),
        pytest.param({"stage": 2, "offload_optimizer": {"device": "nvme"}}, 2, "false", "true", id="offload-optimizer"),
        pytest.param({"stage": 2, "offload_optimizer": {"device": "auto"}}, 2, "false", None, id="offload-auto"),
        pytest.param({"stage": 2, "offload_optimizer": {"pin_memory": True}}, 2, "false", "false", id="offload-without-device"),
        pytest.param({"stage": 2, "cpu_offload": True}, 2, "false", "true", id="old-offload"),
    ],
)
def test_zero(tmp_path: Path, zero: dict[str, Any], stage: Any, overlap: Any, offload: Any) -> None:
    read = facts(tmp_path, {"zero_optimization": zero})
    assert read["zero_stage"].value == stage
    assert read.get("overlap_comm", Fact(None)).value == overlap
    assert read["offload"].value == offload


@pytest.mark.parametrize(
    ("zero", "saved"), [({"stage": 3}, "false"), ({"stage": 3, "stage3_gather_16bit_weights_on_model_save": True}, "true"), ({"stage": 2}, None)]
)
def test_whether_zero_3_gathers_weights_to_save_them(tmp_path: Path, zero: dict[str, Any], saved: Any) -> None:
    found = facts(tmp_path, {"zero_optimization": zero}).get("zero3_save_16bit_model")
    assert (found.value if found else None) == saved


@pytest.mark.parametrize(("given", "stage"), [(True, 1), (False, 0)])
def test_the_oldest_form(tmp_path: Path, given: bool, stage: int) -> None:
    assert facts(tmp_path, {"zero_optimization": given})["zero_stage"].value == stage


def test_without_zero(tmp_path: Path) -> None:
    path = tmp_path / "ds.json"
    path.write_text('{"train_micro_batch_size_per_gpu": 1}')
    assert training.read(str(path), str)["zero_stage"] == Fact(0, f"{path}: DeepSpeed's default")


ON, OFF, LEFT = {"enabled": True}, {"enabled": False}, {"enabled": "auto"}


@pytest.mark.parametrize(
    ("settings", "precision", "sides"),
    [
        pytest.param({"bf16": ON}, "bf16", (None, "true"), id="bf16"),
        pytest.param({"bfloat16": ON, "fp16": OFF}, "bf16", ("false", "true"), id="old-name"),
        pytest.param({"fp16": ON, "bf16": OFF}, "fp16", ("true", "false"), id="fp16"),
        pytest.param({"fp16": ON, "bf16": ON}, None, ("true", "true"), id="both"),
        pytest.param({"fp16": OFF, "bf16": OFF}, "fp32", ("false", "false"), id="both-off"),
        pytest.param({"fp16": OFF, "bf16": LEFT}, None, ("false", "auto"), id="auto"),
        pytest.param({"fp16": LEFT, "bf16": ON}, "bf16", ("auto", "true"), id="on-beside-auto"),
        pytest.param({"fp16": {}}, "fp32", ("false", None), id="section-without-enabled"),
        pytest.param({"bf16": {"enabled": "${BF16}"}}, None, (None, '"${BF16}" (string)'), id="placeholder"),
        pytest.param({}, "fp32", (None, None), id="neither"),
    ],
)
def test_precision(tmp_path: Path, settings: dict[str, Any], precision: Any, sides: tuple[Any, Any]) -> None:
    read = facts(tmp_path, settings)
    assert read["precision"].value == precision
    assert tuple(read.get(f"deepspeed_{name}", Fact(None)).value for name in ("fp16", "bf16")) == sides


def test_a_batch_size_in_quotation_marks_is_contradictory(tmp_path: Path) -> None:
    found = facts(tmp_path, {"gradient_accumulation_steps": "8", "train_batch_size": 32, "train_micro_batch_size_per_gpu": "auto"})
    assert found["gradient_accumulation_steps"].reason.startswith(CONTRADICTIONS)
    assert found["train_batch_size"].value == 32
    assert found["per_device_train_batch_size"].reason == AUTO


def test_clipping_that_is_not_set_is_not_guessed(tmp_path: Path) -> None:
    assert facts(tmp_path, {})["max_grad_norm"].reason.startswith("no `gradient_clipping` is set")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"zero_optimization": {"stage": 4}}, "`stage` is `4`, not 0, 1, 2 or 3", id="stage-4"),
        pytest.param({"zero_optimization": {"stage": True}}, "`stage` is `true`, not a finite number", id="stage-boolean"),
        pytest.param({"zero_optimization": [2]}, "`zero_optimization` is a list, not a mapping", id="zero-list"),
        pytest.param({"zero_optimization": {"overlap_comm": 1}}, "`overlap_comm` is `1`, not true or false", id="switch-number"),
        pytest.param({"bf16": True}, "`bf16` is `true`, not a mapping", id="section-boolean"),
        pytest.param({"gradient_clipping": "high"}, "`gradient_clipping` is `high`, not a finite number", id="number-text"),
        pytest.param({"gradient_clipping": float("nan")}, "`gradient_clipping` is `NaN`, not a finite number", id="nan"),
        pytest.param({"train_batch_size": 1.5}, "`train_batch_size` is `1.5`, not a whole number", id="half"),
        pytest.param({"train_batch_size": {"a": 1}}, "`train_batch_size` is a mapping, not a number", id="number-mapping"),
        pytest.param({"optimizer": {"type": ["Adam"]}}, "`type` is a list, not one text", id="word-list"),
    ],
)
def test_wrong_types(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        facts(tmp_path, settings)
    assert caught.value.message == message
    assert caught.value.where.endswith("ds.json:1")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("settings", "key", "meant", "unsettled"),
    [
        pytest.param({"zero_optimisation": {"stage": 3}}, "zero_optimisation", "zero_optimization", {"zero_stage", "overlap_comm", "offload"}, id="zero"),
        pytest.param({"bf61": ON}, "bf61", "bf16", {"precision", "deepspeed_bf16"}, id="bf16"),
        pytest.param({"fp16": {"enable": True}}, "enable", "enabled", {"precision", "deepspeed_fp16"}, id="enabled"),
        pytest.param({"zero_optimization": {"stge": 3}}, "stge", "stage", {"zero_stage", "overlap_comm"}, id="stage"),
        pytest.param(
            {"gradient_acumulation_steps": 4}, "gradient_acumulation_steps", "gradient_accumulation_steps", {"gradient_accumulation_steps"}, id="steps"
        ),
        pytest.param({"gradient_cliping": 1.0}, "gradient_cliping", "gradient_clipping", {"max_grad_norm"}, id="clipping"),
    ],
)
def test_a_misspelt_key_is_said_and_decides_nothing(tmp_path: Path, settings: Any, key: str, meant: str, unsettled: set[str]) -> None:
    path, said = tmp_path / "ds.json", []
    path.write_text(json.dumps({"train_micro_batch_size_per_gpu": 1, **settings}), encoding="utf-8")
    read = training.read(str(path), said.append)
    assert said == [f"{path}:1: nothing reads the key `{key}`; did you mean `{meant}`?"]
    assert {read[name].reason for name in unsettled} == {f"`{key}` looks like a misspelt `{meant}`"}
    assert not any(read[name].is_known for name in unsettled)


def test_a_file_of_which_only_a_misspelt_section_is_known(tmp_path: Path) -> None:
    path = tmp_path / "ds.json"
    path.write_text('{"zero_optimisation": {"stage": 3}}')
    assert not training.read(str(path), str)["zero_stage"].is_known


def test_known_keys_are_no_slips(tmp_path: Path) -> None:
    said: list[str] = []
    path = tmp_path / "ds.json"
    path.write_text('{"bf16": {"enabled": true}, "fp16_master": 1, "data_types": {}, "zero_allow_untested_optimizer": true, "train_batch_size": 1}')
    training.read(str(path), said.append)
    assert said == []
