"""The JSON Schema for editors is the loader's own, and every entry is one that it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from envcheck.matrix import files
from envcheck.matrix.store import CHECKOUT

SCHEMA = json.loads((CHECKOUT / "entry.schema.json").read_text(encoding="utf-8"))


class Loader(yaml.BaseLoader):
    """Scalars as strings, as the matrix reads them."""


def read(path: Path) -> object:
    return yaml.load(path.read_text(encoding="utf-8"), Loader)


def test_it_is_what_the_script_writes() -> None:
    done = subprocess.run([sys.executable, str(CHECKOUT.parent / "scripts" / "entry_schema.py"), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_entry_fits() -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    wrong = [f"{path.name}: {error.message}" for path in files.below(CHECKOUT / "entries") for error in validator.iter_errors(read(path))]
    assert wrong == []


@pytest.mark.parametrize(
    ("key", "value"), [("severity", "fatal"), ("when", {"train.zero_stag": "2"}), ("symptom", ["loss"]), ("examples", {"hit": []}), ("titel", "x")]
)
def test_what_an_editor_should_underline(key: str, value: object) -> None:
    entry = {**read(next(iter(files.below(CHECKOUT / "entries")))), key: value}  # type: ignore[dict-item]
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(entry)
