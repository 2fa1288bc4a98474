"""What a Python file calls of other packages, and what its classes take over from theirs, read with `ast`; `mine_calls.py` asks for it.

A call is kept with its shape: how many arguments by place, which by name, and whether `*` or `**` may bring more. What stands behind a
test is kept with the test, which `mine_calls.py` reads off or leaves.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Set, Tuple

from envcheck.names.source import Guard, Module, is_type_checking, suppresses

Origin = Tuple[str, str]
"""A module, and what follows it as attributes; empty for the module itself."""


class Shape(NamedTuple):
    """How something is called."""

    places: int
    names: Tuple[str, ...]
    is_open: bool
    """Whether `*` or `**` may bring arguments that cannot be read off."""


class Call(NamedTuple):
    """One call in a function of a file."""

    scope: str
    """`Class.method` or `function`."""
    target: Origin
    """What is called; for `super().method` and `self.method` the class that the method is looked up in, with the method."""
    shape: Shape
    line: int
    guards: Tuple[Guard, ...]
    is_inherited: bool
    """Whether it is a method of a base class, of which the instance is the first argument."""


class Method(NamedTuple):
    """A method, as far as what it takes."""

    owner: str
    name: str
    node: ast.FunctionDef
    line: int


@dataclass
class Read:
    """One file."""

    calls: List[Call] = field(default_factory=list)
    imports: List[Tuple[str, str, str, int, Tuple[Guard, ...]]] = field(default_factory=list)
    """(scope, module, name, line, guards) of imports that run in a function and whose failure ends it."""
    bases: Dict[str, List[Origin]] = field(default_factory=dict)
    """Class -> its bases; those of the same file have an empty module."""
    methods: Dict[str, Dict[str, ast.FunctionDef]] = field(default_factory=dict)


INSTANCES: Dict[str, Origin] = {"accelerator": ("accelerate", "Accelerator")}
"""Names of variables and attributes that, wherever they are met, hold an instance of one class."""


def read(tree: ast.Module, module: Module, others: FrozenSet[str], own: str) -> Read:
    """All that a file calls of the packages `others`; `own` is the package that it belongs to."""
    found = Read()
    aliases: Dict[str, Origin] = {}
    for alias, origins in module.aliases.items():
        if len(origins) == 1 and alias not in module.rebound:
            ((origin, name),) = origins
            aliases[alias] = (origin, name or "")
    for node in _definitions(tree.body):
        if isinstance(node, ast.ClassDef):
            found.bases[node.name] = [_base(base, aliases) for base in node.bases]
            found.methods[node.name] = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}
            for one in node.body:
                if isinstance(one, ast.FunctionDef):
                    _Function(f"{node.name}.{one.name}", node.name, aliases, others, own, found, module).run(one)
        else:
            _Function(node.name, "", aliases, others, own, found, module).run(node)
    return found


def _definitions(body: List[ast.stmt]) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node
        elif isinstance(node, (ast.If, ast.Try)):
            yield from _definitions([*node.body, *node.orelse])


def _base(node: ast.expr, aliases: Dict[str, Origin]) -> Origin:
    while isinstance(node, ast.Subscript):
        node = node.value
    chain = _chain(node)
    if chain is None:
        return ("?", "")
    return _resolved(chain, aliases) or ("", ".".join(chain))


def _chain(node: ast.expr) -> Optional[List[str]]:
    parts: List[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else None


def _resolved(chain: List[str], aliases: Dict[str, Origin]) -> Optional[Origin]:
    if chain[0] not in aliases:
        return None
    module, name = aliases[chain[0]]
    return module, ".".join([*([name] if name else []), *chain[1:]])


class _Function:
    def __init__(self, scope: str, owner: str, aliases: Dict[str, Origin], others: FrozenSet[str], own: str, found: Read, module: Module) -> None:
        self._scope, self._owner, self._others, self._own, self._found, self._module = scope, owner, others, own, found, module
        self._aliases = dict(aliases)

    def run(self, node: ast.FunctionDef) -> None:
        args = node.args
        for one in (*args.posonlyargs, *args.args, *args.kwonlyargs, *(x for x in (args.vararg, args.kwarg) if x)):
            self._aliases.pop(one.arg, None)
        for name in _assigned(node):
            self._aliases.pop(name, None)
        self._block(node.body, ())

    def _block(self, body: List[ast.stmt], guards: Tuple[Guard, ...]) -> None:
        for node in body:
            self._statement(node, guards)
            # What follows `if x: return` runs only where x does not hold.
            if isinstance(node, ast.If) and node.body and isinstance(node.body[-1], (ast.Return, ast.Continue, ast.Break)) and not node.orelse:
                guards = (*guards, Guard(node.test, False))

    def _statement(self, node: ast.stmt, guards: Tuple[Guard, ...]) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return
        if isinstance(node, ast.ImportFrom):
            self._import(node, guards)
        elif isinstance(node, ast.If):
            self._calls(node.test, guards)
            if not is_type_checking(node.test):
                self._block(node.body, (*guards, Guard(node.test, True)))
            self._block(node.orelse, guards if is_type_checking(node.test) else (*guards, Guard(node.test, False)))
        elif isinstance(node, ast.Try):
            if not node.handlers:
                self._block(node.body, guards)
            self._block(node.finalbody, guards)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                self._calls(item.context_expr, guards)
            if not any(suppresses(item.context_expr) for item in node.items):
                self._block(node.body, guards)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            self._calls(node.iter if not isinstance(node, ast.While) else node.test, guards)
            self._block(node.body, guards)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self._calls(child, guards)

    def _import(self, node: ast.ImportFrom, guards: Tuple[Guard, ...]) -> None:
        origin = _absolute(node, self._module)
        for alias in node.names:
            self._aliases[alias.asname or alias.name] = (origin, alias.name)
            if origin.partition(".")[0] in self._others:
                self._found.imports.append((self._scope, origin, alias.name, node.lineno, guards))

    def _calls(self, node: ast.expr, guards: Tuple[Guard, ...]) -> None:
        waiting: List[Tuple[ast.AST, Tuple[Guard, ...]]] = [(node, guards)]
        while waiting:
            one, behind = waiting.pop()
            if isinstance(one, ast.Lambda):
                continue
            if isinstance(one, ast.IfExp):
                waiting += [(one.test, behind), (one.body, (*behind, Guard(one.test, True))), (one.orelse, (*behind, Guard(one.test, False)))]
                continue
            if isinstance(one, ast.BoolOp):
                waiting.append((one.values[0], behind))
                is_and = isinstance(one.op, ast.And)
                for at, value in enumerate(one.values[1:], 1):
                    waiting.append((value, (*behind, *(Guard(before, is_and) for before in one.values[:at]))))
                continue
            if isinstance(one, ast.Call):
                self._call(one, behind)
            waiting += [(child, behind) for child in ast.iter_child_nodes(one)]

    def _call(self, node: ast.Call, guards: Tuple[Guard, ...]) -> None:
        is_open = any(isinstance(one, ast.Starred) for one in node.args) or any(one.arg is None for one in node.keywords)
        shape = Shape(sum(not isinstance(one, ast.Starred) for one in node.args), tuple(one.arg for one in node.keywords if one.arg), is_open)
        target, is_inherited = self._target(node.func)
        is_unbound = bool(node.args) and isinstance(node.args[0], ast.Name) and node.args[0].id == "self"
        if target is not None and (is_inherited or "." not in target[1] or not is_unbound):
            self._found.calls.append(Call(self._scope, target, shape, node.lineno, guards, is_inherited))

    def _target(self, node: ast.expr) -> Tuple[Optional[Origin], bool]:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "super" and self._owner:
            return ("super", f"{self._owner}.{node.attr}"), True
        chain = _chain(node)
        if chain is None:
            return None, False
        if len(chain) >= 2 and chain[-2] in INSTANCES and (len(chain) == 2 or (chain[0] == "self" and len(chain) == 3)):
            module, name = INSTANCES[chain[-2]]
            return (module, f"{name}.{chain[-1]}"), True
        if chain[0] == "self" and len(chain) == 2 and self._owner:
            return ("self", f"{self._owner}.{chain[1]}"), True
        origin = _resolved(chain, self._aliases)
        return (origin, False) if origin is not None and origin[0].partition(".")[0] in self._others and origin[1] else (None, False)


def _assigned(node: ast.FunctionDef) -> Set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    parts = module.dotted.split(".")
    parts = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*parts, *([node.module] if node.module else [])])
