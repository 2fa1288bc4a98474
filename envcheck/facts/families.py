"""Since when transformers knows a model family: rows of `model_families.yaml`, by the family's name."""

from __future__ import annotations

import re
from typing import Mapping, Tuple

from envcheck import versions

_NAME = re.compile(r"[a-z0-9_]+")


def check_row(row: Mapping[str, str]) -> Tuple[str, str]:
    """One row -> (family, first release of transformers that has it). Raises ValueError or KeyError for a malformed row."""
    if set(row) != {"family", "first"} or not _NAME.fullmatch(row["family"]):
        raise ValueError("a row has `family`, as config.json spells it, and `first`, a release of transformers")
    versions.installed(row["first"])
    return str(row["family"]), str(row["first"])
