"""Arguments that a class or method took away or got with a release, or passes to an override: rows of `arguments.yaml`, by the class or `Class.method`."""

from __future__ import annotations

from typing import List, Mapping, Tuple

from envcheck import versions
from envcheck.wire import canonical_name

_KEYS = {"of", "package", "names", "source"}
_KINDS = ("gone", "first", "passes")


def check_row(row: Mapping[str, str]) -> Tuple[str, List[str]]:
    """One row -> (class, [package, "gone" or "first", release, `old=new` words]). Raises ValueError or KeyError for a malformed row."""
    when = set(row) - _KEYS
    if len(when) != 1 or not when <= set(_KINDS) or _KEYS - set(row) or not row["source"]:
        raise ValueError(f"a row has {', '.join(sorted(_KEYS))} and one of {', '.join(_KINDS)}")
    if canonical_name(row["package"]) != row["package"]:
        raise ValueError(f"`{row['package']}` is no canonical package name")
    words = row["names"].split()
    if not words or any(not part.isidentifier() for word in words for part in word.split("=", 1)):
        raise ValueError("`names` holds Python names, or `old=new`")
    kind = when.pop()
    (versions.specifier if kind == "passes" else versions.installed)(row[kind])
    return str(row["of"]), [str(row["package"]), kind, str(row[kind]), " ".join(words)]
