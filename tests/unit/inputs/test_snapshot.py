"""Saved snapshots: numbers as they are written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcheck.errors import InputError
from envcheck.inputs import snapshot


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text('{"python": 3.10, "packages": {"torch": 2.10}, "train": {"learning_rate": 2.0e-5, "zero_stage": 2}, "gpus": [{"capability": 8.0}]}')
    found = snapshot.read(str(path), str)
    assert (found.fact("python").value, found.package("torch").value) == ("3.10", "2.10")
    assert (found.train["learning_rate"].value, found.train["zero_stage"].value) == ("2.0e-5", 2)
    assert found.gpus is not None
    assert found.gpus[0].capability == "8.0"


@pytest.mark.parametrize(
    "text", ['{"gpus": [{"name": "A", "count": %s}]}' % ("9" * 5000), '{"packages": {"a.b": "1", "a-b": "1"}}', '{"gpus": [{"arch": 3.5e1, "name": []}]}']
)
def test_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(InputError):
        snapshot.read(str(path), str)
