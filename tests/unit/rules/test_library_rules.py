"""Libraries in torch's neighbourhood: other versions than its wheel pins, two providers, another triton, a C library that is too old."""

from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.rules import library_twice, torch_libraries, triton_pair, wheel_glibc

TABLES = Checker().tables()


def found(rule: Any, **given: Any) -> list[tuple[str, tuple[str, ...]]]:
    return [(finding.severity, finding.culprit) for finding in rule.find(snap(**given), TABLES)]


@pytest.mark.parametrize(
    ("given", "severities"),
    [
        ({"torch": "2.2.0+cu121", "nvidia_nccl_cu12": "2.18.1"}, ["warning"]),
        ({"torch": "2.2.0", "nvidia_nccl_cu12": "2.20.5"}, ["note"]),
        ({"torch": "2.2.0", "nvidia_nccl_cu12": "2.20.5", "nvidia_cudnn_cu12": "8.7.0.84"}, ["warning", "note"]),
        ({"torch": "2.7.1", "nvidia_nccl_cu12": "2.26.2", "nvidia_cudnn_cu12": "9.5.1.17"}, []),
        ({"torch": "2.2.0+cu118", "nvidia_nccl_cu12": "2.18.1"}, []),
        ({"torch": "2.2.0", "torch_cuda": "11.8", "nvidia_nccl_cu12": "2.18.1"}, []),
        ({"torch": "2.2.0a0+6a974be", "nvidia_nccl_cu12": "2.18.1"}, []),
        ({"torch": "2.2.0", "nvidia_nccl_cu12": ">=2.18"}, []),
        ({"torch": "2.2.0"}, []),
        ({"torch": ">=2.2", "nvidia_nccl_cu12": "2.18.1"}, []),
    ],
)
def test_what_torch_pins(given: Any, severities: list[str]) -> None:
    assert [one[0] for one in found(torch_libraries, **given)] == severities


def test_a_library_from_two_packages() -> None:
    mixed = {"nvidia_nccl_cu12": "2.29.3", "nvidia_nccl_cu13": "2.29.7", "torch": "2.12.0+cu130"}
    assert found(library_twice, **mixed) == [("warning", ("nvidia-nccl-cu12", "nvidia-nccl-cu13"))]
    # A list that names both CUDA versions throughout is one for several platforms, or what an upgrade left.
    assert found(library_twice, **mixed, nvidia_cuda_runtime_cu12="12.8.90", nvidia_cuda_runtime="13.0.96") == [
        ("note", ("nvidia-nccl-cu12", "nvidia-nccl-cu13"))
    ]
    cudnn = {"nvidia_cudnn_cu12": "9.10.2.21", "nvidia_cudnn_cu13": "9.15.1.9"}
    assert found(library_twice, **cudnn) == [("note", ("nvidia-cudnn-cu12", "nvidia-cudnn-cu13"))]
    assert found(library_twice, complete=True, **cudnn) == [("warning", ("nvidia-cudnn-cu12", "nvidia-cudnn-cu13"))]
    assert found(library_twice, nvidia_nccl_cu12="2.29.3", nvidia_cudnn_cu13="9.15.1.9", nvidia_cublas_cu12="12.8.4.1", nvidia_cublas="13.1.0.3") == []


@pytest.mark.parametrize(
    ("given", "severities"),
    [
        ({"torch": "2.6.0", "triton": "3.1.0"}, ["warning"]), ({"torch": "2.7.0", "triton": "3.4.0"}, ["note"]), ({"torch": "2.7.0", "triton": "3.4.0", "train": {"torch_compile": True}}, ["warning"]),
        ({"torch": "2.7.0", "triton": "3.3.0"}, []), ({"torch": "2.14.0", "triton": "3.8.2"}, []), ({"torch": "2.14.0", "triton": "3.9.0"}, ["note"]), ({"torch": "2.6.0", "triton": ">=2"}, []),
        ({"torch": "2.6.0+rocm6.2.4", "triton": "3.1.0"}, []), ({"torch": "2.6.0a0+df5bbc09d1.nv24.11", "triton": "3.0.0"}, []), ({"torch": "2.6.0", "triton": "3.1.0", "os": "windows"}, []),
    ],
)  # fmt: skip
def test_the_triton_that_torch_pins(given: Any, severities: list[str]) -> None:
    assert [one[0] for one in found(triton_pair, **given)] == severities


@pytest.mark.parametrize(
    ("glibc", "given", "culprit"),
    [
        ("2.17", {"torch": "2.7.1+cu126"}, ("torch", "glibc")), ("2.28", {"torch": "2.7.1+cu126"}, None), ("2.17", {"torch": "2.6.0+cu124"}, None), ("2.17", {"torch": "2.7.1+gitabc"}, None),
        ("2.27", {"bitsandbytes": "0.45.0", "builds": {"bitsandbytes.wheel": "py3-none-manylinux_2_34_x86_64"}}, ("bitsandbytes", "glibc")),
        ("2.17", {"numpy": "1.26.4", "builds": {"numpy.wheel": "cp310-cp310-manylinux_2_17_x86_64,cp310-cp310-manylinux2014_x86_64"}}, None),
        ("2.12", {"numpy": "1.26.4", "builds": {"numpy.wheel": "cp310-cp310-manylinux2014_x86_64"}}, ("numpy", "glibc")), ("2.17", {"builds": {"flash-attn.wheel": "cp310-cp310-linux_x86_64"}}, None),
        ("absent", {"torch": "2.7.1+cu126"}, None),
    ],
)  # fmt: skip
def test_wheels_for_a_newer_c_library(glibc: str, given: Any, culprit: Any) -> None:
    assert found(wheel_glibc, glibc=glibc, **given) == ([("warning", culprit)] if culprit else [])


@pytest.mark.parametrize(
    ("given", "brought"),
    [
        ({"os": "linux", "torch": "2.6.0"}, {"triton": "3.2.0"}),
        ({"os": "linux", "torch": "==2.6.0", "torch_cuda": "11.8"}, {"triton": "3.2.0"}),
        ({"os": "linux", "torch": "2.6.0+cu118"}, {"triton": "3.2.0"}),
        (
            {"os": "linux", "torch": "2.6.0+cu124"},
            {"triton": "3.2.0", "nvidia-cudnn-cu12": "9.1.0.70", "nvidia-nccl-cu12": "2.21.5", "nvidia-cublas-cu12": "12.4.5.8"},
        ),
        ({"os": "linux", "torch": "2.6.0+cu124", "cudnn": "9.5.0", "nccl": "2.21.5"}, {"triton": "3.2.0", "nvidia-cublas-cu12": "12.4.5.8"}),
        ({"os": "linux", "torch": "2.6.0+cu124", "nvidia_cudnn_cu12": "9.5.1.17"}, {"triton": "3.2.0"}),
        ({"os": "linux", "torch": "2.14.0"}, {"triton": "~=3.8.0"}),
        ({"os": "linux", "torch": "2.6.0", "triton": "3.1.0"}, {}),
        ({"os": "linux", "torch": "2.6.0", "pytorch_triton_xpu": "3.2.0"}, {}),
        ({"os": "linux", "torch": "2.6.0", "complete": True}, {}),
        ({"os": "linux", "torch": "2.6.0", "arch": "aarch64"}, {}),
        ({"os": "linux", "torch": "2.6.0", "torch_npu": "2.6.0"}, {}),
        ({"os": "linux", "torch": "2.6.0+cpu"}, {}),
        ({"os": "linux", "torch": "2.6.0a0+ecf3bae40a.nv25.01"}, {}),
        ({"os": "linux", "torch": ">=2.6"}, {}),
        ({"os": "linux", "torch": "1.13.1"}, {}),
        ({"os": "windows", "torch": "2.6.0"}, {}),
        ({"torch": "2.6.0"}, {}),
    ],
)
def test_what_came_with_torch_is_known(given: Any, brought: dict[str, str]) -> None:
    before = snap(**given)
    after = torch_libraries.completed(before, TABLES)
    assert {name: fact.value for name, fact in after.packages.items() if name not in before.packages} == brought


def test_entries_know_the_triton_that_came_with_torch() -> None:
    told = {finding.id: finding for finding in Checker().report(snap(os="linux", torch="2.6.0", bitsandbytes="0.44.1")).findings}
    assert [(one.key, one.value, one.origin) for one in told["bitsandbytes-triton-ops"].facts if one.key == "triton"] == [
        ("triton", "3.2.0", "torch 2.6.0's wheel for Linux")
    ]
