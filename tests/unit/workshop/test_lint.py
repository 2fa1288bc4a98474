"""Each lint has a sound entry that it passes and a broken one that it names, with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcheck.matrix.store import CHECKOUT, tables
from envcheck.workshop import lint
from envcheck.workshop.work import Workbench

SOUND = """\
id: deepspeed-0.14.3-zero
kind: bad
severity: error
title: A sound entry
culprit: [deepspeed]
when:
  deepspeed: "==0.14.3"
  train.zero_stage: "2"
symptom: [zero-grad]
cause: Because.
fix:
  - change: {deepspeed: ">=0.14.4"}
  - set: {train.zero_stage: "3"}
  - do: Ask somebody.
evidence:
  level: maintainer
  reviewed: 2026-11-22
  links: ["https://github.com/deepspeedai/DeepSpeed/issues/5692"]
examples:
  hit: [{packages: {deepspeed: "0.14.3"}, train: {zero_stage: 2}}]
  miss:
    - {packages: {deepspeed: "0.14.4"}, train: {zero_stage: 2}}
    - {packages: {deepspeed: "0.14.3"}, train: {zero_stage: 3}}
  unknown: [{packages: {deepspeed: "0.14.3"}}]
"""
OTHER = (
    SOUND.replace("deepspeed-0.14.3-zero", "deepspeed-0.14.4-worse")
    .replace('"==0.14.3"', '">=0.14.4"')
    .replace('"0.14.3"', '"0.14.5"')
    .replace('"0.14.4"}, train', '"0.14.2"}, train')
    .replace('  - change: {deepspeed: ">=0.14.4"}\n', "")
)


def complaints(folder: Path, **texts: str) -> list[str]:
    """`CODE line message` for each complaint about `entry`, the file called `texts["entry"]`'s id."""
    for name, text in texts.items():
        stem = name if name != "entry" else "deepspeed-0.14.3-zero"
        (folder / f"{stem.replace('__', '-').replace('_', '.')}.yaml").write_text(text, encoding="utf-8")
    return [f"{one.code} {one.problem.line} {one.problem.message}" for one in lint.run(Workbench(folder, tables())) if "zero" in one.problem.path]


def test_a_sound_entry_passes_every_lint(tmp_path: Path) -> None:
    assert complaints(tmp_path, entry=SOUND) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("symptom: [zero-grad]", "symptom: [zero-gradient]", "L01 9 unknown symptom"),
        ("id: deepspeed-0.14.3-zero", "id: deepspeed-0.14.3", "L02 1 "),
        ('deepspeed: "==0.14.3"', 'deepspeed: "=0.14.3"', "L03 7 `deepspeed`: "),
        ('{deepspeed: "0.14.4"}, train', '{deepspeed: "0.14.77"}, train', "L16 21 miss example: deepspeed 0.14.77 is no release that `releases.yaml` knows"),
        ('deepspeed: "', 'deepsped: "', "L04 6 no table and no other entry names the package `deepsped`; did you mean `deepspeed`?"),
        ('  hit: [{packages: {deepspeed: "0.14.3"}', '  hit: [{packages: {deepspeed: "0.14.2"}', "L05 20 hit example 1 is a miss"),
        ('    - {packages: {deepspeed: "0.14.3"}, train: {zero_stage: 3}}\n', "", "L06 8 no miss example differs in `train.zero_stage` alone"),
        (
            'change: {deepspeed: ">=0.14.4"}',
            'change: {deepspeed: "<=0.14.3,>=0.14.3"}',
            "L07 12 `change: deepspeed <=0.14.3,>=0.14.3` leaves every hit example a hit",
        ),
        ("level: maintainer", "level: reporter", "L08 16 "),
        ("https://github.com", "http://github.com", "L09 18 "),
        ('deepspeed: "==0.14.3"\n  train', 'deepspeed: "==0.14.33"\n  train', "L10 7 no released version of deepspeed fits"),
        ("reviewed: 2026-11-22", "reviewed: 2024-11-22", "L13 17 last reviewed on 2024-11-22"),
        ("reviewed: 2026-11-22", "reviewed: 2999-01-01", "L13 17 `2999-01-01` lies in the future"),
        ("symptom: [zero-grad]", "symptom: [import-error]", "L14 9 an error with a message has no `signature`"),
        ("kind: bad\nseverity: error", "severity: error\nkind: bad", "L15 1 "),
        ("Because.", "Because.  ", "L15 1 "),
        ("level: maintainer", "level: reproduced", "L17 16 says `reproduced` without a `reproducer:`"),
    ],
)
def test_a_broken_one_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SOUND
    broken = SOUND.replace(old, new)
    if said.startswith("L10"):
        broken = broken.replace('"0.14.3"}', '"0.14.33"}')
    found = complaints(tmp_path, entry=broken)
    assert any(one.startswith(said) for one in found), found


@pytest.mark.parametrize(
    ("key", "asked", "given"), [("fsdp", "full_shard", "full_shard"), ("fsdp", '["*shard*", "true"]', "full_shard"), ("parallelism", "[ddp, fsdp]", "fsdp")]
)
def test_fsdp_is_asked_for_in_one_way(tmp_path: Path, key: str, asked: str, given: str) -> None:
    entry = SOUND.replace('train.zero_stage: "2"', f"train.{key}: {asked}").replace("zero_stage: 2", f"{key}: {given}").replace("zero_stage: 3", f"{key}: none")
    [said] = [one for one in complaints(tmp_path, entry=entry) if one.startswith("L18")]
    assert said.startswith(f"L18 6 `train.{key}` ")
    assert 'sees one spelling of FSDP; `train.fsdp: "true"` holds for all' in said


def test_a_fix_that_leads_into_another_error_is_a_dead_end(tmp_path: Path) -> None:
    found = complaints(tmp_path, entry=SOUND, deepspeed__0_14_4__worse=OTHER)
    assert "L07 12 `change: deepspeed >=0.14.4` leads into deepspeed-0.14.4-worse" in found


def test_a_fix_that_a_rule_refuses_is_a_dead_end(tmp_path: Path) -> None:
    hit = 'hit: [{packages: {deepspeed: "0.14.3"'
    entry = SOUND.replace('{deepspeed: ">=0.14.4"}', '{deepspeed: ">=0.14.4", transformers: "==4.57.0"}')
    entry = entry.replace(hit, f'{hit}, tokenizers: "0.13.3", transformers: "4.30.0"')
    assert "L07 12 `change: deepspeed >=0.14.4, transformers ==4.57.0` leads into requirement-checked-at-import" in complaints(tmp_path, entry=entry)


def test_a_second_file_with_the_same_id_is_named(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "deepspeed-0.14.3-zero.yaml").write_text(SOUND)
    assert any(one.startswith("L02 1 the id") for one in complaints(tmp_path, entry=SOUND))


def test_an_example_that_says_more_than_it_should(tmp_path: Path) -> None:
    noisy = SOUND.replace('hit: [{packages: {deepspeed: "0.14.3"}', 'hit: [{packages: {deepspeed: "0.14.3", torch: "2.2.0", numpy: "2.0.0"}')
    numpy = (CHECKOUT / "entries" / "numpy" / "numpy-2-torch-before-2.3.yaml").read_text()
    found = complaints(tmp_path, entry=noisy, **{"numpy-2-torch-before-2.3": numpy})
    assert [one for one in found if one.startswith("L11")] == ["L11 20 hit example 1 also hits numpy-2-torch-before-2.3, which is about numpy, torch"]


def test_an_open_bound_is_asked_again(tmp_path: Path) -> None:
    open_ended = SOUND.replace('deepspeed: "==0.14.3"', 'deepspeed: ">=0.14.3"').replace("reviewed: 2026-11-22", "reviewed: 2025-11-22")
    open_ended = open_ended.replace('{deepspeed: "0.14.4"}, train', '{deepspeed: "0.14.2"}, train').replace('  - change: {deepspeed: ">=0.14.4"}\n', "")
    assert any(one.startswith("L12 7 deepspeed ") for one in complaints(tmp_path, entry=open_ended))


def test_a_malformed_entry_hides_nobody_elses_errors(tmp_path: Path) -> None:
    (tmp_path / "broken-zero.yaml").write_text("id: [")
    (tmp_path / "binary-zero.yaml").write_bytes(b"\0\1\2")
    found = complaints(tmp_path, entry=SOUND.replace("symptom: [zero-grad]", "symptom: [zero-gradient]"))
    assert len({one for one in found if one.startswith("L01")}) == 3


def test_every_lint_is_listed_with_what_it_is_about() -> None:
    assert list(lint.LINTS) == [f"L{number:02}" for number in range(1, 19)]


def test_the_checkouts_own_entries_pass() -> None:
    bench = Workbench(CHECKOUT / "entries", tables())
    failing = [str(one) for one in lint.run(bench) if one.level == "error"]
    assert failing == []
