"""Extensions that were built for another torch, on environments as people report them."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.rules import arm_wheel, bitsandbytes_library, cann, extension_kernels, extension_pair, extension_tag, prebuilt_wheel, rocm_arch

TABLES = Checker().tables()
V100, T4, A100, A800 = ({"name": name, "capability": sm} for name, sm in (("Tesla V100", "7.0"), ("Tesla T4", "7.5"), ("A100", "8.0"), ("A800", "8.0")))
RTX3090, RTX4090, H20, H100, B200, RTX5090 = (
    {"name": name, "capability": sm}
    for name, sm in (("RTX 3090", "8.6"), ("RTX 4090", "8.9"), ("H20", "9.0"), ("H100", "9.0"), ("B200", "10.0"), ("RTX 5090", "12.0"))
)
APPLE, MI250, MI300 = {"name": "Apple M2", "arch": "mps"}, {"name": "MI250", "arch": "gfx90a"}, {"name": "MI300X", "arch": "gfx942"}


def severities(rule: Any, **given: Any) -> list[str]:
    return [finding.severity for finding in rule.find(snap(**given), TABLES)]


@pytest.mark.parametrize(
    ("local", "torch", "cuda", "cxx11"),
    [
        ("cu12torch2.8cxx11abiTRUE", (2, 8), 12, True), ("cu118torch1.12cxx11abiFALSE", (1, 12), 11, False), ("pt21cu121", (2, 1), 12, None), ("pt113cu117", (1, 13), 11, None),
        ("torch230cu121", (2, 3), 12, None), ("torch2100cu128", (2, 10), 12, None), ("pt2.1.2cu121", (2, 1), 12, None), ("cu118", None, 11, None), ("cu130", None, 13, None),
        ("gff06ff57.cu124", None, 12, None), ("gita8d6afb", None, None, None), ("cpu", None, None, None), ("cu128torch2.10", (2, 10), 12, None),
    ],
)  # fmt: skip
def test_what_a_local_tag_says(local: str, torch: Any, cuda: Optional[int], cxx11: Optional[bool]) -> None:
    assert extension_tag.read_tag(local) == (torch, cuda, cxx11)


@pytest.mark.parametrize(
    ("given", "severity"),
    [
        ({"flash_attn": "2.8.3+cu12torch2.8cxx11abiTRUE", "torch": "2.9.1+cu128", "torch_cuda": "12.8"}, "error"),
        ({"mamba_ssm": "1.0.1+cu118torch1.12cxx11abiTRUE", "torch": "1.13.1+cu117"}, "error"),
        ({"torch_scatter": "2.1.2+pt21cu121", "torch": "2.2.0+cu121"}, "error"),
        ({"flash_attn": "2.3.4+cu122torch2.1cxx11abiTRUE", "torch": "2.1.0", "nvidia_cuda_cupti_cu12": "12.1.105"}, "error"),
        ({"flash_attn": "2.8.3+cu12torch2.8cxx11abiFALSE", "torch": "2.8.0+cu128"}, "error"),
        ({"flash_attn": "2.7.4+cu12torch2.6cxx11abiFALSE", "torch": "2.6.0+cu126", "torch_cuda": "12.6"}, "error"),
        ({"auto_gptq": "0.7.1+cu118", "torch": "2.2.0+cu121", "torch_cuda": "12.1"}, "error"),
        ({"auto_gptq": "0.7.1+cu118", "torch": "2.2.0+cu121", "torch_cuda": "12.1", "cuda_toolkit": "11.8"}, "warning"),
        ({"flash_attn": "2.8.1+cu12torch2.10cxx11abiTRUE", "torch": "2.12.0+cu126", "torch_cuda": "12.6"}, "warning"),
        ({"flash_attn": "2.5.8", "torch": "2.4.1+cu121", "builds": {"flash-attn.url": "https://files.example/v2.5.8/flash_attn-2.5.8%2Bcu122torch2.3cxx11abiFALSE-cp310-cp310-linux_x86_64.whl"}}, "error"),
        ({"xformers": "0.0.23.post1", "torch": "2.2.0+cu121", "builds": {"xformers.torch": "2.1.2+cu121", "xformers.cuda": "12.1"}}, "error"),
        ({"deepspeed": "0.14.4", "torch": "2.4.0+cu121", "builds": {"deepspeed.torch": "2.1", "deepspeed.ops": "cpu_adam"}}, "error"),
    ],
)  # fmt: skip
def test_a_binary_for_another_torch_is_found(given: Any, severity: str) -> None:
    assert severities(extension_tag, **given) == [severity]


@pytest.mark.parametrize(
    "given",
    [
        {"flash_attn": "2.8.3+cu12torch2.8cxx11abiTRUE", "torch": "2.8.0+cu128", "torch_cuda": "12.8"},
        {"flash_attn": "2.7.4+cu12torch2.6cxx11abiTRUE", "torch": "2.6.0+cu126", "torch_cuda": "12.6"},
        {"flash_attn": "2.3.4+cu122torch2.1cxx11abiTRUE", "torch": "2.1.0"},  # conda-forge's torch has the new ABI
        {"flash_attn": "2.3.4+cu122torch2.1cxx11abiTRUE", "torch": "2.1.0+cu121", "arch": "aarch64"},
        {"flash_attn": "2.6.3+cu123torch2.4cxx11abiTRUE", "torch": "2.4.0a0+07cecf4168.nv24.5", "builds": {"torch.cxx11_abi": "true"}},
        {"flash_attn": "2.5.8+cu122torch2.3cxx11abiFALSE", "torch": ">=2.3"},
        {"torch_scatter": "2.1.2+pt21cu121", "torch": "2.1.2+cu118", "torch_cuda": None},
        {"deepspeed": "0.14.4", "torch": "2.4.0+cu121", "builds": {"deepspeed.torch": "2.1", "deepspeed.ops": "none"}},
        {"torchaudio": "2.10.0+cu128", "torch": "2.10.0+cu130", "torch_cuda": "13.0"},
        {"vllm": "0.6.5.dev398+gff06ff57.cu124", "torch": "2.5.1+gita8d6afb"},
        {"transformers": "4.50.0+cu118", "torch": "2.5.1+cu124", "torch_cuda": "12.4"},
        {"flash_attn": "2.8.3+cu12torch2.8cxx11abiTRUE"},
    ],
)  # fmt: skip
def test_a_binary_that_fits_or_does_not_say_is_left_alone(given: Any) -> None:
    assert severities(extension_tag, **given) == []


@pytest.mark.parametrize(
    ("given", "severity"),
    [
        ({"torch": "2.4.0+cu121", "torchvision": "0.20.1+cu124"}, "error"),
        ({"torch": "2.5.1", "torchvision": "0.19"}, "error"),
        ({"torch": "==2.5.1", "vllm": "==0.8.5"}, "error"),
        ({"torch": ">=2.7", "vllm": "==0.8.5"}, "error"),
        ({"torch": "2.14.0", "torchvision": "0.28.0"}, "error"),
        ({"torch": "2.13.0", "torchvision": "0.29.1"}, "error"),
        ({"torch": "2.6.0", "torch_npu": "2.5.1.post1", "npu": "Ascend910B"}, "error"),
        ({"torch": "2.1.0+cpu", "intel_extension_for_pytorch": "2.2"}, "warning"),
        ({"torch": "2.3.1", "torchaudio": "2.4.0"}, "warning"),
        ({"torch": "2.5.1", "xformers": "0.0.29.post3"}, "warning"),
        ({"torch": "2.4.0", "fbgemm_gpu": "0.7.0"}, "warning"),
    ],
)
def test_a_release_for_another_torch_is_found(given: Any, severity: str) -> None:
    assert severities(extension_pair, **given) == [severity]


@pytest.mark.parametrize(
    "given",
    [
        {"torch": "2.5.1+cu121", "torchvision": "0.20.1+cu121", "torchaudio": "2.5.1+cu121", "xformers": "0.0.28.post3", "vllm": "0.6.6.post1"},
        {"torch": "2.7.0", "torchaudio": "2.7.1+cu128", "torchvision": "0.22.0", "vllm": "0.10.0"},
        {"torch": "2.15.0", "torchvision": "0.29.2"},
        {"torch": "2.12.0", "torchaudio": "2.11.0", "xformers": "0.0.35"},
        {"torch": "2.5.1+gita8d6afb", "torchvision": "0.19.1+git3ac97aa", "vllm": "0.6.2"},
        {"torch": "2.6.0a0+df5bbc09d1.nv24.11", "torchvision": "0.20.0a0"},
        {"torch": ">=2.1", "torchvision": "0.19.0"},
        {"torch": "2.8.0", "torch_npu": "2.8.0.post2", "npu": "Ascend910B"},
        {"torchvision": "0.19.0"},
        {"torch": "2.5.1", "torchvision": "0.99.0"},
        {"torch": "2.7.1+cu128", "fbgemm_gpu": "1.2.0+cu128"},
    ],
)
def test_a_pair_that_fits_or_is_not_known_is_left_alone(given: Any) -> None:
    assert severities(extension_pair, **given) == []


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"flash_attn": "2.5.7", "torch": "2.3.0"}, ["warning"]), ({"flash_attn": "2.6.3", "torch": "2.6.0", "torch_cuda": "12.4"}, ["warning"]),
        ({"flash_attn": "2.8.3", "torch": "2.9.1+cu128", "torch_cuda": "12.8"}, ["warning"]), ({"mamba_ssm": "1.2.0.post1", "torch": "2.5.1"}, ["note"]),
        ({"flash_attn": "2.5.8", "torch": "2.3.0"}, []), ({"flash_attn": "2.8.3", "torch": "2.9.0", "torch_cuda": "13.0"}, []), ({"flash_attn": ">=2.0", "torch": "2.6.0"}, []),
        ({"flash_attn": "2.5.7", "torch": "2.3.0a0+ebedce2.nv24.2"}, []), ({"flash_attn": "2.6.3", "torch": "2.6.0+rocm6.2.4"}, []), ({"flash_attn": "2.3.5", "torch": "2.0.1"}, []),
        ({"flash_attn": "2.5.7+cu122torch2.2cxx11abiFALSE", "torch": "2.3.0"}, []),
    ],
)  # fmt: skip
def test_an_extension_older_than_its_torch(given: Any, found: list[str]) -> None:
    assert severities(prebuilt_wheel, **given) == found


@pytest.mark.parametrize(
    ("bitsandbytes", "cuda", "more", "found"),
    [
        ("0.40.2", "11.6", {"train": {"quantization": "8bit"}}, ["error"]), ("0.44.1", "12.8", {"train": {"optimizer": "paged_adamw_8bit"}}, ["error"]), ("0.45.2", "12.8", {}, ["warning"]),
        ("0.47.0", "13.0", {}, ["warning"]), ("0.48.0", "13.0", {}, []), ("0.50.1", "12.9", {}, []), ("0.50.1", "13.4", {}, []), ("0.44.1", "12.4", {}, []), ("0.44.1", "12.8", {"env": {"BNB_CUDA_VERSION": "124"}}, []),
        ("0.44.1", "12", {}, []), (">=0.44", "12.8", {}, []), ("0.44.1", "12.8", {"builds": {"bitsandbytes.cuda": "12.6,12.8"}}, []), ("0.99.0", "12.9", {"builds": {"bitsandbytes.cuda": "13.0"}}, ["warning"]),
        ("0.41.1", None, {"os": "windows"}, ["warning"]), ("0.43.1", "12.1", {"os": "windows"}, []), ("0.44.1", "absent", {}, []),
    ],
)  # fmt: skip
def test_bitsandbytes_needs_a_library_for_torchs_cuda(bitsandbytes: str, cuda: Any, more: Any, found: list[str]) -> None:
    assert severities(bitsandbytes_library, bitsandbytes=bitsandbytes, torch_cuda=cuda, **more) == found


@pytest.mark.parametrize(
    ("gpu", "given", "found"),
    [
        (V100, {"flash_attn": "2.5.8"}, ["warning"]), (T4, {"flash_attn": "2.8.3", "train": {"attn_implementation": "flash_attention_2"}}, ["error"]), (T4, {"flash_attn": "1.0.9"}, []),
        (T4, {"flash_attn": "2.8.3", "train": {"attn_implementation": "sdpa"}}, []), (A800, {"flash_attn": "2.5.8"}, []), (RTX4090, {"flash_attn": "2.5.8"}, []), (H20, {"flash_attn": "2.5.8"}, []),
        (B200, {"flash_attn": "2.7.2.post1"}, ["warning"]), (RTX5090, {"flash_attn": "2.6.3"}, ["warning"]), (RTX5090, {"flash_attn": "2.8.3"}, []), (MI250, {"flash_attn": "2.6.3"}, []), (APPLE, {"flash_attn": "2.6.3"}, []),
        (V100, {"bitsandbytes": "0.46.1", "torch_cuda": "12.8"}, ["error"]), (V100, {"bitsandbytes": "0.47.0", "torch_cuda": "12.8"}, []), (V100, {"bitsandbytes": "0.46.1", "torch_cuda": "12.6"}, []),
        (RTX5090, {"bitsandbytes": "0.45.0", "torch_cuda": "12.6"}, []), (V100, {"bitsandbytes": "0.49.0", "torch_cuda": "13.0"}, ["error"]), (RTX3090, {"bitsandbytes": "0.46.1", "torch_cuda": "12.8"}, []),
        (V100, {"xformers": "0.0.31.post1"}, ["warning"]), (V100, {"xformers": "0.0.30"}, []), (V100, {"xformers": "0.0.31.post1+cu126"}, []), (RTX5090, {"xformers": "0.0.29.post3"}, []),
        (V100, {"xformers": "0.0.31", "builds": {"xformers.capabilities": "7.5;8.0+PTX;9.0"}}, ["error"]), (V100, {"xformers": "0.0.31", "builds": {"xformers.capabilities": "7.0"}}, []),
        (H100, {"bitsandbytes": "0.43.1", "torch_cuda": "12.1"}, []), (H100, {"bitsandbytes": "0.43.1", "torch_cuda": "11.7"}, []), (A100, {"bitsandbytes": "0.46.1", "torch_cuda": "12.8", "arch": "aarch64"}, []),
    ],
)  # fmt: skip
def test_extensions_have_kernels_for_the_gpu_or_have_not(gpu: Any, given: Any, found: list[str]) -> None:
    assert severities(extension_kernels, gpus=[gpu], **given) == found


@pytest.mark.parametrize(
    ("gfx", "given", "found"),
    [
        ("gfx1010", {"rocm": "6.2"}, ["warning"]), ("gfx1031", {"torch": "2.9.1+rocm6.4"}, ["error"]), ("gfx90a", {"torch": "2.9.1+rocm6.4"}, []), ("gfx942", {"torch": "2.5.1+rocm6.2"}, []),
        ("gfx1031", {"torch": "2.9.1+rocm6.4", "env": {"HSA_OVERRIDE_GFX_VERSION": "10.3.0"}}, []), ("gfx1010", {"torch": "2.12.0+rocm7.14.0"}, []), ("gfx1010", {"torch": "2.5.1"}, []),
        ("gfx1151", {"torch": "2.9.1+rocm6.4"}, ["error"]), ("gfx1151", {"torch": "2.10.0+rocm7.1"}, []), ("gfx803", {"torch": "2.5.1+gita8d6afb", "rocm": "6.2"}, []),
    ],
)  # fmt: skip
def test_amd_gpus_outside_the_wheels_list(gfx: str, given: Any, found: list[str]) -> None:
    from envcheck.derive import derive

    snapshot = derive(snap(gpus=[{"name": "AMD Radeon", "arch": gfx}], **given), list)
    assert [one.severity for one in rocm_arch.find(snapshot, TABLES)] == found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"torch": "2.8.0", "arch": "aarch64", "gpus": [H100]}, ["warning"]), ({"torch": "2.8.0+cu128", "arch": "aarch64", "gpus": [H100]}, []), ({"torch": "2.8.0", "arch": "x86_64", "gpus": [H100]}, []),
        ({"torch": "2.11.0", "arch": "aarch64", "gpus": [H100]}, []), ({"torch": "2.8.0", "arch": "aarch64", "gpus": []}, []), ({"torch": "2.8.0", "arch": "arm64", "os": "macos", "gpus": [APPLE]}, []),
        ({"torch": "2.8.0a0+5228986c39.nv25.6", "arch": "aarch64", "gpus": [H100]}, []), ({"torch": "2.7.1", "arch": "aarch64", "torch_cuda": "12.8", "gpus": [H100]}, []), ({"torch": "2.6.0", "arch": "aarch64", "gpus": [MI300]}, []),
    ],
)  # fmt: skip
def test_arm_wheels_of_the_default_index(given: Any, found: list[str]) -> None:
    assert severities(arm_wheel, **given) == found


@pytest.mark.parametrize(
    ("bitsandbytes", "torch", "more", "found"),
    [
        ("0.45.5", "2.6.0+rocm6.2.4", {"gpus": [MI250]}, ["warning"]), ("0.47.0", "2.8.0+rocm6.4", {"gpus": [MI300]}, ["warning"]), ("0.47.0", "2.7.1+rocm6.3", {"gpus": [MI300]}, []),
        ("0.45.5", "2.6.0+rocm6.2.4", {"builds": {"bitsandbytes.rocm": "6.2"}}, []), ("0.50.1", "2.9.1+rocm6.3", {}, []), ("0.44.1.dev0", "2.6.0+rocm6.2.4", {}, []), ("0.45.5", "2.6.0+git1234567", {"rocm": "6.2"}, []),
    ],
)  # fmt: skip
def test_bitsandbytes_on_rocm(bitsandbytes: str, torch: str, more: Any, found: list[str]) -> None:
    from envcheck.derive import derive

    snapshot = derive(snap(bitsandbytes=bitsandbytes, torch=torch, **more), list)
    assert [one.severity for one in bitsandbytes_library.find(snapshot, TABLES)] == found


@pytest.mark.parametrize(
    ("torch_npu", "version", "found"),
    [
        ("2.1.0.post10", "7.0.RC1.3", ["warning"]), ("2.5.1", "8.0.RC3", ["warning"]), ("2.5.1", "8.1.RC1", []), ("2.5.1", "8.3.RC1", []), ("2.1.0.post10", "8.0.RC2", []), ("9.9.9", "7.0", []),
        ("2.5.1", "absent", []), (">=2.5", "7.0", []),
    ],
)  # fmt: skip
def test_cann_for_torch_npu(torch_npu: str, version: str, found: list[str]) -> None:
    assert severities(cann, torch_npu=torch_npu, cann=version, npu="Ascend910B3") == found


def test_transformer_engine_says_its_cuda_in_its_name() -> None:
    assert severities(extension_tag, transformer_engine_cu12="2.8.0", torch="2.9.1+cu130", torch_cuda="13.0") == ["error"]
    assert severities(extension_tag, transformer_engine_cu12="2.8.0", torch="2.9.1+cu128", torch_cuda="12.8") == []
    assert severities(extension_tag, transformer_engine_cu12="absent", torch="2.9.1+cu130", torch_cuda="13.0") == []
