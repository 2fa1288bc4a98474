"""Names that installed files import of each other, and the cache of what was found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List

import pytest

from envcheck import cache
from envcheck.deep import installed
from envcheck.model import Fact, Snapshot
from envcheck.probe import distributions

VERSIONS = {"peft": "0.17.0", "transformers": "5.5.0"}
SNAPSHOT = Snapshot(packages={name: Fact(version, "listed") for name, version in VERSIONS.items()}, complete=True)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def site(root: Path, peft: str, transformers: str = "Trainer = 1", record: bool = True) -> List[str]:
    for name, text in (("peft", peft), ("transformers", transformers)):
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "__init__.py").write_text(text)
        metadata = root / f"{name}-{VERSIONS[name]}.dist-info"
        metadata.mkdir(exist_ok=True)
        (metadata / "METADATA").write_text(f"Name: {name}\nVersion: {VERSIONS[name]}\n\n")
        if record:
            (metadata / "RECORD").write_text(f"{name}/__init__.py,sha256={abs(hash(text))},{len(text)}\n")
    return [str(root)]


def breaks(path: List[str]) -> List[str]:
    return [f"{one.file}:{one.line} {one.name} {one.root}" for one in installed.breaks(path, distributions.scan(path), SNAPSHOT)]


def test_a_name_that_is_not_there_is_found_where_it_is_imported(tmp_path: Path) -> None:
    assert breaks(site(tmp_path, "import os\nfrom transformers import HybridCache, Trainer")) == ["peft/__init__.py:2 transformers.HybridCache peft"]
    assert breaks(site(tmp_path, "from transformers import Trainer")) == []


def test_a_guard_is_asked_about_what_is_installed(tmp_path: Path) -> None:
    text = "import transformers\nif Version(transformers.__version__) {} Version('5'):\n    from transformers import HybridCache"
    assert breaks(site(tmp_path, text.format("<"))) == []
    assert breaks(site(tmp_path, text.format(">="))) == ["peft/__init__.py:3 transformers.HybridCache peft"]


def test_a_second_look_reads_the_cache_until_a_record_changes(tmp_path: Path) -> None:
    path = site(tmp_path, "from transformers import HybridCache")
    assert len(breaks(path)) == 1
    (tmp_path / "peft" / "__init__.py").write_text("")
    assert len(breaks(path)) == 1
    assert breaks(site(tmp_path, "")) == []


def test_without_a_record_nothing_is_kept(tmp_path: Path) -> None:
    assert len(breaks(site(tmp_path, "from transformers import HybridCache", record=False))) == 1
    assert not cache.folder().exists()


def test_a_cache_that_cannot_be_written_or_read_costs_only_time(tmp_path: Path) -> None:
    path = site(tmp_path, "from transformers import HybridCache")
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert len(breaks(path)) == len(breaks(path)) == 1
    os.unlink(tmp_path / "cache")
    breaks(path)
    (kept,) = cache.folder().glob("names-*.json")
    kept.write_text("[[1]]")
    assert len(breaks(path)) == 1
