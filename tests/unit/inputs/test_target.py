from __future__ import annotations

from typing import Any

import pytest

from envcheck.errors import InputError
from envcheck.inputs.target import Target, read
from envcheck.model import Gpu

ROWS = [["NVIDIA A800", "8.0"], ["NVIDIA A100", "8.0"], ["Quadro RTX 6000", "7.5"], ["NVIDIA RTX 6000 Ada Generation", "8.9"], ["Tesla V100", "7.0"]]


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
        ("v100", Gpu("Tesla V100", "7.0", None, None, None, "--gpu")),
    ],
)
def test_a_gpu_is_declared_by_name_capability_or_architecture(text: str, gpu: Gpu) -> None:
    assert read(Target(gpu=(text,)), lambda: ROWS).gpus == (gpu,)


@pytest.mark.parametrize(("declared", "gpus"), [((), None), (("none",), ()), (("CPU",), ())])
def test_no_gpu_is_not_the_same_as_nothing_said(declared: tuple[str, ...], gpus: Any) -> None:
    assert read(Target(gpu=declared), lambda: ROWS).gpus == gpus


@pytest.mark.parametrize(
    ("target", "where", "hint"),
    [
        (Target(gpu=("A8000",)), "--gpu", "did you mean `NVIDIA A800`?"),
        (Target(gpu=("RTX 6000",)), "--gpu", "compute capability"),
        (Target(driver="latest"), "--driver", "--driver 535.104.05"),
        (Target(cuda="cu121"), "--cuda", "--cuda 12.1"),
        (Target(settings=("train.precison=bf16",)), "--set", "did you mean `train.precision`?"),
        (Target(settings=("precision=bf16",)), "--set", "--set train.precision=bf16"),
        (Target(settings=("train.precision",)), "--set", "--set train.precision=bf16"),
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
