"""From which release on a compiled package loads beside NumPy 2: rows of `numpy_abi.yaml`, by package."""

from __future__ import annotations

from typing import Mapping, Tuple

from envcheck import versions
from envcheck.wire import canonical_name


def check_row(row: Mapping[str, str]) -> Tuple[str, str]:
    """`{package, first, source}` -> (package, first release). Raises ValueError or KeyError for a malformed row."""
    if set(row) - {"package", "first", "source"}:
        raise ValueError(f"unknown key among {', '.join(row)}")
    versions.installed(row["first"])
    if not row["source"] or canonical_name(row["package"]) != row["package"]:
        raise ValueError("a row has a source and a canonical package name")
    return str(row["package"]), str(row["first"])
