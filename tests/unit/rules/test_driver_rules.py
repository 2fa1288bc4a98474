"""The driver's companions: the Fabric Manager and forward compatibility."""

from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.model import Finding, Undecided
from envcheck.rules import cuda_compat, driver_floor, fabric_manager

TABLES = Checker().tables()


def told(rule: Any, **given: Any) -> list[str]:
    """`error` and the like of findings; `?` and what is missing of questions."""
    found = rule.find(snap(**given), TABLES)
    return [one.severity if isinstance(one, Finding) else f"? {' '.join(one.needs)}" for one in found]


def board(name: str, count: int, capability: str = "9.0") -> list[dict[str, Any]]:
    return [{"name": f"NVIDIA {name}", "capability": capability, "count": count}]


H100, A100, A800, B200 = board("H100 80GB HBM3", 8), board("A100-SXM4-80GB", 8, "8.0"), board("A800-SXM4-80GB", 8, "8.0"), board("B200", 8, "10.0")


@pytest.mark.parametrize("gpus", [H100, A100, A800, B200, board("H20", 8), None])
def test_a_machine_without_its_fabric_manager(gpus: Any) -> None:
    assert told(fabric_manager, gpus=gpus, driver="535.104.05", fabric_manager="absent") == ["error"]


@pytest.mark.parametrize(
    ("there", "driver", "found"),
    [
        ("535.104.05", "535.104.05", []), ("535.104.12", "535.104.05", ["error"]), ("550.90.07", "550.107.02", ["error"]), ("535.104.05", "535", []), ("running", "535.104.05", []),
        ("535.104.05", None, []),
    ],
)  # fmt: skip
def test_it_must_be_the_drivers_to_the_last_number(there: str, driver: Any, found: list[str]) -> None:
    assert told(fabric_manager, gpus=H100, driver=driver, fabric_manager=there) == found


@pytest.mark.parametrize("gpus", [H100, A100, A800, B200, board("H20", 8), board("H200", 8)])
def test_where_it_is_needed_and_nobody_looked_it_is_a_question(gpus: Any) -> None:
    assert told(fabric_manager, gpus=gpus, driver="535.104.05") == ["? fabric_manager"]


@pytest.mark.parametrize(
    "gpus",
    [board("H100 80GB HBM3", 4), board("A100-PCIE-40GB", 8, "8.0"), board("H100 PCIe", 8), board("H100 NVL", 8), board("H200 NVL", 8), board("A100", 8, "8.0"), board("GeForce RTX 3090", 8, "8.6"),
     [{"name": "Tesla V100-SXM2-32GB", "capability": "7.0", "count": 8}], [{"name": "AMD gfx942", "arch": "gfx942", "count": 8}], board("GB200", 8, "10.0"), None, []],
)  # fmt: skip
def test_other_machines_are_not_asked(gpus: Any) -> None:
    assert told(fabric_manager, gpus=gpus, driver="535.104.05") == []


def test_that_a_pcie_machine_has_none_is_no_fault() -> None:
    assert told(fabric_manager, gpus=board("A100-PCIE-40GB", 8, "8.0"), driver="535.104.05", fabric_manager="absent") == []


GEFORCE, DATA_CENTRE = board("GeForce RTX 3090", 1, "8.6"), board("A100-SXM4-80GB", 1, "8.0")


@pytest.mark.parametrize(
    ("compat", "driver", "gpus", "found"),
    [
        ("550.54.15", "535.104.05", GEFORCE, ["error"]), ("550.54.15", "535.104.05", DATA_CENTRE, []), ("550.54.15", "535.104.05", None, []),
        ("570.86.10", "580.105.08", B200, ["error"]), ("570.86.10", "570.133.20", H100, ["error"]), ("570.86.10", "570.133.20", GEFORCE, ["error"]),
        ("535.104.05", "535.104.05", GEFORCE, []), ("550.54.15", "550", GEFORCE, []), ("absent", "535.104.05", GEFORCE, []), ("550.54.15", None, GEFORCE, []),
    ],
)  # fmt: skip
def test_a_forward_compatibility_library_and_the_driver(compat: str, driver: Any, gpus: Any, found: list[str]) -> None:
    assert told(cuda_compat, cuda_compat=compat, driver=driver, gpus=gpus) == found


@pytest.mark.parametrize(
    ("path", "found"),
    [("/usr/local/cuda/compat/lib:/usr/lib", ["? cuda_compat"]), ("/usr/local/cuda-12.4/compat", ["? cuda_compat"]), ("/usr/local/cuda/lib64", [])],
)
def test_a_path_to_such_a_library_is_a_question(path: str, found: list[str]) -> None:
    assert told(cuda_compat, driver="535.104.05", env={"LD_LIBRARY_PATH": path}) == found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"cuda_compat": "550.54.15", "gpus": DATA_CENTRE}, []), ({"cuda_compat": "515.43.04", "gpus": DATA_CENTRE}, ["error"]), ({"cuda_compat": "absent", "gpus": DATA_CENTRE}, ["error"]),
        ({"cuda_compat": "550.54.15", "gpus": GEFORCE}, ["error"]), ({"gpus": DATA_CENTRE}, ["error"]),
        ({"cuda_compat": "absent", "env": {"LD_LIBRARY_PATH": "/usr/local/cuda/compat"}}, ["error"]), ({"env": {"LD_LIBRARY_PATH": "/usr/local/cuda/compat"}}, []),
    ],
)  # fmt: skip
def test_the_floor_and_forward_compatibility(given: Any, found: list[str]) -> None:
    assert told(driver_floor, torch="2.5.1+cu124", torch_cuda="12.4", driver="470.57.02", **given) == found


@pytest.mark.parametrize(("gpus", "found"), [(DATA_CENTRE, ["? cuda_compat"]), (GEFORCE, ["error"])])
def test_an_image_of_nvidias_brings_such_a_library(gpus: Any, found: list[str]) -> None:
    assert told(driver_floor, torch="2.4.0a0+07cecf4168.nv24.05", torch_cuda="12.4", driver="470.57.02", gpus=gpus) == found


def test_a_question_of_a_rule_stands_among_those_of_entries() -> None:
    report = Checker().report(snap(torch="2.5.1+cu124", torch_cuda="12.4", driver="550.54.15", gpus=H100))
    [asked] = [one for one in report.undecided if one.id == fabric_manager.ID]
    assert isinstance(asked, Undecided)
    assert (asked.severity, asked.needs) == ("error", ("fabric_manager",))
    settled = Checker().report(snap(torch="2.5.1+cu124", torch_cuda="12.4", driver="550.54.15", fabric_manager="550.54.15", gpus=H100))
    assert fabric_manager.ID not in {one.id for one in settled.undecided}
