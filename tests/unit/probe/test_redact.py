"""What leaves a machine with `--redact`, and what stays on it."""

from __future__ import annotations

import json

import pytest

from envcheck import wire
from envcheck.model import Anomaly, Fact, Gpu, Snapshot, unknown
from envcheck.probe.redact import redact

NAMES = frozenset(("ann", "gpu-node7", "li"))


def origin(text: str) -> str:
    return redact(Snapshot(packages={"torch": Fact("2.1.2", text)}), NAMES).packages["torch"].origin


def reason(text: str, **packages: str) -> str:
    listed = {name: Fact(version) for name, version in packages.items()}
    return redact(Snapshot(facts={"driver": unknown(text)}, packages=listed), NAMES).facts["driver"].reason


def variable(name: str, value: str) -> object:
    return redact(Snapshot(env={name: Fact(value, "the environment")}), NAMES).env[name].value


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/ann/venv/lib/python3.10/site-packages/torch-2.1.2.dist-info", "…/torch-2.1.2.dist-info"),
        ("/data/my project/venv/lib/python3.10", "…/python3.10"),
        ("C:\\Users\\Ann Smith\\venv\\torch-2.1.2.dist-info", "…/torch-2.1.2.dist-info"),
        ("\\\\server\\share name\\torch-2.1.2.dist-info", "…/torch-2.1.2.dist-info"),
        ("/home/bob", "…"),
        ("/data/req.txt:3", "…/req.txt:3"),
        ("NVML", "NVML"),
        ("another vendor's GPU", "another vendor's GPU"),
    ],
)
def test_of_an_origin_the_last_part_stays(text: str, left: str) -> None:
    assert origin(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("`/data/my project/bin/python` cannot be run", "`…/python` cannot be run"),
        ("open /data/my project/x.json failed", "open …/x.json failed"),
        ("at C:\\Users\\Bob Smith\\x.exe now", "at …/x.exe now"),
        ("from \\\\server\\share\\a dir\\x.txt now", "from …/x.txt now"),
        ("in work/secret/plan.py:12", "in …/plan.py:12"),
        ("asked 10.1.2.3, 10.1.2.3:80 and fe80::1", "asked …, … and …"),
        ("asked node9:29500", "asked …"),
        ("asked https://bob:pass@host.example/x?y", "asked …"),
        ("asked bob@corp.example", "asked …"),
        ("node gpu-node7 of ann and li said no", "node … of … and … said no"),
        ("NVML: Driver/library version mismatch", "NVML: Driver/library version mismatch"),
        ("torch/version.py is missing", "torch/version.py is missing"),
        ("the list of channels", "the list of channels"),
        ("SIGSEGV in functional.py:2013", "SIGSEGV in functional.py:2013"),
    ],
)
def test_a_sentence_keeps_its_words_and_loses_places_and_addresses(text: str, left: str) -> None:
    assert reason(text) == left
    assert reason(left) == left


def test_a_version_is_no_address() -> None:
    assert reason("needs 8.9.2.26", **{"nvidia-cudnn-cu12": "8.9.2.26"}) == "needs 8.9.2.26"
    kept = redact(Snapshot(facts={"cudnn": Fact("8.9.2.26")}, packages={"x": Fact("9.1.0.70")}), NAMES)
    assert (kept.facts["cudnn"].value, kept.packages["x"].value) == ("8.9.2.26", "9.1.0.70")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYTORCH_CUDA_ALLOC_CONF", "max_split_size_mb:128,expandable_segments:True"),
        ("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),
        ("NCCL_SOCKET_IFNAME", "eth0"),
        ("NCCL_SOCKET_IFNAME", "^lo,docker0"),
        ("NCCL_IB_HCA", "mlx5_0:1,mlx5_1:1"),
        ("TORCH_CUDA_ARCH_LIST", "8.0;8.6+PTX"),
        ("CUDA_VISIBLE_DEVICES", "0,1,-1"),
        ("USE_TF", "No"),
        ("NCCL_P2P_DISABLE", ""),
    ],
)
def test_a_harmless_variable_keeps_its_value(name: str, value: str) -> None:
    assert variable(name, value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LD_LIBRARY_PATH", "/opt/a b:/opt/c"),
        ("PYTHONPATH", "project"),
        ("NCCL_COMM_ID", "node7:29500"),
        ("VLLM_HOST_IP", "10.0.0.1"),
        ("NCCL_X", "node9:29500"),
        ("NCCL_X", "10.0.0.1"),
        ("NCCL_X", "bob@corp.example"),
        ("NCCL_X", "https://bob:pass@corp.example"),
        ("NCCL_X", "ann"),
        ("NCCL_X", "other-node9"),
        ("NCCL_X", "Bob Smith"),
        ("NCCL_X", "0123456789abcdef0123"),
        ("NCCL_X", "C:\\secret"),
        ("CUDA_VISIBLE_DEVICES", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"),
    ],
)
def test_any_other_variable_is_only_set(name: str, value: str) -> None:
    assert variable(name, value) == "set"


def test_a_whole_snapshot_keeps_its_package_names_and_nothing_of_its_owner() -> None:
    snapshot = Snapshot(
        packages={"ann-private": Fact("1.0", "/home/ann/x y/ann_private-1.0.dist-info")},
        train={"model": Fact("/home/ann/models/llama")},
        gpus=(Gpu("NVIDIA A100", origin="/home/ann/proc/gpus"),),
        anomalies=(Anomaly("shadowed", ("ann-private",), "seen by ann on gpu-node7", "/home/ann/z"),),
    )
    hidden = redact(snapshot, NAMES)
    assert list(hidden.packages) == ["ann-private"]
    assert hidden.anomalies[0].packages == ("ann-private",)
    assert hidden.train["model"].value == "…/llama"
    saved = json.dumps(wire.write(hidden, origins=True), ensure_ascii=False)
    assert "home" not in saved
    assert "gpu-node7" not in saved


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('fsspec[http]>=2023.1.0,<=2024.9.0; python_version < "3.12" | numpy (>=1.17)', None),
        ("torch>=2.0; sys_platform == '/home/ann/x'", "torch>=2.0; sys_platform == '…/x'"),
    ],
)
def test_requirements_stay_and_places_in_them_go(text: str, left: str | None) -> None:
    fact = redact(Snapshot(requires={"trl": Fact(text, "/home/ann/site-packages/trl-1.0.dist-info")}), NAMES).requires["trl"]
    assert fact == Fact(left or text, "…/trl-1.0.dist-info")
