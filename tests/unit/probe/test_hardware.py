"""The vendors together, and tools that do not answer."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from envcheck import probe
from envcheck.child import Outcome
from envcheck.matrix import files, load
from envcheck.probe import accelerators, environ, hardware, nvidia, readers
from envcheck.probe.readers import Answer, Readers

KFD = "/sys/class/kfd/kfd/topology/nodes"
IGPU = "cpu_cores_count 0\nsimd_count 4\ngfx_target_version 100306\n"
SMI = "NVIDIA GeForce RTX 4090, 550.54.15, 24564, 8.9\n"


def machine(tools: dict[str, Answer] | None = None, rocm: str = "", env: dict[str, str] | None = None, amd: bool = True) -> Readers:
    paths = {f"{KFD}/1/properties": IGPU, "/opt/rocm/.info/version": rocm}

    def run(command: Any) -> Answer:
        return (tools or {}).get(command[0], Answer(None, f"`{command[0]}` not found"))

    return Readers(run, paths.get, lambda path: ("1",) if amd and path == KFD else (), (env or {}).get)


@pytest.fixture(autouse=True)
def _no_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia.child, "run", lambda *a, **k: Outcome("ok", "", ({"trouble": "NVML: not found"},), "", 0.1))
    monkeypatch.setattr(nvidia, "_SIGNS", ())
    monkeypatch.setattr(sys, "platform", "linux")


def test_a_processors_graphics_do_not_hide_an_nvidia_card() -> None:
    facts, gpus = hardware.look(machine({"nvidia-smi": Answer(SMI)}))
    assert gpus is not None
    assert [gpu.name for gpu in gpus] == ["NVIDIA GeForce RTX 4090"]
    assert facts["driver"].value == "550.54.15"


def test_with_rocm_both_are_there_and_nvidia_is_first() -> None:
    _, gpus = hardware.look(machine({"nvidia-smi": Answer(SMI)}, rocm="6.2.4"))
    assert [gpu.name for gpu in gpus or ()] == ["NVIDIA GeForce RTX 4090", "AMD gfx1036"]


def test_amd_alone_has_no_nvidia_driver() -> None:
    facts, gpus = hardware.look(machine(rocm="6.2.4"))
    assert [gpu.name for gpu in gpus or ()] == ["AMD gfx1036"]
    assert facts["driver"].value == "absent"


def test_a_sick_nvidia_driver_beside_another_gpu_is_unknown_and_not_absent() -> None:
    facts, gpus = hardware.look(machine({"nvidia-smi": Answer(None, "`nvidia-smi` failed: mismatch")}))
    assert gpus is None
    assert not facts["driver"].is_known
    assert "mismatch" in facts["gpus"].reason


def test_no_gpu_at_all_is_unknown() -> None:
    facts, gpus = hardware.look(machine(amd=False))
    assert gpus is None
    assert not facts["driver"].is_known


def test_hidden_gpus_are_none_and_the_reason_names_the_variable() -> None:
    facts, gpus = hardware.look(machine({"nvidia-smi": Answer(SMI)}, env={"CUDA_VISIBLE_DEVICES": "-1"}))
    assert gpus == ()
    assert "CUDA_VISIBLE_DEVICES" in facts["gpus"].reason
    assert facts["driver"].value == "550.54.15"


def test_the_probe_itself_asks_every_vendor() -> None:
    found = probe.probe(machine=machine({"nvidia-smi": Answer(SMI)}))
    assert [gpu.name for gpu in found.gpus or ()] == ["NVIDIA GeForce RTX 4090"]
    assert accelerators.rocm(machine())[1] != ()


def test_a_tool_that_gave_no_answer_is_not_asked_again() -> None:
    asked = []

    def run(command: Any) -> Answer:
        asked.append(command[0])
        return Answer(None, f"`{command[0]}` gave no answer within 5 s")

    facts, gpus = nvidia.facts(machine()._replace(run=run))
    assert gpus is None
    assert asked == ["nvidia-smi"]
    assert "gave no answer" in facts["gpus"].reason


def is_gone(pid: int) -> bool:
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")
def test_a_wrapper_that_hangs_leaves_no_orphan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nsleep 47 &\necho $! > {tmp_path}/pid\nwait\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(readers, "LIMIT_SECONDS", 1.0)
    assert readers.run(("nvidia-smi",)) == Answer(None, "`nvidia-smi` gave no answer within 1 s")
    assert is_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for the tool")
@pytest.mark.parametrize(
    ("body", "answer"),
    [("echo 12", Answer("12\n")), ("echo no >&2; exit 3", Answer(None, "`tool` failed: no")), ("exit 3", Answer(None, "`tool` failed with status 3"))],
)
def test_what_a_tool_says(tmp_path: Path, body: str, answer: Answer) -> None:
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\n{body}\n")
    tool.chmod(0o755)
    assert readers.run((str(tool),)) == answer


def keys_of(when: Any) -> set[str]:
    if isinstance(when, dict):
        return {str(key) for key in when} | {key for inner in when.values() for key in keys_of(inner)}
    return {key for inner in when for key in keys_of(inner)} if isinstance(when, (list, tuple)) else set()


def test_every_variable_that_an_entry_asks_for_is_kept() -> None:
    entries = Path(__file__).parents[3] / "matrices" / "entries"
    keys = {key for draft in load.drafts(files.below(entries)) for key in keys_of(draft.entry.when)}
    names = {key[len("env.") :] for key in keys if key.startswith("env.")}
    assert names
    assert {name for name in names if name not in environ.facts({name: "1"})} == set()


def test_a_variable_known_by_name_is_no_secret() -> None:
    assert set(environ.facts({"TOKENIZERS_PARALLELISM": "false", "USE_TORCH": "1", "USE_FLAX": "0", "TORCH_TOKEN": "x"})) == {
        "TOKENIZERS_PARALLELISM",
        "USE_FLAX",
        "USE_TORCH",
    }
