"""Names that a release refuses behind a `__getattr__`: what NumPy and pydantic say of themselves."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Dict, FrozenSet, Optional

import pytest

from envcheck.names.package import Package

PATH = Path(__file__).resolve().parents[2] / "scripts" / "refused_names.py"
SPEC = importlib.util.spec_from_file_location("refused_names", PATH)
assert SPEC is not None
assert SPEC.loader is not None
refused = importlib.util.module_from_spec(SPEC)
sys.modules["refused_names"] = refused
SPEC.loader.exec_module(refused)


class Texts:
    """Files that are given as text."""

    def __init__(self, texts: Dict[str, str]) -> None:
        self._texts = texts

    def read(self, path: str) -> Optional[bytes]:
        text = self._texts.get(path)
        return text.encode() if text is not None else None

    def listed(self, folder: str) -> FrozenSet[str]:
        inside = [path[len(folder) :].lstrip("/") for path in self._texts if path.startswith(folder)]
        return frozenset(path.partition("/")[0] for path in inside)


NUMPY = Package(
    "numpy",
    Texts(
        {
            "numpy/__init__.py": 'from ._core import array, float64\n\ndef __getattr__(attr):\n    if attr == "fft":\n        import numpy.fft as fft\n        return fft\n',
            "numpy/_core/__init__.py": "",
            "numpy/random/__init__.py": "",
        }
    ),
)
PYDANTIC = Package(
    "pydantic",
    Texts(
        {
            "pydantic/__init__.py": "def __getattr__(name): ...\n",
            "pydantic/_migration.py": "REMOVED_IN_V2 = {\n    'pydantic:ConstrainedInt',\n    'pydantic.fields:ModelField',\n}\nif import_path == 'pydantic:BaseSettings': ...\n",
        }
    ),
)


@pytest.mark.parametrize(
    ("version", "name", "is_refused"),
    [
        ("2.2.6", "float_", True),
        ("2.2.6", "array", False),
        ("2.2.6", "fft", False),
        ("2.2.6", "random", False),
        ("2.2.6", "float128", False),
        ("2.2.6", "random.randint", False),
        ("1.26.4", "float_", False),
        ("1.26.4", "float", True),
        ("1.23.5", "float", False),
    ],
)
def test_numpy_2_has_what_it_names_and_1_24_lost_six(version: str, name: str, is_refused: bool) -> None:
    assert refused.refuses("numpy", version, NUMPY, "numpy", name) is is_refused


@pytest.mark.parametrize(
    ("version", "module", "name", "is_refused"),
    [
        ("2.5.0", "pydantic", "ConstrainedInt", True),
        ("2.5.0", "pydantic", "BaseSettings", True),
        ("2.5.0", "pydantic.fields", "ModelField", True),
        ("2.5.0", "pydantic", "BaseModel", False),
        ("1.10.0", "pydantic", "ConstrainedInt", False),
    ],
)
def test_pydantic_2_refuses_what_it_lists(version: str, module: str, name: str, is_refused: bool) -> None:
    assert refused.refuses("pydantic", version, PYDANTIC, module, name) is is_refused


def test_what_is_made_on_demand_is_unknown() -> None:
    assert refused.may_give("transformers", "5.5.0", "transformers", "T5TokenizerFast")
    assert not refused.may_give("transformers", "5.5.0", "transformers", "AdamW")
    assert not refused.may_give("transformers", "4.57.6", "transformers", "T5TokenizerFast")
    assert refused.may_give("sentence-transformers", "5.4.0", "sentence_transformers.losses", None)
    assert not refused.may_give("sentence-transformers", "5.3.0", "sentence_transformers.losses", None)
