"""One requirement -> what it claims of one package: PEP 508, a URL, a path, or a wheel's file name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from envcheck import versions
from envcheck.credentials import hidden
from envcheck.errors import InputError
from envcheck.wire import canonical_name


@dataclass(frozen=True)
class Claim:
    """What one line says of one package."""

    name: str
    clauses: tuple[str, ...]
    origin: str
    reason: str = ""
    """Why this line names no version; empty where it may name any."""


REPOSITORY = re.compile(r"(?:git|hg|svn|bzr)\+")
LOCATION = re.compile(r"(?:git|hg|svn|bzr)\+|file:|[.~]|[^\s@;\[]*[\\/]|[^\s@;\[]+\.(?:whl|zip|tar\.gz)(?=$|[\s;#\[])")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]*)")
_MARKER = re.compile(r"\s;|;\s")
_URL = re.compile(r"[^;]*://")
_VARIABLE = re.compile(r"\$\{\w+\}")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
# torch-2.1.2%2Bcu121-cp310-cp310-linux_x86_64.whl: name, version, build number, three tags
# (https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention).
_WHEEL = re.compile(r"([^-]+)-([^-]+)(?:-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl")


def split_marker(text: str) -> tuple[str, str, str]:
    """What is asked for, the separator, and the marker; a URL may hold a `;` of its own, so there a blank stands beside it."""
    if not _URL.match(text):
        return text.partition(";")
    found = _MARKER.search(text)
    return (text[: found.start()], ";", text[found.end() :].strip()) if found else (text, "", "")


def located(text: str, origin: str) -> Claim | None:
    """The claim of a bare URL or path (`git+https://index.example/x.git#egg=x`); None where it does not name its package."""
    egg = _EGG.search(text)
    name = egg[1] if egg else (_wheel(text) or ("", ""))[0]
    return _from_url(name, text, origin) if name else None


def named(text: str, origin: str) -> Claim:
    """The claim of a PEP 508 requirement (`diffusers[torch]>=0.25,!=0.26`). Raises `InputError`."""
    from packaging.requirements import InvalidRequirement, Requirement

    variable, name = _VARIABLE.search(text), _NAME.match(text)
    if variable and name and "/" not in text:
        return Claim(canonical_name(name[0]), (), origin, f"`{variable[0]}` is a variable that only the installing shell knows")
    try:
        parsed = Requirement(text)
    except (InvalidRequirement, ValueError, RecursionError):
        # ValueError: a version with more digits than `int` reads; RecursionError: brackets without end.
        raise InputError(f"`{shown(text)}` is no requirement", where=origin, hint=_hint(text)) from None
    if parsed.url:
        return _from_url(parsed.name, parsed.url, origin)
    clauses = sorted((f"{one.operator}{one.version}" for one in parsed.specifier), key=rank)
    return Claim(canonical_name(parsed.name), _checked(tuple(clauses), text, origin), origin)


def _hint(text: str) -> str:
    if re.search(r"[<>]=?\s*[0-9][\w.]*\.\*", text):
        return "`.*` goes with `==` and `!=` alone; write `>=1.9` instead of `>=1.9.*`"
    if re.search(r"=[<>]|[<>]==", text):
        return "the operators are `>=`, `<=`, `==`, `!=`, `~=`, `<` and `>`"
    if re.match(r"[\w.-]+=[^=]", text):
        return "pip writes `==` where conda writes `=`"
    if text.startswith(("pip ", "pip3 ", "python ", "conda ")):
        return "this is a command; write only the requirement"
    return "write for example `torch==2.1.2` or `deepspeed>=0.12,<0.14`"


_ORDER = {"===": 0, "==": 0, "~=": 1, ">=": 1, ">": 1, "<=": 2, "<": 2, "!=": 3}


def rank(clause: str) -> tuple[int, str]:
    """Pins first, then lower bounds, upper bounds and exclusions, so that one set has one text."""
    operator = clause[: len(clause) - len(clause.lstrip("=<>!~"))]
    return _ORDER.get(operator, len(_ORDER)), clause


def _checked(clauses: tuple[str, ...], text: str, origin: str) -> tuple[str, ...]:
    try:
        if clauses:
            versions.specifier(",".join(clauses))
    except versions.VersionError as error:
        raise InputError(f"`{shown(text)}`: {error}", where=origin, hint="check the versions on this line") from None
    return clauses


def _from_url(name: str, url: str, origin: str) -> Claim:
    name = canonical_name(name)
    wheel = _wheel(url)
    if wheel is None:
        return Claim(name, (), origin, f"`{shown(url)}` names no version")
    if canonical_name(wheel[0]) != name:
        return Claim(name, (), origin, f"its URL leads to a wheel of `{wheel[0]}`")
    version = wheel[1].partition("+")[0] if "$" in wheel[1].partition("+")[2] else wheel[1]  # A variable in the local tag leaves the release known.
    try:
        versions.installed(version)
    except versions.VersionError as error:
        return Claim(name, (), origin, f"in the name of its wheel, {error}")
    return Claim(name, (f"=={version}",), origin)


def _wheel(location: str) -> tuple[str, str] | None:
    """Name and version in a wheel's file name, which is all a URL tells; None for anything else."""
    path = re.split(r"[?#\[]", location, maxsplit=1)[0]
    found = _WHEEL.fullmatch(unquote(re.split(r"[\\/]", path)[-1]))
    return (found[1], found[2]) if found else None


def shown(text: str) -> str:
    """A line as messages quote it: cut, and without the passwords and tokens a URL may carry."""
    safe = hidden(text)
    return safe if len(safe) <= 120 else safe[:117] + "..."
