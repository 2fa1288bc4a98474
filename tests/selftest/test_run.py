"""The self-test from outside: what torch does, or does not do, is always a row."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcheck import selftest
from envcheck.errors import InputError
from envcheck.selftest import host

HERE = Path(__file__).parent


def test_missing_torch_is_one_skip_row(bare_python: str) -> None:
    rows = selftest.run(bare_python)
    assert [(row.check, row.status, row.detail) for row in rows] == [("torch", "skip", "torch is not installed")]
    assert selftest.findings(rows) == ()


def test_an_empty_folder_named_torch_is_no_torch(bare_python: str, fake_torch: Callable[..., None]) -> None:
    fake_torch()
    rows = selftest.run(bare_python)
    assert [(row.check, row.status) for row in rows] == [("torch", "skip")]
    assert "holds no module" in rows[0].detail


@pytest.mark.parametrize(
    ("source", "status", "detail"),
    [
        (
            "raise ImportError('libcudart.so.12: cannot open shared object file')",
            "crash",
            "torch does not import: ImportError: libcudart.so.12",
        ),
        (
            "raise OSError('undefined symbol: iJIT_NotifyEvent')",
            "crash",
            "torch does not import: OSError: undefined symbol",
        ),
        ("import no_such_module", "crash", "torch does not import: No module named 'no_such_module'"),
        ("raise SystemExit(1)", "crash", "torch does not import: SystemExit"),
        ("", "crash", "torch at"),
        ("import ctypes; ctypes.string_at(0)", "crash", "SIGSEGV in"),
        ("import time; time.sleep(60)", "timeout", "no answer within 3 s in"),
    ],
    ids=["library", "symbol", "dependency", "exit", "empty", "segfault", "hang"],
)
def test_a_torch_that_does_not_import_is_one_row(source: str, status: str, detail: str, bare_python: str, fake_torch: Callable[..., None]) -> None:
    fake_torch(source)
    rows = selftest.run(bare_python, timeout=3 if status == "timeout" else 60)
    assert [(row.check, row.status, row.detail[: len(detail)]) for row in rows] == [("torch", status, detail)]
    assert [finding.id for finding in selftest.findings(rows)] == ["selftest-torch"]


def test_no_interpreter_is_a_row() -> None:
    rows = selftest.run(str(HERE / "conftest.py"))
    assert [(row.check, row.status) for row in rows] == [("python", "crash")]


@pytest.mark.parametrize(
    "options",
    [{"precisions": ("fp64",)}, {"level": "long"}, {"only": ("softmx",)}, {"skip": ("softmx",)}],
    ids=["precision", "level", "only", "skip"],
)
def test_unknown_names_are_wrong_input(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="unknown self-test"):
        selftest.run("python", **options)  # type: ignore[arg-type]


def test_nothing_to_do_is_no_row() -> None:
    assert selftest.run("python", skip=tuple(selftest.CHECKS)) == ()


@pytest.mark.torch
def test_a_healthy_cpu_passes() -> None:
    rows = selftest.run(sys.executable, ("cpu",))
    assert {row.status for row in rows} <= {"pass", "info", "skip"}, [row for row in rows if row.status not in ("pass", "info")]
    assert {row.family for row in rows if row.status == "pass"} == set(selftest.CHECKS)
    assert {row.group for row in rows} == {"ops", "train", "sdpa:MATH", "sdpa:FLASH_ATTENTION"}
    assert selftest.findings(rows) == ()


@pytest.mark.torch
def test_the_own_precision_is_the_one_trained_in() -> None:
    rows = selftest.run(sys.executable, ("cpu",), train={"precision": "bf16"}, only=("train",))
    assert {row.dtype for row in rows} == {"bf16"}


@pytest.mark.torch
def test_a_device_that_is_not_there_is_one_skip_row() -> None:
    rows = selftest.run(sys.executable, ("npu:7",))
    assert [(row.check, row.device, row.status) for row in rows] == [("device", "npu:7", "skip")]
    assert "sees" in rows[0].detail


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[selftest.Row, ...]]:
    """The rows of a run in which `torch.softmax` has the trouble named."""

    def run(name: str, timeout: float = 120.0) -> tuple[selftest.Row, ...]:
        monkeypatch.setenv("TROUBLE", name)
        monkeypatch.setenv("REAL_WORKER", str(host.WORKER))
        monkeypatch.setattr(host, "WORKER", HERE / "troubled_worker.py")
        rows = selftest.run(sys.executable, ("cpu",), ("fp32",), timeout=timeout, only=("softmax", "layernorm"))
        return tuple(row for row in rows if row.family == "softmax")

    return run


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "status", "detail"),
    [
        ("crash", "crash", "SIGSEGV in"),
        ("leave", "crash", "exit status 3; 1 more check of `ops` did not run"),
        ("refuse", "crash", "RuntimeError: CUDA error: no kernel image"),
        ("starve", "memory", "RuntimeError: CUDA out of memory"),
        ("lack", "skip", "NotImplementedError: softmax"),
    ],
)
def test_how_a_check_ends_is_its_row(name: str, status: str, detail: str, trouble: Callable[..., tuple[selftest.Row, ...]]) -> None:
    rows = trouble(name)
    assert [(row.status, row.detail[: len(detail)]) for row in rows] == [(status, detail)]


@pytest.mark.torch
def test_a_check_that_hangs_is_its_row(trouble: Callable[..., tuple[selftest.Row, ...]]) -> None:
    rows = trouble("hang", timeout=15)
    assert [row.status for row in rows] == ["timeout"]
    assert "troubled_worker.py" in rows[0].detail


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "status", "word"),
    [("always", "fail", "deterministic"), ("differently", "fail", "intermittent"), ("once", "warn", "gone")],
)
def test_a_failure_is_run_again(name: str, status: str, word: str, trouble: Callable[..., tuple[selftest.Row, ...]]) -> None:
    row = trouble(name)[0]
    assert (row.status, row.detail.partition(" ")[0].rstrip(":")) == (status, word)
    assert row.ratio is not None
    assert row.ratio > 1
