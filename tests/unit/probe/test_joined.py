"""What joins the GPUs, and the libcuda in the place of the driver's, on machines as they are."""

from __future__ import annotations

from typing import Any

import pytest

from envcheck.model import Fact
from envcheck.probe import fabric, loader_path, nvml
from envcheck.probe.readers import Answer, Readers

SWITCHES = {"/proc/driver/nvidia-nvswitch/devices": ("0000:c4:00.0", "0000:c5:00.0")}
VERSION = {"nv-fabricmanager": "Fabric Manager version is : 535.104.05\n"}


def machine(tools: Any = None, files: Any = None, folders: Any = None, env: Any = None) -> Readers:
    def run(command: Any) -> Answer:
        text = (tools or {}).get(command[0])
        return Answer(text) if text is not None else Answer(None, f"`{command[0]}` not found")

    return Readers(run, (files or {}).get, lambda path: (folders or {}).get(path, ()), (env or {}).get)


def processes(*names: str) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    files = {f"/proc/{number}/comm": f"{name}\n" for number, name in enumerate(names, 1)}
    return files, {"/proc": (*map(str, range(1, len(names) + 1)), "self", "cpuinfo")}


def seen(*names: str, switches: bool = True, state: Any = None, tools: Any = None) -> Any:
    files, folders = processes(*names)
    return fabric.fact(machine(tools, files, {**folders, **(SWITCHES if switches else {})}), state)


def test_the_version_of_the_service_that_runs() -> None:
    assert seen("systemd", "kthreadd", "nv-fabricmanage", tools=VERSION) == Fact("535.104.05", "nv-fabricmanager --version")
    assert seen("systemd", "kthreadd", "nv-fabricmanage").value == "running"


def test_none_runs_where_every_process_is_seen() -> None:
    assert seen("systemd", "kthreadd", "sshd", tools=VERSION).value == "absent"


@pytest.mark.parametrize("names", [("python", "bash"), ()])
def test_from_a_container_it_is_unknown_unless_nvml_says_that_the_fabric_is_up(names: Any) -> None:
    assert not seen(*names).is_known
    assert "container" in seen(*names).reason
    assert seen(*names, state=fabric.COMPLETED) == Fact("running", "NVML")


def test_a_fabric_that_waits_speaks_for_switches_that_are_not_shown() -> None:
    assert seen("systemd", "kthreadd", switches=False, state=fabric.IN_PROGRESS).value == "absent"


@pytest.mark.parametrize("state", [None, 0, 1])
def test_a_machine_without_switches_has_no_such_fact(state: Any) -> None:
    assert seen("systemd", "kthreadd", switches=False, state=state) is None


class Binding:
    """As much of pynvml as the question about the fabric takes."""

    def __init__(self, status: int, state: int) -> None:
        import ctypes

        class Info(ctypes.Structure):
            _fields_ = (("status", ctypes.c_uint), ("state", ctypes.c_uint))

        self.c_nvmlGpuFabricInfo_t = Info
        self._answer = (status, state)

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:
        return number

    def nvmlDeviceGetGpuFabricInfo(self, handle: int, reference: Any) -> None:
        reference._obj.status, reference._obj.state = self._answer


def test_nvml_counts_only_where_the_fabric_did_not_fail() -> None:
    assert nvml._fabric(Binding(0, 3)) == fabric.COMPLETED
    assert nvml._fabric(Binding(999, 3)) is None
    assert nvml._fabric(object()) is None


COMPAT = "/usr/local/cuda/compat"
DRIVER = Fact("535.104.05", "NVML")
NEWER = {COMPAT: ("libcuda.so", "libcuda.so.1", "libcuda.so.550.54.15", "libnvidia-ptxjitcompiler.so.550.54.15")}
CACHE = "3 libs found in cache `/etc/ld.so.cache'\n\tlibcuda.so.1 (libc6) => /usr/lib32/libcuda.so.1\n\tlibcuda.so.1 (libc6,x86-64) => {}/libcuda.so.1\n"


def compat(folders: Any = None, path: str = "", cache: str = "", driver: Fact = DRIVER) -> Fact:
    return loader_path.cuda_compat(machine({"ldconfig": CACHE.format(cache)} if cache else {}, {}, folders, {"LD_LIBRARY_PATH": path}), driver)


def test_the_libcuda_of_a_forward_compatibility_package() -> None:
    assert compat(NEWER, f"/opt/lib:{COMPAT}") == Fact("550.54.15", COMPAT)
    assert compat(NEWER, cache=COMPAT) == Fact("550.54.15", COMPAT)


@pytest.mark.parametrize(
    ("folders", "path", "cache"),
    [
        ({"/usr/lib64": ("libcuda.so.1", "libcuda.so.535.104.05")}, "/usr/lib64", ""),
        ({"/usr/local/cuda/lib64/stubs": ("libcuda.so",)}, "/usr/local/cuda/lib64/stubs", ""),
        (NEWER, "", "/usr/lib/x86_64-linux-gnu"),
        (NEWER, "", ""),
    ],
)
def test_the_drivers_own_is_no_such_package(folders: Any, path: str, cache: str) -> None:
    assert compat(folders, path, cache).value == "absent"


def test_a_library_without_a_version_is_unknown() -> None:
    assert not compat({COMPAT: ("libcuda.so.1",)}, COMPAT).is_known
    assert not compat(NEWER, COMPAT, driver=Fact(None)).is_known


CONDA = {
    "/opt/conda/conda-meta": ("history",),
    "/opt/conda/lib": ("libstdc++.so", "libstdc++.so.6", "libstdc++.so.6.0.26"),
    "/opt/gcc/lib64": ("libstdc++.so.6", "libstdc++.so.6.0.30"),
}


@pytest.mark.parametrize(
    ("prefix", "path", "found"),
    [("/opt/conda", "", "6.0.26"), ("/opt/conda", "/opt/gcc/lib64", "6.0.30"), ("/usr", "", None), ("/usr", "/opt/gcc/lib64", "6.0.30"), ("", "", None)],
)
def test_the_cxx_library_that_python_loads(prefix: str, path: str, found: Any) -> None:
    facts = loader_path.facts(machine({}, {}, CONDA, {"LD_LIBRARY_PATH": path}), prefix)
    assert (facts["python.libstdcxx"].value if "python.libstdcxx" in facts else None) == found
