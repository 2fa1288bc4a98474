"""Rows -> how many of them have which fault, and which row was the first; nothing of a row is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from envcheck.tokens.rows import Row

IGNORED = -100
"""The label that torch's cross entropy leaves out (`ignore_index`), and that every trainer masks with."""
_NOT_FEATURES = frozenset(("input_ids", "labels", "attention_mask"))
_MOST_DEPTH = 8


class Bounds(NamedTuple):
    """What the rows are held against; None where it is not known, and then not judged."""

    vocab_size: Optional[int] = None
    max_length: Optional[int] = None
    pad_token: Optional[int] = None


class Seen(NamedTuple):
    """A fault: in how many rows, the first of them, and what was seen there."""

    rows: int
    first: int
    example: str


@dataclass
class Tally:
    """What was counted over all rows."""

    rows: int = 0
    tokens: int = 0
    labelled: int = 0
    """Tokens of rows that have labels."""
    trained: int = 0
    """Labels that are not masked, without the first of each row, which nothing predicts."""
    longest: int = 0
    has_ids: bool = False
    has_labels: bool = False
    faults: Dict[str, Seen] = field(default_factory=dict)

    def tell(self, kind: str, row: int, example: str) -> None:
        """Count one more row with a fault."""
        before = self.faults.get(kind)
        self.faults[kind] = before._replace(rows=before.rows + 1) if before else Seen(1, row, example)


def count(given: Iterable[Row], bounds: Bounds) -> Tally:
    """The tally of all rows."""
    tally = Tally()
    for number, row in given:
        tally.rows += 1
        ids, labels, mask = (_numbers(row, name, number, tally) for name in ("input_ids", "labels", "attention_mask"))
        if ids is not None:
            _ids(ids, number, tally, bounds)
        if labels is not None:
            _labels(labels, ids, number, tally, bounds)
        if mask and not any(mask):
            tally.tell("mask-zero", number, f"all {len(mask)} of `attention_mask` are 0")
        _lengths(ids, labels, mask, number, tally)
        _features(row, number, tally)
    return tally


def _numbers(row: Dict[str, Any], name: str, number: int, tally: Tally) -> Optional[List[int]]:
    """The whole numbers of a column; None where the row has none, or holds something else (a single class as label)."""
    value = row.get(name)
    if not isinstance(value, list):
        return None
    if value and isinstance(value[0], list):
        value = [one for inner in value if isinstance(inner, list) for one in inner]  # a batch saved as one row
    if all(type(one) is int for one in value):
        return value
    wrong = next(one for one in value if type(one) is not int)
    if name == "labels" and type(wrong) is float:
        return None  # targets of a regression; as a feature they are looked at all the same
    tally.tell("not-whole-numbers", number, f"`{name}` holds {str(wrong)[:40]}")
    return None


def _ids(ids: List[int], number: int, tally: Tally, bounds: Bounds) -> None:
    tally.has_ids = True
    tally.tokens += len(ids)
    tally.longest = max(tally.longest, len(ids))
    if not ids:
        tally.tell("empty", number, "`input_ids` is empty")
        return
    if min(ids) < 0:
        tally.tell("id-outside", number, f"`input_ids` holds {min(ids)}")
    elif bounds.vocab_size is not None and max(ids) >= bounds.vocab_size:
        tally.tell("id-outside", number, f"`input_ids` holds {max(ids)}, the vocabulary has {bounds.vocab_size}")
    if bounds.max_length is not None and len(ids) > bounds.max_length:
        tally.tell("too-long", number, f"{len(ids)} tokens, {bounds.max_length} are allowed")


def _labels(labels: List[int], ids: Optional[List[int]], number: int, tally: Tally, bounds: Bounds) -> None:
    tally.has_labels = True
    # A causal model shifts, so nothing predicts the first label; labels of another length are those of a decoder, which does not.
    first = 1 if ids is None or len(ids) == len(labels) else 0
    trained = sum(one != IGNORED for one in labels[first:])
    tally.labelled += len(labels)
    tally.trained += trained
    if labels and not trained:
        _untrained(labels, number, tally, bounds)
    elif bounds.max_length is not None and len(labels) > bounds.max_length and all(one == IGNORED for one in labels[first : bounds.max_length]):
        answer = next(at for at, one in enumerate(labels) if at >= first and one != IGNORED)
        tally.tell("cut-before-answer", number, f"the first label that trains is at {answer}, behind the {bounds.max_length} that are kept")
    outside = next((one for one in labels if one != IGNORED and (one < 0 or (bounds.vocab_size is not None and one >= bounds.vocab_size))), None)
    if outside is not None:
        tally.tell("label-outside", number, f"`labels` holds {outside}" + (f", the vocabulary has {bounds.vocab_size}" if outside >= 0 else ""))
    if ids is not None and bounds.pad_token is not None and _trains_padding(labels, ids, bounds.pad_token):
        tally.tell("padding-trained", number, f"the padding id {bounds.pad_token} at the end is not masked")


def _untrained(labels: List[int], number: int, tally: Tally, bounds: Bounds) -> None:
    if len(labels) == bounds.max_length:
        tally.tell("cut-before-answer", number, f"no label trains, and the row has just the {bounds.max_length} tokens that are kept")
    else:
        tally.tell("all-masked", number, "only the first label is not -100" if labels[0] != IGNORED else f"all {len(labels)} labels are -100")


def _trains_padding(labels: List[int], ids: List[int], pad: int) -> bool:
    """Whether a run of padding at the end is trained on; one alone may be the end of the text."""
    return len(labels) == len(ids) > 1 and ids[-2:] == [pad, pad] and labels[-1] == pad


def _lengths(ids: Optional[List[int]], labels: Optional[List[int]], mask: Optional[List[int]], number: int, tally: Tally) -> None:
    if ids is None:
        return
    if mask is not None and len(mask) != len(ids):
        tally.tell("lengths-differ", number, f"`input_ids` {len(ids)}, `attention_mask` {len(mask)}")
    if labels is not None and len(labels) != len(ids) and len(labels) > 1:
        tally.tell("labels-of-own-length", number, f"`input_ids` {len(ids)}, `labels` {len(labels)}")


def _features(row: Dict[str, Any], number: int, tally: Tally) -> None:
    for name, value in row.items():
        if name not in _NOT_FEATURES or name == "labels":
            bad = _not_finite(value)
            if bad is not None:
                tally.tell("not-finite", number, f"`{name[:80]}` holds {bad}")


def _not_finite(value: Any) -> Optional[float]:
    """The first NaN or Inf in a nest of lists."""
    pending: List[Tuple[Any, int]] = [(value, 0)]
    while pending:
        one, depth = pending.pop()
        if type(one) is float and not math.isfinite(one):
            return one
        if isinstance(one, dict):
            one = list(one.values())
        if isinstance(one, list) and depth < _MOST_DEPTH:
            pending += [(inner, depth + 1) for inner in one if type(inner) in (float, list, dict)]
    return None
