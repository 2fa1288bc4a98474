"""Whole bug reports: what counts, what does not, and what contradicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcheck.inputs.reports import report
from envcheck.inputs.reports.said import Said
from envcheck.model import Snapshot

RAW = Path(__file__).parents[3] / "raw" / "inputs" / "reports"


def said(text: str) -> tuple[Snapshot, Said]:
    understood = report.understood(text, "bug.md")
    return report.snapshot(understood), understood


def packages(text: str) -> dict[str, object]:
    return {name: fact.value for name, fact in said(text)[0].packages.items()}


def test_a_report_of_many_parts() -> None:
    snapshot, understood = said((RAW / "bug.md").read_text(encoding="utf-8"))
    assert {name: fact.value for name, fact in snapshot.packages.items()} == {
        "transformers": "4.46.0",
        "torch": "2.2.0+cu121",
        "deepspeed": "0.14.3",
        "flash-attn": "2.5.6",
        "numpy": "2.0.0",
        "peft": "0.11.1",
        "accelerate": "0.34.2",
        "trl": "0.11.0",
    }
    assert snapshot.gpus is not None
    assert (snapshot.gpus[0].name, snapshot.gpus[0].count) == ("NVIDIA A100-SXM4-80GB", 8)
    assert snapshot.train["precision"] == ("bf16", "bug.md:30", "")
    assert snapshot.train["learning_rate"].value == 1e-4
    assert [sentence for sentence in understood.ignored if "4.44.0" in sentence] == ["bug.md:22: `transformers 4.44.0` is not counted, line 5 says 4.46.0"]


@pytest.mark.parametrize(
    "sentence",
    [
        "I also tried torch 2.3.1.",
        "It works with transformers 4.40.0.",
        "After upgrading to torch 2.3.1 the loss is NaN.",
        "This happens with torch 2.1.0 or torch 2.2.0",
        "transformers 4.44.0 -> 4.46.0",
        "Flash attention requires torch 2.2.0.",
        "Since torch 2.4.0 this is broken",
        "torch 2.1.0 works fine",
        "1. deepspeed 0.10.2",
        "the loss is nan with deepspeed==0.13.5 but fine with deepspeed==0.10.2",
        "fixed in deepspeed 0.14.4",
        "see https://index.example/torch-2.1.0/notes",
        "section 2.1.0 of the torch documentation",
        "torch 2.1.0, torch 2.3.0",
    ],
)
def test_what_a_sentence_merely_mentions_does_not_count(sentence: str) -> None:
    assert packages(sentence) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Environment: torch 2.1.0, transformers 4.46.1, python 3.10.", {"torch": "2.1.0", "transformers": "4.46.1"}),
        ("We use PyTorch 2.1.0+cu121 with flash-attn 2.5.6", {"torch": "2.1.0+cu121", "flash-attn": "2.5.6"}),
        ("- **PyTorch**: 2.1.0\n- Flash Attention: v2.5.6", {"torch": "2.1.0", "flash-attn": "2.5.6"}),
        ("* `deepspeed` version: 0.14.3", {"deepspeed": "0.14.3"}),
        ("| torch | 2.1.0 |\n|---|---|\n| peft | 0.11.1 |", {"torch": "2.1.0", "peft": "0.11.1"}),
        ("| torch | 2.1.0 | 2.3.0 |", {}),
        ("torch version: 2.1 or 2.2", {}),
        ("pip install torch==2.1.0 'peft==0.11.1'", {"torch": "2.1.0", "peft": "0.11.1"}),
        ("transformers>=4.40,<4.46", {"transformers": ">=4.40,<4.46"}),
        ("```\ntorch                    2.1.0+cu121\ntriton                   2.1.0\n```", {"torch": "2.1.0+cu121", "triton": "2.1.0"}),
        ("<!-- torch==2.0.0 -->\n```\npeft==0.11.1\n```", {"peft": "0.11.1"}),
        ("> torch==2.1.0", {"torch": "2.1.0"}),
    ],
)
def test_what_is_stated_counts(text: str, expected: dict[str, str]) -> None:
    assert packages(text) == expected


def test_two_tools_that_contradict_each_other_decide_nothing() -> None:
    snapshot, understood = said("```\nPyTorch version: 2.1.0\n```\n\n```\nPyTorch version: 2.3.0\n```\n")
    assert snapshot.package("torch").value is None
    assert "line 2 says 2.1.0, line 6 says 2.3.0" in snapshot.package("torch").reason
    assert len(understood.ignored) == 1


def test_of_two_that_agree_the_one_that_tells_more_counts() -> None:
    assert packages("```\ntorch==2.1.0\n```\n```\nPyTorch version: 2.1.0+cu118\n```") == {"torch": "2.1.0+cu118"}


def test_a_traceback_is_no_listing() -> None:
    text = "```\nTraceback (most recent call last):\nImportError: run `pip install accelerate==0.26.0`, or pip install transformers==4.30.0\n```"
    assert packages(text) == {}


def test_configs_and_commands_in_fences() -> None:
    text = '```json\n{"zero_optimization": {"stage": 2, "overlap_comm": true}, "bf16": {"enabled": "auto"}}\n```\n'
    text += "```bash\n$ torchrun --nproc_per_node 8 train.py --bf16 True --deepspeed ds_config.json --learning_rate 2e-5\n```\n"
    train = said(text)[0].train
    assert (train["zero_stage"].value, train["precision"].value, train["learning_rate"].value) == (2, "bf16", 2e-5)


def test_python_that_makes_its_arguments() -> None:
    code = "from trl import SFTConfig\n\nargs = SFTConfig(\n    bf16=True,\n    learning_rate=rate,\n    gradient_accumulation_steps=4,\n    output_dir='out',\n)\n"
    train = said(f"```python\n{code}```")[0].train
    assert train["precision"] == ("bf16", "bug.md:5", "")
    assert train["gradient_accumulation_steps"].value == 4
    twice = f"```python\n{code}\nother = SFTConfig(fp16=True)\n```"
    assert "precision" not in said(twice)[0].train


@pytest.mark.parametrize(
    ("text", "cuda"),
    [
        ("torch 2.1.0 with CUDA 12.1", "12.1"),
        ("- PyTorch: 2.1.0 (CUDA 11.8)", "11.8"),
        ("- CUDA: 12.1", None),
        ("CUDA 12.1", None),
        ("torch: 2.1.2\nCUDA Version: 12.2", None),
        ("| CUDA version | 12.1 |", None),
    ],
)
def test_only_cuda_beside_torch_is_torchs(text: str, cuda: str | None) -> None:
    assert said(text)[0].fact("torch_cuda").value == cuda


def test_a_command_between_sentences() -> None:
    text = "We run\nNCCL_P2P_DISABLE=1 \\\ntorchrun train.py \\\n  --bf16 True \\\n  --learning_rate 2e-5\nand the loss is 0.\n"
    snapshot, _ = said(text)
    assert (snapshot.train["precision"].value, snapshot.train["learning_rate"].value) == ("bf16", 2e-5)
    assert snapshot.env["NCCL_P2P_DISABLE"].value == "1"
    assert snapshot.train["learning_rate"].origin == "bug.md:5"


def test_a_command_below_the_line_with_its_variables() -> None:
    snapshot, _ = said("I started it with\n\nLD_LIBRARY_PATH=\ntorchrun train.py --bf16 True --learning_rate 2e-5\n\nand it hung.\n")
    assert snapshot.train["precision"].value == "bf16"
    assert snapshot.train["learning_rate"].origin == "bug.md:4"


def test_a_package_in_a_list_is_no_command() -> None:
    snapshot, _ = said("deepspeed                0.16.7\n\nswift sft \\\n  --model Qwen/Qwen2.5-7B-Instruct \\\n  --torch_dtype bfloat16\n")
    assert snapshot.package("deepspeed").value == "0.16.7"
    assert snapshot.train["model"].value == "Qwen/Qwen2.5-7B-Instruct"


def test_pip_show() -> None:
    assert packages("Name: flash_attn\nVersion: 2.7.4.post1\nSummary: fast\nVersion: 3\n") == {"flash-attn": "2.7.4.post1"}


def test_files_that_a_pasted_command_names_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ds.json").write_text('{"zero_optimization": {"stage": 3}}')
    monkeypatch.chdir(tmp_path)
    train = said("```bash\ntorchrun train.py --bf16 True --deepspeed ds.json\n```")[0].train
    assert "zero_stage" not in train
    assert train["precision"].value == "bf16"


def test_printed_arguments() -> None:
    train = said("```\nTrainingArguments(\nfp16=True,\nlearning_rate=0.0002,\n)\n```")[0].train
    assert train["precision"].value == "fp16"


def test_a_config_behind_a_long_log_keeps_its_lines() -> None:
    text = "step\n" * 20_000 + "\n" * 20_000 + "```yaml\nbf16: true\nlearning_rate: 1.0e-4\nper_device_train_batch_size: 2\noutput_dir: out\n```\n"
    train = said(text)[0].train
    assert train["precision"].origin == "bug.md:40002"


def test_a_comment_that_does_not_end_is_none() -> None:
    assert packages("<!-- torch==2.0.0 -->\n<!-- \n- torch: 2.1.0\n") == {"torch": "2.1.0"}
