"""What torch.compile needs: a Python that it takes, and a triton that knows the GPU."""

from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.model import Finding
from envcheck.rules import compile_python, triton_ptxas

TABLES = Checker().tables()
ENV: dict[str, Any] = {"env": {}, "env_complete": True}
B200, B300, RTX5090, GB10, THOR, H100, T4, P100 = (
    [{"name": name, "capability": capability, "count": 1}]
    for name, capability in (
        ("B200", "10.0"),
        ("B300", "10.3"),
        ("RTX 5090", "12.0"),
        ("GB10", "12.1"),
        ("Thor", "11.0"),
        ("H100", "9.0"),
        ("T4", "7.5"),
        ("P100", "6.0"),
    )
)


def told(rule: Any, **given: Any) -> list[str]:
    return [one.severity if isinstance(one, Finding) else f"? {' '.join(one.needs)}" for one in rule.find(snap(**given), TABLES)]


@pytest.mark.parametrize(
    ("torch", "python"),
    [
        ("2.0.1", "3.11.4"),
        ("2.2.2", "3.12.3"),
        ("2.3.1+cu121", "3.12.3"),
        ("2.5.1", "3.13.1"),
        ("2.4.1", "3.13"),
        ("2.9.1+cu128", "3.14.0"),
        ("2.14.1", "3.15.0"),
        ("2.2.2", ">=3.12"),
    ],
)
def test_a_python_that_is_too_new_for_the_compiler(torch: str, python: str) -> None:
    assert told(compile_python, torch=torch, python=python, train={"torch_compile": True}) == ["error"]
    assert told(compile_python, torch=torch, python=python) == ["? train.torch_compile"]


@pytest.mark.parametrize(
    ("torch", "python"),
    [
        ("2.1.0", "3.11.4"),
        ("2.4.0", "3.12.3"),
        ("2.6.0", "3.13.1"),
        ("2.10.0", "3.14.0"),
        ("2.2.2", "3"),
        (">=2.2", "3.12"),
        ("2.15.0", "3.15.0"),
        ("2.99.0", "3.15.0"),
        ("1.13.1", "3.12.1"),
        ("2.2.2", None),
    ],
)
def test_a_python_that_it_takes_or_that_nobody_knows(torch: str, python: Any) -> None:
    assert told(compile_python, torch=torch, python=python, train={"torch_compile": True}) == []


def test_who_does_not_compile_is_left_alone() -> None:
    assert told(compile_python, torch="2.2.2", python="3.12.3", train={"torch_compile": False}) == []


@pytest.mark.parametrize(
    ("gpus", "given", "found"),
    [
        (GB10, {"triton": "3.5.1"}, ["warning"]), (B300, {"torch": "2.9.1+cu130"}, ["warning"]), (RTX5090, {"triton": "3.2.0"}, ["warning"]), (THOR, {"triton": "3.6.0"}, ["warning"]),
        (B200, {"triton": "3.1.0", "train": {"torch_compile": True}}, ["error"]), (GB10, {"triton": "3.4.0", "train": {"use_liger_kernel": True}}, ["error"]),
    ],
)  # fmt: skip
def test_an_assembler_that_does_not_know_the_gpu(gpus: Any, given: Any, found: list[str]) -> None:
    assert told(triton_ptxas, gpus=gpus, **given, **ENV) == found
    assert told(triton_ptxas, gpus=gpus, **given) == (["? env.TRITON_PTXAS_PATH"] if "train" not in given else ["warning"])


def test_kernels_that_are_written_in_triton_are_compiled() -> None:
    [finding] = triton_ptxas.find(snap(gpus=GB10, triton="3.5.1", unsloth="2025.10.1"), TABLES)
    assert isinstance(finding, Finding)
    assert (finding.severity, finding.certainty, finding.needs) == ("warning", "possible", ("env.TRITON_PTXAS_PATH",))


@pytest.mark.parametrize(
    ("gpus", "given"),
    [
        (GB10, {"triton": "3.6.0"}), (B300, {"torch": "2.10.0+cu130"}), (RTX5090, {"triton": "3.3.1"}), (B200, {"torch": "2.7.1"}), (H100, {"triton": "2.0.0"}), (T4, {"triton": "3.5.1"}),
        (P100, {"triton": "3.5.1"}), (GB10, {"triton": "3.5.0+git7416ffcb"}), (GB10, {"triton": ">=3.5"}), (GB10, {"torch": ">=2.9"}), (GB10, {"torch": "2.9.1", "triton": "absent"}),
        (GB10, {"torch": "2.9.1", "os": "windows"}), (RTX5090 + H100, {"triton": "3.1.0"}), (GB10, {"triton": "3.99.0"}), ([{"name": "Apple M2", "arch": "mps"}], {"triton": "3.1.0"}),
    ],
)  # fmt: skip
def test_one_that_does_or_that_nobody_knows(gpus: Any, given: Any) -> None:
    assert told(triton_ptxas, gpus=gpus, **given, **ENV) == []


def test_a_named_assembler_is_used_instead() -> None:
    env = {"env": {"TRITON_PTXAS_PATH": "/usr/local/cuda/bin/ptxas"}, "env_complete": True}
    assert told(triton_ptxas, gpus=GB10, triton="3.5.1", **env) == []
