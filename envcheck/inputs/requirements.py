"""pip's requirements files: which versions each line pins or admits, and where it says so.

What a file can say ends with the file: no index is asked, no variable is filled in, no archive is opened. A package whose
version only another place knows is *unknown, because ...*; a package that no line names is unknown too, never absent.
"""

from __future__ import annotations

import os
import re
import shlex
import warnings
from collections.abc import Iterator

from envcheck.documents import read_text
from envcheck.errors import InputError
from envcheck.inputs.claims import shown
from envcheck.inputs.gathered import Gathered

_DEPTH = 40
"""People nest two or three files; a longer chain was made by a program."""


def read(text: str, path: str, gathered: Gathered) -> None:
    """Take what a requirements file and the files it includes ask for, each with its line.

    Raises `InputError` for a line or file that cannot be understood, and where nothing is asked for.
    """
    reading = _Reading(gathered)
    with warnings.catch_warnings():
        # packaging 21 warns of a version like `2004d` instead of refusing it; `versions` refuses it.
        warnings.simplefilter("ignore", DeprecationWarning)
        reading.text(text, path)
    if not reading.lines:
        raise InputError("names no requirement", where=path, hint="write one package a line, for example `torch==2.1.2`")
    gathered.complete.append(False)


def read_frozen(text: str, path: str, gathered: Gathered) -> None:
    """Take what `pip freeze` printed: everything that is installed, but for what it leaves out by itself."""
    read(text, path, gathered)
    gathered.complete[-1] = True
    for name in _NOT_FROZEN:
        gathered.unlisted(name, "`pip freeze` leaves it out", path)


_NOT_FROZEN = ("pip", "setuptools", "wheel", "distribute")


def one(line: str, path: str, origin: str, gathered: Gathered, folder: str) -> None:
    """Take one line as a requirements file has it, out of a file of another kind; paths are relative to `folder`. Raises `InputError`."""
    reading = _Reading(gathered)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        reading.line(_COMMENT.sub("", line).strip(), os.path.join(folder, os.path.basename(path)), origin)


class _Reading:
    """The files being read."""

    def __init__(self, gathered: Gathered) -> None:
        self.gathered = gathered
        self.lines = 0
        self.root = ""
        self.open: list[str] = []
        self.done: set[tuple[str, bool]] = set()

    def text(self, text: str, path: str, constraint: bool = False) -> None:
        real = os.path.realpath(path)
        self.open.append(real)
        for number, line in _logical_lines(text):
            self.line(line, path, f"{path}:{number}", constraint)
        self.open.pop()
        self.done.add((real, constraint))

    def line(self, line: str, path: str, origin: str, constraint: bool = False) -> None:
        # A word that begins with a dash ends the requirement: `torch==2.1.2 --hash=sha256:3f2a`.
        found = _OPTION.search(line)
        requirement = line[: found.start()].strip() if found else line
        if requirement:
            self._requirement(requirement, origin, constraint)
        elif found:
            self._options(line, path, origin, constraint)

    def _options(self, line: str, path: str, origin: str, constraint: bool) -> None:
        words = iter(_words(line, origin))
        for word in words:
            option, value = split_option(word)
            if option in VALUED and not value:
                value = next(words, "")
            if option in INCLUDES:
                self._include(value, path, origin, INCLUDES[option])
            elif option in ("-e", "--editable"):
                self._requirement(value, origin, constraint, editable=True)
            elif option in INDEXES:
                self.gathered.index(value, origin, only=INDEXES[option])
            elif not option:
                self.gathered.warn(f"{origin}: pip passes over `{shown(word)}`, which stands after an option; give it a line of its own")

    def _include(self, target: str, path: str, origin: str, constraint: bool) -> None:
        if "://" in target:
            raise InputError(f"includes `{shown(target)}`, which is not a local file", where=origin, hint="save a copy and include that")
        inner = os.path.join(os.path.dirname(path), target)
        root = self.root or project_of(path)
        self.root = root
        if target and not is_below(inner, root):
            hint = "name that file as well: several files are one environment"
            raise InputError(f"includes `{target}`, which lies outside the project folder", where=origin, hint=hint)
        if not target or not os.path.isfile(inner):
            raise InputError(f"includes `{target}`, which is not there", where=origin, hint=f"the path is relative to the folder of `{path}`")
        real = os.path.realpath(inner)
        if real in self.open:
            raise InputError(f"includes `{target}`, which leads back to this line", where=origin, hint="remove one of the includes")
        if len(self.open) >= _DEPTH:
            raise InputError(f"`{target}` is included through {_DEPTH} files", where=origin, hint="put them into fewer files")
        if (real, constraint) not in self.done:
            lines = self.lines
            self.text(read_text(inner), inner, constraint)
            self.lines = lines if constraint else self.lines

    def _requirement(self, text: str, origin: str, constraint: bool, editable: bool = False) -> None:
        self.lines += 1
        self.gathered.requirement(text, origin, constraint=constraint, editable=editable)


def project_of(path: str) -> str:
    """The folder of the project that a file belongs to: the nearest repository, else the working folder, else the file's own."""
    folder = own = os.path.dirname(os.path.realpath(path))
    while folder != os.path.dirname(folder):
        if any(os.path.exists(os.path.join(folder, name)) for name in (".git", ".hg")):
            return folder
        folder = os.path.dirname(folder)
    working = os.path.realpath(os.curdir)
    return working if is_below(own, working) else own


def is_below(path: str, folder: str) -> bool:
    """Whether a path, wherever its links lead, lies in a folder."""
    real = os.path.realpath(path)
    return real == folder or real.startswith(folder.rstrip(os.sep) + os.sep)


_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)
_OPTION = re.compile(r"(?:^|\s)--?[A-Za-z]")
VALUED = (
    "-r",
    "--requirement",
    "-c",
    "--constraint",
    "-e",
    "--editable",
    "-i",
    "--index-url",
    "--pypi-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "--no-binary",
    "--only-binary",
    "--trusted-host",
    "--use-feature",
    "-C",
    "--config-settings",
    "--config-setting",
    "--global-option",
    "--build-option",
    "--install-option",
    "--hash",
)
# https://pip.pypa.io/en/stable/reference/requirements-file-format/#supported-options
INCLUDES = {"-r": False, "--requirement": False, "-c": True, "--constraint": True}
"""Whether what the option names is a constraint."""
INDEXES = {"-i": True, "--index-url": True, "--extra-index-url": False, "-f": False, "--find-links": False}
"""Whether the option names the only index."""


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, joined where they end in a backslash, each with the number of its first line.

    As pip does it, a comment line ends what was continued; unlike pip, a blank may stand after the backslash.
    """
    # torch==2.1.2+cu121 \
    #     --hash=sha256:3f2a...   # via -r base.in
    parts: list[str] = []
    first = 1
    for number, line in enumerate(text.split("\n"), 1):
        first = first if parts else number
        comment = line.lstrip().startswith("#")
        stripped = "" if comment else line.rstrip()
        parts.append(stripped.rstrip("\\"))
        if stripped.endswith("\\"):
            continue
        joined = _COMMENT.sub("", "".join(parts)).strip()
        parts = []
        if joined:
            yield first, joined
    last = _COMMENT.sub("", "".join(parts)).strip()
    if last:
        yield first, last


def _words(line: str, origin: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InputError(f"`{shown(line)}` cannot be split into words: {error}", where=origin, hint="check its quotes") from None


def split_option(word: str) -> tuple[str, str]:
    """An option and the value glued to it (`--requirement=base.txt`, `-rbase.txt`); no option for a plain word."""
    if word.startswith("--"):
        option, _, value = word.partition("=")
        return option, value
    return (word[:2], word[2:]) if word.startswith("-") else ("", word)
