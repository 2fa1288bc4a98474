from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envcheck.errors import InputError
from envcheck.facts import tables
from envcheck.inputs.target import Target, read
from envcheck.model import Gpu

ROWS = tables.load([Path(__file__).parents[3] / "matrices" / "facts" / "gpus.yaml"])["gpus"]


@pytest.mark.parametrize(
    ("text", "gpu"),
    [
        ("A800", Gpu("NVIDIA A800", "8.0", None, None, None, "--gpu")),
        ("A800x8", Gpu("NVIDIA A800", "8.0", None, 8, None, "--gpu")),
        ("8 x A800", Gpu("NVIDIA A800", "8.0", None, 8, None, "--gpu")),
        ("sm_80", Gpu("sm_80", "8.0", None, None, None, "--gpu")),
        ("12.0 x2", Gpu("sm_120", "12.0", None, 2, None, "--gpu")),
        ("gfx90ax4", Gpu("AMD gfx90a", None, "gfx90a", 4, None, "--gpu")),
        ("Apple M2", Gpu("Apple M2", None, "mps", None, None, "--gpu")),
        ("v100", Gpu("v100", "7.0", None, None, None, "--gpu")),
        ("rtx 4090", Gpu("NVIDIA GeForce RTX 4090", "8.9", None, None, None, "--gpu")),
        ("rtx4090", Gpu("NVIDIA GeForce RTX 4090", "8.9", None, None, None, "--gpu")),
        ("RTX-4090", Gpu("NVIDIA GeForce RTX 4090", "8.9", None, None, None, "--gpu")),
        ("4090", Gpu("NVIDIA GeForce RTX 4090", "8.9", None, None, None, "--gpu")),
        ("2x4090", Gpu("NVIDIA GeForce RTX 4090", "8.9", None, 2, None, "--gpu")),
        ("gtx 1080", Gpu("NVIDIA GeForce GTX 1080", "6.1", None, None, None, "--gpu")),
        ("gtx1080", Gpu("NVIDIA GeForce GTX 1080", "6.1", None, None, None, "--gpu")),
        ("2080ti", Gpu("NVIDIA GeForce RTX 2080 Ti", "7.5", None, None, None, "--gpu")),
        ("3090ti", Gpu("NVIDIA GeForce RTX 3090 Ti", "8.6", None, None, None, "--gpu")),
        ("4090D", Gpu("NVIDIA GeForce RTX 4090 D", "8.9", None, None, None, "--gpu")),
        ("quadro rtx 8000", Gpu("Quadro RTX 8000", "7.5", None, None, None, "--gpu")),
        ("A100-SXM4-80GB x8", Gpu("NVIDIA A100-SXM4-80GB", "8.0", None, 8, None, "--gpu")),
        ("A100X", Gpu("NVIDIA A100X", "8.0", None, None, None, "--gpu")),
        ("A100Xx2", Gpu("NVIDIA A100X", "8.0", None, 2, None, "--gpu")),
        ("gfx942", Gpu("AMD gfx942", None, "gfx942", None, None, "--gpu")),
        ("A800 x8", Gpu("NVIDIA A800", "8.0", None, 8, None, "--gpu")),
        ("8xA800", Gpu("NVIDIA A800", "8.0", None, 8, None, "--gpu")),
        ("H100 (x8)", Gpu("NVIDIA H100", "9.0", None, 8, None, "--gpu")),
        ("mps", Gpu("Apple GPU", None, "mps", None, None, "--gpu")),
        ("M1", Gpu("Apple M1", None, "mps", None, None, "--gpu")),
        ("m2", Gpu("Apple M2", None, "mps", None, None, "--gpu")),
        ("Apple M2 Max", Gpu("Apple M2 Max", None, "mps", None, None, "--gpu")),
        ("MI300X", Gpu("AMD Instinct MI300X", None, "gfx942", None, None, "--gpu")),
        ("MI300Xx8", Gpu("AMD Instinct MI300X", None, "gfx942", 8, None, "--gpu")),
        ("MI210", Gpu("AMD Instinct MI210", None, "gfx90a", None, None, "--gpu")),
        ("mi250", Gpu("AMD Instinct MI250", None, "gfx90a", None, None, "--gpu")),
        ("MI325X", Gpu("AMD Instinct MI325X", None, "gfx942", None, None, "--gpu")),
    ],
)
def test_a_gpu_is_declared_by_name_capability_or_architecture(text: str, gpu: Gpu) -> None:
    assert read(Target(gpu=(text,)), lambda: ROWS).gpus == (gpu,)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_every_listed_name_means_itself(row: list[Any]) -> None:
    (found,) = read(Target(gpu=(row[0],)), lambda: ROWS).gpus or ()
    assert (found.capability, found.arch, found.count) == (row[1], row[2], None)


def test_commas_part_several_gpus() -> None:
    found = read(Target(gpu=("A800x8,H100x2",)), lambda: ROWS).gpus
    assert [(gpu.name, gpu.count) for gpu in found or ()] == [("NVIDIA A800", 8), ("NVIDIA H100", 2)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A100 or V100", "may be `NVIDIA A100` or"),
        ("RTX 6000", "may be"),
        ("RTX 4091", "did you mean `NVIDIA GeForce RTX 4090`?"),
        ("4091", "did you mean `NVIDIA GeForce RTX 4090`?"),
        ("gtx 4090", "did you mean `NVIDIA GeForce RTX 4090`?"),
        ("A100 banana", "did you mean `NVIDIA A100`?"),
        ("8 A100", "did you mean `NVIDIA A100`?"),
        ("MI300", "did you mean `AMD Instinct MI300X`?"),
        ("80", "did you mean `sm_80`?"),
        ("910B", "is an NPU"),
        ("Ascend 910B", "NPUs are declared in a snapshot"),
        ("Intel Arc Pro A40", "no GPU named"),
        ("A100x123456", "no GPU named `A100x123456`"),
        ("rtx", "no GPU named `rtx`"),
        ("banana", "no GPU named `banana`"),
        ("", "no GPU named"),
    ],
)
def test_no_gpu_is_guessed(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read(Target(gpu=(text,)), lambda: ROWS)
    assert said in caught.value.message + " " + caught.value.hint
    assert caught.value.where == "--gpu"


@pytest.mark.parametrize(("declared", "gpus"), [((), None), (("none",), ()), (("CPU",), ())])
def test_no_gpu_is_not_the_same_as_nothing_said(declared: tuple[str, ...], gpus: Any) -> None:
    assert read(Target(gpu=declared), lambda: ROWS).gpus == gpus


@pytest.mark.parametrize(
    ("target", "where", "hint"),
    [
        (Target(gpu=("A8000",)), "--gpu", "did you mean `NVIDIA A800`?"),
        (Target(gpu=("RTX 6000",)), "--gpu", "compute capability"),
        (Target(driver="latest"), "--driver", "--driver 535.104.05"),
        (Target(cuda="121"), "--cuda", "--cuda 12.1"),
        (Target(python_version="2.7"), "--python-version", "--python-version 3.10"),
        (Target(python_version="3.x"), "--python-version", "3.10"),
        (Target(python_version=">=3.10"), "--python-version", "3.10"),
        (Target(python_version="3"), "--python-version", "3.10"),
        (Target(driver="9" * 5000), "--driver", "--driver 535.104.05"),
        (Target(settings=("train.bf16=true",)), "--set", "train.precision=bf16"),
        (Target(settings=("train.precision=bf61",)), "--set", "fp32, fp16, bf16, fp8"),
        (Target(settings=("train.zero_stage=4",)), "--set", "0, 1, 2, 3"),
        (Target(settings=("train.packing=perhaps",)), "--set", "true, false"),
        (Target(settings=("train.precison=bf16",)), "--set", "did you mean `train.precision`?"),
        (Target(settings=("precision=bf16",)), "--set", "--set train.precision=bf16"),
        (Target(settings=("train.precision",)), "--set", "--set train.precision=bf16"),
        (Target(settings=("fabricmanager=1",)), "--set", "--set fabric_manager=…"),
        (Target(settings=("cuda_compat=newest",)), "--set cuda_compat", "--set cuda_compat=absent"),
    ],
)
def test_what_cannot_be_understood_names_the_option_and_a_way_out(target: Target, where: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read(target, lambda: ROWS)
    assert caught.value.where == where
    assert hint in caught.value.hint


def test_settings_and_versions_become_facts() -> None:
    found = read(Target(driver="535.104.05", cuda="12.1", python_version="3.10", settings=("train.zero_stage=2", "env.NCCL_P2P_DISABLE=1")), lambda: ROWS)
    assert {key: fact.value for key, fact in found.facts.items()} == {"driver": "535.104.05", "torch_cuda": "12.1", "python": "3.10"}
    assert found.train["zero_stage"].value == "2"
    assert found.env["NCCL_P2P_DISABLE"].origin == "--set"


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [("fabric_manager=535.104.05", "fabric_manager", "535.104.05"), ("fabric_manager=running", "fabric_manager", "running"), ("cuda_compat=absent", "cuda_compat", "absent"),
     ("cuda_toolkit=12.4", "cuda_toolkit", "12.4"), ("npu=Ascend910B3", "npu", "Ascend910B3")],
)  # fmt: skip
def test_a_fact_of_the_machine_is_set_under_its_own_name(given: str, key: str, value: str) -> None:
    found = read(Target(settings=(given,)), lambda: ROWS).facts[key]
    assert (found.value, found.origin) == (value, "--set")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("precision=bfloat16", "bf16"),
        ("precision=torch.bfloat16", "bf16"),
        ("precision=bf16-mixed", "bf16"),
        ("precision=16-mixed", "fp16"),
        ("precision=half", "fp16"),
        ("precision=32", "fp32"),
        ("overlap_comm=yes", "true"),
        ("torch_compile=1", "true"),
        ("tf32=Off", "false"),
        ("packing=True", "true"),
        ("attn_implementation=fa2", "flash_attention_2"),
        ("attn_implementation=flash_attn_2", "flash_attention_2"),
        ("attn_implementation=flex_attention", "flex_attention"),
        ("zero_stage=3", "3"),
        ("zero_stage=zero-2", "2"),
        ("offload=cpu", "true"),
        ("bnb_4bit_compute_dtype=float16", "float16"),
    ],
)
def test_settings_have_one_spelling(given: str, kept: str) -> None:
    key = given.partition("=")[0]
    assert read(Target(settings=(f"train.{given}",)), lambda: ROWS).train[key].value == kept


@pytest.mark.parametrize(("given", "kept"), [("cu121", "12.1"), ("CU130", "13.0"), ("12.1", "12.1"), ("12", "12")])
def test_cuda_may_be_written_as_in_a_local_tag(given: str, kept: str) -> None:
    assert read(Target(cuda=given), lambda: ROWS).facts["torch_cuda"].value == kept


def test_one_gpu_may_be_given_as_a_plain_text() -> None:
    assert Target(gpu="A800", settings="train.precision=bf16") == Target(gpu=("A800",), settings=("train.precision=bf16",))  # type: ignore[arg-type]
