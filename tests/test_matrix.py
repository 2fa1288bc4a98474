"""The matrix as it is: large enough, and every example found through the index. What an entry must be is for the lints (tests/unit/workshop)."""

from __future__ import annotations

from pathlib import Path

from envcheck.api import Checker
from envcheck.matrix import files, load

ROOT = Path(__file__).parent.parent / "matrices"
DRAFTS = load.drafts(files.below(ROOT / "entries"), relative_to=ROOT.parent)
LIVE = [draft for draft in DRAFTS if not draft.page.withdrawn]


def test_there_are_entries() -> None:
    assert len([draft for draft in LIVE if draft.entry.kind != "good"]) >= 40
    assert len([draft for draft in LIVE if draft.entry.kind == "good"]) >= 10


def test_the_index_finds_every_example_that_hits() -> None:
    checker = Checker()
    lost = []
    for draft in LIVE:
        for snapshot in draft.examples["hit"]:
            found = {finding.id for finding in checker.report(snapshot).findings}
            if draft.entry.kind != "good" and draft.entry.id not in found:
                lost.append(draft.entry.id)
    assert not lost
