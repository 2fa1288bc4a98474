"""Numbers and comparisons of training settings (`4`, `>1`, `>=1e-4,<1e-2`) as closed ranges on one line."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Optional, Tuple

Cut = Tuple[float, int]
"""A place on the line: at a number (0), just below (-1) or just above (1) it."""

_COMPARISON = re.compile(r"\s*(<=|>=|<|>|==|=)?\s*([-+0-9.e_]+)\s*", re.IGNORECASE)


def number(text: str) -> Optional[float]:
    """The number a text is, as Python and YAML 1.1 write them; None for anything else."""
    try:
        return float(text.replace("_", ""))
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def number_range(text: str) -> Optional[Tuple[Cut, Cut]]:
    """The range that `4`, `>1` or `<=2e-5` stands for; None for what is no number."""
    found = _COMPARISON.fullmatch(text)
    value = number(found[2]) if found else None
    if found is None or value is None:
        return None
    operator = found[1] or "="
    if operator in ("=", "=="):
        return (value, 0), (value, 0)
    if operator[0] == "<":
        return (-math.inf, 0), (value, 0 if operator == "<=" else -1)
    return (value, 0 if operator == ">=" else 1), (math.inf, 0)


def number_within(value: str, wanted: str) -> Optional[bool]:
    """Whether a number or range satisfies a comma-separated list of comparisons: True, False, or None where it is undecided."""
    known = number_range(value)
    if known is None:
        return False
    answer: Optional[bool] = True
    for part in wanted.split(","):
        range_ = number_range(part)
        if range_ is None:
            return None
        if range_[0] <= known[0] and known[1] <= range_[1]:
            continue
        if known[1] < range_[0] or range_[1] < known[0]:
            return False
        answer = None
    return answer
