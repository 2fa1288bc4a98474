"""The walk-throughs of real failures run as written and print what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "failures"
PAGES = sorted(FOLDER.glob("*.md"))


def plain(text: str) -> str:
    return " ".join(text.split())


def commands(page: Path) -> list[tuple[str, str]]:
    """Each command of a page, with what it is said to print."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [(command, shown) for block in blocks for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_prints_what_the_page_says(page: Path, tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "failures", ignore=shutil.ignore_patterns("envcheck-scenes", "__pycache__"))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    found = commands(page)
    assert found
    for command, shown in found:
        done = subprocess.run(command.split(), capture_output=True, text=True, cwd=tmp_path / "failures", env=environment, timeout=240, check=False)
        printed = plain(done.stdout)
        missing = [part for part in map(plain, shown.split("...\n")) if part not in printed]
        assert not missing, f"$ {command}\n{done.stdout}\n{done.stderr}"


def test_every_failure_has_a_page_in_the_list() -> None:
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if page.name != "README.md" and f"({page.name})" not in listed] == []
    assert len(PAGES) == 6


def test_no_script_is_left_that_no_page_runs() -> None:
    written = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [path.name for path in FOLDER.glob("*.py") if f"$ python {path.name}" not in written] == ["tiny.py"]
