from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.match import match, unpinned
from envcheck.model import Entry


def entry(id: str, when: dict[str, Any], kind: str = "bad", severity: str = "error", culprit: tuple[str, ...] = ("deepspeed",)) -> Entry:
    return Entry(id, kind, severity, f"title of {id}", culprit, when)


RACE = entry("race", {"deepspeed": ">=0.12.4,<0.14.3", "train.zero_stage": ["1", "2"], "train.overlap_comm": "true"}, severity="warning")
ZERO = entry("zero", {"deepspeed": "==0.14.3"})


def test_an_entry_whose_conditions_hold_is_a_certain_finding() -> None:
    [finding] = match(snap(deepspeed="0.14.3"), [ZERO]).findings
    assert (finding.id, finding.severity, finding.certainty) == ("zero", "error", "certain")
    assert [(used.key, used.value, used.origin) for used in finding.facts] == [("deepspeed", "0.14.3", "test")]


def test_what_a_not_spared_is_shown_and_is_no_reason_to_ask() -> None:
    unchecked = entry("unchecked", {"train.precision": "bf16", "not": {"deepspeed": ["<0.11.2", ">=0.19.3", "absent"]}}, severity="warning")
    [finding] = match(snap(deepspeed="0.14.2", train={"precision": "bf16"}), [unchecked]).findings
    assert [(used.key, used.value) for used in finding.facts] == [("train.precision", "bf16"), ("deepspeed", "0.14.2")]
    assert match(snap(deepspeed="0.14.2"), [unchecked]).undecided == ()


def test_a_requirement_that_only_allows_it_is_a_possible_note() -> None:
    [finding] = match(snap(deepspeed=">=0.12"), [ZERO]).findings
    assert (finding.severity, finding.certainty) == ("note", "possible")


def test_with_another_pin_or_setting_it_is_a_possible_warning_and_no_error() -> None:
    [finding] = match(snap(deepspeed=">=0.12", train={"zero_stage": 2, "overlap_comm": True}), [RACE]).findings
    assert (finding.severity, finding.certainty) == ("warning", "possible")
    [finding] = match(snap(torch="2.0.1", numpy=">=1.20"), [entry("e", {"torch": "<2.3", "numpy": ">=2"})]).findings
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


def test_for_a_note_nobody_is_asked() -> None:
    assert match(snap(deepspeed="0.13.1"), [entry("n", {"deepspeed": "<1", "train.zero_stage": "2"}, "caution", "note")]).undecided == ()


@pytest.mark.parametrize(
    ("needs", "asked"), [({"env.X": "set"}, True), ({"env.X": "set", "numpy": ">=2"}, False), ({"train.zero_stage": "2", "numpy": ">=2"}, True)]
)
def test_a_variable_nobody_spoke_of_is_asked_for_only_alone(needs: dict[str, Any], asked: bool) -> None:
    found = match(snap(deepspeed="0.13.1"), [entry("v", {"deepspeed": "<1", **needs})]).undecided
    assert bool(found) is asked


USUAL = Entry("usual", "bad", "error", "t", ("deepspeed",), RACE.when, warns_unstated=())


def test_settings_that_most_runs_have_are_warned_of_though_nobody_stated_them() -> None:
    [finding] = match(snap(deepspeed="0.13.1"), [USUAL]).findings
    assert (finding.severity, finding.certainty, finding.needs) == ("warning", "possible", ("train.zero_stage", "train.overlap_comm"))
    [stated] = match(snap(deepspeed="0.13.1", train={"zero_stage": 2, "overlap_comm": True}), [USUAL]).findings
    assert (stated.severity, stated.certainty, stated.needs) == ("error", "certain", ())


def test_they_are_not_where_a_setting_speaks_against_it_or_a_version_is_open_or_missing() -> None:
    assert match(snap(deepspeed="0.13.1", train={"overlap_comm": False}), [USUAL]) == ((), ())
    assert match(snap(deepspeed=">=0.12"), [USUAL]).findings == ()
    assert match(snap(train={"zero_stage": 2, "overlap_comm": True}), [USUAL]).findings == ()


def test_hardware_nobody_stated_counts_as_settings_do_and_a_package_does_not() -> None:
    when = {"torch": "==2.5.0", "gpu": ">=9.0"}
    [finding] = match(snap(torch="2.5.0"), [Entry("e", "bad", "error", "t", ("torch",), when, warns_unstated=())]).findings
    assert (finding.severity, finding.needs) == ("warning", ("gpu",))
    assert match(snap(torch="2.5.0"), [Entry("e", "bad", "error", "t", ("torch",), {"torch": "==2.5.0", "numpy": ">=2"}, warns_unstated=())]).findings == ()


def test_a_package_that_few_runs_have_is_no_question() -> None:
    assert match(snap(torch="2.2.0"), [entry("e", {"torch": "<2.3", "torchtext": ">=0.18"})]).undecided == ()
    assert [item.needs for item in match(snap(torch="2.2.0"), [entry("e", {"torch": "<2.3", "numpy": ">=2"})]).undecided] == [("numpy",)]


def test_torch_built_for_another_vendor_rules_a_gpu_out_that_nobody_named() -> None:
    amd = entry("amd", {"torch": "<2.3", "gpu": "gfx90a"})
    assert match(snap(torch="2.2.0", rocm="absent", gpus=None), [amd]) == ((), ())
    assert [item.needs for item in match(snap(torch="2.2.0", gpus=None), [amd]).undecided] == [("gpu",)]
    assert match(snap(torch="2.2.0", rocm="6.0", gpus=None), [entry("nvidia", {"torch": "<2.3", "gpu": ">=9.0"})]) == ((), ())


def test_what_must_be_stated_is() -> None:
    picky = Entry("picky", "bad", "error", "t", ("deepspeed",), RACE.when, warns_unstated=("train.zero_stage",))
    assert match(snap(deepspeed="0.13.1"), [picky]).findings == ()
    [finding] = match(snap(deepspeed="0.13.1", train={"zero_stage": 2}), [picky]).findings
    assert finding.needs == ("train.overlap_comm",)


def test_a_setting_speaks_of_the_package_that_has_it() -> None:
    [item] = match(snap(train={"zero_stage": 2, "overlap_comm": True}), [RACE]).undecided
    assert item.needs == ("deepspeed",)
    other = entry("other", {"deepspeed": "<1", "torch": "<2"})
    assert match(snap(torch="1.13.1"), [other]).undecided == ()


def test_a_rare_setting_is_asked_for_only_where_settings_were_given() -> None:
    rare = entry("rare", {"torch": "<2.3", "train.model_type": "qwen2"})
    assert match(snap(torch="2.2.0"), [rare]).undecided == ()
    assert [item.needs for item in match(snap(torch="2.2.0", train={"precision": "bf16"}), [rare]).undecided] == [("train.model_type",)]
    common = entry("common", {"torch": "<2.3", "train.precision": "bf16"})
    assert [item.needs for item in match(snap(torch="2.2.0"), [common]).undecided] == [("train.precision",)]


def test_nobody_is_asked_whether_a_package_they_did_not_name_is_one_certain_release() -> None:
    known = snap(torch="2.0.1")
    assert match(known, [entry("one", {"torch": "<2.2", "accelerate": "==1.10.0"}, severity="warning")]).undecided == ()
    assert match(known, [entry("three", {"torch": "<2.2", "accelerate": ["==1.10.0", "==1.10.1"]}, severity="warning")]).undecided == ()
    assert match(known, [entry("many", {"torch": "<2.2", "accelerate": "==1.10.*"}, severity="warning")]).undecided != ()


def test_fsdp_is_asked_about_only_where_somebody_spoke_of_it() -> None:
    sharded = entry("sharded", {"accelerate": "<0.30", "train.fsdp": "true", "train.param_dtype": "bf16"}, severity="warning")
    assert match(snap(accelerate="0.29.3"), [sharded]).undecided == ()
    assert match(snap(accelerate="0.29.3", train={"precision": "bf16"}), [sharded]).undecided == ()
    assert match(snap(accelerate="0.29.3", train={"fsdp": "true"}), [sharded]).undecided != ()


def test_of_the_gpu_and_a_setting_one_has_to_be_known() -> None:
    half = entry("half", {"torch": ">=2.5", "gpu": "<8.0", "train.precision": "bf16"}, severity="warning")
    assert match(snap(torch="2.5.1"), [half]).undecided == ()
    assert match(snap(torch="2.5.1", train={"precision": "bf16"}), [half]).undecided != ()


@pytest.mark.parametrize("rare", [{"python": ">=3.14"}, {"os": "macos"}, {"arch": "aarch64"}, {"train.auto_find_batch_size": "true"}])
def test_what_is_one_way_in_nearly_every_run_is_not_asked_for(rare: dict[str, str]) -> None:
    known = snap(torch="2.5.1", train={"precision": "bf16"})
    assert match(known, [entry("new", {"torch": "<2.9", **rare}, severity="warning")]).undecided == ()
    assert match(known, [entry("new", {"torch": "<2.9", "train.torch_compile": "true"}, severity="warning")]).undecided != ()


@pytest.mark.parametrize(
    ("optimizer", "is_asked"),
    [("*_layerwise", False), (["lion_32bit", "paged_lion_32bit"], False), ("adamw_torch", True), (["*_8bit", "*8bit"], True), (["Adam", "FusedAdam"], True)],
)
def test_an_optimizer_that_few_use_is_not_asked_for(optimizer: object, is_asked: bool) -> None:
    known = snap(torch="2.5.1", train={"precision": "bf16"})
    told = match(known, [entry("rare", {"torch": "<2.9", "train.optimizer": optimizer}, severity="warning")])
    assert (told.undecided != ()) is is_asked


def test_nobody_is_asked_for_a_framework() -> None:
    known = snap(torch="2.5.1", train={"precision": "bf16"})
    assert match(known, [entry("axolotl", {"torch": "<2.9", "train.framework": "axolotl"}, severity="warning")]).undecided == ()


@pytest.mark.parametrize(("packages", "npu", "asked"), [({}, None, False), ({"torch-npu": "2.5.1"}, None, True), ({}, "Ascend 910B", True)])
def test_who_speaks_of_no_npu_is_not_asked_for_its_toolkit(packages: dict[str, str], npu: str | None, asked: bool) -> None:
    toolkit = entry("toolkit", {"deepspeed": "==0.14.3", "cann": "<8.0"}, severity="warning")
    said = match(snap(deepspeed="0.14.3", packages=packages, **({"npu": npu} if npu else {})), [toolkit])
    assert bool(said.undecided) is asked
