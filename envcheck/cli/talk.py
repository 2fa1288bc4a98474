"""How the command line talks: findings to stdout, everything else to stderr, escaped."""

from __future__ import annotations

import os
import shutil
import sys

from envcheck.errors import EnvcheckError, MatrixError, UnableError
from envcheck.render.escape import visible


def say(message: str) -> None:
    """One sentence of talk, on stderr."""
    sys.stderr.write(f"note: {visible(message)}\n")


def write_error(message: str, hint: str) -> None:
    """An `error:` line and, where there is one, a `hint:` line, on stderr."""
    sys.stderr.write(f"error: {visible(message)}\n" + (f"hint: {visible(hint)}\n" if hint else ""))


def complain(error: EnvcheckError) -> None:
    """What an error says; of a broken matrix every problem on a line of its own."""
    if isinstance(error, MatrixError):
        for problem in error.problems:
            write_error(str(problem), "")
        write_error(error.message, error.hint)
    else:
        write_error(str(error), error.hint)


def can_ask() -> bool:
    """Whether somebody sits at both ends of the terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def wants_color() -> bool:
    """Whether stdout is a terminal that shows colours and nobody said no (https://no-color.org/)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (sys.stdout is not None and sys.stdout.isatty())


def width() -> int:
    """Columns to fill: the terminal's, and 100 where there is none; never so few that words break."""
    return max(60, min(shutil.get_terminal_size((100, 24)).columns, 120))


def show(text: str) -> None:
    """Findings, on stdout, whatever its encoding can show."""
    if sys.stdout is None:
        raise UnableError("standard output is closed", hint="send it to a file or a pipe")
    try:
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:
            encoding = sys.stdout.encoding or "ascii"
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is left in the buffer would fail again when the interpreter ends.
        sys.stdout = None
        raise UnableError(f"standard output cannot be written: {error.strerror}", hint="is the disk full?") from None
