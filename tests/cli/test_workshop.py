"""`envcheck matrix …` for those who write entries, in processes of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli import envcheck, is_clear_error

ANSWERS = (
    *("--package", "deepspeed", "--since", "0.14.3", "--fixed", "0.14.4", "--with", "train.zero_stage=2", "--symptom", "zero-grad"),
    *("--title", "Every gradient is zero", "--cause", "A wait is missing.", "--level", "maintainer"),
    *("--link", "https://github.com/deepspeedai/DeepSpeed/issues/5692"),
)


@pytest.fixture
def entries(tmp_path: Path) -> Path:
    """A folder with one entry, made by `matrix new`."""
    folder = tmp_path / "entries"
    folder.mkdir()
    done = envcheck("matrix", "new", "--out", "entries", *ANSWERS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return folder


def test_new_lint_test_and_fmt_fit_together(entries: Path) -> None:
    [path] = entries.rglob("*.yaml")
    assert path.name == "deepspeed-0.14.3-zero-stage-2.yaml"
    assert envcheck("matrix", "lint", "--strict", str(entries)).returncode == 0
    assert envcheck("matrix", "test", str(entries)).returncode == 0
    assert envcheck("matrix", "fmt", "--check", str(entries)).returncode == 0
    used = envcheck("--matrix", str(entries), "--set", "train.zero_stage=2", "--snapshot", "s.json", cwd=write(entries, {"packages": {"deepspeed": "0.14.3"}}))
    assert "deepspeed-0.14.3-zero-stage-2" in used.stdout


def write(folder: Path, snapshot: object) -> Path:
    (folder.parent / "s.json").write_text(json.dumps(snapshot))
    return folder.parent


def test_new_refuses_to_overwrite_and_to_guess(entries: Path) -> None:
    again = envcheck("matrix", "new", "--out", str(entries), *ANSWERS)
    assert "is already there" in is_clear_error(again)[0]
    assert "`--title`" in is_clear_error(envcheck("matrix", "new", "--out", str(entries), "--package", "x"))[0]
    assert "is no condition" in is_clear_error(envcheck("matrix", "new", "--out", str(entries), *ANSWERS, "--with", "torch"))[0]


def test_new_takes_the_version_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    (tmp_path / "requirements.txt").write_text("deepspeed==0.14.3\n")
    given = [one for one in ANSWERS if one not in ("--since", "0.14.3")]
    done = envcheck("matrix", "new", "--out", "e", "--from-file", "requirements.txt", *given, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [path] = (tmp_path / "e").rglob("*.yaml")
    assert 'deepspeed: ">=0.14.3,<0.14.4"' in path.read_text()


def test_lint_names_file_line_and_number_and_fails(entries: Path) -> None:
    [path] = entries.rglob("*.yaml")
    path.write_text(path.read_text().replace('{packages: {deepspeed: "0.14.3"}, train: {zero_stage: "0"}}', '{packages: {deepspeed: "0.14.2"}}'))
    done = envcheck("matrix", "lint", str(path))
    assert done.returncode == 1
    assert "deepspeed-0.14.3-zero-stage-2.yaml:8: no miss example differs in `train.zero_stage` alone" in done.stdout
    assert "[L06]" in done.stdout
    [row] = [json.loads(line) for line in envcheck("matrix", "lint", str(path), "--format", "json").stdout.splitlines()]
    assert (row["code"], row["line"]) == ("L06", 8)


def test_fmt_lays_out_and_says_what_it_touched(entries: Path) -> None:
    [path] = entries.rglob("*.yaml")
    tidy = path.read_text()
    path.write_text(tidy.replace("kind: bad\n", "").replace("symptom:", "kind: bad\nsymptom:"))
    assert envcheck("matrix", "fmt", "--check", str(entries)).returncode == 1
    assert envcheck("matrix", "fmt", str(entries)).stdout.strip().endswith(path.name)
    assert path.read_text() == tidy


def test_coverage_counts(entries: Path) -> None:
    rows = json.loads(envcheck("matrix", "coverage", str(entries), "--format", "json").stdout)
    assert rows["kind"] == {"bad": 1}
    assert rows["package"]["deepspeed"]["touched"] == 1
    assert "| deepspeed | 1 | 1 |" in envcheck("matrix", "coverage", str(entries)).stdout


def test_effect_compares_two_matrices_and_fails_where_a_good_one_turns_bad(tmp_path: Path, entries: Path) -> None:
    case = {"id": "works", "kind": "good", "culprit": [], "symptom": "none", "source": "https://example.org"}
    case["snapshot"] = {"packages": {"torch": "2.2.0", "numpy": "2.0.0"}}
    (tmp_path / "cases.jsonl").write_text(json.dumps(case))
    (tmp_path / "facts").mkdir()
    done = envcheck("matrix", "effect", "cases.jsonl", "--before", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 1
    assert "| works | good | untested | bad | numpy-2-torch-before-2.3 |" in done.stdout
    assert envcheck("matrix", "effect", "cases.jsonl", cwd=tmp_path).returncode == 1


def test_the_lints_are_listed() -> None:
    assert envcheck("matrix", "lint", "--list").stdout.startswith("L01  error")


@pytest.mark.parametrize("command", ["lint", "fmt", "test", "coverage"])
def test_a_place_that_is_not_there_is_named(tmp_path: Path, command: str) -> None:
    assert "nowhere" in is_clear_error(envcheck("matrix", command, "nowhere", cwd=tmp_path))[0]
