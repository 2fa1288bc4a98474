from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from build import snap

from envcheck.derive import derive
from envcheck.errors import MatrixError
from envcheck.facts import tables
from envcheck.facts.gpus import identify

ROWS = [
    ["NVIDIA A100", "8.0", None],
    ["NVIDIA A800", "8.0", None],
    ["NVIDIA A10", "8.6", None],
    ["NVIDIA GeForce RTX 4090", "8.9", None],
    ["NVIDIA GeForce RTX 4090 D", "8.9", None],
    ["Quadro RTX 6000", "7.5", None],
    ["NVIDIA RTX 6000 Ada Generation", "8.9", None],
    ["Tesla T4", "7.5", None],
    ["NVIDIA A40", "8.6", None],
    ["NVIDIA GeForce RTX 2080 Ti", "7.5", None],
    ["Tesla V100-SXM2-16GB", "7.0", None],
    ["AMD Instinct MI250X", None, "gfx90a"],
    ["AMD Radeon RX 7900 XTX", None, "gfx1100"],
]


@pytest.mark.parametrize(
    ("version", "cuda"),
    [
        ("2.1.2+cu121", "12.1"),
        ("2.0.1+cu118", "11.8"),
        ("2.11.0+cu130", "13.0"),
        ("1.10.2+cu102", "10.2"),
        ("2.13.0+cpu", "absent"),
        ("2.5.0+rocm6.2", "absent"),
        ("2.5.1", None),
        ("==2.1.2+cu121", "12.1"),
        ("===2.1.2+cu121", "12.1"),
        (">=2.0,!=2.1.0+cpu", None),
        ("!=2.1.0+cu118", None),
        ("==2.1.*,!=2.1.0+cu118", None),
    ],
)
def test_the_local_tag_of_torch_tells_its_cuda(version: str, cuda: Any) -> None:
    assert derive(snap(torch=version), lambda: ROWS).fact("torch_cuda").value == cuda


def test_rocm_is_in_the_tag_too() -> None:
    assert derive(snap(torch="2.5.0+rocm6.2.4"), lambda: ROWS).fact("rocm").value == "6.2.4"


def test_what_was_read_is_never_replaced() -> None:
    assert derive(snap(torch="2.1.2+cu121", torch_cuda="12.4"), lambda: ROWS).fact("torch_cuda").value == "12.4"


def test_libraries_are_known_from_their_wheels_unless_there_are_two() -> None:
    one = derive(snap(packages={"nvidia-cudnn-cu12": "8.9.2.26", "nvidia-nccl-cu12": "2.18.1"}), lambda: ROWS)
    assert (one.fact("cudnn").value, one.fact("nccl").value) == ("8.9.2.26", "2.18.1")
    two = derive(snap(packages={"nvidia-nccl-cu12": "2.18.1", "nvidia-nccl-cu13": "2.28.9"}), lambda: ROWS)
    assert not two.fact("nccl").is_known


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        ("A800", "8.0"),
        ("NVIDIA A100-SXM4-80GB", "8.0"),
        ("a10", "8.6"),
        ("RTX 4090", "8.9"),
        ("NVIDIA GeForce RTX 4090 D", "8.9"),
        ("T4", "7.5"),
        ("Quadro RTX 6000", "7.5"),
        ("RTX 6000", None),
        ("rtx4090", "8.9"),
        ("RTX-4090", "8.9"),
        ("2080ti", "7.5"),
        ("4090D", "8.9"),
        ("Intel Arc Pro A40", None),
        ("AMD Radeon Pro A40", None),
        ("A100 or V100", None),
        ("NVIDIA A100-SXM4-40GB", "8.0"),
        ("rtx", None),
        ("ada", None),
        ("X100", None),
        ("", None),
    ],
)
def test_a_name_tells_the_capability_or_nothing(name: str, capability: Any) -> None:
    assert identify(name, ROWS).capability == capability


def test_the_table_is_read_only_where_a_capability_is_missing() -> None:
    def table() -> Any:
        raise AssertionError("read for nothing")

    derive(snap(gpus=[{"name": "NVIDIA A800", "capability": "8.0"}, {"name": "AMD", "arch": "gfx90a"}]), table)


@pytest.mark.parametrize(
    ("name", "arch"),
    [
        ("AMD Radeon Pro W7900D (gfx1100)", "gfx1100"),
        ("Apple M2 Max", "mps"),
        ("AMD Instinct MI250X", "gfx90a"),
        ("mi250x", "gfx90a"),
        ("7900xtx", "gfx1100"),
        ("NVIDIA MI250X", None),
        ("NVIDIA A100", None),
    ],
)
def test_other_vendors_are_known_by_their_names(name: str, arch: str) -> None:
    found = derive(snap(gpus=[{"name": name}]), lambda: ROWS).gpus
    assert found is not None
    assert found[0].arch == arch


def test_an_excluded_build_tells_no_rocm() -> None:
    assert not derive(snap(torch=">=2.5,!=2.5.0+rocm6.2"), lambda: ROWS).fact("rocm").is_known


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('name: X, capability: "8.0", arch: gfx90a', "either `capability` or `arch`"),
        ("name: X", "either `capability` or `arch`"),
        ("name: X, arch: sm_80", "`sm_80` is no architecture"),
        ('name: X, capability: "4090"', "no compute capability"),
    ],
)
def test_a_row_has_a_capability_or_an_architecture(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "gpus.yaml"
    path.write_text(f"rows:\n  - {{{row}}}\n")
    with pytest.raises(MatrixError) as caught:
        tables.load([path])
    assert said in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("known", "rocm"),
    [
        ({"torch": "2.4.1+rocm6.1"}, "6.1"),
        ({"torch": "2.4.1+cu121"}, "absent"),
        ({"torch": "2.4.1+cpu"}, "absent"),
        ({"torch": "2.4.1", "torch_cuda": "12.1"}, "absent"),
        ({"torch": "2.4.1", "torch_cuda": "absent"}, None),
        ({"packages": {"torch": "2.4.1", "nvidia-cudnn-cu12": "9.1.0.70"}}, "absent"),
        ({"torch": "2.4.1", "gpus": [{"name": "AMD Instinct MI250", "arch": "gfx90a"}]}, "installed"),
        ({"torch": "2.4.1+cpu", "gpus": [{"name": "AMD Instinct MI250", "arch": "gfx90a"}]}, "absent"),
        ({"torch": "2.4.1"}, None),
    ],
)
def test_whether_rocm_can_be_there(known: dict[str, Any], rocm: str | None) -> None:
    assert derive(snap(**known), lambda: ROWS).fact("rocm").value == rocm


@pytest.mark.parametrize(
    ("said", "followed"),
    [
        ({"fsdp": 2}, {"fsdp_version": "2"}),
        ({"fsdp": "1"}, {"fsdp_version": "1"}),
        ({"fsdp_version": 2}, {"fsdp": "true"}),
        ({"parallelism": "FSDP"}, {"fsdp": "true"}),
        ({"zero_stage": 3}, {"deepspeed": "true"}),
        ({"fsdp": "full_shard auto_wrap"}, {}),
        ({"parallelism": "ddp"}, {}),
        ({"fsdp": "false", "parallelism": "fsdp"}, {}),
        ({"zero_stage": 3, "deepspeed": "false"}, {}),
    ],
)
def test_one_way_of_writing_fsdp_or_deepspeed_says_the_others(said: dict[str, Any], followed: dict[str, str]) -> None:
    derived = derive(snap(train=said), lambda: ROWS).train
    assert {key: fact.value for key, fact in derived.items() if key not in said} == followed


@pytest.mark.parametrize(
    ("packages", "train", "expected"),
    [
        ({"transformers": "5.2.0"}, {"gradient_checkpointing": "true"}, "false"),
        ({"transformers": "==5.0.0"}, {"gradient_checkpointing": "true", "framework": "transformers"}, "false"),
        ({"transformers": "4.57.6", "trl": "0.27.0"}, {"gradient_checkpointing": "true", "framework": "trl"}, "false"),
        ({"transformers": "4.57.6", "trl": "0.26.2"}, {"gradient_checkpointing": "true", "framework": "trl"}, None),
        ({"transformers": ">=5.0"}, {"gradient_checkpointing": "true"}, None),
        ({"transformers": "5.2.0"}, {"gradient_checkpointing": "true", "framework": "llamafactory"}, None),
        ({"transformers": "5.2.0"}, {"gradient_checkpointing": "false"}, None),
        ({"transformers": "5.2.0"}, {"gradient_checkpointing": "true", "use_reentrant": "true"}, "true"),
        ({"trl": "0.28.0"}, {"framework": "trl", "gradient_checkpointing": "true", "zero_stage": "2"}, "false"),
        ({"trl": "0.28.0"}, {"framework": "trl", "gradient_checkpointing": "true", "zero_stage": "3"}, None),
        ({"trl": "0.28.0", "transformers": "5.2.0"}, {"gradient_checkpointing": "true", "zero_stage": "3"}, None),
    ],
)
def test_checkpointing_is_not_reentrant_by_default_in_newer_releases(packages: dict[str, str], train: dict[str, str], expected: Any) -> None:
    fact = derive(snap(packages=packages, train=train), lambda: ROWS).train.get("use_reentrant")
    assert (fact.value if fact else None) == expected
