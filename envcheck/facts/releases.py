"""What an index says of releases: date, Pythons, wheels, whether withdrawn; rows of `releases.yaml`, one a package.

    4.46.0 | 2024-10-24 | >=3.8.0 | py3 | any | sdist | yanked: does not work with Python 3.8

Version, date, Requires-Python, Python tags of the wheels for Linux (or for all systems), platforms that have wheels, `sdist`
where there is a source archive. A blank column is unknown or empty, never *no*; columns at the end may be left out.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

from envcheck import versions
from envcheck.wire import canonical_name


class Release(NamedTuple):
    """One release of a package."""

    date: str = ""
    requires_python: str = ""
    tags: Tuple[str, ...] = ()
    """`cp310`, `cp38+abi3`, `py3`: of wheels for Linux, or for every system; empty where there is none, or nobody looked."""
    platforms: Tuple[str, ...] = ()
    """`linux_x86_64`, `win`, `macos`, `any` …"""
    sdist: bool = False
    yanked: Optional[str] = None
    """Why it was withdrawn, `""` where nobody said why; None where it was not."""


_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})?")
_WORDS = re.compile(r"[A-Za-z0-9_.+]*( [A-Za-z0-9_.+]+)*")


def check_row(row: Mapping[str, str]) -> Tuple[str, Dict[str, str]]:
    """`{package, source, releases}` -> (package, {version: the rest of its line}). Raises ValueError or KeyError for a malformed row."""
    if set(row) - {"package", "source", "releases"}:
        raise ValueError(f"unknown key among {', '.join(row)}")
    if not row["source"] or canonical_name(row["package"]) != row["package"]:
        raise ValueError("a row has a source and a canonical package name")
    found: Dict[str, str] = {}
    for line in str(row["releases"]).splitlines():
        version, _, rest = line.strip().partition(" | ")
        versions.installed(version)
        if version in found:
            raise ValueError(f"`{version}` stands twice")
        _check(rest)
        found[version] = rest
    return str(row["package"]), found


def _check(rest: str) -> None:
    date, python, tags, platforms, sdist, yanked = _columns(rest)
    if python:
        versions.specifier(python)
    if not (_DATE.fullmatch(date) and _WORDS.fullmatch(tags) and _WORDS.fullmatch(platforms)) or sdist not in ("", "sdist"):
        raise ValueError(f"`{rest}` is not `DATE | PYTHON | TAGS | PLATFORMS | sdist | yanked: WHY`")
    if yanked and not yanked.startswith("yanked:"):
        raise ValueError(f"`{yanked}` is not `yanked: WHY`")


def _columns(rest: str) -> Sequence[str]:
    columns = [column.strip() for column in rest.split("|", 5)]
    return columns + [""] * (6 - len(columns))


def release(block: Optional[Mapping[str, Any]], version: str) -> Optional[Release]:
    """One release by its package's block as `check_row` gives it; None where the table has no line about it."""
    rest = None if block is None else block.get(version)
    if rest is None:
        return None
    date, python, tags, platforms, sdist, yanked = _columns(rest)
    why = yanked.partition(":")[2].strip() if yanked else None
    return Release(date, python, tuple(tags.split()), tuple(platforms.split()), sdist == "sdist", why)
