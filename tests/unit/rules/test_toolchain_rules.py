"""Compilers that cannot build what a training run compiles, on machines as people have them."""

from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.rules import host_compiler, libstdcxx, nvcc_arch, nvcc_cuda

TABLES = Checker().tables()
NVIDIA = {
    "V100": "7.0", "T4": "7.5", "A100": "8.0", "RTX 3090": "8.6", "RTX 4090": "8.9", "H100": "9.0", "H20": "9.0", "B200": "10.0", "RTX 5090": "12.0",
}  # fmt: skip
JIT = {"deepspeed": "0.16.4", "train": {"offload": True}}


def severities(rule: Any, **given: Any) -> list[str]:
    return [finding.severity for finding in rule.find(snap(**given), TABLES)]


@pytest.mark.parametrize(
    ("toolkit", "cuda", "given", "found"),
    [
        ("12.1", "11.8", {}, ["warning"]), ("12.1", "11.8", {"torch": "2.1.2", "numpy": "1.26.4"}, ["note"]), ("12.1", "11.8", {"torch": "2.1.2", "transformer_engine": ">=1.9"}, ["warning"]), ("11.7", "12.1", {"deepspeed": "0.14.0"}, ["warning"]), ("12.4", "13.0", JIT, ["error"]),
        ("11.7", "12.1", {"deepspeed": "0.14.0", "train": {"optimizer": "FusedAdam"}}, ["error"]),
        ("12.1", "12.8", JIT, []), ("11.7", "12.1", {"complete": True, "torch": "2.1.2+cu121"}, []), ("absent", "12.1", JIT, []), ("12.1", "absent", JIT, []),
        ("11.7", "12.1", {"deepspeed": "0.14.0", "env": {"DS_SKIP_CUDA_CHECK": "1"}}, []), ("11.7", "12.1", {**JIT, "builds": {"deepspeed.ops": "cpu_adam"}}, []),
        ("11.7", "12.1", {**JIT, "builds": {"deepspeed.ops": "none"}}, ["error"]),
    ],
)  # fmt: skip
def test_a_toolkit_of_another_cuda(toolkit: str, cuda: str, given: Any, found: list[str]) -> None:
    assert severities(nvcc_cuda, cuda_toolkit=toolkit, torch_cuda=cuda, **given) == found


@pytest.mark.parametrize(
    ("toolkit", "gpu", "found"),
    [
        ("11.7", "RTX 4090", True), ("11.0", "RTX 3090", True), ("12.4", "B200", True), ("12.6.85", "RTX 5090", True), ("11.7", "H100", True), ("13.0", "V100", True), ("10.2", "A100", True),
        ("11.8", "RTX 4090", False), ("11.8", "H20", False), ("12.8", "RTX 5090", False), ("13.0", "T4", False), ("12.9", "V100", False), ("12", "RTX 5090", False), ("11.1", "RTX 3090", False),
    ],
)  # fmt: skip
def test_a_toolkit_that_does_not_know_the_gpu(toolkit: str, gpu: str, found: bool) -> None:
    cards = [{"name": gpu, "capability": NVIDIA[gpu]}]
    assert severities(nvcc_arch, cuda_toolkit=toolkit, gpus=cards) == (["warning"] if found else [])
    assert severities(nvcc_arch, cuda_toolkit=toolkit, gpus=cards, **JIT) == (["error"] if found else [])
    assert severities(nvcc_arch, cuda_toolkit=toolkit, gpus=cards, complete=True, torch="2.5.1") == []
    assert severities(nvcc_arch, cuda_toolkit=toolkit, gpus=cards, env={"TORCH_CUDA_ARCH_LIST": "8.0+PTX"}) == []


@pytest.mark.parametrize("gpus", [[{"name": "MI300X", "arch": "gfx942"}], [{"name": "Apple M2", "arch": "mps"}], [], None])
def test_nvcc_has_nothing_to_do_with_other_devices(gpus: Any) -> None:
    assert severities(nvcc_arch, cuda_toolkit="11.0", gpus=gpus) == []


@pytest.mark.parametrize(
    ("gcc", "given", "found"),
    [
        ("7.5.0", {"torch": "2.5.1"}, ["note"]), ("7.5.0", {"torch": "2.5.1", "deepspeed": "0.16.4"}, ["warning"]), ("8.5.0", {"torch": "2.1.0", **JIT}, ["error"]), ("13.2.0", {"cuda_toolkit": "12.2"}, ["warning"]), ("12.3.0", {"cuda_toolkit": "11.8.89", **JIT}, ["error"]),
        ("9.4.0", {"torch": "2.5.1"}, []), ("7.5.0", {"torch": "2.0.1"}, []), ("13.2.0", {"cuda_toolkit": "12.4"}, []), ("11.4.0", {"cuda_toolkit": "11.8"}, []), ("7.5.0", {"torch": ">=2.0"}, []),
        ("7.5.0", {"torch": "2.5.1", "complete": True}, []), ("absent", {"torch": "2.5.1"}, []), ("15.1", {"cuda_toolkit": "13.0"}, []), ("15.1", {"cuda_toolkit": "14.0"}, []),
    ],
)  # fmt: skip
def test_the_host_compiler(gcc: str, given: Any, found: list[str]) -> None:
    assert severities(host_compiler, gcc=gcc, **given) == found


@pytest.mark.parametrize(
    ("gcc", "library", "given", "found"),
    [
        ("11.4.0", "6.0.26", JIT, ["warning"]), ("12.2.0", "6.0.28", {"deepspeed": "0.10.0", "train": {"optimizer": "DeepSpeedCPUAdam"}}, ["warning"]), ("11.4.0", "6.0.26", {"deepspeed": "0.10.0"}, ["note"]),
        ("11.4.0", "6.0.29", JIT, []), ("9.4.0", "6.0.26", JIT, []), ("11.4.0", None, JIT, []), ("absent", "6.0.26", JIT, []), ("11.4.0", "6.0.26", {"torch": "2.1.2"}, []),
        ("11.4.0", "6.0.26", {**JIT, "builds": {"deepspeed.ops": "cpu_adam"}}, []),
    ],
)  # fmt: skip
def test_a_cxx_library_that_is_older_than_the_compiler(gcc: str, library: Any, given: Any, found: list[str]) -> None:
    builds = {**given.get("builds", {}), **({"python.libstdcxx": library} if library else {})}
    assert severities(libstdcxx, gcc=gcc, **{**given, "builds": builds}) == found
