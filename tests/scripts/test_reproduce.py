"""Reproductions against a folder of wheels, through venv and pip as they are."""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from envcheck.model import Reproducer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reproduce", ROOT / "scripts" / "reproduce.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reproduce"] = module
    spec.loader.exec_module(module)
    return module


def wheel(folder: Path, name: str, version: str, code: str, *requires: str) -> None:
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", code)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in requires)]
        archive.writestr(f"{info}/METADATA", "\n".join(lines) + "\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def bench(tmp_path: Path, script: ModuleType) -> Any:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel(wheels, "stone", "1.0", "from sand import grain\n", "sand<2")
    wheel(wheels, "stone", "1.1", "import sand\n", "sand")
    wheel(wheels, "sand", "1.0", "grain = 1\n")
    wheel(wheels, "sand", "2.0", "")
    (tmp_path / "pinned.txt").write_text("# Why.\nsand==2.0\n")
    (tmp_path / "free.txt").write_text("")
    work = tmp_path / "work"
    work.mkdir()
    return lambda pinned=False: script.Bench(work, {}, ["--no-index", "--find-links", str(wheels)], tmp_path / ("pinned.txt" if pinned else "free.txt"))


BREAK = Reproducer(("stone==1.0", "sand==2.0"), ("stone==1.1", "sand==2.0"), "import stone", "cannot import name 'grain' from 'sand'")


def test_what_fails_as_said_and_passes_with_the_fix_is_reproduced(bench: Any, tmp_path: Path) -> None:
    """stone 1.0 refuses sand 2.0 in its metadata, so that it comes about by one installation after the other."""
    holds, line = bench().outcome("broken", BREAK)
    assert (holds, line.partition(" (")[0]) == (True, "ImportError: cannot import name 'grain' from 'sand'")
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fails": "some other message"}, "the bad side fails otherwise: ImportError: cannot import"),
        ({"bad": ("stone==1.1",)}, "the bad side passes"),
        ({"good": ("stone==1.0", "sand==2.0")}, "the good side fails: ImportError"),
        ({"good": ("stone==1.2",)}, "cannot be installed: ERROR: "),
        ({"python": "3.99"}, "needs Python 3.99"),
        ({"run": "import time; time.sleep(60)", "timeout": 1, "fails": "never"}, "the bad side fails otherwise: stopped after 1 s"),
    ],
)
def test_whatever_else_happens_is_told_and_is_no_reproduction(bench: Any, given: Any, said: str) -> None:
    holds, line = bench().outcome("broken", Reproducer(**{**vars(BREAK), **given}))
    assert not holds
    assert line.startswith(said)


def test_another_release_of_what_is_pinned_is_refused(bench: Any) -> None:
    found = Reproducer(("sand==1.0",), ("sand==2.0",), "import sand", "x")
    assert bench(pinned=True).outcome("other", found) == (False, "needs sand==1.0, and only sand 2.0 may be installed")


def test_both_sides_may_be_alike_and_the_script_is_told_which_it_is(bench: Any) -> None:
    found = Reproducer((), (), "import os, sys\nsys.exit(os.environ['WHY'] if sys.argv[1] == 'bad' else 0)", "^because", env={"WHY": "because"})
    assert bench().outcome("alike", found) == (True, "because")


def test_recording_changes_level_and_date_alone(tmp_path: Path, script: ModuleType) -> None:
    path = tmp_path / "entry.yaml"
    text = "id: a\nevidence:\n  level: {}\n  reviewed: {}\n  links: [https://index.example]  # stays\nexamples: {{}}\n"
    path.write_text(text.format("many", "2026-01-02"))
    script.record(path, "2026-11-22")
    assert path.read_text() == text.format("reproduced", "2026-11-22")


def test_the_table_in_the_documentation_is_that_of_the_entries(script: ModuleType) -> None:
    assert (ROOT / "docs" / "reproductions.md").read_text(encoding="utf-8") == script.table()
