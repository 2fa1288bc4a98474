"""TrainingArguments files, and the DeepSpeed config they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envcheck import training
from envcheck.errors import InputError
from envcheck.model import Fact

RAW = Path(__file__).parents[2] / "raw" / "training"


@pytest.fixture(autouse=True)
def _there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RAW)


def facts(folder: Path, text: str) -> dict[str, Fact]:
    path = folder / "t.yaml"
    path.write_text("output_dir: out\nmax_steps: 1\n" + text, encoding="utf-8")
    return training.read(str(path), str)


def test_a_file_and_its_deepspeed_config() -> None:
    read = training.read("trainer.yaml", str)
    assert {key: (fact.value, fact.origin) for key, fact in read.items() if fact.is_known} == {
        "model": ("Qwen/Qwen2.5-7B", "trainer.yaml:2"),
        "precision": ("bf16", "trainer.yaml:4"),
        "trainer_precision": ("bf16", "trainer.yaml:4"),
        "deepspeed_bf16": ("true", "trainer.yaml:4"),
        "deepspeed_fp16": ("false", "trainer.yaml:4"),
        "learning_rate": (2e-5, "trainer.yaml:6"),
        "adam_epsilon": (1e-6, "trainer.yaml:7"),
        "gradient_accumulation_steps": (4, "trainer.yaml:8"),
        "per_device_train_batch_size": (2, "trainer.yaml:10"),
        "max_grad_norm": (1, "trainer.yaml: TrainingArguments' default"),
        "logging_nan_inf_filter": ("true", "trainer.yaml: TrainingArguments' default"),
        "gradient_checkpointing": ("true", "trainer.yaml:12"),
        "use_reentrant": ("false", "trainer.yaml:13"),
        "optimizer": ("AdamW", "zero2_auto.json:9"),
        "attn_implementation": ("sdpa", "trainer.yaml:15"),
        "group_by_length": ("false", "trainer.yaml:17"),
        "arguments": ("TrainingArguments.gradient_checkpointing_kwargs TrainingArguments.group_by_length", "trainer.yaml"),
        "deepspeed": ("true", "zero2_auto.json:2"),
        "zero_stage": (2, "zero2_auto.json:13"),
        "overlap_comm": ("true", "zero2_auto.json:14"),
        "contiguous_gradients": ("true", "zero2_auto.json:15"),
        "reduce_bucket_size": (500_000_000, "zero2_auto.json:16"),
        "offload": ("false", "zero2_auto.json: DeepSpeed's default"),
    }
    assert [key for key, fact in read.items() if not fact.is_known] == ["train_batch_size"]


def test_json_of_the_arguments() -> None:
    read = training.read("arguments.json", str)
    assert {key: read[key].value for key in ("precision", "trainer_precision", "learning_rate", "max_grad_norm", "fsdp", "torch_compile")} == {
        "precision": "fp16",
        "trainer_precision": "fp16",
        "learning_rate": 5e-5,
        "max_grad_norm": 0.3,
        "fsdp": "full_shard auto_wrap",
        "torch_compile": "true",
    }
    assert read["use_reentrant"] == Fact("true", "arguments.json:13")
    assert read["logging_nan_inf_filter"].value == "false"
    assert not {"deepspeed", "ddp_find_unused_parameters", "tf32"} & set(read)


def test_a_deepspeed_config_that_is_not_there() -> None:
    said: list[str] = []
    read = training.read("gone.yaml", said.append)
    assert said == ["gone.yaml:4: the DeepSpeed config `configs/ds_z3.json` is not there, so its settings are unknown"]
    assert read["zero_stage"] == Fact(None, "gone.yaml:4", "the DeepSpeed config `configs/ds_z3.json` is not there")
    assert read["precision"].value == "bf16"


def test_trl_has_defaults_of_its_own() -> None:
    read = training.read("sft.yaml", str)
    assert [read[key].value for key in ("gradient_checkpointing", "trainer_precision", "precision")] == [None, None, None]
    assert (read["packing"].value, read["quantization"].value, read["per_device_train_batch_size"].value) == ("true", "4bit", 8)


@pytest.mark.parametrize(
    ("text", "side", "precision"),
    [
        pytest.param("", "fp32", None, id="neither-given"),
        pytest.param("bf16: false", "fp32", "fp32", id="bf16-off"),
        pytest.param("fp16: false", "fp32", None, id="only-fp16-off"),
        pytest.param("fp16: True", "fp16", "fp16", id="fp16"),
        pytest.param("fp16: true\nbf16: true", None, None, id="both"),
        pytest.param('bf16: "{{ bf16 }}"', None, None, id="template"),
    ],
)
def test_precision(tmp_path: Path, text: str, side: Any, precision: Any) -> None:
    read = facts(tmp_path, text)
    assert (read["trainer_precision"].value, read["precision"].value) == (side, precision)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        pytest.param("fsdp: full_shard offload", "fsdp", "full_shard offload", id="fsdp-text"),
        pytest.param("fsdp: ''", "fsdp", "false", id="fsdp-empty"),
        pytest.param("fsdp_config: {fsdp_version: 2}", "fsdp_version", 2, id="fsdp-version"),
        pytest.param("fsdp_config: {version: 2}", "fsdp_version", 2, id="fsdp-version-short"),
        pytest.param("fsdp_config: {}\nfsdp_version: 2", "fsdp_version", 2, id="fsdp-version-outside"),
        pytest.param("fsdp_config: {activation_checkpointing: true}", "fsdp_activation_checkpointing", "true", id="fsdp-checkpointing"),
        pytest.param("activation_checkpointing: true", "fsdp_activation_checkpointing", "missing", id="checkpointing-of-the-trainer"),
        pytest.param("version: 2", "fsdp_version", "missing", id="version-of-something-else"),
        pytest.param("fsdp_config: {state_dict_type: FULL_STATE_DICT}", "fsdp_state_dict_type", "FULL_STATE_DICT", id="fsdp-state"),
        pytest.param("precompute_ref_log_probs: true", "precompute_ref_log_probs", "true", id="dpo-reference"),
        pytest.param("fsdp: []", "fsdp", "false", id="fsdp-empty-list"),
        pytest.param("fsdp: yes", "fsdp", "true", id="fsdp-boolean"),
        pytest.param("gradient_checkpointing: null", "gradient_checkpointing", "false", id="null-is-default"),
        pytest.param("activation_checkpointing: on", "gradient_checkpointing", "true", id="new-name"),
        pytest.param("train_sampling_strategy: group_by_length", "group_by_length", "true", id="new-sampling"),
        pytest.param("learning_rate: ${LR}", "learning_rate", None, id="placeholder"),
        pytest.param("model_name_or_path: <your-model>", "model", None, id="model-placeholder"),
        pytest.param("model:\n  name: x", "model", "missing", id="model-section"),
        pytest.param("model_init_kwargs: {attn_implementation: eager}", "attn_implementation", "eager", id="init-kwargs"),
        pytest.param("deepspeed: {zero_optimization: {stage: 2}}", "zero_stage", 2, id="deepspeed-in-place"),
        pytest.param('deepspeed: \'{"zero_optimization": {"stage": 1}}\'', "zero_stage", 1, id="deepspeed-as-text"),
        pytest.param("deepspeed: false", "deepspeed", "missing", id="deepspeed-off"),
        pytest.param("base: &b {bf16: true}\n<<: *b", "precision", "bf16", id="merge"),
        ("use_liger_loss: true", "use_liger_loss", "true"),
        ("use_liger_loss: true", "use_liger_kernel", "missing"),
        ("padding_side: left", "padding_side", "left"),
    ],
)
def test_one_setting(tmp_path: Path, text: str, key: str, value: Any) -> None:
    assert facts(tmp_path, text).get(key, Fact("missing")).value == value


def test_a_deepspeed_config_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "ds.json").write_text('{"zero_optimization": {"stage": 3}, "gradient_clipping": 2.0}')
    read = facts(tmp_path, "deepspeed: ./ds.json\nbf16: true\nmax_grad_norm: 1.0")
    assert read["zero_stage"] == Fact(3, f"{tmp_path}/./ds.json:1")
    assert read["precision"].value == "bf16"
    assert read["max_grad_norm"].reason == f"the files disagree: `2` ({tmp_path}/./ds.json:1) and `1` ({tmp_path}/t.yaml:5)"


@pytest.mark.parametrize("content", ["[]", "", "{"])
def test_a_named_config_that_is_no_deepspeed_config(tmp_path: Path, content: str) -> None:
    (tmp_path / "ds.json").write_text(content)
    with pytest.raises(InputError):
        facts(tmp_path, "deepspeed: ds.json")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param('bf16: "false"', "`bf16` is `false`, not true or false", id="quoted-boolean"),
        pytest.param("bf16: 1", "`bf16` is `1`, not true or false", id="number"),
        pytest.param("learning_rate: fast", "`learning_rate` is `fast`, not a finite number", id="word"),
        pytest.param("learning_rate: [1e-5, 2e-5]", "`learning_rate` is a list, not a number", id="list"),
        pytest.param("gradient_accumulation_steps: 1.5", "`gradient_accumulation_steps` is `1.5`, not a whole number", id="half"),
        pytest.param("max_grad_norm: 1e999", "`max_grad_norm` is `1e999`, not a finite number", id="infinite"),
        pytest.param("optim: {name: adamw}", "`optim` is a mapping, not one text", id="mapping"),
        pytest.param("gradient_checkpointing_kwargs: no", "`gradient_checkpointing_kwargs` is `no`, not a mapping", id="kwargs"),
        pytest.param("deepspeed: [ds.json]", "`deepspeed` is a list, not one text", id="deepspeed-list"),
    ],
)
def test_wrong_types(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        facts(tmp_path, line)
    assert caught.value.message == message
    assert caught.value.where == f"{tmp_path}/t.yaml:3"
    assert caught.value.hint


def test_a_misspelt_argument_is_said_and_no_default_stands_for_it(tmp_path: Path) -> None:
    path, said = tmp_path / "t.yaml", []
    path.write_text("output_dir: out\nmax_steps: 1\ngradient_acumulation_steps: 4\nbf61: true\neval_strategy: no\n", encoding="utf-8")
    read = training.read(str(path), said.append)
    assert said == [
        f"{path}:3: nothing reads the key `gradient_acumulation_steps`; did you mean `gradient_accumulation_steps`?",
        f"{path}:4: nothing reads the key `bf61`; did you mean `bf16`?",
    ]
    assert not any(read[name].is_known for name in ("gradient_accumulation_steps", "precision", "trainer_precision"))


def test_a_deepspeed_config_without_any_known_section(tmp_path: Path) -> None:
    (tmp_path / "ds.json").write_text('{"a": 1}')
    with pytest.raises(InputError, match="is no DeepSpeed config"):
        facts(tmp_path, "deepspeed: ds.json")
