from __future__ import annotations

from typing import Any, Optional

import pytest
from build import snap

from envcheck.good import GoodCombinations
from envcheck.model import Entry, Finding, Nearest, Snapshot


def entry(id: str, when: dict[str, Any]) -> Entry:
    return Entry(id, "good", "note", f"title of {id}", ("torch", "transformers"), when)


def judge(snapshot: Snapshot, entries: list[Entry]) -> tuple[tuple[Finding, ...], Optional[Nearest]]:
    return GoodCombinations(entries, frozenset(("torch", "transformers", "deepspeed", "peft"))).judge(snapshot)


GOOD = entry("stack", {"python": "==3.10.*", "torch": "==2.1.2", "transformers": "==4.36.2"})
OTHER = entry("other", {"torch": "==2.7.1", "transformers": "==4.52.4"})


def test_the_very_combination_is_known_good() -> None:
    [finding], nearest = judge(snap(python="3.10.12", torch="2.1.2+cu121", transformers="4.36.2", tqdm="4.66"), [GOOD, OTHER])
    assert finding.id == "stack"
    assert nearest is None


def test_a_good_entry_does_not_speak_for_packages_it_does_not_name() -> None:
    findings, nearest = judge(snap(python="3.10.12", torch="2.1.2", transformers="4.36.2", deepspeed="0.14.3"), [GOOD])
    assert findings == ()
    assert nearest is not None
    assert [(one.key, one.yours, one.known_good) for one in nearest.differs] == [("deepspeed", "0.14.3", None)]


def test_unknown_is_never_good() -> None:
    findings, _ = judge(snap(torch="2.1.2", transformers="4.36.2"), [GOOD])
    assert findings == ()


def test_the_nearest_combination_says_what_differs() -> None:
    _, nearest = judge(snap(python="3.10.12", torch="2.1.2", transformers="4.46.1"), [OTHER, GOOD])
    assert nearest is not None
    assert nearest.id == "stack"
    assert [(one.key, one.yours, one.known_good) for one in nearest.differs] == [("transformers", "4.46.1", "4.36.2")]


def test_a_combination_without_one_version_in_common_is_no_neighbour() -> None:
    assert judge(snap(torch="1.9.0"), [GOOD, OTHER]) == ((), None)


@pytest.mark.parametrize("order", [[GOOD, OTHER], [OTHER, GOOD]])
def test_the_order_of_entries_decides_nothing(order: list[Entry]) -> None:
    _, nearest = judge(snap(torch="2.1.2", peft="0.7.1"), order)
    assert nearest is not None
    assert nearest.id == "stack"


def test_a_stack_package_of_unknown_version_is_not_good() -> None:
    snapshot = snap(python="3.10.12", packages={"torch": "2.1.2", "transformers": "4.36.2", "deepspeed": None}, complete=True)
    findings, nearest = judge(snapshot, [GOOD])
    assert findings == ()
    assert nearest is not None
    assert nearest.differs[0].key == "deepspeed"


def test_what_nobody_looked_for_is_unknown_and_not_absent() -> None:
    _, nearest = judge(snap(torch="2.1.2", transformers="4.36.2", complete=True), [GOOD])
    assert nearest is not None
    assert [(one.key, one.yours) for one in nearest.differs] == [("python", None)]
