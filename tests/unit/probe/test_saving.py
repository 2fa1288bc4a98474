"""Where and how `envcheck probe` writes."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from envcheck import probe
from envcheck.cli.probe import command
from envcheck.model import Fact, Snapshot

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes, links and permissions of POSIX")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = Snapshot(packages={"torch": Fact("2.1.2", "x")}, complete=True)
    monkeypatch.setattr(probe, "probe", lambda python: snapshot)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert done.exception is None, done.exception
    return done.output


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    run("-o", str(tmp_path / "link.json"))
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text())["packages"] == {"torch": "2.1.2"}


def test_a_device_behind_a_link_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to(os.devnull)
    run("-o", str(tmp_path / "null"))
    assert (tmp_path / "null").is_symlink()
    assert stat.S_ISCHR(os.stat(tmp_path / "null").st_mode)


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    path, said = tmp_path / "pipe", []
    os.mkfifo(path)
    # Opened both ways, so that neither side waits for the other.
    handle = os.open(path, os.O_RDWR)
    reader = threading.Thread(target=lambda: said.append(os.read(handle, 1 << 16)))
    reader.start()
    run("-o", str(path))
    assert stat.S_ISFIFO(os.stat(path).st_mode)
    reader.join()
    os.close(handle)
    assert json.loads(said[0])["complete"] is True


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o002, 0o664), (0o022, 0o644)])
def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        run("-o", str(tmp_path / "s.json"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "s.json").stat().st_mode) == mode


def test_a_file_that_is_there_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "s.json").touch(0o600)
    (tmp_path / "s.json").chmod(0o600)
    run("-o", str(tmp_path / "s.json"))
    assert stat.S_IMODE((tmp_path / "s.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(("name", "one_line"), [("s.jsonl", True), ("s.NDJSON", True), ("s.json", False)])
def test_a_file_of_lines_gets_one_line(tmp_path: Path, name: str, one_line: bool) -> None:
    run("-o", str(tmp_path / name))
    text = (tmp_path / name).read_text()
    assert json.loads(text)["complete"] is True
    assert text.endswith("\n")
    assert (text.count("\n") == 1) is one_line


@pytest.mark.parametrize("arguments", [("--format", "json"), ("-o", "-")])
def test_on_stdout_a_snapshot_is_one_line(arguments: tuple[str, ...]) -> None:
    text = run(*arguments)
    assert text.count("\n") == 1
    assert json.loads(text)["complete"] is True


def test_a_snapshot_without_a_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    done = CliRunner().invoke(command, ["-o", "s.json"], standalone_mode=False)
    assert "cannot be written" in str(done.exception)


def test_the_help_says_that_package_names_stay() -> None:
    assert "package names stay" in " ".join(CliRunner().invoke(command, ["--help"]).output.split())
