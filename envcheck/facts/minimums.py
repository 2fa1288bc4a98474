"""Versions that a package asks for in its own code: rows of `own_minimums.yaml`, by the package that asks."""

from __future__ import annotations

from typing import List, Mapping, Tuple

from envcheck import versions
from envcheck.wire import canonical_name

_KEYS = ("package", "versions", "needs", "first", "effect", "source")


def check_row(row: Mapping[str, str]) -> Tuple[str, List[str]]:
    """One row -> (package, [versions, needs, first, effect, methods, severity]), `methods` being the values of `train.method` it matters with, if not all.

    Raises ValueError or KeyError for a malformed row.
    """
    if set(row) - {"methods", "severity"} != set(_KEYS) or not row["source"] or row.get("severity", "note") != "note":
        raise ValueError(f"a row has {', '.join(_KEYS)} and at will `methods`, and `severity: note` where few runs use what it is about")
    for name in (row["package"], row["needs"]):
        if canonical_name(name) != name:
            raise ValueError(f"`{name}` is no canonical package name")
    versions.specifier(row["versions"])
    versions.installed(row["first"])
    told = [str(row.get(key) or "") for key in ("versions", "needs", "first", "effect", "methods")]
    return str(row["package"]), [*told, str(row.get("severity") or "warning")]
