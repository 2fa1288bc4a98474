"""Names that a release itself refuses to give, behind a `__getattr__` that could give anything: NumPy's former names, and what pydantic 2 took out."""

from __future__ import annotations

import re
from typing import FrozenSet, Optional

from packaging.version import Version

from envcheck.names.package import Package

# `__former_attrs__` in numpy/__init__.py, the same list in the wheels of 1.24.0 to 1.26.4.
_FORMER = frozenset(("bool", "complex", "float", "int", "object", "str"))

_BY_PLATFORM = frozenset(("float96", "float128", "complex192", "complex256"))


def refuses(name: str, version: str, package: Package, module: str, inner: Optional[str]) -> bool:
    """Whether that release of a distribution certainly raises for `from module import inner`, where reading the module alone cannot tell."""
    if inner is None or not re.fullmatch(r"[A-Za-z]\w*", inner) or inner in _BY_PLATFORM:
        return False
    if name == "numpy" and module == "numpy":
        if Version(version).major >= 2:
            return _numpy_2(package, inner)
        return Version(version) >= Version("1.24") and inner in _FORMER
    return name == "pydantic" and Version(version).major >= 2 and f"{module}:{inner}" in _taken_out(package)


def may_give(name: str, version: str, module: str, inner: Optional[str]) -> bool:
    """Whether a release makes names on demand of which nothing can be read: tried with transformers 5.5.0 and sentence-transformers 5.4.0."""
    if name == "transformers" and Version(version).major >= 5:
        return (inner or "").endswith("TokenizerFast")
    return name == "sentence-transformers" and Version(version) >= Version("5.4")


def _numpy_2(package: Package, name: str) -> bool:
    """NumPy 2 imports by name all that it gives; what `__getattr__` gives besides is mentioned there."""
    top = package.module("numpy")
    text = (package.text("numpy/__init__.py") or "").partition("def __getattr__")[2]
    return top is not None and name not in top.bound and f'"{name}"' not in text and package.has(f"numpy.{name}", None) is not True


def _taken_out(package: Package) -> FrozenSet[str]:
    """The list REMOVED_IN_V2, and the one name with a message of its own."""
    text = package.text("pydantic/_migration.py") or ""
    listed = re.search(r"REMOVED_IN_V2 = \{(.*?)\}", text, re.DOTALL)
    special = re.findall(r"import_path == '([\w.:]+)'", text)
    return frozenset((*re.findall(r"'([\w.]+:\w+)'", listed[1] if listed else ""), *special))
