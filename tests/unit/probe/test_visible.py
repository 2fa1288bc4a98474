"""Which GPUs a program is shown."""

from __future__ import annotations

import pytest

from envcheck.model import Gpu
from envcheck.probe import visible

A, B = Gpu("NVIDIA A100", "8.0", None, 1, 81920, "NVML"), Gpu("NVIDIA T4", "7.5", None, 1, 15360, "NVML")
EIGHT = (Gpu("NVIDIA A100", "8.0", None, 8, 81920, "NVML"),)


def shown(gpus: tuple[Gpu, ...], **env: str) -> list[tuple[str, int | None]]:
    return [(gpu.name, gpu.count) for gpu in visible.nvidia(gpus, env.get)]


@pytest.mark.parametrize(
    ("value", "count"),
    [("0,1", 2), ("3", 1), (" 0 , 7 ", 2), ("0,1,-1,2", 2), ("0,9,1", 1), ("GPU-aa,GPU-bb,GPU-cc", 3), ("GPU-aa,0", 1), ("MIG-aa,MIG-bb", 2)],
)
def test_of_equal_gpus_the_visible_ones_are_counted(value: str, count: int) -> None:
    assert shown(EIGHT, CUDA_VISIBLE_DEVICES=value) == [("NVIDIA A100", count)]


@pytest.mark.parametrize("value", ["", "-1", "NoDevFiles", "0,0", "8", "GPU-aa,GPU-aa"])
def test_what_hides_every_gpu(value: str) -> None:
    assert shown(EIGHT, CUDA_VISIBLE_DEVICES=value) == []
    assert "CUDA_VISIBLE_DEVICES" in visible.hidden({"CUDA_VISIBLE_DEVICES": value}.get).reason


def test_without_a_variable_all_are_there_and_equal_ones_are_one_row() -> None:
    assert shown((A, B, A)) == [("NVIDIA A100", 2), ("NVIDIA T4", 1)]


def test_a_container_runtimes_variable_hides_nothing_from_cuda() -> None:
    assert shown(EIGHT, NVIDIA_VISIBLE_DEVICES="0") == [("NVIDIA A100", 8)]


def test_of_different_gpus_an_index_means_one_only_in_the_order_of_the_bus() -> None:
    assert shown((A, B, A), CUDA_VISIBLE_DEVICES="1", CUDA_DEVICE_ORDER="PCI_BUS_ID") == [("NVIDIA T4", 1)]
    assert shown((A, B, A), CUDA_VISIBLE_DEVICES="1") == [("NVIDIA A100", None), ("NVIDIA T4", None)]
    assert shown((A, B, A), CUDA_VISIBLE_DEVICES="2,1,0") == [("NVIDIA A100", 2), ("NVIDIA T4", 1)]


def test_identities_of_different_gpus_tell_only_how_many() -> None:
    [gpu] = visible.nvidia((A, B), {"CUDA_VISIBLE_DEVICES": "GPU-aa"}.get)
    assert (gpu.count, gpu.capability) == (1, None)
    assert "A100" not in gpu.name
    assert "T4" not in gpu.name


def test_a_slice_has_not_the_memory_of_its_gpu() -> None:
    [gpu] = visible.nvidia(EIGHT, {"CUDA_VISIBLE_DEVICES": "MIG-aa"}.get)
    assert (gpu.name, gpu.memory_mib) == ("NVIDIA A100", None)


def test_the_origin_names_the_variable_and_not_its_value() -> None:
    [gpu] = visible.nvidia(EIGHT, {"CUDA_VISIBLE_DEVICES": "GPU-aa"}.get)
    assert gpu.origin == "NVML, CUDA_VISIBLE_DEVICES"


AMD = (Gpu("AMD gfx90a", None, "gfx90a", 8, None, "kfd"),)


@pytest.mark.parametrize(
    ("env", "alone", "count"),
    [
        ({"ROCR_VISIBLE_DEVICES": "0,1,2,3", "HIP_VISIBLE_DEVICES": "0,1"}, True, 2),
        ({"ROCR_VISIBLE_DEVICES": "0,1", "HIP_VISIBLE_DEVICES": "3"}, True, None),
        ({"CUDA_VISIBLE_DEVICES": "0"}, True, 1),
        ({"CUDA_VISIBLE_DEVICES": "0"}, False, 8),
        ({"CUDA_VISIBLE_DEVICES": "0", "HIP_VISIBLE_DEVICES": "0,1"}, True, 2),
        ({"HIP_VISIBLE_DEVICES": ""}, True, None),
    ],
)
def test_amds_variables(env: dict[str, str], alone: bool, count: int | None) -> None:
    found = visible.amd(AMD, env.get, alone)
    assert [gpu.count for gpu in found] == ([] if count is None else [count])
