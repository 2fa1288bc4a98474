"""Poetry's own constraints (`^2.1`, `~0.4`, `2.1.*`) as PEP 508 writes them.

https://python-poetry.org/docs/dependency-specification/#version-constraints
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Optional

from envcheck.inputs.gathered import Gathered
from envcheck.inputs.locked import tables, text, texts

_PARTS = re.compile(r"(?:(\^|~=|~|===|==|!=|<=|>=|<|>|=)\s*)?([^\s,^~=!<>]+)")


def specifier(constraint: str) -> Optional[str]:
    """The PEP 440 specifier of a constraint (`>=2.1,<3`), empty for any version; None for what one specifier cannot say."""
    constraint = constraint.strip()
    if "|" in constraint:
        return None
    clauses = []
    for operator, version in _PARTS.findall(constraint):
        clause = _clause(operator, version)
        if clause is None:
            return None
        clauses += [clause] if clause else []
    return ",".join(clauses)


def _clause(operator: str, version: str) -> Optional[str]:
    if version == "*":
        return ""
    if operator in ("^", "~"):
        numbers = re.match(r"v?(\d{1,9}(?:\.\d{1,9})*)", version)
        return f">={version},<{_above(operator, [int(part) for part in numbers[1].split('.')])}" if numbers else None
    if operator in ("", "="):
        operator = "=="
    return f"{operator}{version.replace('x', '*')}" if version.endswith(".x") else f"{operator}{version}"


def _above(operator: str, numbers: list[int]) -> str:
    first = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
    at = min(1, len(numbers) - 1) if operator == "~" else first
    return ".".join(map(str, [*numbers[:at], numbers[at] + 1]))


def requirements(name: str, value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(PEP 508 requirement, the table it was written as) for each constraint on one package; a URL or a repository keeps its place.

    `{version = "^2.1", python = "<3.12", markers = "sys_platform == 'linux'"}` and a list of such tables are understood.
    """
    rows = [{"version": value}] if isinstance(value, str) else tables(value) if isinstance(value, list) else [value] if isinstance(value, dict) else []
    for row in rows:
        marker = " and ".join(
            f"({part})" for part in (text(row.get("markers")), _python(text(row.get("python"))), text(row.get("platform")) and _platform(row)) if part
        )
        place = _place(row)
        asked = specifier(text(row.get("version")))
        extras = f"[{','.join(texts(row.get('extras')))}]" if texts(row.get("extras")) else ""
        requirement = f"{name}{extras} @ {place}" if place else f"{name}{extras}{asked or ''}"
        yield f"{requirement} ; {marker}" if marker else requirement, row


def _platform(row: Mapping[str, Any]) -> str:
    return f"sys_platform == '{text(row.get('platform'))}'"


def _python(constraint: str) -> str:
    asked = specifier(constraint) if constraint else ""
    parts = [re.sub(r"^(===|==|!=|<=|>=|<|>|~=)", r"python_version \1 '", clause) + "'" for clause in (asked or "").split(",") if clause]
    return " and ".join(parts)


def _place(row: Mapping[str, Any]) -> str:
    for key in ("git", "url", "path", "file"):
        if text(row.get(key)):
            place = text(row[key])
            return f"git+{place}" if key == "git" and "://" in place else place if "://" in place else f"file:///{place}"
    return ""


def take(name: str, value: Any, origin: str, gathered: Gathered) -> None:
    """Take what a table of Poetry's asks of one package. Raises `InputError`."""
    for requirement, row in requirements(name, value):
        marker = requirement.partition(" ; ")[2]
        if text(row.get("version")) and specifier(text(row["version"])) is None:
            if not marker or gathered.markers.hold(marker, origin):
                gathered.unknown(name, f"`{text(row['version'])}` is more than one range", origin)
        else:
            gathered.requirement(requirement, origin)
