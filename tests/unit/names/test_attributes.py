"""Attributes of other packages that a module takes while it is imported, and what nobody can say of them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Dict, Optional, Set

import pytest

from envcheck.names import attributes, source
from envcheck.names.files import Folder
from envcheck.names.needs import needs
from envcheck.names.package import Package

OTHERS = frozenset(("torch", "transformers"))


def taken(text: str) -> Set[str]:
    module = source.read(text.encode(), "lib", "lib/__init__.py", True)
    assert module is not None
    found = attributes.taken(text.encode(), module, OTHERS)
    assert {(one.module, one.name) for one in found} <= attributes.mentioned(text.encode(), module, OTHERS)
    return {
        f"{one.module}.{one.name}" + "".join(f" if {ast.unparse(guard.test)}" for guard in one.guards) + " as annotation" * one.is_annotation for one in found
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TYPES = {'x': torch.float8_e4m3fn}\nprint(torch.a.b(torch.c)[torch.d], f'{torch.e}')", {"float8_e4m3fn", "a.b", "c", "d", "e"}),
        ("@torch.no_grad()\ndef f(x=torch.a, *, y=torch.b): return torch.inside", {"no_grad", "a", "b"}),
        ("def f(x: torch.a, *y: torch.b) -> 'torch.c': ...\nz: torch.d = torch.e", {"a as annotation", "b as annotation", "d as annotation", "e"}),
        ("from __future__ import annotations\ndef f(x: torch.a): ...", set()),
        ("class C(torch.nn.Module, metaclass=torch.M):\n    x = torch.a\n    def f(self): torch.inside", {"nn.Module", "M", "a"}),
        ("if torch.a:\n    torch.b\nelse:\n    torch.c", {"a", "b if torch.a", "c if torch.a"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    torch.a\nelse:\n    torch.b", {"b"}),
        ("try:\n    torch.a\nexcept AttributeError:\n    torch.b", set()),
        ("try:\n    torch.a\nexcept Exception:\n    pass", set()),
        ("try:\n    torch.a\nexcept (ImportError, OSError):\n    pass\nfinally:\n    torch.b", {"a", "b"}),
        ("import contextlib\nwith contextlib.suppress(AttributeError):\n    torch.a\nwith torch.b:\n    torch.c", {"b", "c"}),
        ("for x in torch.a:\n    torch.b\nwhile torch.c:\n    torch.d", {"a", "c"}),
        ("hasattr(torch, 'a') and torch.a\nx = torch.b if y else torch.c\nf = lambda: torch.d\n[torch.e for i in torch.g]", {"g"}),
        ("torch.a = 1\ndel torch.b\ntorch.__version__", set()),
    ],
)  # fmt: skip
def test_only_what_is_looked_up_on_import_counts(text: str, expected: Set[str]) -> None:
    assert taken(f"{text}\nimport torch") | taken(f"import torch\n{text}") == {f"torch.{one}" for one in expected}


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ("import torch.nn.functional as x", {"torch.nn.functional.a.b"}),
        ("from torch.nn import functional as x", {"torch.nn.functional.a.b"}),
        ("import torch.nn as x\nimport torch.nn as x", {"torch.nn.a.b"}),
        ("try:\n    import torch as x\nexcept ImportError:\n    x = None", {"torch.a.b"}),
        ("try:\n    import torch.new as x\nexcept ImportError:\n    import torch.old as x", set()),
        ("import torch as x\nx = wrapped(x)", set()),
        ("import torch as x\ndef x(): ...", set()),
        ("import numpy as x", set()),
    ],
)
def test_a_name_must_stand_for_one_thing(imports: str, expected: Set[str]) -> None:
    assert taken(f"{imports}\nx.a.b") == expected


TORCH = {
    "__init__.py": "from torch import nn as nn\nfor name in dir(_C):\n    globals()[name] = getattr(_C, name)\ndef __getattr__(name): return {'old_flag': 1}[name]",
    "_C/__init__.pyi": "float8: dtype",
    "_C/_VariableFunctions.pyi": "def matmul(): ...",
    "nn/__init__.py": "Linear = 1",
    "nn/functional.py": "def relu(): ...",
    "tools/__init__.py": "from .hidden import hidden",
    "tools/hidden.py": "",
}


def torch(root: Path, files: Dict[str, str] = TORCH) -> Package:
    for path, text in files.items():
        target = root / "torch" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return Package("torch", Folder(str(root)), lambda name: name in ("compiled", "relu6"))


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("torch", "float8", False),  # in the stubs
        ("torch", "matmul", False),
        ("torch", "old_flag", False),  # `__getattr__` mentions it
        ("torch", "compiled", False),  # only the library does
        ("torch", "float4", True),
        ("torch", "nn.Linear.anything", False),
        ("torch", "nn.functional.relu", False),
        ("torch", "nn.functional.gelu", True),
        ("torch.nn", "functional.gelu", True),
        ("torch.nn.functional", "relu6", True),  # the library gives names to the top module only
        ("torch", "nn.gone.x", True),
        ("torch", "tools.hidden.x", False),  # the name of the module stands for what is in it
        ("torch._six", None, True),
        ("torch.compiled", None, False),
        ("torch.nn.gone", None, True),
        ("torch", "nn.FloatTensor", False),  # put together by the compiled part
    ],
)
def test_what_a_compiled_part_may_give_is_not_missing(tmp_path: Path, module: str, name: Optional[str], expected: bool) -> None:
    assert torch(tmp_path).lacks(module, name) is expected


def test_without_a_look_into_the_compiled_part_nothing_is_missing(tmp_path: Path) -> None:
    torch(tmp_path)
    assert not Package("torch", Folder(str(tmp_path))).lacks("torch", "float4")
    assert not Package("torch", Folder(str(tmp_path))).lacks("torch._six", None)


def test_files_that_mention_nothing_doubtful_are_not_read_in_full(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").write_text("import torch\nfrom . import more\nclass A(torch.nn.Linear): ...")
    (tmp_path / "lib" / "more.py").write_text("import torch\nx: torch.float4\ny = torch.nn")
    package = Package("lib", Folder(str(tmp_path)))
    found = needs(package, "lib", OTHERS, lambda module, name: name == "float4")
    assert [(one.name, one.path, [tuple(asked) for asked in one.asked]) for one in found if one.is_attribute] == [
        ("float4", "lib/more.py", [("python", "<3.14")]),
        ("nn", "lib/more.py", []),
    ]
