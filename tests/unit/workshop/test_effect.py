from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envcheck.api import Checker
from envcheck.errors import InputError
from envcheck.workshop import effect

ZERO = {"packages": {"deepspeed": "0.14.3"}, "train": {"zero_stage": 2, "precision": "bf16"}}


def line(id: str, kind: str, snapshot: dict[str, Any], culprit: tuple[str, ...] = ("numpy",)) -> str:
    return json.dumps({"id": id, "kind": kind, "culprit": culprit, "symptom": "crash", "snapshot": snapshot, "source": "https://example.org"})


CASES = [
    line("numpy-2", "bad", {"packages": {"torch": "2.2.0", "numpy": "2.0.0"}}),
    line("torch-alone", "bad", {"packages": {"torch": "2.2.0"}}),
    line("something-else", "bad", {"packages": {"unheard-of": "1.0"}}, ("unheard-of",)),
    line("fine", "good", {"packages": {"torch": "2.2.0", "numpy": "1.26.4"}}),
    line("not-fine", "good", {"packages": {"torch": "2.2.0", "numpy": "2.0.0"}}),
]


@pytest.fixture
def cases(tmp_path: Path) -> list[effect.Case]:
    (tmp_path / "a.jsonl").write_text("\n".join(CASES[:3]) + "\n\n")
    (tmp_path / "b.jsonl").write_text("\n".join(CASES[3:]))
    return effect.read([tmp_path])


def test_the_figures_are_those_of_the_cases(cases: list[effect.Case]) -> None:
    judged = {one.case.id: one for one in effect.judge(cases, Checker())}
    assert (judged["numpy-2"].found, judged["numpy-2"].verdict) == (True, "bad")
    assert (judged["torch-alone"].found, judged["torch-alone"].pointed) == (False, True)
    assert not judged["something-else"].pointed
    counted = effect.figures(list(judged.values()))
    assert (counted["bad"], counted["good"], counted["found"], counted["pointed"], counted["false_alarms"]) == (3, 2, 0.333, 0.667, 1)


def test_a_good_environment_that_turns_bad_is_named(tmp_path: Path, cases: list[effect.Case]) -> None:
    judged = {one.case.id: one for one in effect.judge(cases, Checker())}
    before = [effect.Judged(one.case, "untested", False, False, 0, ()) for one in judged.values()]
    after = list(judged.values())
    assert [one.case.id for one in effect.worse(effect.changes(before, after))] == ["not-fine"]
    assert [one.case.id for one in effect.worse(effect.changes(after, before))] == ["numpy-2"]
    text = effect.markdown(effect.figures(after), effect.changes(before, after))
    assert "| not-fine | good | untested | bad | numpy-2-torch-before-2.3 |" in text
    assert "No recorded environment changes" in effect.markdown(effect.figures(after), [])


def test_a_blind_sample_is_shown_as_first_answered_and_as_now(tmp_path: Path, cases: list[effect.Case]) -> None:
    assert effect.samples(effect.judge(cases, Checker())) == ""
    firsts = ["missed", "missed", "missed", "warned", "refused"]
    for name, of in (("x", range(3)), ("y", range(3, 5))):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(f'{CASES[i][:-1]}, "first": "{firsts[i]}"}}' for i in of))
    read = effect.read([tmp_path / "x.jsonl", tmp_path / "y.jsonl"])
    rows = effect.samples(effect.judge(read, Checker())).splitlines()[-3:]
    assert rows[0] == "| x | 3 | 0 (0%), now 1 (33%) | 0 (0%), now 2 (67%) | 0 | - | - |"
    assert rows[1] == "| y | 0 | - | - | 2 | 1 (50%), now 0 (0%) | 1 (50%), now 1 (50%) |"
    assert rows[2].startswith("| all | 3 | 0 (0%), now 1 (33%)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "a.jsonl:1"),
        ('{"id": "a"}', "a case has the keys"),
        (line("a", "bad", {"torhc": "1"}), "unknown key `torhc`"),
        (line("a", "worse", {}), "`kind` is bad or good"),
        (line("a", "bad", {})[:-1] + ', "first": "quiet"}', "`first` of a bad case is one of found, pointed, missed"),
        (line("a", "bad", {}) + "\n" + line("a", "good", {}), "the id `a` stands twice"),
    ],
)
def test_what_is_no_case_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(InputError) as caught:
        effect.read([tmp_path])
    assert said in str(caught.value)


def test_a_folder_without_cases_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no"):
        effect.read([tmp_path])
