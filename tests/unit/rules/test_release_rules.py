"""Rules over what releases declare and what the index says of them, on real releases."""

from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.rules import bf16, gone_module, installable, markers, numpy_abi, own_minimum, refused_metadata, requirements, yanked

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
        ({"transformers": "4.45.0.dev0", "tokenizers": "0.15.2"}, "tokenizers"),
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
        {"transformers": "4.45.0.dev0", "tokenizers": "0.19.1"},
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
        ({"peft": "0.17.1", "huggingface-hub": "0.20.0"}, "warning"),
        ({"vllm": "0.10.0", "torchvision": "0.22.0"}, "note"),
        ({"torch": "2.13.0", "setuptools": "65.5.0"}, "note"),
        ({"accelerate": "1.6.0", "torch": "1.13.1+cu117"}, "warning"),
    ],
)
def test_a_lower_bound_of_the_stack_is_graver_than_an_upper_one(packages: Any, severity: str) -> None:
    assert [one.severity for one in requirements.find_unmet(snap(packages=packages), TABLES)] == [severity]


@pytest.mark.parametrize(
    ("requires", "culprits"),
    [
        ({"transformers": "tokenizers<0.20,>=0.19 | numpy>=1.17"}, [("tokenizers", "transformers")]),
        ({"transformers": "tokenizers (>=0.13)"}, []),
        ({"tqdm": "tokenizers<0.1"}, []),
        ({"transformers": 'tokenizers<0.1; python_version < "3.9" | a requirement in no known form >='}, []),
    ],
)
def test_the_metadata_that_is_there_outranks_the_table(requires: Any, culprits: Any) -> None:
    """By the table transformers 4.36.2 refuses tokenizers 0.13.3; what is installed may be patched."""
    snapshot = snap(transformers="4.36.2", tokenizers="0.13.3" if not culprits else "0.15.2", tqdm="4.66", python="3.11", requires=requires)
    assert [one.culprit for one in requirements.find_checked(snapshot, TABLES)] == culprits
    assert requirements.find_unmet(snapshot, TABLES) == ()


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


@pytest.mark.parametrize(
    ("packages", "culprits"),
    [
        ({"numpy": "2.0.1", "matplotlib": "3.8.2", "numba": "0.59.1"}, {"matplotlib", "numba"}),
        ({"numpy": "2.0.1", "matplotlib": "3.8.4", "numba": "0.60.0"}, set()),
        ({"numpy": "1.26.4", "matplotlib": "3.8.2"}, set()),
        ({"numpy": ">=1.26", "matplotlib": "3.8.2"}, set()),
        ({"matplotlib": "3.8.2"}, set()),
    ],
)
def test_builds_against_numpy_1_do_not_load_beside_numpy_2(packages: Any, culprits: set[str]) -> None:
    found = numpy_abi.find(snap(packages=packages), TABLES)
    assert {one.culprit for one in found} == {("numpy", name) for name in culprits}
    assert {one.severity for one in found} <= {"error"}


@pytest.mark.parametrize(
    ("packages", "severity"),
    [
        ({"setuptools": "82.0.0", "tensorboard": "2.20.0"}, "warning"),
        ({"setuptools": "82.0.0", "lightning-utilities": "0.11.3"}, "error"),
        ({"setuptools": "70.1.0", "torchtune": "0.1.1"}, "error"),
        ({"setuptools": "71.0.0", "torchtune": "0.1.1"}, None),
        ({"setuptools": "82.0.0", "torchtune": "0.1.1"}, "error"),
        ({"setuptools": "70.1.0", "torchtune": "0.2.0"}, None),
        ({"setuptools": "81.0.0", "tensorboard": "2.20.0"}, None),
        ({"setuptools": ">=60", "tensorboard": "2.20.0"}, None),
        ({"tensorboard": "2.20.0"}, None),
    ],
)
def test_a_module_that_setuptools_no_longer_has(packages: Any, severity: Any) -> None:
    assert [one.severity for one in gone_module.find(snap(packages=packages), TABLES)] == ([severity] if severity else [])


V100, T4, A100, MI250 = ({"name": name, "capability": one} for name, one in (("Tesla V100", "7.0"), ("Tesla T4", "7.5"), ("A100", "8.0"), ("MI250", None)))
BF16 = {"precision": "bf16"}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"gpus": [V100], "train": BF16}, True),
        ({"gpus": [T4], "train": BF16, "torch": "2.0.0"}, True),
        ({"gpus": [T4], "train": BF16, "torch": "2.0.0", "transformers": "4.44.2"}, False),
        ({"gpus": [T4], "train": BF16, "torch": "2.3.0"}, False),
        ({"gpus": [T4, A100], "train": BF16}, False),
        ({"gpus": [A100], "train": BF16}, False),
        ({"gpus": [MI250], "train": BF16}, False),
        ({"gpus": [T4], "train": {"precision": "fp16"}}, False),
        ({"gpus": [T4]}, False),
        ({"gpus": [], "train": BF16}, False),
        ({"train": BF16}, False),
    ],
)
def test_bf16_on_a_gpu_without_it(given: Any, found: bool) -> None:
    assert [one.severity for one in bf16.find(snap(**given), TABLES)] == (["warning"] if found else [])


@pytest.mark.parametrize(
    ("given", "severity"),
    [
        ({"pip": "24.1", "pytorch-lightning": "1.7.0"}, "warning"),
        ({"pip": "24.1", "pytorch-lightning": "1.7.0", "complete": True}, "note"),
        ({"omegaconf": "2.0.6"}, "note"),
        ({"pip": "23.3.1", "pytorch-lightning": "1.7.0"}, None),
        ({"pip": "25.0", "pytorch-lightning": "1.8.4"}, None),
        ({"pip": "25.0", "pytorch-lightning": ">=1.7"}, None),
    ],
)
def test_metadata_that_newer_pips_refuse(given: Any, severity: Any) -> None:
    packages = {name: version for name, version in given.items() if name != "complete"}
    found = refused_metadata.find(snap(packages=packages, complete=given.get("complete", False)), TABLES)
    assert [one.severity for one in found] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"llamafactory": "0.9.0", "transformers": "4.46.1"}, True),
        ({"llamafactory": "0.9.1.dev0", "transformers": "4.48.0"}, True),
        ({"llamafactory": "0.9.1.dev0", "transformers": "4.46.1"}, False),
        ({"llamafactory": "0.9.0", "transformers": "4.44.2", "trl": "0.9.6"}, False),
        ({"llamafactory": "0.9.0", "transformers": "4.46.1", "env": {"DISABLE_VERSION_CHECK": "1"}}, False),
    ],
)
def test_what_llamafactory_checks_when_it_starts(given: Any, found: bool) -> None:
    assert [one.severity for one in requirements.find_started(snap(**given), TABLES)] == (["warning"] if found else [])
    assert requirements.find_unmet(snap(**given), TABLES) == ()


@pytest.mark.parametrize(
    ("packages", "culprit"),
    [
        ({"transformers": "4.36.2", "accelerate": "0.19.0"}, "accelerate"),
        ({"transformers": "4.51.3", "accelerate": "0.25.0"}, "accelerate"),
        ({"transformers": "5.3.0", "peft": "0.17.1", "accelerate": "1.10.1"}, "peft"),
        ({"transformers": "5.3.0", "bitsandbytes": "0.45.5"}, "bitsandbytes"),
        ({"transformers": "4.51.3", "accelerate": "0.26.0"}, None),
        ({"transformers": "4.28.1", "accelerate": "0.17.0"}, None),
        ({"transformers": "4.51.3", "accelerate": ">=0.20"}, None),
        ({"transformers": "4.51.3"}, None),
    ],
)
def test_what_transformers_asks_for_in_its_own_code(packages: Any, culprit: Any) -> None:
    found = own_minimum.find(snap(packages=packages), TABLES)
    assert [(one.severity, one.culprit[0]) for one in found] == ([("warning", culprit)] if culprit else [])


@pytest.mark.parametrize(("train", "count"), [({"method": "lora"}, 1), ({"method": "full"}, 0), ({}, 0)])
def test_a_minimum_that_matters_with_one_method(train: Any, count: int) -> None:
    assert len(own_minimum.find(snap(peft="0.19.0", torchao="0.15.0", train=train), TABLES)) == count
