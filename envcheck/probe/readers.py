"""The two ways in which a sense looks at the machine; tests pass their own."""

from __future__ import annotations

import os
from typing import Callable, NamedTuple, Optional, Sequence, Tuple

LIMIT_SECONDS = 5.0
"""A tool that says nothing for so long is treated as hanging."""
_LIMIT_BYTES = 1 << 20


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
        done = subprocess.run([path, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Answer(None, f"`{name}` gave no answer within {LIMIT_SECONDS:g} s")
    except OSError as error:
        return Answer(None, f"`{name}` cannot be run: {error.strerror}")
    text = done.stdout[:_LIMIT_BYTES].decode("utf-8", "replace")
    if done.returncode != 0:
        said = (text.strip() or done.stderr.decode("utf-8", "replace").strip()).splitlines()
        return Answer(None, f"`{name}` failed" + (f": {said[0][:200]}" if said else f" with status {done.returncode}"))
    return Answer(text)


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
