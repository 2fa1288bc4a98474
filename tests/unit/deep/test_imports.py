"""Modules that fail in every way a module can, really imported in children."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Dict, List

import pytest

from envcheck.deep import imports
from envcheck.matrix.store import open_matrix
from envcheck.model import Fact, Snapshot

WAYS: Dict[str, str] = {
    "fine": "print('noise\\n\\x1e{}')",
    "lacks": "from json import NoSuchName",
    "raises": "raise RuntimeError('two\\nlines')",
    "leaves": "import sys\nsys.exit(3)",
    "vanishes": "import os\nos._exit(0)",
    "status": "import os\nos._exit(7)",
    "crashes": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
    "last": "",
}


def failures(root: Path, monkeypatch: pytest.MonkeyPatch, names: List[str], limit: float = 20.0) -> Dict[str, imports.Failure]:
    for name in names:
        (root / f"{name}.py").write_text(WAYS.get(name, "import time\ntime.sleep(60)"))
    monkeypatch.setenv("PYTHONPATH", str(root))
    return {one.module: one for one in imports.run(sys.executable, [("pkg", name) for name in names], limit)}


def test_each_way_to_fail_is_told_apart_and_costs_only_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = failures(tmp_path, monkeypatch, list(WAYS))
    assert {name: one.ending for name, one in found.items()} == {
        "lacks": "error", "raises": "error", "leaves": "error", "vanishes": "exit", "status": "exit", "crashes": "signal",
    }  # fmt: skip
    assert found["lacks"].message.startswith("ImportError: cannot import name 'NoSuchName' from 'json'")
    assert found["raises"].message == "RuntimeError: two lines"
    assert found["raises"].place.endswith("raises.py:1")
    assert "SIGSEGV" in found["crashes"].message
    assert "7" in found["status"].message


def test_a_hang_ends_at_the_limit_and_the_next_module_is_still_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = failures(tmp_path, monkeypatch, ["hangs", "fine", "raises"], limit=3.0)
    assert {name: one.ending for name, one in found.items()} == {"hangs": "timeout", "raises": "error"}
    assert "3 s" in found["hangs"].message


def test_a_module_that_this_release_does_not_have_is_not_broken(tmp_path: Path) -> None:
    assert imports.run(sys.executable, [("json", "json.no_such_part"), ("nowhere", "nowhere.at.all")], 20.0) == []


def test_an_interpreter_that_does_not_answer_ends_the_look() -> None:
    assert imports.run(os.devnull, [("json", "json"), ("os", "os")], 20.0) == []


PACKAGES = {"torch": "2.8.0", "peft": "0.17.0", "trl": "0.20.0", "transformers": "5.5.0"}
SNAPSHOT = Snapshot(packages={name: Fact(version, "listed") for name, version in PACKAGES.items()}, complete=True)


def test_only_what_is_installed_is_imported_and_nothing_without_torch() -> None:
    assert {package for package, _ in imports.wanted(SNAPSHOT)} == set(PACKAGES)
    assert imports.wanted(Snapshot(packages={"peft": Fact("0.17.0")}, complete=True)) == []


def test_one_message_is_one_finding_and_carries_the_page_that_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "ImportError: cannot import name 'NoSuchName' from 'transformers' (…)"
    failed = [imports.Failure(name, name, "error", said, "peft/x.py:3") for name in ("peft", "trl")]
    monkeypatch.setattr(imports, "run", lambda python, asked, limit: failed)
    (one,) = imports.findings(None, SNAPSHOT, open_matrix(), 20.0)
    assert one.severity == "error"
    assert one.culprit == ("peft", "trl")
    assert "NoSuchName" in one.title
    assert "envcheck explain missing-name" in one.page.cause
    monkeypatch.setattr(imports, "run", lambda python, asked, limit: [imports.Failure("peft", "peft", "error", "OddError: unheard of", "peft/x.py:3")])
    (other,) = imports.findings(None, SNAPSHOT, open_matrix(), 20.0)
    assert "peft/x.py:3" in other.page.cause
    assert "python -c 'import peft'" in other.page.fix[0]
