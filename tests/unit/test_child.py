"""A child that ends in any of the ways that children end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

from envcheck import child

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

# Waits in C with the interpreter's lock held, so that no Python code of the child can run again.
HANG_IN_C = "import ctypes; ctypes.PyDLL(None).pause()"

BEHAVIOURS = {
    "ok": ("report({'n': 1})", "ok", "", 1),
    "segfault": ("import ctypes; ctypes.string_at(0)", "signal", "SIGSEGV in python", 0),
    "illegal instruction": ("os.kill(os.getpid(), signal.SIGILL)", "signal", "SIGILL in", 0),
    "abort": ("os.abort()", "signal", "SIGABRT in", 0),
    "hang": ("report({'n': 1}); time.sleep(60)", "timeout", "no answer within 3 s in", 1),
    "hang in C": (HANG_IN_C, "timeout", "no answer within 3 s in", 0),
    "out of memory": ("bytearray(3 << 30)", "memory", "ran out of memory: MemoryError", 0),
    "partial, then crash": ("report({'n': 1}); report({'n': 2}); os.abort()", "signal", "SIGABRT", 2),
    "exit 3": ("sys.exit(3)", "exit", "exit status 3", 0),
    "exception": ("raise OSError('no such device')", "exit", "exit status 1: OSError: no such device", 0),
    "noise": ("sys.stdout.write('x' * (4 << 20)); sys.stdout.flush(); report({'n': 1})", "ok", "", 1),
    "noise on stderr": ("sys.stderr.write('x' * (4 << 20)); report({'n': 1})", "ok", "", 1),
    "stdout closed": ("os.close(1); report({'n': 1})", "ok", "", 1),
    "too many rows": (
        "[report({'n': 'x' * 1000}) for _ in range(100)]",
        "memory",
        "more rows than there is room for",
        None,
    ),
}


def script(tmp_path: Path, body: str) -> Path:
    path = tmp_path / "behaviour.py"
    path.write_text(f"import os, signal, sys, time\n\n\ndef main(report, arguments):\n    {body}\n")
    return path


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_every_ending_is_told_apart(name: str, tmp_path: Path) -> None:
    body, ending, detail, rows = BEHAVIOURS[name]
    limit = 3 if ending == "timeout" else 60
    outcome = child.run(sys.executable, script(tmp_path, body), timeout=limit, memory_mib=2048, max_output=50_000)
    assert (outcome.ending, outcome.detail[: len(detail)]) == (ending, detail), outcome
    assert rows is None or len(outcome.rows) == rows
    assert len(outcome.stderr) <= 4096


def not_a_python(tmp_path: Path, content: str, mode: int) -> str:
    path = tmp_path / "python"
    path.write_text(content)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        ("#!/bin/sh\nexit 0\n", 0o755),
        ("#!/bin/sh\necho unknown option >&2; exit 2\n", 0o755),
        ("#!/bin/sh\n", 0o644),
        ("not a program", 0o755),
    ],
    ids=["says nothing", "refuses", "not executable", "no format"],
)
def test_what_is_no_interpreter_was_not_started(content: str, mode: int, tmp_path: Path) -> None:
    outcome = child.run(not_a_python(tmp_path, content, mode), script(tmp_path, "pass"), timeout=60)
    assert outcome.ending == "not-started", outcome
    assert outcome.detail


def test_a_missing_interpreter_was_not_started(tmp_path: Path) -> None:
    outcome = child.run(str(tmp_path / "nowhere"), script(tmp_path, "pass"), timeout=60)
    assert (outcome.ending, outcome.rows) == ("not-started", ())


def test_arguments_and_environment_arrive(tmp_path: Path) -> None:
    path = script(tmp_path, "report({'arguments': arguments, 'word': os.environ['WORD']})")
    outcome = child.run(sys.executable, path, ["a", "b c"], timeout=60, environment={"WORD": "ü"})
    assert outcome.rows == ({"arguments": ["a", "b c"], "word": "ü"},)


def test_neither_folder_shadows_the_standard_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    outcome = child.run(sys.executable, script(tmp_path, "import json; report(sys.path)"), timeout=60)
    assert outcome.ending == "ok", outcome
    assert str(tmp_path) not in outcome.rows[0]


def test_rows_arrive_while_the_child_is_at_work(tmp_path: Path) -> None:
    path = script(tmp_path, "report({'n': 1}); time.sleep(60)")

    def stop(row: child.Row) -> None:
        raise InterruptedError(row["n"])

    with pytest.raises(InterruptedError, match="1"):
        child.run(sys.executable, path, timeout=60, on_row=stop)


def test_grandchildren_end_with_the_child(tmp_path: Path) -> None:
    sleeper = "import subprocess; report({'pid': subprocess.Popen(['sleep', '60']).pid})"
    outcome = child.run(sys.executable, script(tmp_path, sleeper), timeout=60)
    assert outcome.ending == "ok"
    assert is_gone(outcome.rows[0]["pid"])


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    path = script(tmp_path, "report({'pid': os.getpid()}); time.sleep(60)")
    caller = dedent(f"""
        import signal
        from envcheck import child
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so would this
        def show(row):
            print(row["pid"], flush=True)
        child.run({sys.executable!r}, {str(path)!r}, timeout=60, on_row=show)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", caller],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(child.__file__).parent.parent,
    ) as host:
        assert host.stdout is not None
        pid = int(host.stdout.readline())
        host.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in host.communicate(timeout=60)[1]
    assert is_gone(pid)


IGNORING = """
import signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
from envcheck import child
outcome = child.run(sys.executable, sys.argv[1], timeout=60)
print(outcome.ending, len(outcome.rows), outcome.detail)
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [("report({'n': 1})", "ok 1"), ("report({'n': 1}); os.abort()", "exit 1 ended early"), ("sys.exit(0)", "exit 0 ended early")],
)
def test_where_the_status_is_lost_the_ending_is_not_ok_by_default(body: str, said: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", IGNORING, str(script(tmp_path, body))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(child.__file__).parent.parent, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith(said)


def test_a_child_that_leaves_at_once_is_done(tmp_path: Path) -> None:
    outcome = child.run(sys.executable, script(tmp_path, "report({'n': 1}); os._exit(0)"), timeout=60)
    assert (outcome.ending, len(outcome.rows)) == ("ok", 1)


def test_a_child_that_nothing_ends_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As one that hangs in the kernel: no signal reaches it.
    monkeypatch.setattr(child, "_ask_for_frame", lambda process: None)
    with monkeypatch.context() as deaf:
        deaf.setattr(child, "_kill_group", lambda process: None)
        stuck = child.Child(sys.executable, script(tmp_path, "report({'n': 1}); time.sleep(60)"), timeout=1)
        deaf.setattr(child, "_GRACE", 0.1)
        while (outcome := stuck.step(0.2)) is None:
            pass
        stuck.stop()
    assert outcome.ending == "timeout"
    assert "SIGKILL does not end it" in outcome.detail
    stuck.stop()
    assert stuck._process is not None
    assert stuck._process.returncode is not None


def is_gone(pid: int) -> bool:
    """Whether a process has ended, giving a system that is busy some time to bury it."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False
