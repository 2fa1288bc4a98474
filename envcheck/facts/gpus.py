"""GPU names -> compute capability, from the table `matrices/facts/gpus.yaml`."""

from __future__ import annotations

import re
from typing import FrozenSet, List, Optional, Sequence, Tuple

_VENDOR_WORDS = frozenset(("nvidia", "geforce", "tesla", "gpu", "graphics", "device"))
_WORDS = re.compile(r"[a-z0-9]+")

Row = Sequence[str]
"""[name, capability]"""


def capability_of(name: str, rows: Sequence[Row]) -> Tuple[Optional[str], Tuple[str, ...]]:
    """The capability of a GPU by the name that a person or a driver uses, and the table's names that it may mean.

    The capability is None where no name fits, or where names of several capabilities do. The listed name with the most
    words in common decides, so that `A100-SXM4-80GB` is an `A100` and `RTX 4090 D` no plain `RTX 4090` if both are listed.
    """
    words = _name_words(name)
    inside = [row for row in rows if _name_words(row[0]) <= words]
    longest = max((len(_name_words(row[0])) for row in inside), default=0)
    fitting = [row for row in inside if len(_name_words(row[0])) == longest] if longest else []
    fitting = fitting or [row for row in rows if words and words <= _name_words(row[0])]
    names = tuple(row[0] for row in fitting)
    found: List[str] = sorted({row[1] for row in fitting})
    return (found[0] if len(found) == 1 else None), names


def _name_words(name: str) -> FrozenSet[str]:
    return frozenset(_WORDS.findall(name.lower())) - _VENDOR_WORDS
