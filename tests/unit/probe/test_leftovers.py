"""What lies on a machine outside the packages: libraries ahead of torch's own, and locks of interrupted builds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from build import snap
from test_senses import machine

from envcheck.api import Checker
from envcheck.probe import build_locks, loader_path
from envcheck.rules import loader_path as rule
from envcheck.rules import metadata

TABLES = Checker().tables()
TOOLKIT = ("libcusparse.so.12", "libnvJitLink.so", "libnvJitLink.so.12", "libnvJitLink.so.12.1.105", "libnvJitLink_static.a")


@pytest.mark.parametrize(
    ("path", "folders", "found"),
    [
        ("/usr/local/cuda/lib64", {"/usr/local/cuda/lib64": TOOLKIT}, {"ld-library-path.nvjitlink": "12.1.105"}),
        ("/a:/b", {"/a": ("libnccl.so.2", "libnccl.so.2.18.3"), "/b": ("libnccl.so.2.21.5",)}, {"ld-library-path.nccl": "2.18.3"}),
        ("/a:/b", {"/a": ("libcudnn.so.8",), "/b": ("libcudnn.so.8.9.7",)}, {}),
        ("/a", {"/a": ("libcudnn.so.8.9.7", "libcudnn.so.9.1.0")}, {}),
        (":/gone:", {}, {}),
        (None, {"": TOOLKIT}, {}),
    ],
)
def test_the_first_library_on_the_path_counts(path: Any, folders: Any, found: Any) -> None:
    facts = loader_path.facts(machine(folders=folders, env={"LD_LIBRARY_PATH": path} if path else {}))
    assert {key: fact.value for key, fact in facts.items()} == found


@pytest.mark.parametrize(
    ("torch", "library", "version", "found"),
    [
        ("2.5.1+cu124", "nvjitlink", "12.1.105", True), ("2.5.1+cu124", "nvjitlink", "12.4.127", False), ("2.5.1+cu124", "nvjitlink", "12.8.93", False), ("2.2.0+cu121", "nccl", "2.18.3", True),
        ("2.5.1+cu124", "cudnn", "8.9.7", False), ("2.5.1+cu124", "cudnn", "9.0.0", True), ("2.5.1+cu124", "cudnn", "9.1.0", False), ("2.5.1+cu121", "nvjitlink", "12.1.105", False), ("2.5.0a0+e000cf0ad9.nv24.10", "nccl", "2.18.3", False),
    ],
)  # fmt: skip
def test_an_older_library_of_the_same_name_is_a_warning(torch: str, library: str, version: str, found: bool) -> None:
    snapshot = snap(torch=torch, builds={f"ld-library-path.{library}": version})
    assert [one.severity for one in rule.find(snapshot, TABLES)] == (["warning"] if found else [])


def lock(folder: Path, age: float) -> None:
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    os.utime(folder / "lock", (1_000_000 - age, 1_000_000 - age))


CUDA_12 = build_locks.Builder("3.10.12", "12.1", True)


def test_old_locks_are_found_where_torch_builds(tmp_path: Path) -> None:
    folder = tmp_path / "torch_extensions"
    lock(folder / "py310_cu121" / "cpu_adam", 3 * 86400)
    lock(folder / "py310_cu121" / "our_own_op", 7300)
    lock(folder / "py310_cu121" / "fused_adam", 120)
    found = build_locks.anomalies({"XDG_CACHE_HOME": str(tmp_path)}, CUDA_12, now=1_000_000)
    assert [(one.packages, "3 days" in one.detail, "2 h" in one.detail) for one in found] == [(("deepspeed",), True, False), (("torch",), False, True)]
    elsewhere = {"XDG_CACHE_HOME": str(tmp_path), "TORCH_EXTENSIONS_DIR": str(tmp_path / "elsewhere")}
    assert build_locks.anomalies(elsewhere, CUDA_12, now=1_000_000) == ()


@pytest.mark.parametrize(
    ("builder", "found"),
    [
        (CUDA_12, 1), (CUDA_12._replace(cuda=None), 1), (CUDA_12._replace(python="3.11.7"), 0), (CUDA_12._replace(cuda="12.4"), 0), (CUDA_12._replace(cuda="absent"), 0),
        (CUDA_12._replace(has_deepspeed=False), 0),
    ],
)  # fmt: skip
def test_a_lock_of_another_python_cuda_or_package_is_nobodys_here(tmp_path: Path, builder: build_locks.Builder, found: int) -> None:
    lock(tmp_path / "py310_cu121" / "deepspeed_shm_comm", 86400)
    assert len(build_locks.anomalies({"TORCH_EXTENSIONS_DIR": str(tmp_path)}, builder, now=1_000_000)) == found


def test_a_named_folder_may_have_no_folder_a_python_version(tmp_path: Path) -> None:
    lock(tmp_path / "cpu_adam", 86400)
    assert len(build_locks.anomalies({"TORCH_EXTENSIONS_DIR": str(tmp_path)}, CUDA_12, now=1_000_000)) == 1


def test_a_left_lock_is_a_warning() -> None:
    anomaly = {"kind": "stale-build-lock", "packages": ["deepspeed"], "detail": "seen", "origin": "somewhere"}
    [stale] = [one for one in metadata.RULES if one.id == "stale-build-lock"]
    assert [one.severity for one in stale.find(snap(anomalies=[anomaly]), TABLES)] == ["warning"]
