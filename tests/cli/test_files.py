"""`envcheck check FILE…`: files of any kind, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli import envcheck, is_clear_error

RAW = Path(__file__).parents[1] / "raw" / "inputs"
LOCK = """version = 1
requires-python = ">=3.10"

[[package]]
name = "demo"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "numpy" },
    { name = "torch" },
]

[[package]]
name = "numpy"
version = "2.0.0"
source = { registry = "https://index.example/simple" }

[[package]]
name = "torch"
version = "2.2.0"
source = { registry = "https://index.example/simple" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "uv.lock").write_text(LOCK)
    (tmp_path / "requirements.txt").write_text("torch==2.2.0\nnumpy==1.26.4\n")
    (tmp_path / "bad.txt").write_text("torch==2.2.0\nnumpy==2.0.0\n")
    return tmp_path


def test_a_lock_file_is_judged_with_the_lines_of_its_pins(folder: Path) -> None:
    done = envcheck("check", "uv.lock", "--format", "json", cwd=folder)
    row = json.loads(done.stdout)
    finding = next(one for one in row["findings"] if one["id"] == "numpy-2-torch-before-2.3")
    assert {fact["key"]: fact["origin"] for fact in finding["facts"]} == {"numpy": "uv.lock:13", "torch": "uv.lock:18"}
    assert row["snapshot"]["complete"]
    assert done.returncode == 1


def test_a_folder_stands_for_its_project_and_check_may_be_left_out(folder: Path) -> None:
    done = envcheck("check", ".", cwd=folder)
    assert done.returncode == 1
    assert "note: .: `uv.lock` was read; `requirements.txt` can be named too" in done.stderr
    assert envcheck("bad.txt", cwd=folder).returncode == 1
    (folder / "empty").mkdir()
    assert "is a folder" in is_clear_error(envcheck("check", "empty", cwd=folder))[0]


def test_several_files_are_one_environment(folder: Path) -> None:
    (folder / "a.txt").write_text("torch==2.2.0\n")
    (folder / "b.txt").write_text("numpy==2.0.0\n")
    assert envcheck("check", "a.txt", "-r", "b.txt", cwd=folder).returncode == 1


def test_each_file_is_one_environment_where_that_is_said(folder: Path) -> None:
    (folder / "broken.txt").write_text("torch===>2\n")
    done = envcheck("check", "--each", "requirements.txt", "broken.txt", "bad.txt", "--format", "json", cwd=folder)
    assert [json.loads(line)["verdict"] == "bad" for line in done.stdout.splitlines()] == [False, True]
    assert "error: broken.txt:1" in done.stderr
    assert done.returncode == 2
    assert envcheck("check", "--each", "requirements.txt", "bad.txt", cwd=folder).returncode == 1


def test_the_kind_can_be_decided(folder: Path) -> None:
    (folder / "strange").write_text("Package Version\n------- -------\ntorch 2.2.0\nnumpy 2.0.0\n")
    assert envcheck("check", "--as", "pip-list", "strange", cwd=folder).returncode == 1
    assert "known: snapshot, pip-inspect" in is_clear_error(envcheck("check", "--as", "tarot", "strange", cwd=folder))[0]
    (folder / "notes.md").write_text("# Notes\n\nTo { be } done.\n")
    assert "is of no kind that envcheck knows" in is_clear_error(envcheck("check", "notes.md", cwd=folder))[0]


def test_errors_of_a_first_try_name_the_way_out(folder: Path) -> None:
    (folder / "ds.json").write_text('{"zero_optimization": {"stage": 2}}')
    assert "--config" in is_clear_error(envcheck("check", "ds.json", cwd=folder))[1]
    assert "/dev/stdin" in is_clear_error(envcheck("check", "-", cwd=folder))[1]
    assert "no file here is named `requirments.txt`" in is_clear_error(envcheck("requirments.txt", cwd=folder))[0]
    assert "write it after `--`" in is_clear_error(envcheck("run", "torchrun", "train.py", cwd=folder))[0]
    assert "bash, zsh, fish" in is_clear_error(envcheck("completion", cwd=folder))[0]


def test_an_extra_or_group_that_no_file_has_is_told(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\n[project.optional-dependencies]\ngpu = ["torch==2.2.0"]\n')
    told = envcheck("check", "pyproject.toml", "--extra", "GPU", "--group", "trian", cwd=folder).stderr
    assert "no file that was read has a group or extra `trian`" in told
    assert "`GPU`" not in told


def test_a_saved_snapshot_is_a_file_too(folder: Path) -> None:
    (folder / "s.json").write_text('{"packages": {"torch": "2.2.0", "numpy": "2.0.0"}}')
    (folder / "s.jsonl").write_text('{"packages": {"torch": "2.2.0"}}\n{"packages": {"torch": "2.2.0", "numpy": "2.0.0"}}\n')
    assert envcheck("check", "s.json", cwd=folder).returncode == 1
    assert len(envcheck("check", "s.jsonl", "--format", "json", cwd=folder).stdout.splitlines()) == 2


def test_the_target_is_declared(folder: Path) -> None:
    done = envcheck("check", str(RAW / "uv" / "uv.lock"), "--extra", "old", "--python-version", "3.13", "--platform", "windows", "--format", "json", cwd=folder)
    snapshot = json.loads(done.stdout)["snapshot"]
    assert {"einops": "0.7.0", "numpy": "2.1.3", "colorama": "0.4.6"}.items() <= snapshot["packages"].items()
    assert snapshot["os"] == "windows"
    assert "`amiga` is no platform" in is_clear_error(envcheck("check", "uv.lock", "--platform", "amiga", cwd=folder))[0]


def test_the_project_is_found_where_no_torch_is_installed(folder: Path) -> None:
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n")
    done = envcheck("--format", "json", cwd=folder, env={"PYTHONPATH": str(folder / "site")})
    assert json.loads(done.stdout)["snapshot"]["packages"]["numpy"] == "2.0.0"
    assert "this is what `uv.lock` asks for; `requirements.txt` can be named too" in done.stderr


def test_a_password_in_a_file_is_never_printed(folder: Path) -> None:
    (folder / "r.txt").write_text(
        "--index-url https://me:s3cret@index.example/simple\ntorch==2.2.0\nx @ https://me:s3cret@index.example/x.zip?token=s3cret\n-r https://me:s3cret@index.example/r.txt\n"
    )
    done = envcheck("check", "r.txt", cwd=folder)
    assert done.returncode == 2
    assert "s3cret" not in done.stdout + done.stderr
