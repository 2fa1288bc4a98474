"""Every entry loads, which holds it to its examples, needs each of its conditions, and is found through the index."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcheck.api import Checker
from envcheck.conditions import evaluate
from envcheck.matrix import files, load, schema
from envcheck.model import Truth

ROOT = Path(__file__).parent.parent / "matrices"
DRAFTS = load.drafts(files.below(ROOT / "entries"), relative_to=ROOT.parent)
LIVE = [draft for draft in DRAFTS if not draft.page.withdrawn]


def test_there_are_entries() -> None:
    assert len([draft for draft in LIVE if draft.entry.kind != "good"]) >= 40
    assert len([draft for draft in LIVE if draft.entry.kind == "good"]) >= 10


@pytest.mark.parametrize("draft", LIVE, ids=lambda draft: draft.entry.id)
def test_every_condition_is_needed(draft: schema.Draft) -> None:
    """Without one of its conditions some `miss` example must start to hit, or the condition is not tested."""
    when = draft.entry.when
    for key in when if len(when) > 1 else ():
        rest = {other: argument for other, argument in when.items() if other != key}
        assert any(evaluate(rest, miss).truth is Truth.YES for miss in draft.examples["miss"]), f"no miss example differs in `{key}` alone: {draft.path}"


def test_the_index_finds_every_example_that_hits() -> None:
    checker = Checker()
    lost = []
    for draft in LIVE:
        for snapshot in draft.examples["hit"]:
            found = {finding.id for finding in checker.report(snapshot).findings}
            if draft.entry.kind != "good" and draft.entry.id not in found:
                lost.append(draft.entry.id)
    assert not lost
