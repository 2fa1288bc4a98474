"""Rules over what releases declare and what the index says of them, on real releases."""

from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.rules import installable, markers, requirements, yanked

TABLES = Checker().tables()


@pytest.mark.parametrize(
    ("packages", "culprit"),
    [
        ({"transformers": "4.36.2", "tokenizers": "0.19.1"}, "tokenizers"),
        ({"transformers": "4.42.4", "huggingface-hub": "0.17.1"}, "huggingface-hub"),
        ({"transformers": "4.42.4", "numpy": "2.0.0"}, "numpy"),
        ({"transformers": "==4.57.1", "huggingface-hub": "1.0.1"}, "huggingface-hub"),
        ({"transformers": "5.12.0", "tokenizers": "0.23.1"}, "tokenizers"),
        ({"transformers": "5.0.0", "tokenizers": "==0.21"}, "tokenizers"),
    ],
)
def test_what_transformers_checks_by_itself_is_an_error(packages: Any, culprit: str) -> None:
    [finding] = requirements.find_checked(snap(packages=packages), TABLES)
    assert (finding.severity, finding.culprit[0]) == ("error", culprit)
    assert requirements.find_unmet(snap(packages=packages), TABLES) == ()


@pytest.mark.parametrize(
    "packages",
    [
        {"transformers": "4.36.2", "tokenizers": "0.15.2"},
        {"transformers": "4.36.2", "tokenizers": ">=0.14"},
        {"transformers": ">=4.36", "tokenizers": "0.19.1"},
        {"transformers": "4.36.2", "tokenizers": None},
        {"transformers": "4.36.2", "tokenizers": "absent"},
        {"transformers": "4.36.99", "tokenizers": "0.19.1"},
        {"transformers": "4.36.2", "tokenizers": "unreadable-build"},
        {"tokenizers": "0.19.1"},
    ],
)
def test_what_fits_or_is_open_or_unknown_is_left_alone(packages: Any) -> None:
    assert requirements.find_checked(snap(packages=packages), TABLES) == requirements.find_unmet(snap(packages=packages), TABLES) == ()


@pytest.mark.parametrize(
    ("packages", "severity"),
    [
        ({"trl": "0.19.1", "transformers": "4.46.3"}, "warning"),
        ({"trl": "0.12.2", "transformers": "4.48.0"}, "note"),
        ({"peft": "0.17.1", "huggingface-hub": "0.20.0"}, "note"),
        ({"accelerate": "1.6.0", "torch": "1.13.1+cu117"}, "warning"),
    ],
)
def test_a_lower_bound_of_the_stack_is_graver_than_an_upper_one(packages: Any, severity: str) -> None:
    assert [one.severity for one in requirements.find_unmet(snap(packages=packages), TABLES)] == [severity]


@pytest.mark.parametrize(
    ("marker", "given", "answer"),
    [
        ("", {}, True),
        ('python_version < "3.12"', {"python": "3.11.4"}, True),
        ('python_version < "3.12"', {"python": "3.12"}, False),
        ('python_version < "3.12"', {}, False),
        ('platform_system == "Windows"', {"os": "windows"}, True),
        ('platform_system == "Windows"', {"os": "linux"}, False),
        ('platform_machine == "x86_64"', {"os": "linux"}, False),
        ("no marker at all", {}, False),
    ],
)
def test_a_marker_holds_only_where_it_certainly_does(marker: str, given: Any, answer: bool) -> None:
    assert markers.holds(marker, snap(**given)) is answer


@pytest.mark.parametrize(
    ("given", "severity"),
    [
        ({"python": "3.9", "numpy": "2.1.0"}, "error"),
        ({"python": "3.12", "torch": "2.1.2"}, "warning"),
        ({"python": "3.13.1", "transformers": "4.46.1"}, None),
        ({"python": "3.12", "numpy": "1.25.2"}, "note"),
        ({"python": "3.12", "torch": "2.1.2", "complete": True}, None),
        ({"python": "3.12", "torch": "2.1.2+cu121"}, None),
        ({"python": "3.12", "torch": ">=2.1"}, None),
        ({"python": "3.12", "vllm": "0.10.0"}, None),
        ({"python": "3.11", "torch": "2.1.2"}, None),
        ({"torch": "2.1.2"}, None),
        ({"python": "3.12", "flash-attn": "2.5.8"}, None),
    ],
)
def test_a_release_that_this_python_cannot_get(given: Any, severity: Any) -> None:
    assert [one.severity for one in installable.find_python(snap(**given), TABLES)] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"os": "windows", "triton": "3.1.0"}, True),
        ({"os": "windows", "deepspeed": "0.5.10"}, True),
        ({"os": "windows", "vllm": "0.6.3"}, True),
        ({"os": "macos", "torch-npu": "2.1.0.post3"}, True),
        ({"os": "linux", "arch": "aarch64", "triton": "3.1.0"}, True),
        ({"os": "linux", "triton": "3.1.0"}, False),
        ({"os": "linux", "arch": "x86_64", "triton": "3.1.0"}, False),
        ({"os": "linux", "arch": "aarch64", "triton": "3.6.0"}, False),
        ({"os": "windows", "transformers": "4.46.1"}, False),
        ({"os": "windows", "triton": "3.1.0", "complete": True}, False),
        ({"os": "windows", "torch": "2.5.1"}, False),
    ],
)
def test_a_release_without_a_wheel_for_the_system(given: Any, found: bool) -> None:
    assert [one.severity for one in installable.find_system(snap(**given), TABLES)] == (["warning"] if found else [])


@pytest.mark.parametrize(("version", "found"), [("4.46.0", True), ("4.52.0", True), ("4.46.1", False), (">=4.46.0", False)])
def test_a_withdrawn_release_is_noted(version: str, found: bool) -> None:
    assert [one.severity for one in yanked.find(snap(transformers=version), TABLES)] == (["note"] if found else [])
