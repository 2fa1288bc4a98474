"""Runs a script in another interpreter with a time and memory bound: the rows it reports, or how it died.

A script is one self-contained file that defines `main(report, arguments)`. It runs under the other interpreter's own
`sys.path`, where envcheck need not be installed; what it hands to `report(row)` must be JSON and arrives at once, so
that everything reported before a crash is kept. What it prints is noise and is ignored.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import queue
    import subprocess

Row = Mapping[str, Any]

# Notes on the bootstrap, which must be understood by every interpreter from 3.6 on:
# - `-c` puts the working directory first on `sys.path`, running by path would put the script's folder there, and a file
#   `json.py` or `torch.py` lying in either would shadow the real one; `-P` exists from 3.11 only, so the entry is removed.
# - limits are set here and not in a `preexec_fn`, which is not safe in a parent that has threads.
# - the watchdog of `faulthandler` ends a child that hangs in C even where its parent was killed before it.
# - a row of None before and one after the script tell that it began and that it ended, even where its status is lost.
# - rows leave through a copy of stdout, so that a library that closes or redirects stdout does not take them along.
_BOOT = r"""
import sys
if sys.path[:1] == [""]:
    del sys.path[0]
import faulthandler, json, os, types
mark, seconds, memory, script = sys.argv[1:5]
sys.argv[:] = sys.argv[4:]
faulthandler.dump_traceback_later(float(seconds), exit=True)
try:
    import resource
    for kind, most in (("RLIMIT_CORE", 0), ("RLIMIT_AS", int(memory) << 20)):
        if kind == "RLIMIT_CORE" or most:
            hard = resource.getrlimit(getattr(resource, kind))[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(getattr(resource, kind), (most, hard))
except (ImportError, AttributeError, ValueError, OSError):
    pass
out = os.dup(1)
def report(row):
    line = ("\n" + mark + json.dumps(row) + "\n").encode("ascii")
    while line:
        line = line[os.write(out, line):]
report(None)
module = types.ModuleType("envcheck_child")
module.__file__ = script
sys.modules["envcheck_child"] = module
with open(script, "rb") as file:
    exec(compile(file.read(), script, "exec"), module.__dict__)
module.main(report, sys.argv[1:])
report(None)
"""

_MEMORY_SIGNS = ("MemoryError", "std::bad_alloc", "can't allocate memory", "Cannot allocate memory", "out of memory")
"""What Python, C++, torch's CPU allocator, the C library and CUDA say when memory runs out."""

_KEPT = 64 * 1024
"""Bytes of stderr kept to look for the crashed frame: faulthandler writes up to 100 frames, then a long module list."""

_GRACE = 2.0
"""Seconds that a stopped child has to write its last frame, and that pipes have to run dry."""


@dataclass(frozen=True)
class Outcome:
    """How a script ended, and everything that it reported before."""

    ending: str
    """`ok`, `exit`, `signal`, `timeout`, `memory`, or `not-started` where no Python interpreter answered."""
    detail: str
    """`exit status 3`, `SIGSEGV in torch/nn/functional.py:12 linear`, `no answer within 20 s`; empty when ok."""
    rows: tuple[Row, ...]
    stderr: str
    """The last 4 KiB."""
    seconds: float


def run(
    python: str,
    script: str | Path,
    arguments: Sequence[str] = (),
    *,
    timeout: float,
    memory_mib: int | None = None,
    environment: Mapping[str, str] | None = None,
    on_row: Callable[[Row], None] | None = None,
    max_output: int = 4 << 20,
) -> Outcome:
    """Run `main(report, arguments)` of `script` under `python`, wait for its end, and leave no process behind.

    `environment` is laid over the caller's own; `on_row` sees every row as it arrives; `max_output` bounds the bytes of
    all rows together, and a child that reports more is stopped with the ending `memory`. `memory_mib` bounds the
    address space where the system can (not on Windows): leave it out for children that use CUDA, which reserves
    terabytes of it. Whatever the child does is an Outcome; only Ctrl-C and errors of `on_row` pass through.
    """
    child = Child(python, script, arguments, timeout=timeout, memory_mib=memory_mib, environment=environment, on_row=on_row, max_output=max_output)
    try:
        while (outcome := child.step(0.2)) is None:
            pass
        return outcome
    finally:
        child.stop()


class Child:
    """A script at work in another interpreter, for callers that watch several; `run` is for those that wait for one."""

    def __init__(
        self,
        python: str,
        script: str | Path,
        arguments: Sequence[str] = (),
        *,
        timeout: float,
        memory_mib: int | None = None,
        environment: Mapping[str, str] | None = None,
        on_row: Callable[[Row], None] | None = None,
        max_output: int = 4 << 20,
    ) -> None:
        import queue

        self.timeout = timeout
        self._on_row = on_row
        self._rows: list[Row] = []
        self._inbox: queue.Queue[Any] = queue.Queue()
        self._tail = bytearray()
        self._marks = 0
        self._overflowed = self._silent = False
        self._started = time.monotonic()
        # A private mark per child: neither noise nor a child of the child can look like a row. RS as in RFC 7464.
        mark = "\x1e" + os.urandom(8).hex() + " "
        bounds = [mark, str(timeout + 2 * _GRACE), str(memory_mib or 0)]
        command = [python, "-X", "faulthandler", "-c", _BOOT, *bounds, os.fspath(script), *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = _start(command, environment)
        except (OSError, ValueError) as error:
            self._refusal = f"`{python}` cannot be run: {getattr(error, 'strerror', None) or error}"
            return
        self._readers = (
            _thread(_read_rows, self._process.stdout, mark.encode("ascii"), max_output, self._inbox),
            _thread(_read_tail, self._process.stderr, self._tail),
        )

    def step(self, seconds: float) -> Outcome | None:
        """Take in what was reported, waiting at most `seconds` for news; the Outcome once it has ended."""
        if self._process is None:
            return self._outcome("not-started", self._refusal)
        self._listen(seconds)
        if self._overflowed:
            return self._finish(("memory", "more rows than there is room for"))
        if _has_ended(self._process):
            return self._finish(None)
        if time.monotonic() - self._started >= self.timeout:
            return self._finish(("timeout", f"no answer within {self.timeout:g} s"))
        return None

    def stop(self) -> None:
        """Kill the child and everything it started, if any of it is left; harmless when called again."""
        if self._process is not None and self._process.returncode is None:
            _kill_group(self._process)
            _bury(self._process)

    def _listen(self, seconds: float) -> None:
        import queue

        if self._silent:
            time.sleep(min(seconds, 0.01))
            return
        with suppress(queue.Empty):
            self._take(self._inbox.get(timeout=seconds))
            while True:
                self._take(self._inbox.get_nowait())

    def _take(self, item: Any) -> None:
        if item is _EOF:
            self._silent = True
        elif item is _OVERFLOW:
            self._overflowed = True
        elif item is None:
            self._marks += 1
        else:
            self._rows.append(item)
            if self._on_row is not None:
                self._on_row(item)

    def _finish(self, verdict: tuple[str, str] | None) -> Outcome:
        assert self._process is not None
        if verdict is not None and verdict[0] == "timeout":
            _ask_for_frame(self._process)
        _kill_group(self._process)
        status = _bury(self._process)
        for reader in self._readers:
            reader.join(_GRACE)
        if not self._overflowed:
            self._listen(0.0)
        stderr = bytes(self._tail).decode("utf-8", "replace")
        if verdict is None:
            return self._outcome(*_classify(status or 0, stderr, self._marks), stderr)
        frame = _last_frame(stderr) if verdict[0] == "timeout" else ""
        alive = ", and SIGKILL does not end it" if status is None else ""
        return self._outcome(verdict[0], verdict[1] + frame + alive, stderr)

    def _outcome(self, ending: str, detail: str, stderr: str = "") -> Outcome:
        return Outcome(ending, detail, tuple(self._rows), stderr[-4096:], time.monotonic() - self._started)


_EOF = object()
_OVERFLOW = object()


def _start(command: list[str], environment: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    import subprocess

    merged = {**os.environ, **(environment or {})}
    # A framework Python of macOS sets this, and a virtual environment started with it believes to be its parent:
    # https://github.com/python/cpython/issues/66409
    merged.pop("__PYVENV_LAUNCHER__", None)
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=merged, start_new_session=True)


def _thread(function: Callable[..., None], *arguments: Any) -> Any:
    import threading

    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def _read_rows(pipe: Any, mark: bytes, room: int, inbox: queue.Queue[Any]) -> None:
    """Put every row of `pipe` into `inbox`, and at the end `_EOF`; noise is never held beyond one bounded piece."""
    import json

    at_line_start, limit = True, room + 1
    with pipe:
        while piece := pipe.readline(limit):
            if at_line_start and piece.startswith(mark):
                room -= len(piece)
                if room < 0:
                    return inbox.put(_OVERFLOW)
                with suppress(ValueError):  # it died while it wrote this one
                    inbox.put(json.loads(piece[len(mark) :]))
            at_line_start = piece.endswith(b"\n")
    return inbox.put(_EOF)


def _read_tail(pipe: Any, tail: bytearray) -> None:
    with pipe:
        while piece := pipe.read1(_KEPT):
            tail += piece
            del tail[:-_KEPT]


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the child is done, leaving it unreaped where possible so that its process group keeps its number."""
    if sys.platform == "linux":
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return process.poll() is not None


def _bury(process: subprocess.Popen[bytes]) -> int | None:
    """The status of a killed child; None for one that hangs in the kernel, where SIGKILL does not reach it."""
    import subprocess

    with suppress(subprocess.TimeoutExpired):
        return process.wait(_GRACE)
    return None


def _ask_for_frame(process: subprocess.Popen[bytes]) -> None:
    """Let faulthandler write where the child hangs: on SIGABRT it does so even while the child is inside C code."""
    if os.name == "nt":
        return
    process.send_signal(signal.SIGABRT)
    until = time.monotonic() + _GRACE
    while not _has_ended(process) and time.monotonic() < until:
        time.sleep(0.01)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # Nothing of it may be left; macOS says "not permitted" for a group of zombies.
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _classify(status: int, stderr: str, marks: int) -> tuple[str, str]:
    """Ending and detail of a child that ended by itself; `marks` tells whether the bootstrap ran, and ran to its end."""
    said, answered = _last_line(stderr), marks > 0
    if status == 0 and answered and (marks > 1 or not _status_is_lost()):
        return "ok", ""
    if status == 0 and answered:
        return "exit", "ended early, and how is lost because SIGCHLD is ignored" + _last_frame(stderr)
    starved = next((line for line in stderr.splitlines() if any(sign in line for sign in _MEMORY_SIGNS)), "")
    if answered and starved:
        return "memory", f"ran out of memory: {starved.strip()[:300]}"
    if status == -9:
        return "memory", "SIGKILL from outside, which is how a system that runs out of memory ends a process"
    if status < 0 or status >= 0xC0000000:
        return "signal", _signal_name(status) + _last_frame(stderr)
    if not answered:
        return "not-started", f"no Python interpreter answered (exit status {status})" + (f": {said}" if said else "")
    return "exit", f"exit status {status}" + (f": {said}" if "Traceback (most recent call last)" in stderr else "")


def _status_is_lost() -> bool:
    # Below `trap '' CHLD` the system buries children itself, and every status reads as 0.
    return os.name != "nt" and signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN


def _signal_name(status: int) -> str:
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"exception {status:#x}" if status > 0 else f"signal {-status}"


def _last_line(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _last_frame(stderr: str) -> str:
    """` in torch/nn/functional.py:2013 linear` from what faulthandler wrote, or nothing.

    Sample: `Current thread 0x00007f4a (most recent call first):\\n  File "/x/torch/nn/functional.py", line 12 in linear`
    """
    import re

    found = re.search(r'Current thread [^\n]*\n +File "([^"]*)", line (\d+) in (\S+)', stderr)
    if found is None:
        return ""
    place, line, name = found.groups()
    return f" in {'/'.join(Path(place).parts[-3:])}:{line} {name}"
