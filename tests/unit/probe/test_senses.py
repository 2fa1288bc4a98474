"""The hardware and toolchain senses, on what real machines' tools and files say."""

from __future__ import annotations

from typing import Any

import pytest

from envcheck.child import Outcome
from envcheck.probe import accelerators, environ, nvidia, toolchain
from envcheck.probe.readers import Answer, Readers

SMI = "NVIDIA A800-SXM4-80GB, 535.104.05, 81920, 8.0\n" * 8
SMI_OLD = "Tesla V100-SXM2-32GB, 450.80.02, 32510\n"
PROC_VERSION = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version:  gcc version 11.4.0\n"
PROC_OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build  (dvs-builder@U22)  Wed Feb 26 02:05:57 UTC 2025\n"
PROC_GPU = "Model: \t\t Tesla T4\nIRQ:   \t\t 35\nGPU UUID: \t GPU-x\n"
NOT_FOUND = "`nvidia-smi` not found"


def machine(
    tools: dict[str, Answer] | None = None,
    files: dict[str, str] | None = None,
    folders: dict[str, tuple[str, ...]] | None = None,
    env: dict[str, str] | None = None,
) -> Readers:
    def run(command: Any) -> Answer:
        line = " ".join(command)
        name = command[0].rsplit("/", 1)[-1]
        return next((answer for start, answer in (tools or {}).items() if start in line), Answer(None, f"`{name}` not found"))

    return Readers(run, lambda path: (files or {}).get(path), lambda path: (folders or {}).get(path, ()), (env or {}).get)


@pytest.fixture(autouse=True)
def _no_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia.child, "run", lambda *a, **k: Outcome("ok", "", ({"trouble": "NVML: NVML Shared Library Not Found"},), "", 0.1))
    monkeypatch.setattr(nvidia, "_SIGNS", ())


def nvml(monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> None:
    monkeypatch.setattr(nvidia.child, "run", lambda *a, **k: outcome)
    monkeypatch.setattr(nvidia, "_has_sign", lambda readers: True)


def test_nvml_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = {"name": "NVIDIA H100 80GB HBM3", "capability": "9.0", "memory_mib": 81559}
    nvml(monkeypatch, Outcome("ok", "", ({"driver": "550.54.15", "gpus": [gpu, gpu]},), "", 0.2))
    facts, gpus = nvidia.facts(machine({"nvidia-smi": Answer(SMI)}))
    assert (facts["driver"].value, facts["driver"].origin) == ("550.54.15", "NVML")
    assert gpus is not None
    assert (gpus[0].name, gpus[0].capability, gpus[0].count, gpus[0].memory_mib) == ("NVIDIA H100 80GB HBM3", "9.0", 2, 81559)


def test_nvidia_smi_is_next() -> None:
    facts, gpus = nvidia.facts(machine({"nvidia-smi": Answer(SMI)}))
    assert facts["driver"].value == "535.104.05"
    assert gpus is not None
    assert [(gpu.name, gpu.capability, gpu.count) for gpu in gpus] == [("NVIDIA A800-SXM4-80GB", "8.0", 8)]


def test_an_old_driver_does_not_know_compute_cap() -> None:
    tools = {
        "compute_cap": Answer(None, '`nvidia-smi` failed: Field "compute_cap" is not a valid field to query.'),
        "memory.total": Answer(SMI_OLD),
        "--version": Answer("x"),
    }
    facts, gpus = nvidia.facts(machine(tools))
    assert facts["driver"].value == "450.80.02"
    assert gpus is not None
    assert (gpus[0].name, gpus[0].capability) == ("Tesla V100-SXM2-32GB", None)


@pytest.mark.parametrize(("text", "driver"), [(PROC_VERSION, "535.104.05"), (PROC_OPEN, "570.124.06")])
def test_the_kernel_module_is_the_last_source(monkeypatch: pytest.MonkeyPatch, text: str, driver: str) -> None:
    monkeypatch.setattr(nvidia, "_has_sign", lambda readers: True)
    folder = "/proc/driver/nvidia/gpus"
    files = {"/proc/driver/nvidia/version": text, f"{folder}/0000:00:1e.0/information": PROC_GPU}
    facts, gpus = nvidia.facts(machine(files=files, folders={folder: ("0000:00:1e.0",)}))
    assert facts["driver"].value == driver
    assert gpus is not None
    assert (gpus[0].name, gpus[0].count) == ("Tesla T4", 1)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome("timeout", "no answer within 8 s", (), "", 8.0), "NVML: no answer within 8 s"),
        (Outcome("signal", "SIGSEGV", (), "", 0.1), "NVML: SIGSEGV"),
        (Outcome("ok", "", ({"trouble": "NVML: Driver/library version mismatch"},), "", 0.1), "NVML: Driver/library version mismatch"),
    ],
)
def test_a_sick_nvml_is_unknown_with_the_reason(monkeypatch: pytest.MonkeyPatch, outcome: Outcome, reason: str) -> None:
    nvml(monkeypatch, outcome)
    facts, gpus = nvidia.facts(machine())
    assert gpus is None
    assert not facts["driver"].is_known
    assert reason in facts["gpus"].reason
    assert NOT_FOUND in facts["gpus"].reason


def test_no_trace_of_a_driver_is_unknown_and_not_healthy() -> None:
    facts, gpus = nvidia.facts(machine())
    assert gpus is None
    assert facts["gpus"].reason == "no NVIDIA driver found on this machine"


@pytest.mark.parametrize("text", ["No devices were found\n", "a, b\n", ""])
def test_nonsense_from_nvidia_smi_is_no_gpu_list(text: str) -> None:
    facts, gpus = nvidia.facts(machine({"nvidia-smi": Answer(text)}))
    assert gpus is None
    assert facts["gpus"].reason


KFD = "/sys/class/kfd/kfd/topology/nodes"


@pytest.mark.parametrize(
    ("target", "name"), [(90010, "gfx90a"), (90402, "gfx942"), (110000, "gfx1100"), (100100, "gfx1010"), (90008, "gfx908"), (110501, "gfx1151")]
)
def test_amd_targets_have_names(target: int, name: str) -> None:
    assert accelerators.gfx_name(target) == name


def test_amd_gpus_are_read_from_the_kernel() -> None:
    cpu, gpu = "cpu_cores_count 64\nsimd_count 0\n", "cpu_cores_count 0\nsimd_count 440\ngfx_target_version 90010\n"
    files = {f"{KFD}/0/properties": cpu, f"{KFD}/1/properties": gpu, f"{KFD}/2/properties": gpu, "/opt/rocm/.info/version": "6.2.4-139\n"}
    facts, gpus = accelerators.rocm(machine(files=files, folders={KFD: ("0", "1", "2")}))
    assert facts["rocm"].value == "6.2.4"
    assert [(one.arch, one.count) for one in gpus] == [("gfx90a", 2)]


def test_no_amd_is_absent() -> None:
    facts, gpus = accelerators.rocm(machine())
    assert (facts["rocm"].value, gpus) == ("absent", ())


NPU_SMI = """\
+------------------------------------------------------------------------------------------------+
| npu-smi 23.0.3                   Version: 23.0.3                                               |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     910B3               | OK            | 93.6        44                0    / 0             |
| 0                         | 0000:C1:00.0  | 0           0    / 0          3341 / 65536         |
"""


def test_an_ascend_chip_and_its_cann() -> None:
    path = "/usr/local/Ascend/ascend-toolkit/latest/version.cfg"
    files = {path: "# version: 1.0\nruntime_running_version=[7.5.0.1.129:8.0.RC3]\ntoolkit_running_version=[7.5.0.1.129:8.0.RC3]\n"}
    facts = accelerators.ascend(machine({"npu-smi": Answer(NPU_SMI)}, files, {"/dev": ("davinci0", "davinci_manager")}))
    assert (facts["npu"].value, facts["cann"].value) == ("Ascend910B3", "8.0.RC3")


def test_an_ascend_chip_whose_tool_hangs_is_unknown() -> None:
    facts = accelerators.ascend(machine({"npu-smi": Answer(None, "`npu-smi` gave no answer within 5 s")}, folders={"/dev": ("davinci0",)}))
    assert facts["npu"].reason == "`npu-smi` gave no answer within 5 s"
    assert not facts["cann"].is_known


def test_an_apple_gpu() -> None:
    [gpu] = accelerators.apple(machine({"sysctl": Answer("Apple M2 Max\n")}), "darwin", "arm64")
    assert (gpu.name, gpu.arch) == ("Apple M2 Max", "mps")
    assert accelerators.apple(machine(), "linux", "arm64") == ()


NVCC = "nvcc: NVIDIA (R) Cuda compiler driver\nCuda compilation tools, release 11.8, V11.8.89\nBuild cuda_11.8.r11.8/compiler.31833905_0\n"


@pytest.mark.parametrize(
    ("files", "tools", "version"),
    [
        ({"/c/version.json": '{"cuda": {"name": "CUDA SDK", "version": "12.1.1"}}'}, {}, "12.1.1"),
        ({"/c/version.txt": "CUDA Version 10.2.89\n"}, {}, "10.2.89"),
        ({"/c/version.json": "{"}, {"/c/bin/nvcc --version": Answer(NVCC)}, "11.8.89"),
        ({}, {"/c/bin/nvcc --version": Answer(None, "`nvcc` gave no answer within 5 s")}, None),
    ],
)
def test_the_toolkit_that_builds_extensions(files: dict[str, str], tools: dict[str, Answer], version: Any) -> None:
    fact = toolchain.facts(machine(tools, files, env={"CUDA_HOME": "/c", "PATH": "/nowhere"}))["cuda_toolkit"]
    assert fact.value == version
    assert fact.is_known or fact.reason


@pytest.mark.parametrize(
    ("env", "tools", "value", "reason"),
    [
        ({}, {"gcc -dumpfullversion": Answer("11.4.0\n")}, "11.4.0", ""),
        ({}, {}, "absent", ""),
        ({"CC": "clang"}, {}, None, "names another compiler"),
        ({}, {"gcc": Answer(None, "`gcc` failed: Illegal instruction")}, None, "`gcc` failed: Illegal instruction"),
    ],
)
def test_gcc(env: dict[str, str], tools: dict[str, Answer], value: Any, reason: str) -> None:
    fact = toolchain.facts(machine(tools, env={**env, "PATH": "/nowhere"}))["gcc"]
    assert fact.value == value
    assert reason in fact.reason


def test_variables_that_matter_are_kept_and_secrets_are_not() -> None:
    found = environ.facts({"NCCL_P2P_DISABLE": "1", "HOME": "/home/ann", "HF_TOKEN": "x", "TORCH_API_KEY": "x", "NVIDIA_TF32_OVERRIDE": "0"})
    assert {key: fact.value for key, fact in found.items()} == {"NCCL_P2P_DISABLE": "1", "NVIDIA_TF32_OVERRIDE": "0"}


FAKE_NVML = {
    "healthy": """
def nvmlInit(): print('noise')
def nvmlSystemGetDriverVersion(): return b'535.104.05'
def nvmlDeviceGetCount(): return 2
def nvmlDeviceGetHandleByIndex(number): return number
def nvmlDeviceGetName(handle): return b'NVIDIA A800-SXM4-80GB'
def nvmlDeviceGetCudaComputeCapability(handle): return (8, 0)
def nvmlDeviceGetMemoryInfo(handle): return type('M', (), {'total': 85899345920})
""",
    "failing": "def nvmlInit(): raise RuntimeError('Driver/library version mismatch')",
    "crashing": "import os\ndef nvmlInit(): os.kill(os.getpid(), 11)",
    "hanging": "import time\ndef nvmlInit(): time.sleep(600)",
    "sick": """
def nvmlInit(): pass
def nvmlSystemGetDriverVersion(): raise OSError('gone')
def nvmlDeviceGetCount(): return 1
def nvmlDeviceGetHandleByIndex(number): raise OSError('GPU is lost')
""",
}


@pytest.mark.parametrize(
    ("kind", "driver", "gpu", "reason"),
    [
        ("healthy", "535.104.05", ("NVIDIA A800-SXM4-80GB", "8.0", 2, 81920), ""),
        ("failing", None, None, "Driver/library version mismatch"),
        ("crashing", None, None, "SIGSEGV"),
        ("hanging", None, None, "no answer within"),
        ("sick", None, ("a GPU that NVML cannot read: GPU is lost", None, 1, None), ""),
    ],
)
def test_the_nvml_child_on_a_driver_in_every_state(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, kind: str, driver: Any, gpu: Any, reason: str) -> None:
    monkeypatch.undo()
    (tmp_path / "pynvml.py").write_text(FAKE_NVML[kind])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(nvidia, "NVML_SECONDS", 2.0)
    monkeypatch.setattr(nvidia, "_has_sign", lambda readers: True)
    facts, gpus = nvidia.facts(machine())
    assert facts["driver"].value == driver
    found = None if not gpus else (gpus[0].name, gpus[0].capability, gpus[0].count, gpus[0].memory_mib)
    assert found == gpu
    if driver is None and gpu is None and reason:
        assert reason in facts["gpus"].reason
