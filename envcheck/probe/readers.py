"""The two ways in which a sense looks at the machine; tests pass their own."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Sequence, Tuple

if TYPE_CHECKING:
    import subprocess

LIMIT_SECONDS = 5.0
"""A tool that says nothing for so long is treated as hanging."""
_LIMIT_BYTES = 1 << 20
_BURIAL_SECONDS = 1.0
"""How long a killed tool is waited for."""


class Answer(NamedTuple):
    """What a tool said, or why it said nothing."""

    text: Optional[str]
    trouble: str = ""


Run = Callable[[Sequence[str]], Answer]
ReadText = Callable[[str], Optional[str]]
ListFolder = Callable[[str], Tuple[str, ...]]


class Readers(NamedTuple):
    """How a sense looks at the machine."""

    run: Run
    read_text: ReadText
    list_folder: ListFolder
    env: Callable[[str], Optional[str]]


def run(command: Sequence[str]) -> Answer:
    """The output of a tool, within `LIMIT_SECONDS`; its absence, failure or silence is an Answer too."""
    import shutil
    import subprocess

    name = os.path.basename(command[0])
    path = shutil.which(command[0])
    if path is None:
        return Answer(None, f"`{name}` not found")
    try:
        status, output, errors = _communicate([path, *command[1:]])
    except subprocess.TimeoutExpired:
        return Answer(None, f"`{name}` gave no answer within {LIMIT_SECONDS:g} s")
    except OSError as error:
        return Answer(None, f"`{name}` cannot be run: {error.strerror}")
    text = output[:_LIMIT_BYTES].decode("utf-8", "replace")
    if status != 0:
        said = (text.strip() or errors.decode("utf-8", "replace").strip()).splitlines()
        return Answer(None, f"`{name}` failed" + (f": {said[0][:200]}" if said else f" with status {status}"))
    return Answer(text)


def _communicate(command: Sequence[str]) -> Tuple[int, bytes, bytes]:
    """Status, stdout and stderr; a tool that is too slow is ended with everything it started, and `TimeoutExpired` raised."""
    import subprocess

    pipe = subprocess.PIPE
    # A session of its own: `nvidia-smi` is often a wrapper script, whose own children hold the pipes when it is gone.
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True)
    try:
        output, errors = process.communicate(timeout=LIMIT_SECONDS)
    except BaseException:
        _end(process)
        raise
    return process.returncode, output, errors


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a tool and all its children; one that hangs in the kernel does not die, and is not waited for."""
    import subprocess

    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_BURIAL_SECONDS)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def read_text(path: str) -> Optional[str]:
    """The text of a small file; None where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(_LIMIT_BYTES)
    except (OSError, ValueError):
        return None


def list_folder(path: str) -> Tuple[str, ...]:
    """The names in a folder, sorted; none where it cannot be read."""
    try:
        return tuple(sorted(os.listdir(path)))
    except OSError:
        return ()


MACHINE = Readers(run, read_text, list_folder, os.environ.get)
"""The machine envcheck runs on."""
