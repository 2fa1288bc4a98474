"""Rules over the tables of wheels and drivers, on machines as people have them."""

from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.facts.binaries import runs
from envcheck.rules import driver_floor, settings, vendor, wheel_arch

TABLES = Checker().tables()
GPUS = {
    "K80": "3.7", "P100": "6.0", "GTX 1080": "6.1", "V100": "7.0", "T4": "7.5", "A100": "8.0", "RTX 3090": "8.6", "RTX 4090": "8.9", "H100": "9.0", "B200": "10.0",
    "B300": "10.3", "RTX 5090": "12.0", "GB10": "12.1",
}  # fmt: skip


def box(gpu: str, torch: str, **given: Any) -> Any:
    cuda = torch.partition("+cu")[2]
    facts = {"torch_cuda": f"{cuda[:-1]}.{cuda[-1]}"} if cuda else {}
    return snap(torch=torch, gpus=[{"name": f"NVIDIA {gpu}", "capability": GPUS[gpu], "count": 1}], **{**facts, **given})


@pytest.mark.parametrize(
    ("gpu", "torch"),
    [("RTX 5090", "2.6.0+cu124"), ("RTX 5090", "2.7.0+cu126"), ("B200", "2.5.1+cu121"), ("V100", "2.7.0+cu128"), ("V100", "2.11.0+cu128"), ("GTX 1080", "2.9.1+cu130"),
     ("K80", "2.5.1+cu121"), ("H100", "1.13.1+cu117"), ("GB10", "2.6.0+cu126")],
)  # fmt: skip
def test_a_wheel_without_kernels_is_an_error(gpu: str, torch: str) -> None:
    [finding] = wheel_arch.find(box(gpu, torch), TABLES)
    assert (finding.severity, finding.culprit) == ("error", ("torch", "gpu"))


@pytest.mark.parametrize(
    ("gpu", "torch"),
    [("RTX 5090", "2.7.0+cu128"), ("GB10", "2.9.1+cu128"), ("B300", "2.9.0+cu128"), ("V100", "2.8.0+cu128"), ("RTX 4090", "1.13.1+cu117"), ("H100", "2.0.1+cu118"), ("T4", "2.9.1+cu130"),
     ("GTX 1080", "2.6.0+cu126"), ("K80", "2.5.1+cu118"), ("A100", "2.14.1+cu130"), ("RTX 5090", "9.9.9+cu128"), ("V100", "2.4.0a0+f70bd71a48.nv24.06"), ("V100", "2.7.0+cpu")],
)  # fmt: skip
def test_a_wheel_with_kernels_or_without_a_row_is_left_alone(gpu: str, torch: str) -> None:
    assert wheel_arch.find(box(gpu, torch), TABLES) == ()


def test_without_a_local_tag_it_may_be_somebodys_own_build() -> None:
    [finding] = wheel_arch.find(box("RTX 5090", "2.6.0", torch_cuda="12.4"), TABLES)
    assert finding.severity == "warning"


def test_a_second_card_for_the_display_is_no_error() -> None:
    cards = [{"name": "RTX 4090", "capability": "8.9"}, {"name": "GT 1030", "capability": "6.1"}]
    assert wheel_arch.find(snap(torch="2.9.1+cu130", torch_cuda="13.0", gpus=cards), TABLES) == ()


@pytest.mark.parametrize(
    ("gpu", "given", "severity", "certainty"),
    [
        ("RTX 5090", {"torch": "2.6.0"}, "warning", "certain"), ("RTX 5090", {"torch": "==2.6.0"}, "warning", "certain"), ("B200", {"torch": ">=2.0,<2.6"}, "warning", "certain"),
        ("H100", {"torch": "<2.0"}, "warning", "certain"), ("V100", {"torch": "2.11.0"}, "warning", "possible"), ("RTX 5090", {"torch": "2.7.0"}, "warning", "possible"),
        ("RTX 5090", {"torch": "2.7.0.dev20250310+cu124", "torch_cuda": "12.4"}, "warning", "certain"), ("RTX 5090", {"torch": "2.6.0+cu124", "torch_cuda": "12.4", "os": "windows"}, "warning", "certain"),
        ("V100", {"torch": "2.15.0+cu130", "torch_cuda": "13.0"}, "warning", "certain"),
    ],
)  # fmt: skip
def test_what_is_certain_from_a_version_alone(gpu: str, given: Any, severity: str, certainty: str) -> None:
    [finding] = wheel_arch.find(snap(gpus=[{"name": gpu, "capability": GPUS[gpu]}], **given), TABLES)
    assert (finding.severity, finding.certainty) == (severity, certainty)


@pytest.mark.parametrize(
    ("gpu", "given"),
    [
        ("RTX 5090", {"torch": ">=2.6"}), ("RTX 5090", {"torch": "2.6.0a0+df5bbc09d1.nv24.11"}), ("V100", {"torch": ">=2.11"}), ("RTX 4090", {"torch": "2.3.0"}), ("A100", {"torch": "2.11.0"}),
        ("V100", {"torch": "2.11.0", "arch": "ppc64le"}), ("RTX 4090", {"torch": "1.14.0.dev20221205+cu116", "torch_cuda": "11.6"}), ("B300", {"torch": "2.15.0+cu128", "torch_cuda": "12.8"}), ("RTX 5090", {"torch": "2.6.0", "os": "windows"}), ("RTX 5090", {"torch": "2.99.0"}), ("H100", {"transformers": "4.50.0"}),
    ],
)  # fmt: skip
def test_what_a_version_alone_leaves_open(gpu: str, given: Any) -> None:
    assert wheel_arch.find(snap(gpus=[{"name": gpu, "capability": GPUS[gpu]}], **given), TABLES) == ()


@pytest.mark.parametrize(("torch", "found"), [("2.11.0", ["warning"]), ("2.10.0", []), ("2.11.0+cu126", []), (">=2.11", []), ("2.11.0a0+gitabc", [])])
def test_the_driver_for_the_wheel_of_the_default_index(torch: str, found: list[str]) -> None:
    assert [one.severity for one in driver_floor.find(snap(torch=torch, driver="550.54.14"), TABLES)] == found


@pytest.mark.parametrize(
    ("capability", "listed", "answer"),
    [("8.9", "8.0;8.6", True), ("8.0", "8.6", False), ("9.0", "8.0;8.6", False), ("12.0", "9.0+PTX", True), ("10.0", "12.0+PTX", False)],
)
def test_machine_code_runs_on_its_own_major_version_and_ptx_on_later_ones(capability: str, listed: str, answer: bool) -> None:
    assert runs(capability, listed) is answer


@pytest.mark.parametrize(
    ("driver", "cuda", "os", "found"),
    [
        ("450.80.02", "12.1", "linux", True), ("525.60.13", "12.8", "linux", False), ("525.60.11", "12.1", "linux", True), ("535.104.05", "12.8", "linux", False),
        ("570.124.06", "13.0", "linux", True), ("580.65.06", "13.0", "linux", False), ("580", "13.2", "linux", False), ("450", "11.8", "linux", False), ("527.56", "12.1", "windows", False),
        ("526.98", "12.1", "windows", True), ("450.80.02", "11.8", "linux", False), ("470.141.03", "absent", "linux", False), ("999.1", "12.1", "linux", False),
    ],
)  # fmt: skip
def test_the_driver_must_reach_the_first_of_its_cuda_major_version(driver: str, cuda: str, os: str, found: bool) -> None:
    findings = driver_floor.find(snap(torch="2.1.2", torch_cuda=cuda, driver=driver, os=os), TABLES)
    assert [one.severity for one in findings] == (["error"] if found else [])


@pytest.mark.parametrize(("gpus", "found"), [(None, False), ([{"name": "NVIDIA A100-SXM4-80GB"}], False), ([{"name": "NVIDIA GeForce RTX 3090"}], True)])
def test_forward_compatibility_libraries_are_respected_but_not_on_a_geforce(gpus: Any, found: bool) -> None:
    env = {"LD_LIBRARY_PATH": "/usr/local/cuda/compat/lib:/usr/lib"}
    snapshot = snap(torch="2.5.1+cu124", torch_cuda="12.4", driver="470.57.02", env=env, gpus=gpus)
    assert [one.severity for one in driver_floor.find(snapshot, TABLES)] == (["error"] if found else [])


NVIDIA, AMD, APPLE = {"name": "A800", "capability": "8.0"}, {"name": "MI250", "arch": "gfx90a"}, {"name": "Apple M2", "arch": "mps"}


@pytest.mark.parametrize(
    ("torch", "cuda", "gpus", "found"),
    [
        ("2.5.1+cpu", "absent", [NVIDIA], True), ("2.5.1+cu124", "12.4", [AMD], True), ("2.5.0+rocm6.2", "absent", [NVIDIA], True), ("2.5.1+cu124", "12.4", [NVIDIA, AMD], False),
        ("2.5.0+rocm6.2", "absent", [AMD], False), ("2.5.1+cu124", "12.4", [], False), ("2.5.1", "absent", [APPLE], False), ("2.5.1", None, [AMD], False), ("2.5.1", "absent", [NVIDIA], True), ("2.5.1+xpu", "absent", [NVIDIA], False), (">=2.0", "12.4", [AMD], False),
    ],
)  # fmt: skip
def test_a_build_for_another_vendor_is_a_warning(torch: str, cuda: Any, gpus: Any, found: bool) -> None:
    assert [one.severity for one in vendor.find(snap(torch=torch, torch_cuda=cuda, gpus=gpus), TABLES)] == (["warning"] if found else [])


def test_settings_that_contradict_each_other_are_said() -> None:
    from envcheck.model import Snapshot, unknown

    snapshot = Snapshot(
        train={
            "precision": unknown("the files disagree: `bf16` (a.yaml:1) and `fp16` (b.json:2)", "a.yaml:1"),
            "zero_stage": unknown("`auto` is decided by the trainer"),
        }
    )
    [finding] = settings.find(snapshot, TABLES)
    assert "a.yaml:1" in finding.title
    assert finding.severity == "warning"
