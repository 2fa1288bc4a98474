"""One file of each framework, in the shape its users write, and what it says."""

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


def known(name: str) -> dict[str, Any]:
    return {key: fact.value for key, fact in training.picture([name]).train.items() if fact.is_known}


def said(tmp_path: Path, text: str, name: str = "c.yaml") -> dict[str, Fact]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return training.picture([str(path)]).train


def within(found: dict[str, Any], **wanted: Any) -> None:
    assert {key: found.get(key) for key in wanted} == wanted


def test_llamafactory() -> None:
    found = known("llamafactory.yaml")
    within(found, framework="llamafactory", trainer="dpo", method="qlora", lora_r=16, quantization="4bit", attn_implementation="flash_attention_2")
    within(found, use_liger_kernel="true", precision="bf16", learning_rate=1e-4, gradient_checkpointing="true", use_reentrant="true")


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        pytest.param("flash_attn: disabled", "attn_implementation", "eager", id="attention-off"),
        pytest.param("flash_attn: auto", "attn_implementation", None, id="attention-auto"),
        pytest.param("disable_gradient_checkpointing: true", "gradient_checkpointing", "false", id="no-checkpointing"),
        pytest.param("pure_bf16: true", "param_dtype", "bf16", id="pure-bf16"),
        pytest.param("stage: pt", "trainer", "pretrain", id="pretrain"),
        pytest.param("neat_packing: true", "packing", "true", id="neat-packing"),
        pytest.param("neat_packing: true", "packing_isolated", "true", id="neat-packing-apart"),
        pytest.param("packing: true", "packing_isolated", "false", id="packing-mixed"),
        pytest.param("learning_rate: 1e-5", "precision", None, id="precision-of-the-model"),
    ],
)
def test_llamafactory_settings(tmp_path: Path, line: str, key: str, value: str | None) -> None:
    assert said(tmp_path, f"finetuning_type: full\noutput_dir: out\n{line}\n")[key].value == value


def test_ms_swift() -> None:
    found = training.picture(["swift.yaml"]).train
    values = {key: fact.value for key, fact in found.items()}
    within(values, framework="ms-swift", method="qlora", quantization="4bit", precision="bf16", attn_implementation="flash_attention_2")
    within(values, zero_stage=2, offload="true", overlap_comm=None, packing="true", gradient_checkpointing="true")
    assert found["overlap_comm"].reason == "the config that ms-swift carries under this name differs between its versions"


def test_axolotl_and_its_deepspeed_config() -> None:
    found = training.picture(["axolotl.yml"]).train
    values = {key: fact.value for key, fact in found.items()}
    within(values, framework="axolotl", method="qlora", quantization="4bit", packing="true", attn_implementation="flash_attention_2")
    within(values, gradient_checkpointing="true", use_reentrant="false", use_liger_kernel="true", per_device_train_batch_size=4, zero_stage=2)
    assert found["precision"].reason == "`auto` is bf16 where the GPU has it, else fp16"
    assert found["zero_stage"].origin == "zero2_auto.json:13"


def test_axolotl_in_bf16_throughout(tmp_path: Path) -> None:
    found = said(tmp_path, "base_model: m\nmicro_batch_size: 1\nbf16: full\n")
    assert (found["precision"].value, found["param_dtype"].value, found["method"].value) == ("bf16", "bf16", "full")


def test_axolotl_names_the_version_of_fsdp_outside(tmp_path: Path) -> None:
    found = said(tmp_path, "base_model: m\nmicro_batch_size: 1\nfsdp_version: 2\nfsdp_config: {reshard_after_forward: true}\n")
    assert (found["fsdp"].value, found["fsdp_version"].value) == ("full_shard", 2)


def test_accelerate_with_zero_settings_of_its_own() -> None:
    found = known("accelerate.yaml")
    within(found, precision="bf16", world_size=8, parallelism="deepspeed", zero_stage=3, offload="true", overlap_comm="true", max_grad_norm=1)


def test_accelerate_that_leaves_the_precision_to_the_script(tmp_path: Path) -> None:
    found = said(tmp_path, "compute_environment: LOCAL_MACHINE\ndistributed_type: 'NO'\nmixed_precision: 'no'\n")
    assert found["precision"] == Fact(None, f"{tmp_path}/c.yaml:3", "Accelerate's `mixed_precision` is off; the training script may set its own")


def test_torchtune() -> None:
    found = known("torchtune.yaml")
    within(found, framework="torchtune", method="qlora", lora_r=8, precision="bf16", param_dtype="bf16", optimizer="adamw", learning_rate=3e-4)
    within(found, packing="true", torch_compile="false", gradient_checkpointing="true", gradient_accumulation_steps=8)


def test_torchtitan() -> None:
    found = training.picture(["titan.toml"]).train
    assert found["learning_rate"] == Fact(3e-4, "titan.toml:10")
    assert found["max_grad_norm"] == Fact(0.5, "titan.toml:16")
    assert found["precision"] == Fact("bf16", "titan.toml: torchtitan's default")
    assert (found["torch_compile"].value, found["gradient_checkpointing"].value, found["model"].value) == ("false", "true", "llama3 8B")


@pytest.mark.parametrize("text", ["[training]\na = \n", "[training\n", "a = 1\na = 2\n"])
def test_malformed_toml_is_told_with_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="is not valid TOML"):
        said(tmp_path, text, "c.toml")


def test_a_models_own_config() -> None:
    found = known("config.json")
    within(found, model_type="gemma2", checkpoint_dtype="bf16", attn_softcap="true", sliding_window="true", tie_word_embeddings="true")


def test_the_config_in_the_models_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text('{"model_type": "t5", "d_model": 8, "torch_dtype": "float32", "_attn_implementation": "sdpa"}')
    found = said(tmp_path, f"model_name_or_path: {tmp_path}/base\noutput_dir: o\nfp16: true\n")
    assert (found["model_type"].value, found["checkpoint_dtype"].value) == ("t5", "fp32")
    assert found.get("attn_implementation", Fact()).value is None


def test_settings_sorted_into_parts(tmp_path: Path) -> None:
    found = said(tmp_path, "sft_config:\n  bf16: true\n  output_dir: o\nmodel_args:\n  model_name_or_path: google/gemma-2-2b\n")
    assert (found["precision"], found["model"].value) == (Fact("bf16", f"{tmp_path}/c.yaml:2"), "google/gemma-2-2b")


def test_two_files_of_two_programs_that_disagree(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("compute_environment: LOCAL_MACHINE\ndistributed_type: MULTI_GPU\nmixed_precision: fp16\n")
    (tmp_path / "t.yaml").write_text("output_dir: o\nbf16: true\n")
    found = training.picture([str(tmp_path / "a.yaml"), str(tmp_path / "t.yaml")]).train
    assert found["precision"].reason.startswith("the files disagree: ")


def test_a_printed_trainingarguments(tmp_path: Path) -> None:
    text = "TrainingArguments(\n_n_gpu=1,\nbf16=False,\nfp16=True,\ndeepspeed=None,\nlearning_rate=5e-05,\noptim=OptimizerNames.ADAMW_TORCH,\noutput_dir='out',\n)\n"
    found = said(tmp_path, text, "log.txt")
    assert found["precision"] == Fact("fp16", f"{tmp_path}/log.txt:4")
    assert (found["learning_rate"].value, found["optimizer"].value) == (5e-5, "adamw_torch")
    assert "deepspeed" not in found
