"""What releases declare to require (`Requires-Dist`): rows of `requires.yaml`, one a package, run-length coded.

    tokenizers 4.34.0 >=0.14,<0.15
    tokenizers 4.35.1 >=0.14,<0.19
    numpy 4.12.0 -

A line says what holds from that release on, until the next line about the same dependency; `-` ends it; several lines with
one release hold together, and `; MARKER` may follow. Only the releases under `read` are known: another one, even between two
of them, may have declared something else.
"""

from __future__ import annotations

import re
from bisect import bisect
from functools import lru_cache
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from packaging.version import InvalidVersion, Version

from envcheck import versions
from envcheck.wire import canonical_name


class Declared(NamedTuple):
    """One requirement of a release, extras left out."""

    name: str
    """Canonical."""
    specifier: str
    marker: str = ""


Releases = Dict[str, Tuple[Declared, ...]]
"""Version -> what that release declares."""

_LINE = re.compile(r"([a-z0-9-]+) (\S+) ([^ ;]+)(?: ; (.+))?")


def check_row(row: Mapping[str, str]) -> Tuple[str, List[Any]]:
    """`{package, source, read, requires}` -> (package, [releases, {dependency: [[first, [[specifier, marker], …]], …]}]).

    Raises ValueError or KeyError for a malformed row.
    """
    if set(row) - {"package", "source", "read", "requires"}:
        raise ValueError(f"unknown key among {', '.join(row)}")
    if not row["source"] or canonical_name(row["package"]) != row["package"]:
        raise ValueError("a row has a source and a canonical package name")
    read = str(row["read"]).split()
    if read != sorted(set(read), key=_version):
        raise ValueError("`read` lists releases in order, each once")
    runs: Dict[str, List[Any]] = {}
    for line in str(row["requires"] or "").splitlines():
        _add_line(line.strip(), read, runs)
    return str(row["package"]), [read, runs]


def _add_line(line: str, read: Sequence[str], runs: Dict[str, List[Any]]) -> None:
    found = _LINE.fullmatch(line)
    if found is None or found[2] not in read:
        raise ValueError(f"`{line}` is not `DEPENDENCY RELEASE SPECIFIER`, or its release is not under `read`")
    name, since, wanted = found[1], read.index(found[2]), found[3]
    if wanted != "-":
        versions.specifier(wanted)
    rows = runs.setdefault(name, [])
    if rows and rows[-1][0] > since:
        raise ValueError(f"`{line}` stands behind a later release")
    if not rows or rows[-1][0] < since:
        rows.append([since, []])
    if wanted != "-":
        rows[-1][1].append([wanted, found[4] or ""])


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        raise ValueError(str(error)) from None


def declared(block: Optional[Sequence[Any]], version: str) -> Optional[Tuple[Declared, ...]]:
    """What one release declares, by its block as `check_row` gives it; None where its metadata was not read."""
    if block is None or version not in block[0]:
        return None
    at = block[0].index(version)
    found: List[Declared] = []
    for name, rows in block[1].items():
        holding: Sequence[Any] = ()
        for since, wanted in rows:
            if since > at:
                break
            holding = wanted
        found += [Declared(name, specifier, marker) for specifier, marker in holding]
    return tuple(found)


# `tokenizers<0.24.0,>=0.23.1`, `torch (>=1.6.0)`, `fsspec[http]>=2023.1.0; python_version < "3.12"`
_PEP_508 = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?([<>=!~][^;()]*)\)?\s*(?:;\s*(.+))?")


@lru_cache(maxsize=4096)
def stated(text: str) -> Tuple[Declared, ...]:
    """What a snapshot's `requires` says of a package: requirements as PEP 508 writes them, joined by ` | `; what is none is passed over."""
    found = [_PEP_508.fullmatch(part.strip()) for part in text.split(" | ")]
    return tuple(Declared(canonical_name(one[1]), one[2].replace(" ", ""), one[3] or "") for one in found if one and _is_specifier(one[2]))


def _is_specifier(text: str) -> bool:
    try:
        versions.specifier(text)
    except versions.VersionError:
        return False
    return True


def ways(block: Optional[Sequence[Any]], version: str) -> List[Tuple[Declared, ...]]:
    """What a version may declare: its own metadata, or for a pre-release that of the releases before and after it, between which
    it was cut. Empty where nobody can say.
    """
    known = declared(block, version)
    if known is not None or block is None:
        return [] if known is None else [known]
    try:
        wanted = Version(version)
    except InvalidVersion:
        return []
    at = bisect([_version(one) for one in block[0]], wanted) if wanted.is_prerelease else 0
    near = block[0][at - 1 : at + 1] if 0 < at < len(block[0]) else []
    return [declared(block, one) or () for one in near]


def coded(releases: Mapping[str, Sequence[Declared]]) -> Tuple[str, str]:
    """`read` and `requires` of a row, from what each release declares: the inverse of `check_row` and `declared`."""
    read = sorted(releases, key=_version)
    lines: List[str] = []
    for name in sorted({one.name for wanted in releases.values() for one in wanted}):
        before: Tuple[Tuple[str, str], ...] = ()
        for version in read:
            now = tuple(sorted((one.specifier, one.marker) for one in releases[version] if one.name == name))
            if now != before:
                lines += [f"{name} {version} {specifier}{f' ; {marker}' if marker else ''}" for specifier, marker in now] or [f"{name} {version} -"]
            before = now
    return " ".join(read), "\n".join(lines)
