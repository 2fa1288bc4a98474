"""What is read off Python files: names that modules have, imports that run, and what these stand behind."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Dict, Optional

import pytest

from envcheck.names.files import Folder
from envcheck.names.needs import needs
from envcheck.names.package import Package

OTHERS = frozenset(("transformers", "accelerate", "torch"))


def package(root: Path, files: Dict[str, str], name: str = "lib") -> Package:
    for path, text in files.items():
        target = root / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return Package(name, Folder(str(root)))


def asked(root: Path, text: str, **more: str) -> Dict[str, str]:
    files = {"__init__.py": text, **{name.replace("__", "/") + ".py": body for name, body in more.items()}}
    return {
        f"{need.module}.{need.name}" if need.name else need.module: " ".join(sorted("".join(one) for one in need.asked))
        for need in needs(package(root, files), "lib", OTHERS)
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from transformers import A\nimport accelerate.hooks", {"transformers.A": "", "accelerate.hooks": ""}),
        ("from transformers import *", {"transformers": ""}),
        ("try:\n    from transformers import A\nexcept ImportError:\n    A = None", {}),
        ("try:\n    from transformers import A\nexcept Exception:\n    A = None", {}),
        ("try:\n    from transformers import A\nexcept (KeyError, AttributeError):\n    A = None", {"transformers.A": ""}),
        ("try:\n    x = 1\nfinally:\n    from transformers import A", {"transformers.A": ""}),
        ("from contextlib import suppress\nwith suppress(ImportError):\n    from transformers import A", {}),
        ("def f():\n    from transformers import A", {}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from transformers import A\nelse:\n    from transformers import B", {"transformers.B": ""}),
        ("import os\nif os.environ.get('X'):\n    from transformers import A", {}),
        ("if is_peft_version('>=', '0.5'):\n    from transformers import A\nelse:\n    from transformers import B", {"transformers.A": "peft>=0.5", "transformers.B": "peft<0.5"}),
        ("import transformers\nif Version(transformers.__version__) >= Version('4.46'):\n    from transformers import A", {"transformers": "", "transformers.A": "transformers>=4.46"}),
        ("NEW = version.parse(importlib.metadata.version('transformers')) < version.parse('5')\nif NEW:\n    from transformers import A", {"transformers.A": "transformers<5"}),
        ("if is_torch_greater_or_equal('2.5') and not is_peft_version('<', '1'):\n    from transformers import A", {"transformers.A": "peft>=1 torch>=2.5"}),
        ("if is_torch_version('>=', '2') or other():\n    from transformers import A", {}),
    ],
)  # fmt: skip
def test_only_imports_that_nothing_catches_count(tmp_path: Path, text: str, expected: Dict[str, str]) -> None:
    assert asked(tmp_path, text) == expected


UTILS = """
LEAST = "0.26.0"
def is_accelerate_available(min_version: str = LEAST):
    return _there and version.parse(_version) >= version.parse(min_version)
def is_peft_available():
    return _is_package_available("peft")
def is_deepspeed_available():
    return find_spec("deepspeed") and torch.cuda.is_available()
"""


def test_a_guard_asks_for_the_version_that_its_definition_names(tmp_path: Path) -> None:
    text = "from .utils import is_accelerate_available\nif is_accelerate_available():\n    from accelerate import A"
    assert asked(tmp_path, text, utils="from .imports import is_accelerate_available", imports=UTILS) == {"accelerate.A": "accelerate>=0.26.0"}
    text = "from .imports import is_peft_available, is_deepspeed_available\nif is_peft_available():\n    from accelerate import A\nif is_deepspeed_available():\n    from accelerate import B"
    assert asked(tmp_path, text, imports=UTILS) == {"accelerate.A": "peft"}


def test_modules_that_the_root_reaches_are_read_and_others_are_not(tmp_path: Path) -> None:
    found = asked(tmp_path, "from .a import x", a="from . import b", b="from transformers import B", c="from transformers import C")
    assert found == {"transformers.B": ""}


def test_what_is_reached_behind_a_guard_stays_behind_it(tmp_path: Path) -> None:
    found = asked(tmp_path, "if is_torch_version('>=', '2'):\n    from .a import x", a="from transformers import A")
    assert found == {"transformers.A": "torch>=2"}


LAZY = """
from typing import TYPE_CHECKING
_import_structure = {"a": ["A"], "b": []}
_import_structure["b"].append("B")
_import_structure.setdefault("c", []).extend(["C"])
if TYPE_CHECKING:
    from .a import A
else:
    import sys
    sys.modules[__name__] = _LazyModule(__name__, _import_structure)
"""
LISTED = "from .utils import define_import_structure\nsys.modules[__name__] = _LazyModule(__name__, define_import_structure(__file__))"


@pytest.mark.parametrize(
    ("init", "name", "expected"),
    [
        ("A = 1", "A", True),
        ("A = 1", "B", False),
        ("if x:\n    A = 1\nelse:\n    from z import B as A", "A", True),
        ("for A, (B, C) in x: pass", "C", True),
        ("from .sub import *", "inner", True),
        ("from .sub import *", "B", False),
        ("from other import *", "B", None),
        ("def __getattr__(name): ...", "B", None),
        ("globals().update(x)", "B", None),
        ("def f():\n    globals()['x'] = 1", "B", False),
        ("", "sub", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from x import B", "B", False),
        (LAZY, "C", True),
        (LAZY, "D", False),
        (LAZY.replace('["A"]', "names()"), "D", None),
        (LISTED, "Listed", True),
        (LISTED, "B", False),
    ],
)
def test_a_name_is_there_or_not_or_nobody_can_tell(tmp_path: Path, init: str, name: str, expected: Optional[bool]) -> None:
    lib = package(tmp_path, {"__init__.py": init, "sub.py": "inner = 1", "deep/listed.py": '__all__ = [\n    "Listed",\n]'})
    assert lib.has("lib", name) is expected


def test_modules_are_there_or_not(tmp_path: Path) -> None:
    lib = package(tmp_path, {"__init__.py": "", "deep/x.py": "", "fast.cpython-311-x86_64-linux-gnu.so": ""})
    assert [lib.has(name, None) for name in ("lib", "lib.deep", "lib.deep.x", "lib.fast", "lib.gone", "lib.deep.gone")] == [True] * 4 + [False] * 2
    assert lib.has("lib.fast", "Anything") is None
    aliased = package(tmp_path, {"__init__.py": "import sys\nsys.modules['more.old'] = sys"}, "more")
    assert aliased.has("more.old", None) is None
    aliased = package(tmp_path, {"__init__.py": "from .tools import give_alias\ngive_alias('old')"}, "other")
    assert (aliased.has("other", "old"), aliased.has("other", "older")) == (None, False)
    starred = package(tmp_path, {"__init__.py": "from .inner import *", "inner/__init__.py": "", "inner/tools.py": ""}, "third")
    assert (starred.has("third", "tools"), starred.has("third", "other")) == (None, False)


@pytest.mark.parametrize("name", ["packaging.version", "click.core", "json.decoder", "packaging.nowhere"])
def test_it_agrees_with_python_about_installed_packages(name: str) -> None:
    top = importlib.import_module(name.partition(".")[0])
    lib = Package(top.__name__, Folder(str(Path(top.__file__ or "").parent.parent)))
    for attribute in ("Version", "Context", "JSONDecoder", "NoSuchName"):
        done = subprocess.run([sys.executable, "-c", f"from {name} import {attribute}"], capture_output=True, check=False)
        # click's modules have a `__getattr__`, whose names nobody can read off.
        assert lib.has(name, attribute) in ((done.returncode == 0), None if top.__name__ == "click" else done.returncode == 0)
