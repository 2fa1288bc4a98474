"""Names that a module takes as attributes of other packages while it is imported: `torch.float8_e4m3fn` in a table, a base class, a decorator."""

from __future__ import annotations

import ast
import re
from typing import Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Sequence, Set, Tuple

from envcheck.names.source import Guard, Module, is_type_checking, parsed, suppresses

Origin = Tuple[str, str]
"""A module that an import names, and what follows that as attributes: `("torch", "nn.functional.scaled_dot_product_attention")`."""


class Taken(NamedTuple):
    """Attributes that are looked up when a module is imported, unless a guard forbids it."""

    module: str
    name: str
    """With dots, where attributes of attributes are taken."""
    line: int
    guards: Tuple[Guard, ...]
    is_annotation: bool
    """Whether it stands in an annotation, which Python looks up from 3.14 on only when somebody asks."""


def mentioned(text: bytes, module: Module, others: FrozenSet[str]) -> Set[Origin]:
    """Everything in a file that looks as if it were taken from other packages, wherever it stands: cheap, and never too little."""
    aliases = _aliases(module, others)
    if not aliases:
        return set()
    pattern = re.compile(rb"\b(" + b"|".join(alias.encode() for alias in aliases) + rb")\.([A-Za-z_][\w.]*)")
    return {_origin(aliases[alias.decode()], chain.decode("utf-8", "replace").rstrip(".")) for alias, chain in set(pattern.findall(text))}


def taken(text: bytes, module: Module, others: FrozenSet[str]) -> List[Taken]:
    """What really is looked up when the module is imported, and whose failure would end that."""
    aliases = _aliases(module, others)
    tree = parsed(text) if aliases else None
    if tree is None:
        return []
    reader = _Reader(aliases, "annotations" not in _futures(tree))
    reader.block(tree.body, (), True)
    return reader.found


def _futures(tree: ast.Module) -> Set[str]:
    return {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__" for alias in node.names}


def _aliases(module: Module, others: FrozenSet[str]) -> Dict[str, Origin]:
    """Names in the module that stand for one thing of another package."""
    found = {}
    for alias, origins in module.aliases.items():
        if len(origins) == 1 and alias not in module.rebound:
            ((origin, name),) = origins
            if origin.partition(".")[0] in others:
                found[alias] = (origin, name or "")
    return found


def _origin(alias: Origin, chain: str) -> Origin:
    return alias[0], f"{alias[1]}.{chain}" if alias[1] else chain


_HARMLESS = frozenset(
    ("ImportError", "ModuleNotFoundError", "KeyError", "ValueError", "TypeError", "NameError", "FileNotFoundError", "OSError", "RuntimeError")
)
"""Exceptions that a missing attribute does not raise; any other handler is taken to catch it."""


class _Reader:
    def __init__(self, aliases: Dict[str, Origin], reads_annotations: bool) -> None:
        self.found: List[Taken] = []
        self._aliases, self._reads_annotations = aliases, reads_annotations

    def block(self, body: Sequence[ast.stmt], guards: Tuple[Guard, ...], counts: bool) -> None:
        for node in body if counts else ():
            self._statement(node, guards)

    def _statement(self, node: ast.stmt, guards: Tuple[Guard, ...]) -> None:
        for expression in _run(node):
            self._expression(expression, guards, False)
        for expression in _annotations(node) if self._reads_annotations else ():
            self._expression(expression, guards, True)
        if isinstance(node, ast.ClassDef):
            self.block(node.body, guards, True)
        elif isinstance(node, ast.If):
            if not is_type_checking(node.test):
                self.block(node.body, (*guards, Guard(node.test, True)), True)
            self.block(node.orelse, guards if is_type_checking(node.test) else (*guards, Guard(node.test, False)), True)
        elif isinstance(node, ast.Try):
            passes = all(_lets_pass(handler) for handler in node.handlers)
            self.block([*node.body, *node.orelse], guards, passes)
            self.block(node.finalbody, guards, True)
        elif isinstance(node, ast.With):
            self.block(node.body, guards, not any(suppresses(item.context_expr) for item in node.items))

    def _expression(self, node: ast.expr, guards: Tuple[Guard, ...], is_annotation: bool) -> None:
        waiting = [node]
        while waiting:
            one = waiting.pop()
            parts: List[str] = []
            inner = one
            while isinstance(inner, ast.Attribute):
                parts.append(inner.attr)
                inner = inner.value
            if parts and isinstance(inner, ast.Name) and inner.id in self._aliases and isinstance(one.ctx, ast.Load):  # type: ignore[attr-defined]
                module, name = _origin(self._aliases[inner.id], ".".join(reversed(parts)))
                if not name.startswith("__"):  # `__version__` and its like are always there
                    self.found.append(Taken(module, name, one.lineno, guards, is_annotation))
            else:
                waiting += _always(one)


def _run(node: ast.stmt) -> Iterable[ast.expr]:
    """The expressions that a statement works out when it is reached, without those of statements in it."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return [*node.decorator_list, *node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
    if isinstance(node, ast.With):
        return [item.context_expr for item in node.items]
    if isinstance(node, (ast.If, ast.While)):
        return [node.test]
    if isinstance(node, ast.For):
        return [node.iter]
    if isinstance(node, ast.AnnAssign):
        return [node.value] if node.value is not None else []
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr)):
        return [node.value]
    return []


def _annotations(node: ast.stmt) -> Iterator[ast.expr]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, *(one for one in (node.args.vararg, node.args.kwarg) if one is not None)]
        yield from (one.annotation for one in named if one.annotation is not None)
        if node.returns is not None:
            yield node.returns
    elif isinstance(node, ast.AnnAssign):
        yield node.annotation


def _always(node: ast.AST) -> List[ast.expr]:
    """The parts of an expression that are worked out whenever it is."""
    if isinstance(node, ast.Lambda):
        return [*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
        return [node.generators[0].iter]
    if isinstance(node, ast.IfExp):
        return [node.test]
    if isinstance(node, ast.BoolOp):
        return [node.values[0]]
    if isinstance(node, ast.Compare):
        return [node.left, node.comparators[0]]
    inner: List[ast.expr] = []
    for child in ast.iter_child_nodes(node):
        inner += [child] if isinstance(child, ast.expr) else _always(child) if isinstance(child, ast.keyword) else []
    return inner


def _lets_pass(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return all(isinstance(kind, ast.Name) and kind.id in _HARMLESS for kind in kinds)
