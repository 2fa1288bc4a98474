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
    constants: Dict[str, ast.expr] = field(default_factory=dict)
    """Top-level name -> what is assigned to it."""
    functions: Dict[str, ast.FunctionDef] = field(default_factory=dict)
    lazy: Optional[lazy.Structure] = None
    """What `__getattr__` looks names up in, where that is one of the known forms."""
    is_open: bool = False
    """Whether it may have names that nobody can read off: an unknown `__getattr__`, `globals()`, `exec`."""


def read(text: bytes, dotted: str, path: str, is_package: bool) -> Optional[Module]:
    """The module in a file; None where Python cannot parse it."""
    tree = _parsed(_CLASS.sub(_hollow, text)) or _parsed(text)
    if tree is None:
        return None
    module = Module(dotted, path, is_package)
    module.lazy = lazy.structure(tree, text, path)
    _Reader(module).block(tree.body, (), True)
    module.is_open = _is_open(module, tree, text)
    return module


# A class at the top level up to the next line that begins a statement there. Only its name counts here, and classes are most of what there is to parse.
_CLASS = re.compile(rb"^class (\w+)[^\n]*\n(?:(?:[ \t\r#)\]}][^\n]*)?\n)*", re.M)


def _hollow(found: re.Match[bytes]) -> bytes:
    """The class without its body, on as many lines; as it was where it may end inside a string."""
    text = found[0]
    if text.count(b'"""') % 2 or text.count(b"'''") % 2:
        return text
    return b"class " + found[1] + b": pass" + b"\n" * text.count(b"\n")


def _parsed(text: bytes) -> Optional[ast.Module]:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


_DYNAMIC = re.compile(rb"\b(?:globals|setattr|exec|vars|locals)\(|sys\.modules\[")


def _is_open(module: Module, tree: ast.Module, text: bytes) -> bool:
    if module.lazy is not None:
        return module.lazy.is_open
    if "__getattr__" in module.bound:
        return True
    if not _DYNAMIC.search(text):
        return False
    return any(_is_dynamic(node) for statement in tree.body if not isinstance(statement, _SCOPES) for node in ast.walk(statement))


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _is_dynamic(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in ("globals", "setattr", "exec", "vars", "locals")
    # sys.modules[__name__] = …
    return isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Attribute) and node.value.attr == "modules"


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
            if isinstance(node, ast.FunctionDef):
                self._module.functions[node.name] = node
        elif isinstance(node, ast.If):
            self._if(node, guards, counts)
        elif isinstance(node, ast.Try):
            self._try(node, guards, counts)
        elif isinstance(node, ast.With):
            self.block(node.body, guards, counts and not any(_suppresses(item.context_expr) for item in node.items))
        elif isinstance(node, (ast.For, ast.While)):
            self._bind([node.target] if isinstance(node, ast.For) else [])
            self.block([*node.body, *node.orelse], guards, False)
        else:
            self._assign(node)

    def _assign(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            self._bind(node.targets)
            if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                self._module.constants[node.targets[0].id] = node.value
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            self._bind([node.target])
            if isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
                self._module.constants[node.target.id] = node.value

    def _bind(self, targets: Iterable[ast.expr]) -> None:
        self._module.bound.update(node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))

    def _import(self, node: ast.Import, guards: Tuple[Guard, ...], counts: bool) -> None:
        for alias in node.names:
            self._module.bound.add(alias.asname or alias.name.partition(".")[0])
            if counts:
                self._module.imports.append(Import(alias.name, None, node.lineno, guards))

    def _import_from(self, node: ast.ImportFrom, guards: Tuple[Guard, ...], counts: bool) -> None:
        origin = self._absolute(node)
        if origin == "__future__":
            return
        for alias in node.names:
            if alias.name == "*":
                self._module.stars.append(origin)
            else:
                self._module.bound.add(alias.asname or alias.name)
            if counts:
                self._module.imports.append(Import(origin, None if alias.name == "*" else alias.name, node.lineno, guards))

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self._module.dotted.split(".")
        parts = parts[: len(parts) - node.level + self._module.is_package]
        return ".".join([*parts, *([node.module] if node.module else [])])

    def _if(self, node: ast.If, guards: Tuple[Guard, ...], counts: bool) -> None:
        if _is_type_checking(node.test):
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


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING")


_HARMLESS = frozenset(("AttributeError", "KeyError", "ValueError", "TypeError", "NameError", "FileNotFoundError"))
"""Exceptions that a missing name in an import does not raise; any other handler is taken to catch it."""


def _catches(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return not all(isinstance(kind, ast.Name) and kind.id in _HARMLESS for kind in kinds)


def _suppresses(call: ast.expr) -> bool:
    return isinstance(call, ast.Call) and "suppress" in ast.dump(call.func)
