"""Modules that a release takes away from packages which import them: rows of `gone_modules.yaml`, by the importing package."""

from __future__ import annotations

from typing import Any, List, Mapping, Tuple

from envcheck import versions
from envcheck.wire import canonical_name

_KEYS = ("package", "versions", "module", "provider", "gone", "effect", "severity", "source")


def check_row(row: Mapping[str, str]) -> Tuple[str, List[Any]]:
    """One row -> (package, [versions, module, provider, gone, effect, severity]).

    Raises ValueError or KeyError for a malformed row.
    """
    if set(row) - set(_KEYS):
        raise ValueError(f"unknown key among {', '.join(row)}")
    for name in (row["package"], row["provider"]):
        if canonical_name(name) != name:
            raise ValueError(f"`{name}` is no canonical package name")
    versions.specifier(row["versions"])
    versions.specifier(row["gone"])
    if row["severity"] not in ("error", "warning", "note") or not row["source"]:
        raise ValueError("a row has a severity (error, warning, note) and a source")
    return str(row["package"]), [str(row[key]) for key in ("versions", "module", "provider", "gone", "effect", "severity")]
