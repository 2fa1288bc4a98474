"""A project's settings: found, read with their lines, combined with the command line; waivers and baseline."""

from __future__ import annotations

from pathlib import Path

import pytest
from build import snap

from envcheck.api import Checker, Sources
from envcheck.errors import InputError
from envcheck.inputs.target import Target
from envcheck.model import Finding, Labelled, Report, Waiver
from envcheck.project import Project, find, read
from envcheck.project.accepted import Accepted, baseline_of
from envcheck.project.run import laid, reports, targets_of
from envcheck.project.targets import combinations

FULL = """[project]
name = "demo"

[tool.envcheck]
files = ["requirements.txt", "sub/more.txt"]
fail-on = "warning"
each = true
matrix = "entries"
baseline = "base.json"
extras = ["gpu"]

[tool.envcheck.targets]
gpu = ["A100", "V100x8"]
python-version = ["3.10", "3.11"]
cuda = "12.1"

[tool.envcheck.settings]
train.precision = "bf16"
"env.NCCL_DEBUG" = "INFO"

[[tool.envcheck.waivers]]
id = "numpy-2"
reason = "patched here"
expires = 2027-03-31
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_everything_is_read_with_paths_as_the_working_directory_sees_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "pyproject.toml").write_text(FULL)
    monkeypatch.chdir(folder / "sub")
    found = find()
    assert found == "../pyproject.toml"
    project = read(found)
    assert project.files == ("../requirements.txt", "more.txt")
    assert (project.fail_on, project.each, project.matrix, project.baseline, project.extras) == ("warning", True, ("../entries",), "../base.json", ("gpu",))
    assert project.settings == ("train.precision=bf16", "env.NCCL_DEBUG=INFO")
    assert project.targets == ({"gpu": ("A100", "V100x8"), "python-version": ("3.10", "3.11"), "cuda": ("12.1",)},)
    assert project.waivers == (("numpy-2", Waiver("patched here", "../pyproject.toml:22", "2027-03-31")),)


def test_the_nearest_file_counts_and_only_within_the_repository(folder: Path) -> None:
    assert find() is None
    (folder / "pyproject.toml").write_text("[tool.other]\nx = 1\n# envcheck is not set up here\n")
    assert find() is None
    (folder / "envcheck.toml").write_text('files = ["a.txt"]\n')
    assert find(str(folder / "sub")) == "../envcheck.toml"
    (folder / "sub" / "pyproject.toml").write_text("[tool.envcheck]\n")
    assert find(str(folder / "sub")) == "pyproject.toml"
    (folder / "sub" / "pyproject.toml").unlink()
    (folder / ".git").rmdir()
    assert find(str(folder / "sub")) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fail_on = 'error'", "envcheck.toml:1: unknown key `fail_on`"),
        ("\nfiles = 3.5\nfail-on = 'always'", "envcheck.toml:3: `fail-on` is one of error, warning, never"),
        ("each = 'yes'", "envcheck.toml:1: `each` is true or false"),
        ("[targets]\ngpus = 'A100'", "envcheck.toml:2: unknown key `gpus`"),
        ("targets = 'A100'", "envcheck.toml:1: `targets` is a table"),
        ("settings = 'x'", "envcheck.toml:1: `settings` is a table"),
        ("[[waivers]]\nid = 'a'\nexpires = 2027-01-01", "envcheck.toml:2: `waivers` lacks `reason`"),
        ("[[waivers]]\nid = 'a'\nreason = 'b'\nexpires = 'soon'", "envcheck.toml:4: `waivers` `soon` is no day"),
        ("[[waivers]]\nid = 'a'\nreason = 'b'\nuntil = 2027-01-01", "envcheck.toml:4: unknown key `until`"),
        ("waivers = ['a']", "envcheck.toml:1: `waivers` are written"),
        ("files = [", "envcheck.toml"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(folder: Path, text: str, said: str) -> None:
    (folder / "envcheck.toml").write_text(text + "\n")
    with pytest.raises(InputError) as caught:
        read("envcheck.toml")
    assert str(caught.value).startswith(said)
    if "unknown key" in said and "until" not in said:
        assert "did you mean" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[targets]\ngpu = ['A100',\n  'A10000']", "envcheck.toml:3: no GPU named `A10000` is listed"),
        ("[targets]\npython-version = '2.7'", "envcheck.toml:2: `2.7` is no version of Python 3"),
        ("[settings]\nenv.X = '1'\ntrain.precision = 'bf15'", "envcheck.toml:3: `bf15` is no value of `train.precision`"),
    ],
)
def test_a_value_that_the_target_cannot_have_is_said_with_its_line(folder: Path, text: str, said: str) -> None:
    (folder / "envcheck.toml").write_text(text + "\n")
    (folder / "requirements.txt").write_text("torch==2.2.0\n")
    sources = Sources(files=("requirements.txt",))
    with pytest.raises(InputError) as caught:
        list(reports(sources, targets_of(read("envcheck.toml"), Target()), Checker(), lambda _: None))
    assert str(caught.value).startswith(said)


def test_the_command_line_is_above_the_settings() -> None:
    project = Project(files=("a.txt",), config=("ds.json",))
    assert laid(project, Sources()).files == ("a.txt",)
    assert laid(project, Sources(files=("b.txt",), config=("z.json",))).config == ("z.json",)
    assert laid(project, Sources(files=("b.txt",))).files == ("b.txt",)
    assert laid(project, Sources(python="/venv")).files == ()
    assert laid(project, Sources(snapshot="s.json")).config == ("ds.json",)


def test_targets_are_the_product_of_what_is_listed() -> None:
    table = {"gpu": ("A100", "V100x8"), "python-version": ("3.10", "3.11"), "cuda": ("12.1",)}
    found = combinations([table], Target(), ("train.precision=bf16",))
    assert [label for label, _ in found] == [f"gpu {gpu}, python-version {python}, cuda 12.1" for gpu in ("A100", "V100x8") for python in ("3.10", "3.11")]
    assert found[0][1] == Target(("A100",), "", "12.1", "3.10", settings=("train.precision=bf16",))
    assert [target.gpu for _, target in combinations([table], Target(gpu=("H100",)))] == [("H100",), ("H100",)]
    assert combinations([], Target(driver="535")) == [("", Target(driver="535"))]
    assert len(combinations([{"gpu": ("A100",)}, {"gpu": ("V100",), "cuda": ("11.8",)}], Target())) == 2
    with pytest.raises(InputError, match="at most"):
        combinations([{"gpu": tuple(map(str, range(30))), "cuda": tuple(map(str, range(30)))}], Target())


def finding(id: str, severity: str = "error", culprit: tuple[str, ...] = ("numpy",)) -> Finding:
    return Finding(id, "bad", severity, "certain", id, culprit)


def report(*findings: Finding, label: str = "") -> Labelled:
    return Labelled(label, Report(snap(), findings))


def test_a_waiver_holds_through_its_last_day() -> None:
    waivers = [("numpy-2", Waiver("patched", "p.toml:3", "2027-03-31")), ("numpy-3", Waiver("typo", "p.toml:9", "2027-03-31"))]
    for today, accepted in (("2027-03-31", True), ("2027-04-01", False)):
        accepting = Accepted(waivers, today)
        (marked,) = accepting.mark([report(finding("numpy-2"), finding("other"))])
        assert [one.waiver is not None for one in marked.report.findings] == [accepted, False]
        assert "p.toml:9: the waiver of `numpy-3` is unused, nothing of that id was found; did you mean `numpy-2`?" in accepting.remarks()
        assert ("p.toml:3: the waiver of `numpy-2` has expired on 2027-03-31" in accepting.remarks()) is not accepted


def test_a_baseline_holds_what_was_there_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "base.json"
    path.write_text(baseline_of([report(finding("a", "warning"), finding("b")), report(finding("c"), label="V100")]))
    accepting = Accepted((), "2027-01-01", str(path))
    marked = list(accepting.mark([report(finding("a"), finding("b"), finding("b", culprit=("torch",)), finding("new")), report(label="V100")]))
    # `a` has become an error since.
    assert [one.waiver is not None for one in marked[0].report.findings] == [False, True, False, False]
    assert accepting.remarks() == [f"{path}: `c` (V100) is no longer found; `--write-baseline` takes it out"]
    assert baseline_of(marked[1:]).count("\n") == 3
    for text in (
        "[]",
        '{"schema": 2, "findings": []}',
        '{"schema": 1, "findings": [{"id": 1}]}',
        '{"schema": 1, "findings": [{"label": "", "id": "a", "culprit": [], "severity": "grave"}]}',
    ):
        path.write_text(text)
        with pytest.raises(InputError, match="is no baseline"):
            Accepted((), "", str(path))
