"""Settings, waivers, baseline and output files, on the command line."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from test_cli import envcheck, is_clear_error

ID = "numpy-2-torch-before-2.3"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "bad.txt").write_text("torch==2.2.0\nnumpy==2.0.0\n")
    (tmp_path / "good.txt").write_text("torch==2.2.0\nnumpy==1.26.4\n")
    return tmp_path


def settings(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.envcheck]\n{text}")


def test_the_projects_files_are_checked_for_each_target(folder: Path) -> None:
    settings(folder, 'files = ["bad.txt"]\n[tool.envcheck.targets]\ngpu = ["A100", "H100x8"]\n')
    (folder / "sub").mkdir()
    done = envcheck("--format", "json", cwd=folder / "sub")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["label"] for row in rows] == ["gpu A100", "gpu H100x8"]
    assert rows[1]["snapshot"]["gpus"][0]["count"] == 8
    assert rows[0]["findings"][0]["facts"][0]["origin"] == "../bad.txt:2"
    assert done.returncode == 1
    assert "label" not in json.loads(envcheck("--gpu", "V100", "--format", "json", cwd=folder).stdout)
    assert len(envcheck("good.txt", "--no-config", "--format", "json", cwd=folder).stdout.splitlines()) == 1


def test_a_waiver_is_shown_and_fails_nothing_until_it_expires(folder: Path) -> None:
    waiver = f'files = ["bad.txt"]\n[[tool.envcheck.waivers]]\nid = "{ID}"\nreason = "no arrays here"\nexpires = '
    settings(folder, waiver + "2999-01-01\n")
    done = envcheck(cwd=folder)
    assert done.returncode == 0
    assert "error, waived" in done.stdout
    assert "no arrays here, until 2999-01-01 (pyproject.toml:4)" in " ".join(done.stdout.split())
    settings(folder, waiver + "2020-01-01\n")
    done = envcheck(cwd=folder)
    assert done.returncode == 1
    assert "note: pyproject.toml:4: the waiver of `numpy-2-torch-before-2.3` has expired on 2020-01-01" in done.stderr


def test_an_old_project_adopts_a_baseline(folder: Path) -> None:
    assert envcheck("bad.txt", "--write-baseline", "base.json", cwd=folder).returncode == 0
    settings(folder, 'files = ["bad.txt"]\nbaseline = "base.json"\n')
    done = envcheck(cwd=folder)
    assert done.returncode == 0
    assert ID not in done.stdout
    assert "known since the baseline" in done.stdout
    (folder / "bad.txt").write_text((folder / "good.txt").read_text())
    assert f"note: base.json: `{ID}` is no longer found" in envcheck(cwd=folder).stderr


def test_several_formats_at_once(folder: Path) -> None:
    done = envcheck("bad.txt", "--format", "github", "-o", "sarif=out.sarif", "--output", "junit=out.xml", "-o", "markdown=out.md", cwd=folder)
    assert done.stdout.startswith("::error file=bad.txt,line=2,")
    assert done.returncode == 1
    log = json.loads((folder / "out.sarif").read_text())
    assert log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 2}
    assert ET.parse(folder / "out.xml").getroot().get("failures") == "1"
    assert ID in (folder / "out.md").read_text()
    assert "formats: text, json, sarif" in is_clear_error(envcheck("bad.txt", "-o", "pdf=x", cwd=folder))[0]
    assert "cannot be written" in is_clear_error(envcheck("bad.txt", "-o", "csv=no/where.csv", cwd=folder))[0]


def test_one_document_holds_all_files(folder: Path) -> None:
    done = envcheck("check", "--each", "bad.txt", "good.txt", "--format", "sarif", cwd=folder)
    assert [run["automationDetails"]["id"] for run in json.loads(done.stdout)["runs"]] == ["envcheck/bad.txt/", "envcheck/good.txt/"]


def test_a_wrong_setting_stops_with_its_line(folder: Path) -> None:
    settings(folder, 'file = ["bad.txt"]\n')
    lines = is_clear_error(envcheck(cwd=folder))
    assert lines == ["error: pyproject.toml:2: unknown key `file`", "hint: did you mean `files`?"]
    assert envcheck("good.txt", "--no-config", cwd=folder).returncode == 0
    (folder / "other.toml").write_text('fail-on = "never"\n')
    assert envcheck("bad.txt", "--settings", "other.toml", cwd=folder).returncode == 0
