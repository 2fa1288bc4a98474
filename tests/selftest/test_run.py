"""The self-test from outside: what torch does, or does not do, is always a row."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
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
    assert "did not run" not in rows[0].detail


@pytest.mark.parametrize(
    "options",
    [{"precisions": ("fp64",)}, {"level": "long"}, {"only": ("softmx",)}, {"skip": ("softmx",)}, {"devices": ("gpu",)}],
    ids=["precision", "level", "only", "skip", "device"],
)
def test_unknown_names_are_wrong_input(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="unknown self-test"):
        selftest.run("python", **options)  # type: ignore[arg-type]


def test_a_seed_out_of_range_is_wrong_input() -> None:
    with pytest.raises(InputError, match="seed -1 is out of range"):
        selftest.run("python", seed=-1)


def test_nothing_to_do_is_no_row() -> None:
    assert selftest.run("python", skip=tuple(selftest.CHECKS)) == ()


@pytest.mark.torch
def test_a_healthy_cpu_passes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    rows = selftest.run(sys.executable, ("cpu",))
    assert {row.status for row in rows} <= {"pass", "info", "skip"}, [row for row in rows if row.status not in ("pass", "info")]
    told = {name for name, check in selftest.CHECKS.items() if check.bound == "told"} | {"settings"}
    skipped = {row.family for row in rows if row.status == "skip"}
    assert {row.family for row in rows} == set(selftest.CHECKS) | {"settings"}
    assert {row.family for row in rows if row.status == "pass"} >= set(selftest.CHECKS) - told - skipped
    assert skipped <= {"flash_attn", "accelerate", "deepspeed"}
    assert {row.group for row in rows} == {"ops", "train", "yours", "sdpa:MATH", "sdpa:FLASH_ATTENTION", "flash_attn", "accelerate", "deepspeed"}
    assert selftest.findings(rows) == ()


@pytest.mark.torch
def test_without_what_came_after_torch_1_13_the_rest_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    monkeypatch.setenv("REAL_WORKER", str(host.WORKER))
    monkeypatch.setattr(host, "WORKER", HERE / "older_worker.py")
    rows = selftest.run(sys.executable, ("cpu",), skip=("accelerate", "deepspeed"))
    assert {row.status for row in rows} == {"pass", "info", "skip"}, [row for row in rows if row.status not in ("pass", "info", "skip")]
    skipped = {row.family for row in rows if row.status == "skip"}
    assert skipped == {"rmsnorm", "grad_scaler", "fp8_casts", "fp8_product", "adamw", "adamw_eps", "train", "sdpa", "flash_attn"}
    passed = {row.check for row in rows if row.status == "pass"}
    assert {"adamw.single", "adamw.foreach", "train.trajectory", "train_bf16.trajectory"} <= passed


@pytest.mark.torch
def test_the_quick_level_is_one_child() -> None:
    rows = selftest.run(sys.executable, ("cpu",), level="quick")
    assert {row.group for row in rows} == {"quick"}
    assert {row.family for row in rows if row.status == "pass"} == {name for name, check in selftest.CHECKS.items() if check.quick}


@pytest.mark.torch
def test_the_thorough_level_keeps_the_worst_of_its_seeds() -> None:
    one, many = (selftest.run(sys.executable, ("cpu",), ("bf16",), level, only=("softmax",)) for level in ("standard", "thorough"))
    assert [row.check for row in one] == [row.check for row in many]
    assert all(more.ratio >= less.ratio for less, more in zip(one, many) if less.ratio is not None and more.ratio is not None)
    assert many != one


@pytest.mark.torch
def test_fp16_parameters_are_warned_about_where_the_user_trains_so() -> None:
    settings = {"param_dtype": "fp16", "optimizer": "adamw_torch", "adam_epsilon": "1e-8"}
    found = {}
    for name, train in (("mine", settings), ("engine", {**settings, "zero_stage": "2"}), ("unknown", {})):
        rows = selftest.run(sys.executable, ("cpu",), ("fp16",), only=("adamw_eps",), train=train)
        found[name] = {row.check.partition(".")[2]: row.status for row in rows if row.family == "adamw_eps"}
        assert [finding.severity for finding in selftest.findings(rows)] == ["warning"] * (name == "mine")
    assert found["mine"] == {"single": "warn", "foreach": "warn", "fused": "pass"}
    assert found["engine"] == found["unknown"] == {"single": "info", "foreach": "info", "fused": "pass"}


@pytest.mark.torch
def test_a_launcher_does_not_make_the_children_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
        monkeypatch.setenv(name, "3")
    rows = selftest.run(sys.executable, ("cpu",), ("fp32",), only=("softmax", "accelerate"))
    assert {row.status for row in rows} <= {"pass", "info", "skip"}


@pytest.mark.torch
def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    selftest.run(sys.executable, ("cpu",), ("fp32",), only=("softmax",))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.torch
def test_where_nothing_can_be_written_the_checks_that_need_it_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
    rows = selftest.run(sys.executable, ("cpu",), ("fp32",), only=("softmax",))
    assert {row.status for row in rows} == {"pass", "info"}


@pytest.mark.torch
def test_progress_is_told_check_by_check() -> None:
    told: list[tuple[int, int, str]] = []
    selftest.run(sys.executable, ("cpu",), ("fp32",), only=("softmax", "layernorm"), progress=lambda *news: told.append(news))
    assert told[-1] == (2, 2, "layernorm fp32 cpu")


@pytest.mark.torch
def test_the_own_precision_is_the_one_trained_in() -> None:
    rows = selftest.run(sys.executable, ("cpu",), train={"precision": "bf16"}, only=("train",))
    assert {row.dtype for row in rows if row.family == "train"} == {"bf16"}


@pytest.mark.torch
def test_a_device_that_is_not_there_is_one_skip_row() -> None:
    rows = selftest.run(sys.executable, ("npu:7",))
    assert [(row.check, row.device, row.status) for row in rows] == [("device", "npu:7", "skip")]
    assert "sees" in rows[0].detail


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[selftest.Row, ...]]:
    """The rows of a run in which `torch.softmax` has the trouble named."""

    def run(name: str, timeout: float = 120.0, only: tuple[str, ...] = ("softmax",)) -> tuple[selftest.Row, ...]:
        monkeypatch.setenv("TROUBLE", name)
        monkeypatch.setenv("REAL_WORKER", str(host.WORKER))
        monkeypatch.setattr(host, "WORKER", HERE / "troubled_worker.py")
        return selftest.run(sys.executable, ("cpu",), ("fp32",), timeout=timeout, only=only)

    return run


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "status", "detail"),
    [
        ("crash", "crash", "SIGSEGV in"),
        ("illegal", "crash", "SIGILL in"),
        ("abort", "crash", "SIGABRT in"),
        ("killed", "memory", "SIGKILL from outside"),
        ("leave", "crash", "exit status 3"),
        ("refuse", "crash", "RuntimeError: CUDA error: no kernel image"),
        ("poison", "crash", "RuntimeError: CUDA error: device-side assert"),
        ("starve", "memory", "RuntimeError: CUDA out of memory"),
        ("fill", "memory", "RuntimeError: "),
        ("lack", "skip", "NotImplementedError: softmax"),
        ("unwritable", "skip", "FileNotFoundError: [Errno 2] No usable temporary directory"),
    ],
)
def test_how_a_check_ends_is_its_row(name: str, status: str, detail: str, trouble: Callable[..., tuple[selftest.Row, ...]]) -> None:
    assert [(row.status, row.detail[: len(detail)]) for row in trouble(name) if row.family == "softmax"] == [(status, detail)]


@pytest.mark.torch
@pytest.mark.parametrize("name", ["crash", "poison"])
def test_the_checks_behind_one_that_ends_its_process_run(name: str, trouble: Callable[..., tuple[selftest.Row, ...]]) -> None:
    rows = trouble(name, only=("nan_inf", "softmax", "layernorm"))
    # What was reported before it is kept.
    assert [row.check for row in rows if row.status == "pass"] == ["nan_inf", "layernorm", "layernorm.dx", "layernorm.dw"]
    assert [row.detail for row in rows if row.status == "crash" and "did not run" in row.detail] == []


@pytest.mark.torch
@pytest.mark.parametrize(("name", "place"), [("hang", "troubled_worker.py"), ("hang_in_c", "troubled_worker.py")])
def test_a_check_that_hangs_is_its_row(name: str, place: str, trouble: Callable[..., tuple[selftest.Row, ...]]) -> None:
    rows = [row for row in trouble(name, timeout=15) if row.family != "settings"]
    assert [row.status for row in rows] == ["timeout"]
    # On a machine so busy that torch itself was not imported in time, that is where it hung.
    assert rows[0].family == "torch" or place in rows[0].detail


@pytest.mark.torch
def test_noise_on_stdout_is_no_row(trouble: Callable[..., tuple[selftest.Row, ...]]) -> None:
    assert {row.status for row in trouble("noise")} == {"pass", "info"}


@pytest.mark.torch
def test_where_everything_crashes_it_ends(trouble: Callable[..., tuple[selftest.Row, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "PARTS", 0)
    (row,) = [row for row in trouble("crash", only=("softmax", "layernorm")) if row.status == "crash"]
    assert row.detail.endswith("; 1 more check of `ops` did not run")


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "status", "word"),
    [("always", "fail", "deterministic"), ("differently", "fail", "intermittent"), ("once", "warn", "gone")],
)
def test_a_failure_is_run_again(name: str, status: str, word: str, trouble: Callable[..., tuple[selftest.Row, ...]]) -> None:
    row = next(row for row in trouble(name) if row.family == "softmax")
    assert (row.status, row.detail.partition(" ")[0].rstrip(":")) == (status, word)
    assert row.ratio is not None
    assert row.ratio > 1


INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import envcheck.cli; envcheck.cli.main()"
"""A shell that starts something in the background has it ignore Ctrl-C, and whatever that starts too."""


@pytest.mark.torch
@pytest.mark.skipif(sys.platform != "linux", reason="processes are listed in /proc on Linux only")
def test_an_interrupted_selftest_is_one_line_and_leaves_no_process(tmp_path: Path) -> None:
    # Children are in groups of their own: they are found by a mark in their environment.
    mark = f"ENVCHECK_TEST_{os.getpid()}"
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "selftest"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, mark: "1"},
    )
    while not _marked(mark, process.pid) and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.5)  # until the child is at work, which is when people press Ctrl-C
    process.send_signal(signal.SIGINT)
    out, talk = process.communicate(timeout=60)
    assert (process.returncode, out, talk.strip()) == (130, "", "error: interrupted")
    assert _marked(mark, process.pid) == []


def _marked(mark: str, parent: int) -> list[int]:
    """Processes other than the parent that have a variable."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes() and int(path.parent.name) != parent:
                found.append(int(path.parent.name))
    return found
