"""setup.py, read and never run: the requirements that stand in it as literals, through variables, sums and lists of them."""

from __future__ import annotations

import ast
import os
import re
import shlex
import warnings
from collections.abc import Mapping
from typing import Optional

from envcheck.errors import InputError
from envcheck.inputs import requirements
from envcheck.inputs.gathered import Gathered

NOTHING = "calls no `setup`"
_DEPTH = 20


class _Computed(Exception):
    """A value that only running the file would tell."""


def read(text: str, path: str, gathered: Gathered) -> None:
    """Take `install_requires` and the chosen extras of the call of `setup`. What is computed is said, not guessed.

    Raises `InputError` for what is no Python, or calls no `setup`.
    """
    tree = _parsed(text, path)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == "setup"]
    if not calls:
        raise InputError(NOTHING, where=path, hint="is this the file you meant?")
    values = _Values(tree)
    given = {keyword.arg: keyword.value for call in calls for keyword in call.keywords if keyword.arg}
    if "install_requires" in given:
        _take(given["install_requires"], values, path, gathered)
    _extras(given.get("extras_require"), values, path, gathered)
    if not {"install_requires", "extras_require"} & set(given):
        gathered.warn(f"{path}: its call of `setup` names no requirement; setup.cfg or pyproject.toml may")
    gathered.complete.append(False)
    gathered.say_left_out(path)


def _parsed(text: str, path: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise InputError(f"is not valid Python: {error.msg}", where=f"{path}:{error.lineno}" if error.lineno else path) from None
    except (ValueError, RecursionError, MemoryError):
        raise InputError("is not valid Python", where=path) from None


def _extras(node: Optional[ast.expr], values: _Values, path: str, gathered: Gathered) -> None:
    node = values.resolved(node) if node is not None else None
    for key, value in zip(node.keys, node.values) if isinstance(node, ast.Dict) else ():
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            extra = key.value.partition(":")[0]
            taken = not extra or gathered.choice.takes_extra(extra)
            gathered.met("extra", extra, taken)
            if taken:
                _take(value, values, path, gathered)


def _take(node: ast.expr, values: _Values, path: str, gathered: Gathered) -> None:
    try:
        rows = values.texts(node)
    except _Computed as computed:
        if _from_files(node, values, path, gathered):
            return
        gathered.warn(f"{path}:{computed.args[0]}: what is required is computed when the file runs; envcheck does not run it")
        return
    for row, line in rows:
        for one in row.splitlines():
            if one.strip():
                requirements.one(one, path, f"{path}:{line}", gathered, os.path.dirname(path))


def _from_files(node: ast.expr, values: _Values, path: str, gathered: Gathered) -> bool:
    """Whether the expression, or the function of the module that it calls, names requirements files that are there; then they are taken."""
    folder = os.path.dirname(path)
    names = [(text, line) for text, line in values.mentioned(node) if text.endswith((".txt", ".in"))]
    there = [(name, line) for name, line in dict(names).items() if os.path.isfile(os.path.join(folder, name))]
    for name, line in there:
        requirements.one(f"-r {shlex.quote(name)}", path, f"{path}:{line}", gathered, folder)
    return bool(there)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


class _Values:
    """The module's assignments, and the texts an expression stands for."""

    def __init__(self, tree: ast.Module) -> None:
        self.assigned: dict[str, list[ast.expr]] = {}
        self.functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        for node in ast.walk(tree):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, (ast.AnnAssign, ast.AugAssign)) else []
            value = getattr(node, "value", None)
            for target in (one for each in targets for one in (each.elts if isinstance(each, ast.Tuple) and isinstance(value, ast.Call) else [each])):
                if isinstance(target, ast.Name) and value is not None:
                    self.assigned.setdefault(target.id, []).append(value)

    def resolved(self, node: ast.expr, depth: int = 0) -> ast.expr:
        """What a name was assigned, where it was assigned once."""
        if isinstance(node, ast.Name) and len(self.assigned.get(node.id, ())) == 1 and depth < _DEPTH:
            return self.resolved(self.assigned[node.id][0], depth + 1)
        return node

    def texts(self, node: ast.expr, depth: int = 0) -> list[tuple[str, int]]:
        """The texts of a list, each with its line. Raises `_Computed`."""
        node = self.resolved(node)
        if depth > _DEPTH:
            raise _Computed(node.lineno)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [(node.value, node.lineno)]
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return [row for one in node.elts for row in self.texts(one.value if isinstance(one, ast.Starred) else one, depth + 1)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.texts(node.left, depth + 1) + self.texts(node.right, depth + 1)
        if isinstance(node, ast.Subscript):
            found = self._member(node)
            if found is not None:
                return self.texts(found, depth + 1)
            if _name(node.value) == "deps" and isinstance(node.slice, ast.Constant):
                return self._listed(node.slice.value, node)
        if isinstance(node, ast.Call) and _name(node.func) in ("list", "sorted", "tuple", "set") and len(node.args) == 1:
            return self.texts(node.args[0], depth + 1)
        if isinstance(node, ast.Call) and _name(node.func) == "deps_list":
            return [row for one in node.args if isinstance(one, ast.Constant) for row in self._listed(one.value, node)]
        raise _Computed(node.lineno)

    def mentioned(self, node: ast.expr) -> list[tuple[str, int]]:
        """Every text in an expression, in what its names stand for, and in the functions of the module that it calls."""
        nodes: list[ast.AST] = [node]
        for one in ast.walk(self.resolved(node)):
            if isinstance(one, ast.Name):
                nodes.append(self.resolved(one))
            if isinstance(one, ast.Call) and _name(one.func) in self.functions:
                nodes.append(self.functions[_name(one.func)])
        nodes.append(self.resolved(node))
        return [(one.value, one.lineno) for whole in nodes for one in ast.walk(whole) if isinstance(one, ast.Constant) and isinstance(one.value, str)]

    def _listed(self, name: object, node: ast.expr) -> list[tuple[str, int]]:
        """The requirement on a package in the list `_deps`, from which projects of one family pick by name. Raises `_Computed`."""
        rows = self.resolved(ast.Name(id="_deps"))
        for text, line in self.texts(rows) if isinstance(rows, ast.List) else ():
            if re.split(r"[!=<>~\[; ]", text)[0] == name:
                return [(text, line)]
        raise _Computed(node.lineno)

    def _member(self, node: ast.Subscript) -> Optional[ast.expr]:
        whole = self.resolved(node.value)
        if isinstance(whole, ast.Dict) and isinstance(node.slice, ast.Constant):
            keys: Mapping[object, ast.expr] = {key.value: value for key, value in zip(whole.keys, whole.values) if isinstance(key, ast.Constant)}
            return keys.get(node.slice.value)
        return None
