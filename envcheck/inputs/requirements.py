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
from dataclasses import dataclass
from typing import Callable
from urllib.parse import unquote

from envcheck import versions
from envcheck.documents import read_text
from envcheck.errors import InputError
from envcheck.model import Fact, Snapshot
from envcheck.wire import canonical_name

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


@dataclass(frozen=True)
class _Claim:
    """What one line says of one package."""

    name: str
    clauses: tuple[str, ...]
    origin: str
    reason: str = ""
    """Why this line names no version; empty where it may name any."""


class _Reading:
    """The files being read, and what was collected from them."""

    def __init__(self, environment: Mapping[str, str], warn: Callable[[str], None]) -> None:
        self.environment = {"extra": "", **environment}
        self.warn = warn
        self.required: dict[str, list[_Claim]] = {}
        self.constrained: dict[str, list[_Claim]] = {}
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
                self.warn(f"{origin}: pip passes over `{_shown(word)}`, which stands after an option; give it a line of its own")

    def _include(self, target: str, path: str, origin: str, constraint: bool) -> None:
        if "://" in target:
            raise InputError(f"includes `{_shown(target)}`, which is not a local file", where=origin, hint="save a copy and include that")
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
        asked, _, marker = _split_marker(text)
        claim = _located(asked, origin) if _LOCATION.match(asked) else _named(asked, origin)
        if marker and not self._holds(marker, origin):
            return
        if claim is not None:
            (self.constrained if constraint else self.required).setdefault(claim.name, []).append(claim)
        elif not editable and ("://" in text or _REPOSITORY.match(text)):
            self.warn(f"{origin}: `{_shown(text)}` does not say which package it is; write `NAME @ URL`")

    def _holds(self, marker: str, origin: str) -> bool:
        self.marked = self.marked or origin
        if marker not in self.verdicts:
            from packaging.markers import Marker

            try:
                self.verdicts[marker] = Marker(marker).evaluate(self.environment)
            except ValueError as error:
                raise InputError(f"`{_shown(marker)}` is no marker: {str(error).splitlines()[0]}", where=origin,
                                 hint='write for example `; python_version < "3.12"`') from None
        return self.verdicts[marker]

    def say_markers(self) -> None:
        """One sentence about the target that markers were evaluated for, where there were any."""
        if self.marked:
            from packaging.markers import default_environment

            target: Mapping[str, str] = {**{key: str(value) for key, value in default_environment().items()}, **self.environment}
            self.warn(f"{self.marked}: markers were evaluated for Python {target['python_version']} on {target['sys_platform']}; "
                      "`--python-version` changes that")


_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)
_OPTION = re.compile(r"(?:^|\s)--?[A-Za-z]")
_VALUED = ("-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-i", "--index-url", "--pypi-url", "--extra-index-url",
           "-f", "--find-links", "--no-binary", "--only-binary", "--trusted-host", "--use-feature", "-C", "--config-settings",
           "--config-setting", "--global-option", "--build-option", "--install-option", "--hash")
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
        raise InputError(f"`{_shown(line)}` cannot be split into words: {error}", where=origin, hint="check its quotes") from None


def _option(word: str) -> tuple[str, str]:
    """An option and the value glued to it (`--requirement=base.txt`, `-rbase.txt`); no option for a plain word."""
    if word.startswith("--"):
        option, _, value = word.partition("=")
        return option, value
    return (word[:2], word[2:]) if word.startswith("-") else ("", word)


_REPOSITORY = re.compile(r"(?:git|hg|svn|bzr)\+")
_LOCATION = re.compile(r"(?:git|hg|svn|bzr)\+|[.~]|[^\s@;\[]*[\\/]|[^\s@;\[]+\.(?:whl|zip|tar\.gz)(?=$|[\s;#\[])")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]*)")
_MARKER = re.compile(r"\s;|;\s")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
# torch-2.1.2%2Bcu121-cp310-cp310-linux_x86_64.whl: name, version, build number, three tags
# (https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention).
_WHEEL = re.compile(r"([^-]+)-([^-]+)(?:-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl")


def _split_marker(text: str) -> tuple[str, str, str]:
    """What is asked for, the separator, and the marker; a URL may hold a `;` of its own, so there a blank stands beside it."""
    if "/" not in text:
        return text.partition(";")
    found = _MARKER.search(text)
    return (text[: found.start()], ";", text[found.end() :].strip()) if found else (text, "", "")


def _located(text: str, origin: str) -> _Claim | None:
    """The claim of a bare URL or path (`git+https://index.example/x.git#egg=x`); None where it does not name its package."""
    egg = _EGG.search(text)
    name = egg[1] if egg else (_wheel(text) or ("", ""))[0]
    return _from_url(name, text, origin) if name else None


def _named(text: str, origin: str) -> _Claim:
    """The claim of a PEP 508 requirement (`diffusers[torch]>=0.25,!=0.26`). Raises `InputError`."""
    from packaging.requirements import InvalidRequirement, Requirement

    variable, name = _VARIABLE.search(text), _NAME.match(text)
    if variable and name and "/" not in text:
        return _Claim(canonical_name(name[0]), (), origin, f"`{variable[0]}` is a variable that only the installing shell knows")
    try:
        parsed = Requirement(text)
    except InvalidRequirement:
        raise InputError(f"`{_shown(text)}` is no requirement", where=origin, hint=_hint(text)) from None
    if parsed.url:
        return _from_url(parsed.name, parsed.url, origin)
    clauses = sorted((f"{one.operator}{one.version}" for one in parsed.specifier), key=_rank)
    return _Claim(canonical_name(parsed.name), _checked(tuple(clauses), text, origin), origin)


def _hint(text: str) -> str:
    if re.match(r"[\w.-]+=[^=]", text):
        return "pip writes `==` where conda writes `=`"
    if text.startswith(("pip ", "pip3 ", "python ", "conda ")):
        return "this is a command; write only the requirement"
    return "write for example `torch==2.1.2` or `deepspeed>=0.12,<0.14`"


_ORDER = {"===": 0, "==": 0, "~=": 1, ">=": 1, ">": 1, "<=": 2, "<": 2, "!=": 3}


def _rank(clause: str) -> tuple[int, str]:
    """Pins first, then lower bounds, upper bounds and exclusions, so that one set has one text."""
    operator = clause[: len(clause) - len(clause.lstrip("=<>!~"))]
    return _ORDER.get(operator, len(_ORDER)), clause


def _checked(clauses: tuple[str, ...], text: str, origin: str) -> tuple[str, ...]:
    try:
        if clauses:
            versions.specifier(",".join(clauses))
    except versions.VersionError as error:
        raise InputError(f"`{_shown(text)}`: {error}", where=origin, hint="check the versions on this line") from None
    return clauses


def _from_url(name: str, url: str, origin: str) -> _Claim:
    name = canonical_name(name)
    wheel = _wheel(url)
    if wheel is None:
        return _Claim(name, (), origin, f"`{_shown(url)}` names no version")
    if canonical_name(wheel[0]) != name:
        return _Claim(name, (), origin, f"its URL leads to a wheel of `{wheel[0]}`")
    try:
        versions.installed(wheel[1])
    except versions.VersionError as error:
        return _Claim(name, (), origin, f"in the name of its wheel, {error}")
    return _Claim(name, (f"=={wheel[1]}",), origin)


def _wheel(location: str) -> tuple[str, str] | None:
    """Name and version in a wheel's file name, which is all a URL tells; None for anything else."""
    path = re.split(r"[?#\[]", location, maxsplit=1)[0]
    found = _WHEEL.fullmatch(unquote(re.split(r"[\\/]", path)[-1]))
    return (found[1], found[2]) if found else None


def _fact(name: str, claims: Sequence[_Claim]) -> Fact:
    """What all lines about one package say together. Raises `InputError` where no version satisfies them."""
    clauses = sorted({clause for claim in claims for clause in claim.clauses}, key=_rank)
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
    if len(tags) > 1:
        raise _contradiction(name, claims)
    return Fact(_pinned(pins) if pins else ",".join(clauses), origin)


def _pinned(pins: Sequence[str]) -> str:
    """A pin is as narrow as lines can be, so the other clauses add nothing to it; of several, the one with a local tag."""
    from packaging.version import Version

    version = max((Version(pin) for pin in pins), key=lambda one: bool(one.local))
    # `2.1` alone would be read as any 2.1.x (`versions.reported`).
    return str(version) if version.local or len(version.release) > 2 else f"=={version}"


def _contradiction(name: str, claims: Sequence[_Claim]) -> InputError:
    said = [f"`{name}{','.join(claim.clauses)}` ({claim.origin})" for claim in claims if claim.clauses]
    return InputError(f"no version satisfies {' and '.join(said)}", where=claims[-1].origin, hint="keep the one that is meant")


def _shown(text: str) -> str:
    """A line as messages quote it: cut, and without the password a URL may carry."""
    safe = re.sub(r"//[^/@\s]+@", "//***@", text)
    return safe if len(safe) <= 120 else safe[:117] + "..."
