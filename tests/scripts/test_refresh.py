"""The refresh scripts against a folder of wheels, through pip as it is."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
TABLE = """# A comment that stays.
rows:
  - package: stone
    source: "its wheels"
    read: "1.0 1.1"
    requires: |
      sand 1.0 >=1
      sand 1.1 >=2
"""


def wheel(folder: Path, version: str, *requires: str) -> None:
    """A wheel as small as pip takes it."""
    info = f"stone-{version}.dist-info"
    with zipfile.ZipFile(folder / f"stone-{version}-py3-none-any.whl", "w") as archive:
        lines = ["Metadata-Version: 2.1", "Name: stone", f"Version: {version}", *(f"Requires-Dist: {one}" for one in requires)]
        archive.writestr(f"{info}/METADATA", "\n".join(lines) + "\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    wheel(folder, "1.0", "sand (>=1)")
    wheel(folder, "1.1", "sand>=2")
    wheel(folder, "1.2", "sand>=2,<3", "mortar>=4; extra == 'wall'", 'lime!=1.5; python_version < "3.12"', "water")
    (tmp_path / "requires.yaml").write_text(TABLE)
    return folder


def refresh(index: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit status, what was printed, and the table afterwards."""
    table = index.parent / "requires.yaml"
    command = [sys.executable, str(SCRIPTS / "refresh_requires.py"), "--table", str(table), *arguments, "--", "--no-index", "--find-links", str(index)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr, table.read_text()


def test_a_new_release_is_added_and_the_rest_stays(index: Path) -> None:
    status, _, table = refresh(index)
    assert status == 0
    assert table.startswith("# A comment that stays.\n")
    assert "      1.0 1.1 1.2\n" in table
    assert "      sand 1.0 >=1\n      sand 1.1 >=2\n      sand 1.2 <3,>=2\n" in table
    assert '      lime 1.2 !=1.5 ; python_version < "3.12"\n' in table
    assert "mortar" not in table


def test_what_differs_or_is_gone_is_told_and_not_changed(index: Path) -> None:
    (index / "stone-1.0-py3-none-any.whl").unlink()
    wheel(index, "1.1", "sand>=7")
    status, said, table = refresh(index, "--again")
    assert status == 1
    assert "stone 1.0: is in the table and no longer in the index" in said
    assert "stone 1.1: declares something else" in said
    assert table == TABLE


def test_a_requirement_in_an_unknown_syntax_is_left_out_and_told(index: Path) -> None:
    wheel(index, "1.2", "sand (>=1.9.*)")
    status, said, table = refresh(index)
    assert status == 1
    assert "stone" in said
    assert "1.2" not in table.replace("stone", "")


RELEASES = """# A comment that stays.
rows:
  - package: stone
    source: "the index"
    releases: |
      0.9 | 2020-01-01 | >=3.6
      1.0 | 2020-02-01 | >=3.8 | py3 | any
      1.0.1 | 2020-02-02 | >=3.8 | cp36 | linux_x86_64
      1.1 | 2020-03-01 | | | | | yanked: crumbles
  - package: water
    source: "the index"
    releases: |
      1.0
"""


def test_new_releases_are_added_and_what_is_no_longer_listed_is_told(index: Path) -> None:
    (index / "stone-1.1-py3-none-any.whl").unlink()
    table = index.parent / "releases.yaml"
    table.write_text(RELEASES)
    command = [sys.executable, str(SCRIPTS / "refresh_releases.py"), "stone", "--table", str(table), "--", "--no-index", "--find-links", str(index)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "stone 0.9: is in the table and no longer listed" in done.stdout
    assert "stone 1.1" not in done.stdout
    assert "stone 1.0.1" not in done.stdout  # its wheels are for another Python than pip's
    assert table.read_text() == RELEASES.replace("yanked: crumbles\n", "yanked: crumbles\n      1.2 | | | py3 | any\n")
