"""GPU names -> compute capability or architecture, from the table `matrices/facts/gpus.yaml`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import FrozenSet, List, NamedTuple, Optional, Sequence, Tuple

Row = Sequence[Optional[str]]
"""[name, capability or None, architecture or None]"""

_NVIDIA = frozenset(("nvidia", "geforce", "tesla", "quadro"))
_AMD = frozenset(("amd", "radeon", "instinct"))
_OTHERS = frozenset(("intel", "arc", "apple", "ascend", "huawei", "moore", "cambricon"))
_UNTELLING = frozenset(("nvidia", "geforce", "tesla", "amd", "radeon", "instinct", "gpu", "gpus", "graphics", "device", "card", "cards"))
_SERIES = frozenset(
    (
        "rtx",
        "gtx",
        "rx",
        "pro",
        "titan",
        "jetson",
        "quadro",
        "max",
        "edition",
        "generation",
        "laptop",
        "server",
        "workstation",
        "pascal",
        "ada",
        "blackwell",
        "active",
    )
)
"""Words that many GPUs share, or a whole generation; none of them alone tells which GPU is meant."""
_WORDS = re.compile(r"[a-z0-9]+")
# `rtx4090`, `QuadroRTX8000`, `RTXA6000` hold two words and more, and so do `2080ti`, `4090D`, `4070tisuper`.
_GLUED_BEFORE = re.compile(r"(rtx|gtx|rx|quadro|geforce|tesla|nvidia|radeon|instinct|amd)(?=[a-z]*[0-9])")
_GLUED_BEHIND = re.compile(r"(?<=[0-9]{3})(ti|super|xtx|xt|gre|d)(?=ti|super|$)|(?<=ti)(super)$")
# 80GB, 80g, SXM5, HBM3e, NVL72, NVLink: how a GPU is built in.
_FITTING = re.compile(r"[0-9]+gi?b?|sxm[0-9]?|hbm[0-9]?e?|nvl[0-9]*|nvlink|pcie|oam|mig|with|design")


class Match(NamedTuple):
    """What a name says of a GPU."""

    capability: Optional[str] = None
    """None where no listed name fits, where names of several GPUs do, and for another vendor's."""
    arch: Optional[str] = None
    names: Tuple[str, ...] = ()
    """The listed names that it may mean."""
    strange: Tuple[str, ...] = ()
    """Its words that belong neither to that name nor to any other."""


def identify(name: str, rows: Sequence[Row]) -> Match:
    """The GPU that a person or a driver calls so.

    The listed name with the most words in common decides, so that `A100-SXM4-80GB` is an `A100` and `RTX 4090 D` no plain
    `RTX 4090` if both are listed. A name that holds two models (`A100 or V100`) is neither.
    """
    words = name_words(name)
    rows = of_vendor(name, rows)
    inside = [row for row in rows if name_words(str(row[0])) <= words]
    longest = max((len(name_words(str(row[0]))) for row in inside), default=0)
    fitting = [row for row in inside if len(name_words(str(row[0]))) == longest]
    fitting = (fitting if longest else []) or [row for row in rows if words <= name_words(str(row[0])) and _tells(words, row)]
    others = _contradicting(words, fitting, rows)
    found = {(row[1], row[2] if len(row) > 2 else None) for row in fitting}
    capability, arch = found.pop() if len(found) == 1 and not others else (None, None)
    return Match(capability, arch, tuple(str(row[0]) for row in fitting[:_SHOWN] + others), _strange(words, fitting, rows))


_SHOWN = 20


def of_vendor(name: str, rows: Sequence[Row]) -> List[Row]:
    """The rows of the vendor that is named, or all; Intel's Arc Pro A40 is not NVIDIA's A40."""
    words = frozenset(_split(name))
    if words & _OTHERS:
        return []
    return [row for row in rows if not words & (_NVIDIA if row[1] is None else _AMD)]


def _tells(words: FrozenSet[str], row: Row) -> bool:
    """Whether a part of a listed name says which GPU it is: its model number, or a word that others do not share."""
    model = _model(str(row[0]))
    return model in words if model else any(len(word) > 2 for word in words - _SERIES)


def _contradicting(words: FrozenSet[str], fitting: Sequence[Row], rows: Sequence[Row]) -> List[Row]:
    """The rows of another model that is named too (`A100 or V100`)."""
    if not fitting:
        return []
    taken = frozenset().union(*(name_words(str(row[0])) for row in fitting))
    models = {model: row for row in rows for model in [_model(str(row[0]))] if model in words - taken}
    return [row for model, row in models.items() if not any(_is_beside(str(model), words & taken, other) for other in rows)]


def _is_beside(model: str, words: FrozenSet[str], row: Row) -> bool:
    return words | {model} <= name_words(str(row[0]))


def _strange(words: FrozenSet[str], fitting: Sequence[Row], rows: Sequence[Row]) -> Tuple[str, ...]:
    left = words - frozenset().union(*(name_words(str(row[0])) for row in fitting)) if fitting else words
    known = frozenset(word for row in rows for word in name_words(str(row[0])) if word.isalpha() and len(word) > 1) if left else left
    return tuple(sorted(word for word in left if not _FITTING.fullmatch(word) and word not in known))


@lru_cache(maxsize=4096)
def _model(name: str) -> Optional[str]:
    """The word of a listed name that tells the model: the first with a digit in it."""
    words = [word for word in _split(name) if word not in _UNTELLING]
    return next((word for word in words if any(letter.isdigit() for letter in word)), None)


@lru_cache(maxsize=4096)
def name_words(name: str) -> FrozenSet[str]:
    """The words of a GPU's name that matter, however they are written (`rtx4090`, `RTX-4090`)."""
    return frozenset(_split(name)) - _UNTELLING


def _split(name: str) -> List[str]:
    apart = []
    for word in _WORDS.findall(name.lower()):
        apart += _GLUED_BEHIND.sub(r" \g<0>", _GLUED_BEFORE.sub(r"\1 ", word)).split()
    return apart
