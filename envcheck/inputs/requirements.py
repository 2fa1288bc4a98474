"""pip's requirements files: which versions each line pins or admits, and where it says so.

What a file can say ends with the file: no index is asked, no variable is filled in, no archive is opened. A package whose
version only another place knows is *unknown, because ...*; a package that no line names is unknown too, never absent.
"""

from __future__ import annotations

import os
import re
import shlex
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Callable

from envcheck import versions
from envcheck.documents import read_text
from envcheck.errors import InputError
from envcheck.inputs.claims import LOCATION, REPOSITORY, Claim, located, named, rank, shown, split_marker
from envcheck.model import Fact, Snapshot

_DEPTH = 40
"""People nest two or three files; a longer chain was made by a program."""


def read(paths: Sequence[str], environment: Mapping[str, str], warn: Callable[[str], None]) -> Snapshot:
    """The packages that requirements files ask for together, each with the lines that say so; `complete` is False.

    A value is an exact version (`2.1.2+cu121`) or the normalised specifier (`>=0.12,<0.14`, `==2.1`, `>=0` where nothing is
    asked); None, with the reason, where only the URL's target knows it. `environment` is what markers are evaluated for.
    Raises `InputError` for a line or file that cannot be understood, and for lines that admit no common version.
    """
    reading = _Reading(environment, warn)
    with warnings.catch_warnings():
        # packaging 21 warns of a version like `2004d` instead of refusing it; `versions` refuses it.
        warnings.simplefilter("ignore", DeprecationWarning)
        for path in paths:
            before = reading.lines
            reading.file(path)
            if reading.lines == before:
                raise InputError("names no requirement", where=path, hint="write one package a line, for example `torch==2.1.2`")
    reading.say_markers()
    return Snapshot(packages={name: _fact(name, claims + reading.constrained.get(name, [])) for name, claims in reading.required.items()})


class _Reading:
    """The files being read, and what was collected from them."""

    def __init__(self, environment: Mapping[str, str], warn: Callable[[str], None]) -> None:
        self.environment = {"extra": "", **environment}
        self.warn = warn
        self.required: dict[str, list[Claim]] = {}
        self.constrained: dict[str, list[Claim]] = {}
        self.lines = 0
        self.marked = ""
        self.open: list[str] = []
        self.done: set[tuple[str, bool]] = set()
        self.verdicts: dict[str, bool] = {}

    def file(self, path: str, constraint: bool = False) -> None:
        text = read_text(path)
        real = os.path.realpath(path)
        self.open.append(real)
        for number, line in _logical_lines(text):
            self._line(line, path, f"{path}:{number}", constraint)
        self.open.pop()
        self.done.add((real, constraint))

    def _line(self, line: str, path: str, origin: str, constraint: bool) -> None:
        # A word that begins with a dash ends the requirement: `torch==2.1.2 --hash=sha256:3f2a`.
        found = _OPTION.search(line)
        requirement = line[: found.start()].strip() if found else line
        if requirement:
            self._claim(requirement, origin, constraint)
        elif found:
            self._options(line, path, origin, constraint)

    def _options(self, line: str, path: str, origin: str, constraint: bool) -> None:
        words = iter(_words(line, origin))
        for word in words:
            option, value = _option(word)
            if option in _VALUED and not value:
                value = next(words, "")
            if option in _INCLUDES:
                self._include(value, path, origin, _INCLUDES[option])
            elif option in ("-e", "--editable"):
                self._claim(value, origin, constraint, editable=True)
            elif not option:
                self.warn(f"{origin}: pip passes over `{shown(word)}`, which stands after an option; give it a line of its own")

    def _include(self, target: str, path: str, origin: str, constraint: bool) -> None:
        if "://" in target:
            raise InputError(f"includes `{shown(target)}`, which is not a local file", where=origin, hint="save a copy and include that")
        inner = os.path.join(os.path.dirname(path), target)
        if not target or not os.path.isfile(inner):
            raise InputError(f"includes `{target}`, which is not there", where=origin, hint=f"the path is relative to the folder of `{path}`")
        real = os.path.realpath(inner)
        if real in self.open:
            raise InputError(f"includes `{target}`, which leads back to this line", where=origin, hint="remove one of the includes")
        if len(self.open) >= _DEPTH:
            raise InputError(f"`{target}` is included through {_DEPTH} files", where=origin, hint="put them into fewer files")
        if (real, constraint) not in self.done:
            lines = self.lines
            self.file(inner, constraint)
            self.lines = lines if constraint else self.lines

    def _claim(self, text: str, origin: str, constraint: bool, editable: bool = False) -> None:
        self.lines += 1
        asked, _, marker = split_marker(text)
        claim = located(asked, origin) if LOCATION.match(asked) else named(asked, origin)
        if marker and not self._holds(marker, origin):
            return
        if claim is not None:
            (self.constrained if constraint else self.required).setdefault(claim.name, []).append(claim)
        elif not editable and ("://" in text or REPOSITORY.match(text)):
            self.warn(f"{origin}: `{shown(text)}` does not say which package it is; write `NAME @ URL`")

    def _holds(self, marker: str, origin: str) -> bool:
        self.marked = self.marked or origin
        if marker not in self.verdicts:
            from packaging.markers import Marker

            try:
                self.verdicts[marker] = Marker(marker).evaluate(self.environment)
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                # Not only packaging's own errors: `extras` is a set that only lock files have, and brackets nest without end.
                raise InputError(
                    f"`{shown(marker)}` is no marker{_because(error)}", where=origin, hint='write for example `; python_version < "3.12"`'
                ) from None
        return self.verdicts[marker]

    def say_markers(self) -> None:
        """One sentence about the target that markers were evaluated for, where there were any."""
        if self.marked:
            from packaging.markers import default_environment

            target: Mapping[str, str] = {**{key: str(value) for key, value in default_environment().items()}, **self.environment}
            self.warn(
                f"{self.marked}: markers were evaluated for Python {target['python_version']} on {target['sys_platform']}; `--python-version` changes that"
            )


def _because(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return ": it is nested too deeply"
    said = next(iter(str(error).splitlines()), "")
    return f": {said} has no value here" if isinstance(error, LookupError) else f": {shown(said)}" if said else ""


_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)
_OPTION = re.compile(r"(?:^|\s)--?[A-Za-z]")
_VALUED = (
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
_INCLUDES = {"-r": False, "--requirement": False, "-c": True, "--constraint": True}


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


def _option(word: str) -> tuple[str, str]:
    """An option and the value glued to it (`--requirement=base.txt`, `-rbase.txt`); no option for a plain word."""
    if word.startswith("--"):
        option, _, value = word.partition("=")
        return option, value
    return (word[:2], word[2:]) if word.startswith("-") else ("", word)


def _fact(name: str, claims: Sequence[Claim]) -> Fact:
    """What all lines about one package say together. Raises `InputError` where no version satisfies them."""
    clauses = sorted({clause for claim in claims for clause in claim.clauses}, key=rank)
    origin = ", ".join(dict.fromkeys(claim.origin for claim in claims))
    if not clauses:
        reason = next((claim.reason for claim in claims if claim.reason), "")
        return Fact(None, origin, reason) if reason else Fact(">=0", origin)
    pins = [clause.lstrip("=") for clause in clauses if clause.startswith("==") and not clause.endswith(".*")]
    tags = {tag for tag in (versions.installed(pin).local for pin in pins) if tag}
    try:
        versions.specifier(",".join(clauses))
    except versions.VersionError:
        raise _contradiction(name, claims) from None
    pin = _pinned(pins) if pins else ""
    if len(tags) > 1 or (tags and _is_excluded(pin, clauses)):
        raise _contradiction(name, claims)
    return Fact(pin or ",".join(clauses), origin)


def _is_excluded(pin: str, clauses: Sequence[str]) -> bool:
    """Whether another line excludes this very build; `2.1.2+cu121` is not hurt by `!=2.1.2+cu118`."""
    excluding = [clause for clause in clauses if clause.startswith("!=")]
    return bool(excluding) and versions.within(versions.installed(pin), versions.specifier(",".join(excluding))) is False


def _pinned(pins: Sequence[str]) -> str:
    """A pin is as narrow as lines can be, so the other clauses add nothing to it; of several, the one with a local tag."""
    from packaging.version import Version

    version = max((Version(pin) for pin in pins), key=lambda one: bool(one.local))
    # `2.1` alone would be read as any 2.1.x (`versions.reported`), and nothing else of two numbers is.
    partial = len(version.release) < 3 and not (version.local or version.is_prerelease or version.is_postrelease)
    return f"=={version}" if partial else str(version)


def _contradiction(name: str, claims: Sequence[Claim]) -> InputError:
    said = [f"`{name}{','.join(claim.clauses)}` ({claim.origin})" for claim in claims if claim.clauses]
    return InputError(f"no version satisfies {' and '.join(said)}", where=claims[-1].origin, hint="keep the one that is meant")
