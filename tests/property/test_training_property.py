"""No text is read as a config with anything but an answer or one clear error (the long run is scripts/fuzz_training.py)."""

from __future__ import annotations

import contextlib
import importlib.util
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck import training
from envcheck.errors import InputError
from envcheck.training import shell

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz_training.py"


@pytest.mark.property
@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab=$(){}[]\"'\\\n#;|&<> -x1`:@*", max_size=60))
def test_every_text_has_words(text: str) -> None:
    for command in shell.commands(text):
        assert command.words


@pytest.mark.property
def test_mutated_configs_are_read_or_refused(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("fuzz_training", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    fuzz = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz)
    rng, originals, read = random.Random(7), fuzz.seeds(), 0
    for _ in range(300):
        path = tmp_path / "c"
        path.write_bytes(fuzz.mutated(rng.choice(originals), originals, rng))
        with contextlib.suppress(InputError):
            training.picture([str(path)])
            read += 1
    assert read > 10
