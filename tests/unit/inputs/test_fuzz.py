"""A short run of scripts/fuzz_readers.py: every reader gives an answer or `InputError`."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest

from envcheck.inputs import kinds

SCRIPT = Path(__file__).parents[3] / "scripts" / "fuzz_readers.py"
specification = importlib.util.spec_from_file_location("fuzz_readers", SCRIPT)
assert specification is not None
assert specification.loader is not None
fuzz = importlib.util.module_from_spec(specification)
specification.loader.exec_module(fuzz)
SAMPLES = fuzz.samples()


def test_every_kind_has_a_sample() -> None:
    assert set(SAMPLES) == set(kinds.KINDS)


@pytest.mark.parametrize("kind", list(kinds.KINDS))
def test_mutated_files(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert fuzz.run(kind, SAMPLES[kind], 60, random.Random(kind), {}) == 0, capsys.readouterr().out
