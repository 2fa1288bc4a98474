from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.match import known_good, match, unpinned
from envcheck.model import Entry

STACK = frozenset(("torch", "transformers", "deepspeed", "peft"))


def entry(id: str, when: dict[str, Any], kind: str = "bad", severity: str = "error", culprit: tuple[str, ...] = ("deepspeed",)) -> Entry:
    return Entry(id, kind, severity, f"title of {id}", culprit, when)


RACE = entry("race", {"deepspeed": ">=0.12.4,<0.14.3", "train.zero_stage": ["1", "2"], "train.overlap_comm": "true"}, severity="warning")
ZERO = entry("zero", {"deepspeed": "==0.14.3"})


def test_an_entry_whose_conditions_hold_is_a_certain_finding() -> None:
    [finding] = match(snap(deepspeed="0.14.3"), [ZERO]).findings
    assert (finding.id, finding.severity, finding.certainty) == ("zero", "error", "certain")
    assert [(used.key, used.value, used.origin) for used in finding.facts] == [("deepspeed", "0.14.3", "test")]


def test_a_requirement_that_allows_it_is_a_possible_finding_and_no_error() -> None:
    [finding] = match(snap(deepspeed=">=0.12"), [ZERO]).findings
    assert (finding.severity, finding.certainty) == ("warning", "possible")


def test_a_requirement_that_forces_it_is_certain() -> None:
    [finding] = match(snap(deepspeed="==0.14.3"), [ZERO]).findings
    assert (finding.severity, finding.certainty) == ("error", "certain")


def test_a_clear_requirement_says_nothing() -> None:
    assert match(snap(deepspeed=">=0.15"), [ZERO]) == ((), ())


def test_one_or_two_missing_facts_leave_it_undecided() -> None:
    [item] = match(snap(deepspeed="0.13.1"), [RACE]).undecided
    assert item.needs == ("train.zero_stage", "train.overlap_comm")


def test_three_missing_facts_are_too_many() -> None:
    far = entry("far", {"deepspeed": "<1", "train.zero_stage": "2", "train.overlap_comm": "true", "train.precision": "bf16"})
    assert match(snap(deepspeed="0.13.1"), [far]).undecided == ()


def test_that_only_the_operating_system_fits_is_no_reason_to_ask() -> None:
    assert match(snap(os="linux", python="3.10"), [entry("e", {"os": "linux", "python": ">=3.8", "deepspeed": "<1"})]).undecided == ()


def test_findings_are_ranked_by_what_they_cost() -> None:
    entries = [entry("c", {"torch": "<3"}, "caution", "note"), entry("b", {"torch": "<3"}, "bad", "warning"), entry("a", {"torch": "<3"})]
    assert [finding.id for finding in match(snap(torch="2.0.0"), entries).findings] == ["a", "b", "c"]


def test_an_unpinned_package_is_one_line_however_many_entries_it_allows() -> None:
    snapshot = snap(deepspeed=">=0")
    assert unpinned(snapshot, match(snapshot, [ZERO, RACE])) == {"deepspeed": ("zero", "race")}
    assert unpinned(snap(deepspeed="0.13.1"), match(snap(deepspeed="0.13.1"), [RACE])) == {}


GOOD = entry("stack", {"python": "==3.10.*", "torch": "==2.1.2", "transformers": "==4.36.2"}, "good", "note", ("torch", "transformers"))
OTHER = entry("other", {"torch": "==2.7.1", "transformers": "==4.52.4"}, "good", "note", ("torch", "transformers"))


def test_the_very_combination_is_known_good() -> None:
    [finding], nearest = known_good(snap(python="3.10.12", torch="2.1.2+cu121", transformers="4.36.2", tqdm="4.66"), [GOOD, OTHER], STACK)
    assert finding.id == "stack"
    assert nearest is None


def test_a_good_entry_does_not_speak_for_packages_it_does_not_name() -> None:
    findings, nearest = known_good(snap(python="3.10.12", torch="2.1.2", transformers="4.36.2", deepspeed="0.14.3"), [GOOD], STACK)
    assert findings == ()
    assert nearest is not None
    assert [(one.key, one.yours, one.known_good) for one in nearest.differs] == [("deepspeed", "0.14.3", None)]


def test_unknown_is_never_good() -> None:
    findings, _ = known_good(snap(torch="2.1.2", transformers="4.36.2"), [GOOD], STACK)
    assert findings == ()


def test_the_nearest_combination_says_what_differs() -> None:
    _, nearest = known_good(snap(python="3.10.12", torch="2.1.2", transformers="4.46.1"), [OTHER, GOOD], STACK)
    assert nearest is not None
    assert nearest.id == "stack"
    assert [(one.key, one.yours, one.known_good) for one in nearest.differs] == [("transformers", "4.46.1", "4.36.2")]


def test_a_combination_without_one_version_in_common_is_no_neighbour() -> None:
    assert known_good(snap(torch="1.9.0"), [GOOD, OTHER], STACK) == ((), None)


@pytest.mark.parametrize("order", [[GOOD, OTHER], [OTHER, GOOD]])
def test_the_order_of_entries_decides_nothing(order: list[Entry]) -> None:
    _, nearest = known_good(snap(torch="2.1.2", peft="0.7.1"), order, STACK)
    assert nearest is not None
    assert nearest.id == "stack"
