"""What is known of model families, by the family's name: rows of `model_families.yaml` and `family_precision.yaml`."""

from __future__ import annotations

import re
from typing import List, Mapping, Tuple

from envcheck import versions
from envcheck.model import EVIDENCE_LEVELS, SEVERITIES

_NAME = re.compile(r"[a-z0-9_]+")
_PRECISION = ("family", "severity", "symptom", "cause", "disputed", "level", "source")


def check_row(row: Mapping[str, str]) -> Tuple[str, str]:
    """One row -> (family, first release of transformers that has it). Raises ValueError or KeyError for a malformed row."""
    if set(row) != {"family", "first"}:
        raise ValueError("a row has `family`, as config.json spells it, and `first`, a release of transformers")
    versions.installed(row["first"])
    return _family(row), str(row["first"])


def check_precision(row: Mapping[str, str]) -> Tuple[str, List[str]]:
    """One row on fp16 -> (family, [severity, symptoms, cause, disputed, level, pages]). Raises ValueError or KeyError for a malformed row."""
    strange, missing = set(row) - set(_PRECISION), [key for key in _PRECISION if key != "disputed" and not row.get(key)]
    if strange or missing:
        raise ValueError(f"unknown key {', '.join(sorted(strange))}" if strange else f"`{missing[0]}` is missing")
    if row["severity"] not in SEVERITIES or row["level"] not in EVIDENCE_LEVELS:
        raise ValueError(f"`severity` is one of {', '.join(SEVERITIES)}, `level` one of {', '.join(EVIDENCE_LEVELS)}")
    return _family(row), [str(row.get(key) or "") for key in ("severity", "symptom", "cause", "disputed", "level", "source")]


def _family(row: Mapping[str, str]) -> str:
    if not _NAME.fullmatch(row["family"]):
        raise ValueError("`family` is spelt as config.json spells it")
    return str(row["family"])
