from __future__ import annotations

from pathlib import Path

import pytest

from envcheck.errors import MatrixError
from envcheck.matrix import files, load
from envcheck.model import Reproducer

SOUND = """\
id: sound-entry
kind: bad
severity: error
title: A sound entry
culprit: [deepspeed]
when:
  deepspeed: "==0.14.3"
symptom: [zero-grad]
signature: ["grad_norm.*0\\\\.0"]
cause: Because.
fix:
  - change: {deepspeed: ">=0.14.4"}
  - set: {train.overlap_comm: "false"}
  - do: Ask somebody.
evidence:
  level: maintainer
  reviewed: 2026-11-22
  links: ["https://github.com/deepspeedai/DeepSpeed/issues/5692"]
examples:
  hit: [{packages: {deepspeed: "0.14.3"}}]
  miss: [{packages: {deepspeed: "0.14.4"}}]
  unknown: [{packages: {torch: "2.3.0"}}]
"""


def write(folder: Path, text: str, name: str = "sound-entry.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problems(*paths: Path) -> list[str]:
    with pytest.raises(MatrixError) as caught:
        load.drafts(paths)
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def test_a_sound_entry_is_read_whole(tmp_path: Path) -> None:
    [draft] = load.drafts([write(tmp_path, SOUND)])
    assert draft.entry.when == {"deepspeed": "==0.14.3"}
    assert draft.page.fix == ("use deepspeed>=0.14.4", "set overlap_comm=false", "Ask somebody.")
    assert draft.page.level == "maintainer"
    assert [len(draft.examples[kind]) for kind in ("hit", "miss", "unknown")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("severity: error", "severity: fatal", "3: `severity` is one of error, warning, note, not `fatal`"),
        ("id: sound-entry", "id: other-entry", "1: `id: other-entry` must be a lower-case slug equal to the file name `sound-entry`"),
        ("kind: bad", "knd: bad", "2: unknown key `knd`; did you mean `kind`?"),
        ("kind: bad", "kind: bad\nkind: bad", "3: `kind` stands here twice"),
        ('"==0.14.3"', '"=0.14.3"', "7: `deepspeed`: `=0.14.3` is no version specifier; write for example `>=2.1,<2.3`"),
        ('"==0.14.3"', '">=2,<1"', "7: `deepspeed`: `>=2,<1` admits no version at all"),
        ('  deepspeed: "==', '  Deep_Speed: "==', "7: `Deep_Speed`: is neither a condition key nor a canonical package name (lower case, with `-`)"),
        ('  deepspeed: "==0.14.3"', '  train.precison: "bf16"', "7: `train.precison`: unknown training setting; did you mean `train.precision`?"),
        ('  deepspeed: "==0.14.3"', '  gpu: ">=sm80"', "7: `gpu`: `sm80` is no version"),
        ('  deepspeed: "==0.14.3"', '  deepspeed: ["==0.14.3", "x"]', "7: `deepspeed`: `x` is no version specifier; write for example `>=2.1,<2.3`"),
        ('  deepspeed: "==0.14.3"', '  any: {deepspeed: "<1"}', "7: `any` is a list of mappings"),
        ("symptom: [zero-grad]", "symptom: [bad-luck]", "8: unknown symptom `bad-luck`; known: zero-loss"),
        ('["grad_norm.*0\\\\.0"]', '["("]', "9: `(` is no regular expression"),
        ("level: maintainer", "level: hearsay", "16: `level` is one of reproduced"),
        ("level: maintainer", "level: reporter", "16: one reporter's word is `kind: caution`, not `bad`"),
        ("reviewed: 2026-11-22", "reviewed: yesterday", "16: `evidence.reviewed` is the date it was last checked, as 2026-11-22"),
        ("https://github.com", "http://github.com", "18: `http://github.com/deepspeedai/DeepSpeed/issues/5692` is no plain https link"),
        ('  - change: {deepspeed: ">=0.14.4"}\n', "  - upgrade: {}\n", "12: a fix is one of `change:`, `set:`, `do:`"),
        ("{train.overlap_comm: ", "{overlap_comm: ", "13: `set: overlap_comm` names neither `train.KEY` nor `env.NAME`"),
        ('  hit: [{packages: {deepspeed: "0.14.3"}}]\n', "", "20: `examples.hit` needs at least one snapshot"),
        ("{packages: {torch", "{pakages: {torch", "22: example: unknown key `pakages` (did you mean `packages`?)"),
        ("cause: Because.\n", "", "1: `cause` is missing"),
        ('  deepspeed: "==0.14.3"', '  gppu: ">=8.0"', "7: `gppu`: is taken for a package; did you mean `gpu`?"),
        ('deepspeed: "0.14.3"}}]', 'deepspeed: "0.14.2"}}]', "20: hit example 1 is a miss"),
        ('unknown: [{packages: {torch: "2.3.0"}}]', 'unknown: [{packages: {deepspeed: "0.14.3"}}]', "22: unknown example 1 is a hit"),
        ("title: A sound entry", "title: &t A sound entry", "4: anchors and aliases are not allowed here"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in SOUND
    found = problems(write(tmp_path, SOUND.replace(old, new, 1)))
    assert any(line.startswith(problem) for line in found), found


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    first = write(tmp_path, SOUND.replace("severity: error", "severity: x").replace("level: maintainer", "level: y"))
    second = write(tmp_path, "{", "broken.yaml")
    third = write(tmp_path, "- 1\n", "listed.yaml")
    assert [line.split(":")[0] for line in problems(first, second, third)] == ["3", "16", "2", "1"]


def test_an_id_is_taken_once(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    paths = [write(tmp_path, SOUND), write(tmp_path / "b", SOUND)]
    assert problems(*paths) == [f"1: the id `sound-entry` is already that of {paths[0]}"]


def test_a_newer_schema_is_skipped_with_a_notice(tmp_path: Path) -> None:
    said: list[str] = []
    path = write(tmp_path, "schema: 2\nwhatever: [new, shape]\n")
    assert load.drafts([path], said.append) == ()
    assert "schema 2" in said[0]


def test_folders_are_walked_and_hidden_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    kept = write(tmp_path / "torch", SOUND)
    write(tmp_path, SOUND, ".hidden.yaml")
    write(tmp_path, "notes", "README.md")
    assert files.below(tmp_path) == [kept]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("stated: [train.zero_stage]\n", "`stated` names keys of `when`"),
        ("unstated: Most runs do.\n", "`unstated` says why an error or a warning that names settings"),
    ],
)
def test_unstated_and_stated_name_what_the_conditions_do(tmp_path: Path, extra: str, said: str) -> None:
    assert any(said in one for one in problems(write(tmp_path, SOUND + extra)))


REPRODUCER = "reproducer: {bad: [a==1], good: [a==2], import: a.b, fails: gone}\n"


def test_a_reproducer_is_on_the_page(tmp_path: Path) -> None:
    [draft] = load.drafts([write(tmp_path, SOUND + REPRODUCER)])
    assert draft.page.reproducer == Reproducer(("a==1",), ("a==2",), "import a.b", "gone")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a==1", "a=1", "`a=1` is no requirement"),
        ("good: [a==2], ", "", "`reproducer.good` is a list of requirements"),
        ("import: a.b", "import: a-b", "`reproducer.import` is a module's name"),
        ("import: a.b", "run: 'def'", "`reproducer.run` is no Python: "),
        ("import: a.b, ", "", "either `import:`, a module, or `run:`"),
        ("gone", "'('", "`reproducer.fails` is no regular expression"),
        (", fails: gone", "", "`reproducer.fails` is missing"),
        ("gone", "gone, env: [A]", "`reproducer.env` is a mapping"),
        ("gone", "gone, timeout: soon", "`reproducer.timeout` is a number of seconds"),
        ("gone", "gone, pip: old", "unknown key `reproducer.pip`"),
    ],
)
def test_a_reproducer_that_cannot_be_run_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert any(said in one for one in problems(write(tmp_path, SOUND + REPRODUCER.replace(old, new))))
