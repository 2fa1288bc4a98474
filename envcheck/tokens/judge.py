"""A tally -> what is wrong, and how badly."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Tuple

from envcheck.tokens.count import Tally

_ORDER = ("error", "warning", "note")
# Severity, what it is, what it does to a run.
KINDS: Dict[str, Tuple[str, str, str]] = {
    "label-outside": ("error", "labels out of the vocabulary", "cross entropy fails on them, on a GPU with a device-side assert"),
    "id-outside": ("error", "ids out of the vocabulary", "the embedding has no row for them"),
    "not-finite": ("error", "NaN or Inf in features", "one such row makes the loss NaN"),
    "mask-zero": ("error", "attention masks of nothing but 0", "attention over nothing is NaN in some backends"),
    "not-whole-numbers": ("error", "columns that should hold whole numbers and do not", "the collator fails on them"),
    "lengths-differ": ("error", "attention masks of another length than the ids", "the collator fails on them"),
    "labels-of-own-length": ("note", "labels of another length than the ids", "right for an encoder-decoder; a causal model needs one for each token"),
    "empty": ("error", "empty sequences", "a batch of them has no loss: it is NaN"),
    "all-masked": ("warning", "rows without a label that trains", "the mean over no tokens is NaN where a whole micro-batch is so"),
    "cut-before-answer": ("warning", "answers that lie behind --max-length", "once they are cut off, all their labels are masked"),
    "too-long": ("note", "rows longer than --max-length", "they are cut off, or dropped"),
    "padding-trained": ("note", "padding that is not masked in the labels", "the model learns to write padding"),
}


class Fault(NamedTuple):
    """One kind of fault over all rows."""

    kind: str
    severity: str
    title: str
    why: str
    rows: int
    first: int
    example: str


def judge(tally: Tally) -> List[Fault]:
    """The faults, the worst first. Where no row trains, that is an error and not a warning."""
    found = []
    for kind, (severity, title, why) in KINDS.items():
        seen = tally.faults.get(kind)
        if seen is not None:
            hopeless = kind in ("all-masked", "cut-before-answer") and seen.rows == tally.rows
            found.append(Fault(kind, "error" if hopeless else severity, title, why, seen.rows, seen.first, seen.example))
    return sorted(found, key=lambda one: _ORDER.index(one.severity))
