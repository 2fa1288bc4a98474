"""One Python file -> the names its module binds, and the imports that run when it is imported."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from envcheck.names import lazy


class Guard(NamedTuple):
    """A test that an import stands behind, and the answer it needs."""

    test: ast.expr
    wanted: bool


class Import(NamedTuple):
    """One name that is imported when a module is, unless a guard forbids it."""

    module: str
    """Absolute."""
    name: Optional[str]
    """None for `import module` and for a star."""
    line: int
    guards: Tuple[Guard, ...]


@dataclass
class Module:
    """What one file says of its module."""

    dotted: str
    path: str
    is_package: bool
    bound: Set[str] = field(default_factory=set)
    """Names that may be bound at the top level, on whichever branch."""
    stars: List[str] = field(default_factory=list)
    """Modules whose names are all taken over."""
    imports: List[Import] = field(default_factory=list)
    """Those that a failure of would reach the importer: none inside functions, `TYPE_CHECKING` or a `try` that catches."""
    aliases: Dict[str, Set[Tuple[str, Optional[str]]]] = field(default_factory=dict)
    """Name -> what imports bind to it, as (module, name in it)."""
    rebound: Set[str] = field(default_factory=set)
    """Names that something else than an import binds too, other than to None."""
    constants: Dict[str, ast.expr] = field(default_factory=dict)
    """Top-level name -> what is assigned to it."""
    functions: Dict[str, ast.FunctionDef] = field(default_factory=dict)
    asked: Dict[Tuple[Guard, ...], object] = field(default_factory=dict)
    """What guards were found to ask for; see `envcheck.names.guards`."""
    lazy: Optional[lazy.Structure] = None
    """What `__getattr__` looks names up in, where that is one of the known forms."""
    is_open: bool = False
    """Whether it may have names that nobody can read off: an unknown `__getattr__`, `globals()`, `exec`."""


def read(text: bytes, dotted: str, path: str, is_package: bool) -> Optional[Module]:
    """The module in a file; None where Python cannot parse it."""
    tree = parsed(_SCOPE.sub(_hollow, text)) or parsed(text)
    if tree is None:
        return None
    module = Module(dotted, path, is_package)
    module.lazy = lazy.structure(tree, text, path)
    _Reader(module).block(tree.body, (), True)
    module.is_open = _is_open(module, tree, text)
    return module


# A class or function at the top level up to the next line that begins a statement there. Only its name counts here, and most of a file is such bodies.
_SCOPE = re.compile(rb"^(?:class|def|async def) (\w+)[^\n]*\n(?:(?:[ \t\r#)\]}][^\n]*)?\n)*", re.M)


def _hollow(found: re.Match[bytes]) -> bytes:
    """The class or function without its body, on as many lines; as it was where it may end inside a string, or a test may ask for what it does."""
    text, name = found[0], found[1]
    if name.startswith(b"is_") or text.count(b'"""') % 2 or text.count(b"'''") % 2:
        return text
    return b"class " + name + b": pass" + b"\n" * text.count(b"\n")


def parsed(text: bytes) -> Optional[ast.Module]:
    """The syntax tree of a file; None where this Python cannot parse it."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


_MAKERS = ("globals", "setattr", "exec", "vars", "locals")
_DYNAMIC = (*(name.encode() + b"(" for name in _MAKERS), b"sys.modules[")


def _is_open(module: Module, tree: ast.Module, text: bytes) -> bool:
    if module.lazy is not None:
        return module.lazy.is_open
    if "__getattr__" in module.bound:
        return True
    if not any(word in text for word in _DYNAMIC):
        return False
    return any(_is_dynamic(node) for statement in tree.body if not isinstance(statement, _SCOPES) for node in ast.walk(statement))


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _is_dynamic(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        # A module that is handed over to somebody may be given names.
        return (isinstance(node.func, ast.Name) and node.func.id in _MAKERS) or any(_is_module(argument) for argument in node.args)
    return isinstance(node, ast.Subscript) and _is_module(node) and (isinstance(node.ctx, ast.Store) or getattr(node.slice, "id", "") == "__name__")


def _is_module(node: ast.AST) -> bool:
    """`sys.modules[…]`"""
    return isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "modules"


class _Reader:
    """Goes through the statements that run on import, remembering what each import stands behind."""

    def __init__(self, module: Module) -> None:
        self._module = module

    def block(self, body: Sequence[ast.stmt], guards: Tuple[Guard, ...], counts: bool) -> None:
        """`counts` tells whether a failing import here would reach whoever imports the module."""
        for node in body:
            self._statement(node, guards, counts)

    def _statement(self, node: ast.stmt, guards: Tuple[Guard, ...], counts: bool) -> None:
        if isinstance(node, ast.Import):
            self._import(node, guards, counts)
        elif isinstance(node, ast.ImportFrom):
            self._import_from(node, guards, counts)
        elif isinstance(node, _SCOPES):
            self._module.bound.add(node.name)
            self._module.rebound.add(node.name)
            if isinstance(node, ast.FunctionDef):
                self._module.functions[node.name] = node
        elif isinstance(node, ast.If):
            self._if(node, guards, counts)
        elif isinstance(node, ast.Try):
            self._try(node, guards, counts)
        elif isinstance(node, ast.With):
            self.block(node.body, guards, counts and not any(suppresses(item.context_expr) for item in node.items))
        elif isinstance(node, (ast.For, ast.While)):
            self._bind([node.target] if isinstance(node, ast.For) else [])
            self.block([*node.body, *node.orelse], guards, False)
        else:
            self._assign(node)

    def _assign(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            self._bind(node.targets, isinstance(node.value, ast.Constant) and node.value.value is None)
            if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                self._module.constants[node.targets[0].id] = node.value
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            self._bind([node.target])
            if isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
                self._module.constants[node.target.id] = node.value

    def _bind(self, targets: Iterable[ast.expr], to_none: bool = False) -> None:
        names: List[str] = []
        for target in targets:
            if isinstance(target, ast.Attribute) and _is_module(target.value):
                names.append(target.attr)  # sys.modules["…"].name = …
            else:
                names += [target.id] if isinstance(target, ast.Name) else [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]
        self._module.bound.update(names)
        if not to_none:
            self._module.rebound.update(names)

    def _alias(self, bound: str, module: str, name: Optional[str]) -> None:
        self._module.bound.add(bound)
        self._module.aliases.setdefault(bound, set()).add((module, name))

    def _import(self, node: ast.Import, guards: Tuple[Guard, ...], counts: bool) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            self._alias(alias.asname or top, alias.name if alias.asname else top, None)
            if counts:
                self._module.imports.append(Import(alias.name, None, node.lineno, guards))

    def _import_from(self, node: ast.ImportFrom, guards: Tuple[Guard, ...], counts: bool) -> None:
        origin = self._absolute(node)
        if origin == "__future__":
            self._module.bound.update(alias.name for alias in node.names)
            return
        for alias in node.names:
            if alias.name == "*":
                self._module.stars.append(origin)
            else:
                self._alias(alias.asname or alias.name, origin, alias.name)
            if counts:
                self._module.imports.append(Import(origin, None if alias.name == "*" else alias.name, node.lineno, guards))

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self._module.dotted.split(".")
        parts = parts[: len(parts) - node.level + self._module.is_package]
        return ".".join([*parts, *([node.module] if node.module else [])])

    def _if(self, node: ast.If, guards: Tuple[Guard, ...], counts: bool) -> None:
        if is_type_checking(node.test):
            # Nothing of it is there at run time, but in a lazy module all of it is, by another way; what its stars stand for
            # is in the lazy structure too.
            if self._module.lazy is not None:
                stars = list(self._module.stars)
                self.block(node.body, guards, False)
                self._module.stars = stars
            self.block(node.orelse, guards, counts)
            return
        self.block(node.body, (*guards, Guard(node.test, True)), counts)
        self.block(node.orelse, (*guards, Guard(node.test, False)), counts)

    def _try(self, node: ast.Try, guards: Tuple[Guard, ...], counts: bool) -> None:
        passes = counts and not any(_catches(handler) for handler in node.handlers)
        self.block(node.body, guards, passes)
        for handler in node.handlers:
            self.block(handler.body, guards, False)
        self.block(node.orelse, guards, passes)
        self.block(node.finalbody, guards, counts)


def is_type_checking(test: ast.expr) -> bool:
    """Whether a test is `TYPE_CHECKING`, which never holds when a program runs."""
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING")


_HARMLESS = frozenset(("AttributeError", "KeyError", "ValueError", "TypeError", "NameError", "FileNotFoundError"))
"""Exceptions that a missing name in an import does not raise; any other handler is taken to catch it."""


def _catches(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return not all(isinstance(kind, ast.Name) and kind.id in _HARMLESS for kind in kinds)


def suppresses(call: ast.expr) -> bool:
    """Whether a `with` may swallow what fails in it."""
    return isinstance(call, ast.Call) and "suppress" in ast.dump(call.func)
