"""Releases whose metadata pip no longer reads: rows of `refused_metadata.yaml`, by package."""

from __future__ import annotations

from typing import List, Mapping, Tuple

from envcheck import versions
from envcheck.wire import canonical_name


def check_row(row: Mapping[str, str]) -> Tuple[str, List[str]]:
    """`{package, versions, requirement, source}` -> (package, [versions, requirement]). Raises ValueError or KeyError for a malformed row."""
    if set(row) != {"package", "versions", "requirement", "source"}:
        raise ValueError("a row has `package`, `versions`, `requirement` and `source`")
    versions.specifier(row["versions"])
    if not row["source"] or canonical_name(row["package"]) != row["package"]:
        raise ValueError("a row has a source and a canonical package name")
    return str(row["package"]), [str(row["versions"]), str(row["requirement"])]
