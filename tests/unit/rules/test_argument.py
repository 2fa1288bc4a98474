"""Arguments that a release takes or refuses: written in configs, commands and scripts, and judged by the table of real releases."""

from __future__ import annotations

from pathlib import Path

import pytest
from build import snap

from envcheck import training
from envcheck.api import Checker
from envcheck.facts import arguments as table
from envcheck.model import Fact, Finding
from envcheck.rules import argument
from envcheck.training.deepspeed import CHANGED_KEYS
from envcheck.training.names import CHANGED_ARGUMENTS

TABLES = Checker().tables()
ROW = {"of": "TrainingArguments", "package": "transformers", "gone": "4.51.0", "names": "evaluation_strategy=eval_strategy", "source": "the wheels"}


def commanded(words: str) -> dict[str, Fact]:
    return training.picture([], ["python", *words.split()]).train


def told(words: str, **packages: str) -> tuple[Finding, ...]:
    return argument.find(snap(packages=packages, train={"arguments": words}), TABLES)


@pytest.mark.parametrize(
    ("word", "version", "title"),
    [
        ("TrainingArguments.evaluation_strategy", "4.51.0", "`evaluation_strategy` of TrainingArguments (gone since 4.51.0; `eval_strategy` instead)"),
        ("Seq2SeqTrainingArguments.no_cuda", "5.0.0", "`no_cuda` of Seq2SeqTrainingArguments (gone since 5.0.0; `use_cpu` instead)"),
        ("TrainingArguments.eval_strategy", "4.40.2", "`eval_strategy` of TrainingArguments (there since 4.41.0; `evaluation_strategy` instead)"),
        ("SFTConfig.warmup_ratio", "5.15.0", "`warmup_ratio` of SFTConfig (gone since 5.15.0; `warmup_steps` instead)"),
        ("Seq2SeqTrainer.tokenizer", "5.0.0", "`tokenizer` of Seq2SeqTrainer (gone since 5.0.0; `processing_class` instead)"),
    ],
)
def test_what_a_release_of_transformers_refuses(word: str, version: str, title: str) -> None:
    [finding] = told(f"{word} TrainingArguments.learning_rate", transformers=version)
    assert (finding.severity, finding.culprit, finding.title) == ("warning", ("transformers", "config"), f"transformers {version} does not take {title}")
    assert finding.facts[1].value == word


@pytest.mark.parametrize(
    ("words", "packages"),
    [
        ("TrainingArguments.evaluation_strategy", {"transformers": "4.50.3"}),
        ("TrainingArguments.eval_strategy", {"transformers": "4.41.0"}),
        ("TrainingArguments.evaluation_strategy", {"transformers": ">=4.40"}),
        ("TrainingArguments.evaluation_strategy", {}),
        ("TrainingArguments.learning_rate", {"transformers": "5.15.0"}),
        ("SFTTrainer.tokenizer", {"trl": "0.15.2", "transformers": "4.57.6"}),
        ("SFTTrainer.warmup_ratio", {"transformers": "5.15.0"}),
    ],
)
def test_what_it_takes_or_nobody_knows(words: str, packages: dict[str, str]) -> None:
    assert told(words, **packages) == ()


def test_trl_and_transformers_are_told_apart() -> None:
    found = told("SFTConfig.max_seq_length TrainingArguments.no_cuda", transformers="5.0.0", trl="0.20.0")
    assert [one.culprit[0] for one in found] == ["trl", "transformers"]


SCRIPT = """
from transformers import TrainingArguments
import transformers
from trl import SFTTrainer
from mine import Trainer

TrainingArguments("out", evaluation_strategy="no", **more)
transformers.Trainer(model=model, tokenizer=tokenizer)
SFTTrainer(model, max_seq_length=512)
Trainer(no_cuda=True)
"""


def test_what_configs_commands_and_scripts_write(tmp_path: Path) -> None:
    script, config = tmp_path / "t.py", tmp_path / "a.yaml"
    script.write_text(SCRIPT)
    config.write_text("output_dir: out\nwarmup_ratio: 0.1\nlora_r: 8\nno_cuda: true\n")
    seen = training.snapshot([str(config)], [], [str(script)], lambda message: None).train["arguments"]
    assert str(seen.value).split() == [
        "SFTTrainer.max_seq_length",
        "Trainer.model",
        "Trainer.tokenizer",
        "TrainingArguments.evaluation_strategy",
        "TrainingArguments.no_cuda",
        "TrainingArguments.warmup_ratio",
    ]
    assert seen.origin == f"{config}, {script}"
    assert commanded("train.py --output_dir o --evaluation_strategy no --bf16 True")["arguments"].value == "TrainingArguments.evaluation_strategy"


def test_arguments_of_another_program_and_of_an_object_that_was_made_are_left_alone(tmp_path: Path) -> None:
    assert "arguments" not in commanded("train_dreambooth.py --output_dir o --logging_dir l --learning_rate 1e-4")
    printed = "TrainingArguments(\n_n_gpu=1,\nevaluation_strategy=no,\noutput_dir=o,\nbf16=True,\n)"
    assert "arguments" not in training.from_text(printed, "report.md").train


def test_the_names_that_are_read_are_those_of_the_table() -> None:
    rows = TABLES.of("arguments", "TrainingArguments")
    assert {word.partition("=")[0] for _, _, _, names in rows for word in names.split()} == CHANGED_ARGUMENTS


def test_the_keys_of_a_deepspeed_section_that_are_read_are_those_of_the_table() -> None:
    assert {owner: {name for _, _, _, names in TABLES.of("arguments", owner) for name in names.split()} for owner in CHANGED_KEYS} == CHANGED_KEYS


@pytest.mark.parametrize(
    ("settings", "bad", "good", "title"),
    [
        ('{"bf16": {"enabled": "auto", "hysteresis": 2}}', "0.17.1", "0.17.0", "`hysteresis` of DeepSpeedBF16Config (gone since 0.17.1)"),
        (
            '{"zero_optimization": {"stage": 3, "zero_hpz_partition_size": 8}}',
            "0.9.5",
            "0.10.0",
            "`zero_hpz_partition_size` of DeepSpeedZeroConfig (there since 0.10.0)",
        ),
        (
            '{"zero_optimization": {"offload_optimizer": {"ratio": 0.3}}}',
            "0.12.2",
            "0.12.3",
            "`ratio` of DeepSpeedZeroOffloadOptimizerConfig (there since 0.12.3)",
        ),
    ],
)
def test_a_key_that_a_release_of_deepspeed_refuses(settings: str, bad: str, good: str, title: str, tmp_path: Path) -> None:
    config = tmp_path / "ds.json"
    config.write_text(settings, encoding="utf-8")
    words = str(training.read(str(config), str)["arguments"].value)
    [finding] = told(words, deepspeed=bad)
    assert finding.title == f"deepspeed {bad} does not take {title}"
    assert told(words, deepspeed=good) == ()


def test_the_scaling_of_fp16_is_taken_by_every_release(tmp_path: Path) -> None:
    config = tmp_path / "ds.json"
    config.write_text('{"zero_optimization": {"stage": 2}, "fp16": {"enabled": "auto", "loss_scale": 0, "hysteresis": 2}}', encoding="utf-8")
    assert "arguments" not in training.read(str(config), str)


@pytest.mark.parametrize(
    "change", [{"first": "4.41.0"}, {"names": "a-b"}, {"names": ""}, {"gone": "soon"}, {"package": "Transformers"}, {"source": ""}, {"effect": "no"}]
)
def test_a_malformed_row_is_refused(change: dict[str, str]) -> None:
    assert table.check_row(ROW)[0] == "TrainingArguments"
    with pytest.raises(ValueError, match="."):
        table.check_row({**ROW, **change})
