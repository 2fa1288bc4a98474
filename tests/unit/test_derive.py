from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.derive import derive
from envcheck.facts.gpus import capability_of

ROWS = [
    ["NVIDIA A100", "8.0"],
    ["NVIDIA A800", "8.0"],
    ["NVIDIA A10", "8.6"],
    ["NVIDIA GeForce RTX 4090", "8.9"],
    ["NVIDIA GeForce RTX 4090 D", "8.9"],
    ["Quadro RTX 6000", "7.5"],
    ["NVIDIA RTX 6000 Ada Generation", "8.9"],
    ["Tesla T4", "7.5"],
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
        ("X100", None),
        ("", None),
    ],
)
def test_a_name_tells_the_capability_or_nothing(name: str, capability: Any) -> None:
    assert capability_of(name, ROWS)[0] == capability


def test_the_table_is_read_only_where_a_capability_is_missing() -> None:
    def table() -> Any:
        raise AssertionError("read for nothing")

    derive(snap(gpus=[{"name": "NVIDIA A800", "capability": "8.0"}, {"name": "AMD", "arch": "gfx90a"}]), table)


@pytest.mark.parametrize(("name", "arch"), [("AMD Radeon Pro W7900D (gfx1100)", "gfx1100"), ("Apple M2 Max", "mps")])
def test_other_vendors_are_known_by_their_names(name: str, arch: str) -> None:
    found = derive(snap(gpus=[{"name": name}]), lambda: ROWS).gpus
    assert found is not None
    assert found[0].arch == arch
