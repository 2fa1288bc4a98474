"""Public names that came and went with releases: rows of `public_names.yaml`, one a package."""

from __future__ import annotations

from typing import Any, List, Mapping, Tuple

from envcheck import versions
from envcheck.wire import canonical_name

_KEYS = {"module", "lacks", "names"}
WORDS = ("since", "until")


def check_row(row: Mapping[str, Any]) -> Tuple[str, List[List[str]]]:
    """`{package: trl, source: …, names: [{module: trl, until: "0.9.6", lacks: ">=0.10.0", names: A B}]}` -> (package, [[module, word,
    release, lacks, names], …]). Raises ValueError, KeyError or TypeError for a malformed row.
    """
    if set(row) != {"package", "source", "names"} or not row["source"] or canonical_name(row["package"]) != row["package"]:
        raise ValueError("a row has a canonical `package`, a `source` and `names`")
    return str(row["package"]), [_one(one) for one in row["names"]]


def _one(row: Mapping[str, str]) -> List[str]:
    words = set(row) - _KEYS
    if _KEYS - set(row) or len(words) != 1 or not words <= set(WORDS):
        raise ValueError(f"each has {', '.join(sorted(_KEYS))} and one of {' or '.join(WORDS)}")
    word = words.pop()
    versions.installed(row[word])
    versions.specifier(row["lacks"])
    if any(not part.isidentifier() for part in (*row["module"].split("."), *row["names"].split())):
        raise ValueError("`module` and `names` are Python names")
    return [str(row["module"]), word, str(row[word]), str(row["lacks"]), str(row["names"])]
