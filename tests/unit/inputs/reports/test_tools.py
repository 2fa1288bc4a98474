"""What each tool prints, in several generations: output of the real tools where they run without a GPU, and their layout retyped where not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envcheck import wire
from envcheck.inputs import kinds
from envcheck.inputs.reports import report

RAW = Path(__file__).parents[3] / "raw" / "inputs" / "reports"


def read(name: str) -> dict[str, Any]:
    text = (RAW / name).read_text(encoding="utf-8")
    return wire.write(report.snapshot(report.understood(text, name)), origins=True)


KINDS = {
    "collect_env_1.13.txt": "collect-env",
    "collect_env_2.13.txt": "collect-env",
    "vllm_collect_env.txt": "vllm-collect-env",
    "transformers_env_4.txt": "transformers-env",
    "transformers_env_5.txt": "transformers-env",
    "accelerate_env.txt": "accelerate-env",
    "accelerate_env_config.txt": "accelerate-env",
    "datasets_env.txt": "datasets-env",
    "trl_env.txt": "trl-env",
    "diffusers_env.txt": "diffusers-env",
    "llamafactory_env.txt": "llamafactory-env",
    "ds_report_0.12.txt": "ds-report",
    "ds_report_0.19.txt": "ds-report",
    "xformers_info.txt": "xformers-info",
    "bitsandbytes_0.41.txt": "bitsandbytes-report",
    "bitsandbytes_0.43.txt": "bitsandbytes-report",
    "bitsandbytes_0.50.txt": "bitsandbytes-report",
    "nvidia_smi_450.txt": "nvidia-smi",
    "nvidia_smi_535.txt": "nvidia-smi",
    "nvidia_smi_q.txt": "nvidia-smi",
    "nvidia_smi_L.txt": "nvidia-smi",
    "rocm_smi.txt": "rocm-smi",
    "npu_smi.txt": "npu-smi",
    "nvcc.txt": "nvcc",
    "unsloth_banner.txt": "unsloth-banner",
    "bug.md": "report",
}


def test_every_sample_is_recognised() -> None:
    found = {path.name: kinds.kind_of(path.read_text(encoding="utf-8"), path.name) for path in RAW.iterdir()}
    assert found == KINDS


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.endswith("-env") or kind in ("collect-env", "bitsandbytes-report")])
def test_names_and_versions_are_what_the_text_says(name: str) -> None:
    """Each version stands on the line that is named as its origin."""
    lines = (RAW / name).read_text(encoding="utf-8").splitlines()
    found = read(name)
    for package, version in found["packages"].items():
        line = lines[int(found["origins"][f"packages.{package}"].rpartition(":")[2]) - 1]
        assert version in line or (version == "absent" and "not " in line)


def test_collect_env_of_torch_1() -> None:
    found = read("collect_env_1.13.txt")
    assert found["packages"] == {"torch": "1.13.1+cu117", "numpy": "1.23.5", "torchvision": "0.14.1+cu117"}
    assert (found["python"], found["torch_cuda"], found["cuda_toolkit"], found["driver"]) == ("3.8.16", "11.7", "11.3.109", "515.65.01")
    assert (found["os"], found["arch"], found["glibc"], found["gcc"], found["cudnn"]) == ("linux", "x86_64", "2.31", "9.4.0", "8.5.0")
    assert found["gpus"] == [{"name": "NVIDIA A100-SXM4-40GB", "count": 2}]
    assert found["origins"]["driver"] == "collect_env_1.13.txt:22"


def test_what_could_not_be_collected_is_unknown_and_not_absent() -> None:
    found = read("collect_env_2.13.txt")
    assert not {"driver", "gpus", "torch_cuda", "cudnn"} & set(found)
    assert found["packages"]["torch"] == "2.13.0+cpu"


def test_vllm() -> None:
    found = read("vllm_collect_env.txt")
    assert found["packages"]["vllm"] == "0.9.1"
    assert found["packages"]["torch"] == "2.7.0+cu126"
    assert found["gpus"] == [{"name": "NVIDIA H100 80GB HBM3", "count": 2}]
    assert found["env"] == {"NCCL_P2P_DISABLE": "1", "VLLM_USE_V1": "0"}


def test_the_config_that_accelerate_shows_is_read() -> None:
    train = read("transformers_env_4.txt")["train"]
    assert (train["zero_stage"], train["precision"], train["world_size"], train["gradient_accumulation_steps"]) == (3, "bf16", 8, 4)
    found = read("accelerate_env_config.txt")
    assert (found["train"]["precision"], found["train"]["parallelism"]) == ("fp16", "ddp")
    assert found["origins"]["train.precision"] == "accelerate_env_config.txt:13"


def test_llamafactory_counts_its_gpus() -> None:
    assert read("llamafactory_env.txt")["gpus"] == [{"name": "NVIDIA GeForce RTX 4090", "count": 4}]


def test_ds_report() -> None:
    found = read("ds_report_0.12.txt")
    assert found["packages"] == {"torch": "2.1.2+cu121", "deepspeed": "0.12.6"}
    assert (found["torch_cuda"], found["cuda_toolkit"]) == ("12.1", "11.8")


def test_xformers_tells_what_it_was_built_for() -> None:
    found = read("xformers_info.txt")
    assert found["builds"] == {"xformers.torch": "2.1.0+cu121", "xformers.cuda": "12.1"}
    assert found["packages"]["torch"] == "2.1.2+cu121"
    assert found["gpus"] == [{"name": "NVIDIA GeForce RTX 3090", "capability": "8.6"}]


def test_bitsandbytes() -> None:
    assert [read(f"bitsandbytes_{version}.txt")["torch_cuda"] for version in ("0.41", "0.43", "0.50")] == ["11.8", "12.1", "absent"]
    assert read("bitsandbytes_0.50.txt")["packages"]["bitsandbytes"] == "0.50.2"


def test_nvidia_smi() -> None:
    assert read("nvidia_smi_535.txt")["gpus"] == [{"name": "NVIDIA A100-SXM4-80GB", "count": 2, "memory_mib": 81920}]
    assert read("nvidia_smi_450.txt")["gpus"] == [{"name": "Tesla V100-SXM2", "count": 1, "memory_mib": 32510}]
    assert [read(f"nvidia_smi_{one}.txt").get("driver") for one in ("450", "535", "q", "L")] == ["450.191.01", "535.104.05", "570.124.06", None]
    assert read("nvidia_smi_L.txt")["gpus"] == [{"name": "NVIDIA H200", "count": 2}]
    # What the driver could run is no build of anything.
    assert all("torch_cuda" not in read(f"nvidia_smi_{one}.txt") for one in ("450", "535", "q"))


def test_other_vendors_and_compilers() -> None:
    assert read("rocm_smi.txt")["gpus"] == [{"name": "AMD Instinct MI250X", "arch": "gfx90a", "count": 2}]
    assert read("npu_smi.txt")["npu"] == "910B3"
    assert read("nvcc.txt")["cuda_toolkit"] == "12.1.105"


def test_unsloth() -> None:
    found = read("unsloth_banner.txt")
    assert found["packages"] == {"unsloth": "2024.9.4", "transformers": "4.45.1", "torch": "2.4.1+cu121", "xformers": "0.0.28.post1"}
    assert found["gpus"] == [{"name": "Tesla T4"}]


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("3.10.12 (main, Nov 20 2023, 15:14:05) [GCC 11.4.0]", "python", "3.10.12"),
        ("Python 3.9.18", "python", "3.9.18"),
        ("Linux node7 5.15.0-91-generic #101-Ubuntu SMP Tue Nov 14 13:30:08 UTC 2023 aarch64 aarch64 aarch64 GNU/Linux", "arch", "aarch64"),
        ('NAME="Ubuntu"\nID=ubuntu', "os", "linux"),
        ("gcc (Debian 12.2.0-14) 12.2.0", "gcc", "12.2.0"),
        ('  File "/opt/conda/lib/python3.10/site-packages/torch/__init__.py", line 1, in <module>', "python", "3.10"),
    ],
)
def test_lines_that_stand_alone(line: str, key: str, value: str) -> None:
    assert report.snapshot(report.understood(line, "x")).fact(key).value == value


@pytest.mark.parametrize("label", ["Fabric Manager", "Fabric Manager version"])
def test_the_fabric_manager_of_a_report(label: str) -> None:
    found = report.snapshot(report.understood(f"## Environment\n- NVIDIA driver: 550.107.02\n- {label} : 550.90.07\n", "x"))
    assert (found.fact("driver").value, found.fact("fabric_manager").value) == ("550.107.02", "550.90.07")
