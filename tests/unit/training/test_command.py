"""Launch commands and shell scripts: what they say, and that nothing in them is ever run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envcheck import training
from envcheck.errors import InputError
from envcheck.model import Fact
from envcheck.training import shell

RAW = Path(__file__).parents[2] / "raw" / "training"


@pytest.fixture(autouse=True)
def _there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RAW)


def said(command: str) -> dict[str, Any]:
    return {key: fact.value for key, fact in training.picture([], command.split()).train.items() if fact.is_known}


def within(found: dict[str, Any], **wanted: Any) -> None:
    assert {key: found.get(key) for key in wanted} == wanted


def test_a_script_with_variables_an_array_and_the_files_it_names() -> None:
    messages: list[str] = []
    picture = training.picture(["train.sh"], warn=messages.append)
    found = picture.train
    assert messages == []
    assert found["precision"] == Fact("bf16", "train.sh:12")
    assert found["learning_rate"] == Fact(2e-5, "train.sh:15")
    assert found["world_size"] == Fact(8, "train.sh:11")
    assert found["per_device_train_batch_size"].value == 16
    assert found["zero_stage"] == Fact(2, "./zero2_auto.json:13")
    assert found["max_grad_norm"] == Fact(None, "train.sh:15", "`${CLIP}` is not set in the script")
    assert (found["model"].value, found["trainer"].value) == ("google/gemma-2-9b-it", "dpo")
    assert picture.env == {"NCCL_DEBUG": Fact("INFO", "train.sh:3"), "CUDA_VISIBLE_DEVICES": Fact("0,1", "train.sh:11")}


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        pytest.param("torchrun --standalone --nnodes 2 --nproc-per-node 4 t.py --bf16 --output_dir o", {"world_size": 8, "precision": "bf16"}, id="torchrun"),
        pytest.param(
            "python -m torch.distributed.run --nproc_per_node=2 -m pkg.train_sft --fp16 1 --output_dir o",
            {"world_size": 2, "precision": "fp16", "trainer": "sft"},
            id="module",
        ),
        pytest.param(
            "deepspeed --num_gpus 8 t.py --deepspeed zero2.json --bf16 True --output_dir o",
            {"world_size": 8, "zero_stage": 3, "offload": "true"},
            id="deepspeed",
        ),
        pytest.param(
            "accelerate launch --mixed_precision bf16 --num_processes 4 t.py --learning_rate=1e-4",
            {"precision": "bf16", "world_size": 4, "learning_rate": 1e-4},
            id="accelerate",
        ),
        pytest.param("accelerate launch --config_file accelerate.yaml t.py --learning_rate 1e-4", {"precision": "bf16", "zero_stage": 3}, id="accelerate-file"),
        pytest.param("accelerate launch --config_file accelerate.yaml --mixed_precision fp16 t.py", {"precision": "fp16", "zero_stage": 3}, id="option-wins"),
        pytest.param(
            "accelerate launch --use_deepspeed --zero_stage 2 --offload_optimizer_device cpu t.py", {"zero_stage": 2, "offload": "true"}, id="zero-options"
        ),
        pytest.param("llamafactory-cli train llamafactory.yaml", {"framework": "llamafactory", "trainer": "dpo"}, id="llamafactory"),
        pytest.param("FORCE_TORCHRUN=1 llamafactory-cli train llamafactory.yaml", {"framework": "llamafactory"}, id="variable-before"),
        pytest.param(
            "swift sft --model Qwen/Qwen2-7B --train_type full --torch_dtype float16",
            {"framework": "ms-swift", "method": "full", "precision": "fp16"},
            id="swift",
        ),
        pytest.param("axolotl train axolotl.yml", {"framework": "axolotl", "method": "qlora"}, id="axolotl"),
        pytest.param("accelerate launch -m axolotl.cli.train axolotl.yml", {"framework": "axolotl", "zero_stage": 2}, id="axolotl-module"),
        pytest.param("trl dpo --config sft.yaml", {"trainer": "dpo", "framework": "trl"}, id="trl"),
        pytest.param(
            "tune run --nproc_per_node 2 lora_finetune_distributed --config torchtune.yaml batch_size=1",
            {"world_size": 2, "framework": "torchtune", "method": "qlora"},
            id="tune",
        ),
        pytest.param(
            "torchrun --nproc_per_node=8 -m torchtitan.train --job.config_file titan.toml", {"framework": "torchtitan", "world_size": 8}, id="torchtitan"
        ),
        pytest.param("srun -N 2 --gres=gpu:8 python -u train.py trainer.yaml", {"precision": "bf16", "zero_stage": 2}, id="srun"),
        pytest.param("python train.py --learning_rate 1e-3 --weights m.bin", {"learning_rate": 1e-3}, id="somebodys-own-script"),
    ],
)
def test_commands(command: str, wanted: dict[str, Any]) -> None:
    within(said(command), **wanted)


def test_somebodys_own_script_gets_no_defaults_of_the_trainer() -> None:
    assert set(said("python train.py --learning_rate 1e-3")) == {"learning_rate"}


def test_a_script_that_only_shares_names_with_the_trainer_gets_none_either() -> None:
    command = "train_text_to_image.py --output_dir o --learning_rate 1e-5 --gradient_accumulation_steps 4 --max_grad_norm 1 --gradient_checkpointing"
    assert set(said(f"python {command}")) == {"learning_rate", "gradient_accumulation_steps", "max_grad_norm", "gradient_checkpointing"}


def test_an_argument_that_is_open_takes_the_certainty_of_defaults(tmp_path: Path) -> None:
    path = tmp_path / "t.sh"
    path.write_text("#!/bin/sh\npython t.py --bf16 --output_dir o $EXTRA\n")
    messages: list[str] = []
    found = training.picture([str(path)], warn=messages.append).train
    assert "max_grad_norm" not in found
    assert messages == [f"{path}:2: `$EXTRA` is not set in the script, so defaults are not taken for granted"]


def test_a_comment_inside_a_continued_command_cuts_it(tmp_path: Path) -> None:
    path = tmp_path / "t.sh"
    path.write_text("python t.py --bf16 --output_dir o \\\n  # --lr 1 \\\n  --max_grad_norm 9\n")
    messages: list[str] = []
    found = training.picture([str(path)], warn=messages.append).train
    assert found["max_grad_norm"].value == 1.0
    assert "the shell does not pass the options below it" in messages[0]


def test_several_commands_in_one_script(tmp_path: Path) -> None:
    path = tmp_path / "t.sh"
    path.write_text(
        "#!/bin/sh\npython t.py --bf16 --output_dir o --learning_rate 1e-4\n# python t.py --fp16\npython t.py --bf16 --output_dir p --learning_rate 2e-4\n"
    )
    found = training.picture([str(path)]).train
    assert found["precision"].value == "bf16"
    assert found["learning_rate"].reason == "the script's commands differ in it"


def test_pasted_options(tmp_path: Path) -> None:
    path = tmp_path / "report.args"
    path.write_text("--bf16 True --output_dir o --gradient_accumulation_steps 16 \\\n --fsdp 'full_shard auto_wrap' --model_name_or_path t5-large")
    found = training.picture([str(path)]).train
    assert (found["gradient_accumulation_steps"].value, found["fsdp"].value, found["model"].value) == (16, "full_shard auto_wrap", "t5-large")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("X=${Y:-3}; python a.py --n $X", ["python", "a.py", "--n", "3"], id="default"),
        pytest.param("A='--x 1 --y'\npython a.py $A 2", ["python", "a.py", "--x", "1", "--y", "2"], id="split"),
        pytest.param("A='b c'\npython \"$A.py\"", ["python", "b c.py"], id="quoted"),
        pytest.param("B=8\nG=2\npython a.py $((B / G))", ["python", "a.py", "4"], id="arithmetic"),
        pytest.param("C='python a.py'\nC+=' --k v'\neval $C", ["python", "a.py", "--k", "v"], id="eval"),
        pytest.param("bash -c 'python a.py --k v'", ["python", "a.py", "--k", "v"], id="bash-c"),
        pytest.param("python a.py --k v >log 2>&1 &", ["python", "a.py", "--k", "v"], id="redirected"),
        pytest.param("cat <<EOF >x\npython no.py\nEOF\npython a.py", ["python", "a.py"], id="heredoc"),
        pytest.param("if [ 1 ]; then A=1 python a.py; fi", ["python", "a.py"], id="block"),
        pytest.param("python a.py --k 'it''s' \\\n", ["python", "a.py", "--k", "its"], id="joined-quotes"),
    ],
)
def test_a_shell_would_pass_these_words(text: str, words: list[str]) -> None:
    assert [[str(word) for word in one.words] for one in shell.commands(text) if one.words[0] == "python"] == [words]


@pytest.mark.parametrize("word", ["$1", "$(cat lr.txt)", "`cat lr.txt`", "${LR%.*}", "$((A+1))", "$UNSET"])
def test_what_only_a_running_shell_knows_has_a_reason(word: str) -> None:
    (command,) = shell.commands(f"python a.py --lr {word}")
    assert getattr(command.words[-1], "reason", "")


def test_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.sh").write_text("touch made\nX=$(touch made)\npython t.py --bf16 --output_dir `touch made` --learning_rate ${X}\n")
    training.picture(["t.sh"])
    assert [path.name for path in tmp_path.iterdir()] == ["t.sh"]


@pytest.mark.parametrize("command", ["ls -l", "python", "python -c pass", "torchrun", "accelerate config"])
def test_a_command_that_trains_nothing(command: str) -> None:
    with pytest.raises(InputError, match="starts no training"):
        said(command)


def test_a_script_that_names_itself(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("#!/bin/sh\nllamafactory-cli train c.yaml\n")
    with pytest.raises(InputError, match="names itself"):
        training.picture([str(path)])


def test_a_named_config_that_is_not_there() -> None:
    messages: list[str] = []
    training.picture([], ["llamafactory-cli", "train", "gone/x.yaml"], messages.append)
    assert messages == ["command: the config `gone/x.yaml` is not there, so its settings are unknown"]
