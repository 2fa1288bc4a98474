"""Packages whose `__init__` imports nothing: a dictionary says which submodule has a name, and `__getattr__` looks there."""

from __future__ import annotations

import ast
import posixpath
import re
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

_FORMS = (b"_LazyModule(", b"_attach(")
_TABLES = ("_import_structure", "import_structure", "_SUBMOD_ATTRS")
_DEFINED = b"define_import_structure("


@dataclass
class Structure:
    """Where a lazy package says that its names are."""

    names: Dict[str, str] = field(default_factory=dict)
    """Name -> submodule, relative to the package, as `trainer.sft`."""
    folders: List[str] = field(default_factory=list)
    """Folders in whose files `__all__` lists more."""
    is_open: bool = False
    """Whether some of it cannot be read off."""


def structure(tree: ast.Module, text: bytes, path: str) -> Optional[Structure]:
    """What a package's `__init__` says; None where it is no lazy package of a known form."""
    if not any(form in text for form in _FORMS):
        return None
    found = Structure()
    for statement in tree.body:
        for node in ast.walk(statement):
            _take(node, found)
    if _DEFINED in text:
        # import_structure = define_import_structure(Path(__file__).parent / "models", prefix="models")
        folder = posixpath.dirname(path)
        inner = re.search(rb'define_import_structure\([^,\n]*parent\s*/\s*"([a-z_]+)"', text)
        found.folders.append(posixpath.join(folder, inner[1].decode()) if inner else folder)
    elif not found.names:
        found.is_open = True
    return found


def _take(node: ast.AST, found: Structure) -> None:
    """One statement that fills the table: an assignment of a dictionary, an entry, `append` or `extend` of an entry, `update`."""
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if _is_table(target) and node.value is not None:
                _whole(node.value, found)
            elif isinstance(target, ast.Subscript) and _is_table(target.value) and node.value is not None:
                _entry(target.slice, node.value, found)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        _call(node, node.func, found)


def _call(node: ast.Call, func: ast.Attribute, found: Structure) -> None:
    owner = func.value
    if func.attr == "update" and _is_table(owner) and node.args:
        _whole(node.args[0], found)
    elif func.attr in ("append", "extend") and node.args:
        # _import_structure["x"].append("Y"), _import_structure.setdefault("x", []).extend(["Y"])
        if isinstance(owner, ast.Subscript) and _is_table(owner.value):
            _entry(owner.slice, node.args[0], found)
        elif isinstance(owner, ast.Call) and isinstance(owner.func, ast.Attribute) and _is_table(owner.func.value) and owner.args:
            _entry(owner.args[0], node.args[0], found)


def _is_table(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in _TABLES


def _whole(value: ast.expr, found: Structure) -> None:
    if isinstance(value, ast.Dict):
        for key, names in zip(value.keys, value.values):
            if key is None:
                found.is_open = True
            else:
                _entry(key, names, found)
    elif not (_is_defined(value) or _is_copy(value)):
        found.is_open = True


def _is_defined(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "define_import_structure"


def _is_copy(value: ast.expr) -> bool:
    """`{key: set(names) for key, names in _import_structure.items()}`"""
    if not isinstance(value, ast.DictComp):
        return False
    source = value.generators[0].iter
    return isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute) and source.func.attr == "items" and _is_table(source.func.value)


def _entry(key: ast.expr, value: ast.expr, found: Structure) -> None:
    submodule = _text(key)
    if submodule is not None and "dummy" in submodule:
        return  # stand-ins for names of other submodules whose own dependency is not there
    names = _texts(value)
    if submodule is None or names is None:
        found.is_open = True
        return
    for name in names:
        found.names.setdefault(name, submodule)


def _text(node: ast.expr) -> Optional[str]:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _texts(node: ast.expr) -> Optional[Tuple[str, ...]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _texts(node.left), _texts(node.right)
        return None if left is None or right is None else left + right
    elements = node.elts if isinstance(node, (ast.List, ast.Tuple, ast.Set)) else [node]
    texts = [_text(element) for element in elements]
    return None if None in texts else tuple(text for text in texts if text is not None)


_ALL = re.compile(rb"^__all__\s*\+?=\s*[\[(](.*?)[\])]", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(rb"[\"']([A-Za-z_]\w*)[\"']")


def listed(text: bytes) -> List[str]:
    """The names in the `__all__` lists of a file."""
    if b"__all__" not in text:
        return []
    return [name.decode() for body in _ALL.findall(text) for name in _QUOTED.findall(body)]
