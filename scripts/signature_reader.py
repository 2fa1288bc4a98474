"""What the functions, classes and methods of a release take, and what its classes call on themselves; `mine_calls.py` asks for it.

A signature is only given where it is certain: one definition, bases that can be read, and no decorator that may change it.
"""

from __future__ import annotations

import ast
from typing import Any, Dict, FrozenSet, List, NamedTuple, Optional, Set, Tuple

from call_reader import Shape

from envcheck.names.package import Package
from envcheck.names.source import Module, parsed

KEEPING = frozenset(
    [
        "no_grad",
        "inference_mode",
        "lru_cache",
        "cache",
        "contextmanager",
        "abstractmethod",
        "staticmethod",
        "classmethod",
        "torch_no_grad",
        "is_trainable",
        "wraps",
        "add_start_docstrings",
        "replace_return_docstrings",
        "add_start_docstrings_to_model_forward",
        "on_main_process",
        "on_local_main_process",
        "on_last_process",
        "on_process",
        "on_local_process",
        "validate_hf_hub_args",
        "experimental",
        "auto_docstring",
        "_deprecate_positional_args",
        "compatible_with_cp",
        "requires",
        "deprecated",
        "unset_by_default",
        "dataclass_transform",
        "total_ordering",
        "final",
        "override",
        "overload",
        "_experimental",
        "docstring",
        "rank_zero_only",
        "compatibleforward",
        "instrument_w_nvtx",
        "runtime_checkable",
        "_rename_mapping",
        "exp_warning",
        "deprecate_method",
        "_deprecate_method",
        "add_end_docstrings",
        "can_return_tuple",
        "transparent_user_agent",
        "xla_compatible",
        "set_module",
        "torch_compile_disable",
        "_disable_dynamo",
    ]
)
"""Decorators that leave what a function takes as it is written."""


class Taken(NamedTuple):
    """What something may be called with, without the instance."""

    places: Tuple[str, ...]
    """Names that may come by place, in order."""
    only: Tuple[str, ...]
    """Names that may not come by place."""
    required: Tuple[str, ...]
    more_places: bool
    more_names: bool
    hidden: Tuple[str, ...] = ()
    """Names that may come by place only."""


def refused(shape: Shape, taken: Taken, bound: int = 0) -> str:
    """Why a call of this shape ends in a TypeError, in Python's own words; empty where it does not for certain.

    `bound` is 1 where an instance comes before the arguments, which Python counts.
    """
    if not taken.more_names:
        for name in shape.names:
            if name not in taken.places and name not in taken.only:
                return f"got an unexpected keyword argument '{name}'"
    if not taken.more_places and shape.places > len(taken.places):
        most, least = len(taken.places) + bound, sum(name in taken.required for name in taken.places) + bound
        count = f"{most} positional argument{'s' * (most != 1)}" if most == least else f"from {least} to {most} positional arguments"
        return f"takes {count} but {shape.places + bound} were given"
    by_place = taken.places[: shape.places]
    for name in shape.names:
        if name in by_place:
            return f"got multiple values for argument '{name}'"
    missing = [] if shape.is_open else [name for name in taken.required if name not in by_place and name not in shape.names]
    if len(missing) == 1:
        return f"missing 1 required {'positional' if missing[0] in taken.places else 'keyword-only'} argument: '{missing[0]}'"
    return f"missing {len(missing)} required" if missing else ""


def of_function(node: ast.FunctionDef, is_method: bool) -> Optional[Taken]:
    """What a function takes as written; None where a decorator may change that."""
    old: List[str] = []
    is_static = False
    for one in node.decorator_list:
        name = _name(one)
        if name in ("property", "cached_property", "setter"):
            return None
        if name in ("deprecate_kwarg", "deprecate_kwargs") and isinstance(one, ast.Call) and one.args and isinstance(one.args[0], ast.Constant):
            old.append(str(one.args[0].value))
        elif name not in KEEPING:
            return None
        is_static = is_static or name == "staticmethod"
    args = node.args
    places = [one.arg for one in (*args.posonlyargs, *args.args)]
    hidden = {one.arg for one in args.posonlyargs}
    needed = places[: len(places) - len(args.defaults)]
    if is_method and not is_static:
        if not places and not args.vararg:
            return None
        needed, places = [one for one in needed if one != (places or [""])[0]], places[1:]
    only = [one.arg for one in args.kwonlyargs]
    needed += [one.arg for one, default in zip(args.kwonlyargs, args.kw_defaults) if default is None]
    if any(one in hidden for one in places):
        return None
    return Taken(tuple(places), (*only, *old), tuple(needed), args.vararg is not None, args.kwarg is not None)


def _name(node: ast.expr) -> str:
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else "?"


class Signatures:
    """Of one release."""

    def __init__(self, package: Package, files: Any) -> None:
        self._package, self._files = package, files
        self._trees: Dict[str, Dict[str, List[ast.stmt]]] = {}
        self.strange: Set[str] = set()

    def taken(self, module: str, name: str) -> Optional[Taken]:
        """What `module.name` takes; None where that is not certain. `Class.method` is a method without its instance."""
        first, _, rest = name.partition(".")
        answers = []
        if "." in rest:
            return None
        for place, node in self.found(module, first):
            if isinstance(node, ast.FunctionDef):
                answers.append(of_function(node, False) if not rest else None)
            elif isinstance(node, ast.ClassDef):
                answers.append(self.method(place, node, rest) if rest else self.made(place, node))
            else:
                answers.append(None)
        return answers[0] if len(answers) == 1 else None

    def found(self, module: str, name: str, seen: FrozenSet[Tuple[str, str]] = frozenset()) -> List[Tuple[Module, ast.stmt]]:
        """Where a name is defined, in which module, whichever branch is run."""
        if (module, name) in seen or len(seen) > 12:
            return []
        seen |= {(module, name)}
        inner = self._package.submodule(module, name)
        read = self._package.module(module)
        if read is None:
            return []
        definitions: List[Tuple[Module, ast.stmt]] = [(read, node) for node in self._definitions(read).get(name, ())]
        # An import that is tried and a stand-in for it, or an alias that something else is bound to as well: both count.
        for origin, other in sorted(read.aliases.get(name, ()), key=str):
            if other is not None and origin.partition(".")[0] == self._package.name:
                definitions += self.found(origin, other, seen)
            elif definitions or other is not None:
                definitions.append((read, ast.Pass()))
        if not definitions and inner and inner != f"{module}.{name}":
            definitions = self.found(inner, name, seen)
        for star in read.stars if not definitions else ():
            definitions = definitions or self.found(star, name, seen)
        if not definitions and read.lazy is not None and read.lazy.folders:
            definitions = self._below(read.lazy.folders, name, seen)
        return definitions

    def _below(self, folders: List[str], name: str, seen: FrozenSet[Tuple[str, str]]) -> List[Tuple[Module, ast.stmt]]:
        return []

    def _definitions(self, module: Module) -> Dict[str, List[ast.stmt]]:
        if module.dotted not in self._trees:
            tree = parsed(self._files.read(module.path) or b"")
            found: Dict[str, List[ast.stmt]] = {}
            for node in _flat(tree.body if tree else []):
                if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
                    if any(_name(one) == "overload" for one in node.decorator_list):
                        continue
                    found.setdefault(node.name, []).append(node)
                elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                        if isinstance(target, ast.Name) and node.value is not None and not _is_none(node.value):
                            found.setdefault(target.id, []).append(node)
            self._trees[module.dotted] = found
        return self._trees[module.dotted]

    def made(self, module: Module, node: ast.ClassDef, depth: int = 0) -> Optional[Taken]:
        """What a class takes when an instance is made."""
        if node.keywords:
            return None
        names = [_name(one) for one in node.decorator_list]
        if "dataclass" in names:
            return self._fields(module, node)
        if any(name not in KEEPING for name in names):
            self.strange.update(names)
            return None
        own = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}
        if "__new__" in own or depth > 8:
            return None
        if "__init__" in own:
            return of_function(own["__init__"], True)
        return self._from_bases(module, node, "__init__", depth)

    def method(self, module: Module, node: ast.ClassDef, name: str, depth: int = 0) -> Optional[Taken]:
        """What a method takes, without the instance."""
        if depth > 8:
            return None
        bound = [one for one in _flat(node.body) if getattr(one, "name", "") == name or name in _targets(one)]
        if bound:
            return of_function(bound[0], True) if len(bound) == 1 and isinstance(bound[0], ast.FunctionDef) else None
        if name == "__init__" and any(_name(one) == "dataclass" for one in node.decorator_list):
            return self._fields(module, node)
        return self._from_bases(module, node, name, depth)

    def _from_bases(self, module: Module, node: ast.ClassDef, name: str, depth: int) -> Optional[Taken]:
        """By the first base that has it; None where one before it cannot be read."""
        for base in node.bases:
            inner = self._base(module, base)
            if inner is None:
                return None
            if inner == "object":
                continue
            place, found = inner
            if self.defines(place, found, name):
                return self.method(place, found, name, depth + 1)
            if not self.is_whole(place, found):
                return None
        return None

    def defines(self, module: Module, node: ast.ClassDef, name: str, depth: int = 0) -> bool:
        """Whether a class or one of its bases that can be read has a method."""
        if any(getattr(one, "name", "") == name for one in node.body):
            return True
        bases = [self._base(module, base) for base in node.bases]
        return depth < 8 and any(isinstance(base, tuple) and self.defines(base[0], base[1], name, depth + 1) for base in bases)

    def is_whole(self, module: Module, node: ast.ClassDef, depth: int = 0) -> bool:
        """Whether all bases of a class can be read."""
        bases = [self._base(module, base) for base in node.bases]
        return depth < 8 and all(base == "object" or (isinstance(base, tuple) and self.is_whole(base[0], base[1], depth + 1)) for base in bases)

    def _base(self, module: Module, base: ast.expr) -> Any:
        while isinstance(base, ast.Subscript):
            base = base.value
        if isinstance(base, ast.Name) and base.id in ("object", "ABC", "Generic", "Protocol"):
            return "object"
        if isinstance(base, ast.Attribute) and base.attr == "ABC":
            return "object"
        found: List[Tuple[Module, ast.stmt]] = []
        if isinstance(base, ast.Name):
            found = self.found(module.dotted, base.id)
        return found[0] if len(found) == 1 and isinstance(found[0][1], ast.ClassDef) else None

    def _fields(self, module: Module, node: ast.ClassDef, depth: int = 0) -> Optional[Taken]:
        if any(getattr(one, "name", "") in ("__init__", "__new__") for one in node.body):
            own = next((one for one in node.body if getattr(one, "name", "") == "__init__"), None)
            return of_function(own, True) if isinstance(own, ast.FunctionDef) else None
        names: List[str] = []
        needed: List[str] = []
        for base in node.bases:
            inner = self._base(module, base)
            if inner == "object":
                continue
            if inner is None or depth > 6 or not any(_name(one) == "dataclass" for one in inner[1].decorator_list):
                return None
            more = self._fields(inner[0], inner[1], depth + 1)
            if more is None:
                return None
            names += [one for one in more.places if one not in names]
            needed += more.required
        for one in node.body:
            if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and "ClassVar" not in ast.dump(one.annotation):
                if one.value is not None and isinstance(one.value, ast.Call) and any(key.arg == "init" for key in one.value.keywords):
                    continue
                names += [one.target.id] if one.target.id not in names else []
                is_field = isinstance(one.value, ast.Call) and _name(one.value) == "field"
                if one.value is None or (is_field and not {"default", "default_factory"} & {key.arg for key in one.value.keywords}):  # type: ignore[attr-defined]
                    needed.append(one.target.id)
        return Taken(tuple(names), (), tuple(needed), False, False)

    def classes(self, module: str, name: str) -> Optional[Tuple[Module, ast.ClassDef]]:
        """The one class of that name."""
        found = self.found(module, name)
        return (found[0][0], found[0][1]) if len(found) == 1 and isinstance(found[0][1], ast.ClassDef) else None

    def line(self, module: Module, node: ast.ClassDef, depth: int = 0) -> List[Tuple[Module, ast.ClassDef]]:
        """A class and those of its bases that can be read."""
        found = [(module, node)]
        for base in node.bases if depth < 8 else ():
            inner = self._base(module, base)
            if isinstance(inner, tuple):
                found += self.line(inner[0], inner[1], depth + 1)
        return found


def _flat(body: List[ast.stmt]) -> List[ast.stmt]:
    found: List[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.If):
            found += _flat([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            found += _flat([*node.body, *node.orelse, *(one for handler in node.handlers for one in handler.body)])
        else:
            found.append(node)
    return found


def _targets(node: ast.stmt) -> List[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [one.id for one in targets if isinstance(one, ast.Name)]


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
