"""Examples through the whole pipeline: index, derivation, matcher and rules, as a user's environment goes."""

from __future__ import annotations

from typing import List, Sequence, Tuple

from envcheck.errors import Problem
from envcheck.match import match
from envcheck.matrix.schema import Draft
from envcheck.model import Snapshot
from envcheck.workshop.work import Workbench


def failures(drafts: Sequence[Draft], bench: Workbench) -> Tuple[int, List[Problem]]:
    """How many examples were tried, and those that do not do what they say."""
    tried = 0
    problems: List[Problem] = []
    for draft in drafts:
        if draft.entry.kind == "good":
            continue
        for kind, snapshots in draft.examples.items():
            for number, snapshot in enumerate(snapshots, 1):
                tried += 1
                seen = _seen(draft.entry.id, snapshot, bench)
                if seen not in _FITS[kind]:
                    problems.append(Problem(draft.path, None, f"{kind} example {number} is {seen}", "L05"))
    return tried, problems


_FITS = {"hit": ("found",), "miss": ("silent",), "unknown": ("undecided", "possible", "silent")}
"""An unknown example may be too far away to be worth a question."""


def _seen(id: str, snapshot: Snapshot, bench: Workbench) -> str:
    matches = match(snapshot, bench.candidates(snapshot))
    for finding in matches.findings:
        if finding.id == id:
            return "found" if finding.certainty == "certain" else "possible"
    return "undecided" if any(item.id == id for item in matches.undecided) else "silent"
