"""Everything envcheck can say instead of a report.

EnvcheckError
├── InputError        a file, an option or a target that cannot be read or understood (exit status 2)
│   └── MatrixError   all problems of the matrix at once, each with file and line (exit status 2)
└── UnableError       the input was fine, but envcheck could not do its work (exit status 3)
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence


class EnvcheckError(Exception):
    """Base of all errors that are shown to the user as `error:` and `hint:` lines, never as a traceback."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        """What was found, in one sentence without a full stop."""
        self.where = where
        """File and line (`requirements.txt:3`), option (`--gpu`) or command; empty where there is no place."""
        self.hint = hint
        """What the user can do next; empty where nothing helps."""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class InputError(EnvcheckError):
    """A file, option or target that cannot be read or understood."""


class Problem(NamedTuple):
    """One thing wrong in one matrix file."""

    path: str
    line: Optional[int]
    message: str
    code: str = "L01"
    """The lint it belongs to (`envcheck matrix lint --list`)."""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.message}"


class MatrixError(InputError):
    """Every problem found while loading the matrix; nothing is loaded when there is one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = len(problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the matrix", hint="`envcheck matrix guide` shows the shape of an entry")
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(map(str, (*self.problems, self.message)))


class UnableError(EnvcheckError):
    """envcheck itself could not do its work, through no fault of the input."""
