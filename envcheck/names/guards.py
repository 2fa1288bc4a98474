"""What a test at the top of a module asks of the environment, where that can be read off."""

from __future__ import annotations

import ast
from typing import Dict, NamedTuple, Optional, Tuple

from envcheck.names.package import Package
from envcheck.names.source import Guard, Module


class Condition(NamedTuple):
    """A package that must be installed, in a version that fits."""

    package: str
    specifier: str
    """Empty where any version does."""


Conditions = Tuple[Condition, ...]

_DEPTH = 6
"""Names that are followed from a test to what decides it."""
_NEGATED = {">=": "<", "<": ">=", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}
_OPERATORS = {ast.GtE: ">=", ast.Gt: ">", ast.LtE: "<=", ast.Lt: "<", ast.Eq: "==", ast.NotEq: "!="}

# is_peft_available(), is_transformers_version(">=", "4.46"), is_torch_greater_or_equal("2.5"), version.parse(transformers.__version__) >= version.parse("5")
DISTRIBUTIONS: Dict[str, str] = {
    name.replace("-", "_"): name
    for name in (
        "torch",
        "transformers",
        "accelerate",
        "peft",
        "trl",
        "deepspeed",
        "datasets",
        "tokenizers",
        "diffusers",
        "huggingface-hub",
        "safetensors",
        "liger-kernel",
        "sentence-transformers",
        "unsloth",
        "unsloth-zoo",
        "optimum",
        "bitsandbytes",
        "vllm",
    )
}
"""Name in code -> distribution, of the packages that a test may ask for."""
PLAIN = frozenset(("torch", "peft", "deepspeed", "datasets", "transformers", "diffusers", "tokenizers", "safetensors"))
"""Packages whose `is_X_available()`, taken from another package, asks for no version."""


def conditions(guards: Tuple[Guard, ...], module: Module, package: Package) -> Optional[Conditions]:
    """What all guards together ask for; None where one of them cannot be read off, or never holds. Worked out once."""
    if guards not in module.asked:
        module.asked[guards] = _together(guards, module, package)
    return module.asked[guards]  # type: ignore[return-value]


def _together(guards: Tuple[Guard, ...], module: Module, package: Package) -> Optional[Conditions]:
    found: Dict[Condition, None] = {}
    for guard in guards:
        asked = _test(guard.test, guard.wanted, _Place(module, package, _DEPTH))
        if asked is None:
            return None
        found.update(dict.fromkeys(asked))
    return tuple(found)


class _Place(NamedTuple):
    module: Module
    package: Package
    depth: int

    def deeper(self, module: Optional[Module] = None) -> _Place:
        return self._replace(depth=self.depth - 1, module=module or self.module)


def _test(test: ast.expr, wanted: bool, place: _Place) -> Optional[Conditions]:
    if place.depth < 0:
        return None
    if isinstance(test, ast.Constant):
        return () if bool(test.value) is wanted else None
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _test(test.operand, not wanted, place)
    if isinstance(test, ast.BoolOp):
        return _all(test, wanted, place)
    if isinstance(test, ast.Name):
        value = place.module.constants.get(test.id)
        return _test(value, wanted, place.deeper()) if value is not None else None
    if isinstance(test, ast.Compare):
        return _comparison(test, wanted)
    if isinstance(test, ast.Call):
        return _call(test, wanted, place)
    return None


def _all(test: ast.BoolOp, wanted: bool, place: _Place) -> Optional[Conditions]:
    """`a and b` wanted, or `a or b` not wanted: all parts at once; the other two are choices, which are left open."""
    if isinstance(test.op, ast.And) is not wanted:
        return None
    parts = [_test(value, wanted, place) for value in test.values]
    return None if None in parts else tuple(one for part in parts for one in part or ())


def _comparison(test: ast.Compare, wanted: bool) -> Optional[Conditions]:
    operator = _OPERATORS.get(type(test.ops[0])) if len(test.ops) == 1 else None
    package, version = _version_of(test.left), _literal(test.comparators[0])
    return None if operator is None or package is None or version is None else _versioned(package, operator, version, wanted)


def _versioned(package: str, operator: str, version: str, wanted: bool) -> Conditions:
    return (Condition(package, (operator if wanted else _NEGATED[operator]) + version),)


_WRAPPERS = frozenset(("parse", "Version", "LooseVersion"))


def _unwrapped(node: ast.expr) -> ast.expr:
    """`version.parse(x)`, `Version(x)` -> `x`; `….base_version` is left away."""
    while True:
        if isinstance(node, ast.Attribute) and node.attr in ("base_version", "release"):
            node = node.value
        elif isinstance(node, ast.Call) and len(node.args) == 1 and _called(node) in _WRAPPERS:
            node = node.args[0]
        else:
            return node


def _literal(node: ast.expr) -> Optional[str]:
    node = _unwrapped(node)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _version_of(node: ast.expr) -> Optional[str]:
    """The distribution whose version an expression is: `transformers.__version__`, `importlib.metadata.version("peft")`."""
    node = _unwrapped(node)
    if isinstance(node, ast.Attribute) and node.attr == "__version__" and isinstance(node.value, ast.Name):
        return DISTRIBUTIONS.get(node.value.id)
    if isinstance(node, ast.Call) and _called(node) == "version" and node.args and isinstance(node.args[0], ast.Constant):
        return DISTRIBUTIONS.get(str(node.args[0].value).replace("-", "_"))
    return None


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _call(test: ast.Call, wanted: bool, place: _Place) -> Optional[Conditions]:
    name = _called(test)
    for ending, read in (("_available", _available), ("_version", _is_version), ("_greater_or_equal", _at_least)):
        package = DISTRIBUTIONS.get(name[3 : -len(ending)]) if name.startswith("is_") and name.endswith(ending) else None
        if package is not None:
            return read(test, package, wanted, place)
    return None


def _is_version(test: ast.Call, package: str, wanted: bool, place: _Place) -> Optional[Conditions]:
    texts = [_literal(argument) for argument in test.args]
    if len(texts) != 2 or texts[0] not in _NEGATED or texts[1] is None:
        return None
    return _versioned(package, texts[0], texts[1], wanted)


def _at_least(test: ast.Call, package: str, wanted: bool, place: _Place) -> Optional[Conditions]:
    version = _literal(test.args[0]) if test.args else None
    return None if version is None else _versioned(package, ">=", version, wanted)


def _available(test: ast.Call, package: str, wanted: bool, place: _Place) -> Optional[Conditions]:
    if test.keywords or len(test.args) > 1:
        return None
    if test.args:
        version = _literal(test.args[0])
        return _versioned(package, ">=", version, True) if version is not None and wanted else None
    if not wanted:
        # Not installed: whoever asks whether a name of an installed package is missing is not concerned.
        return None
    return _function(_called(test), package, place)


def _function(name: str, package: str, place: _Place) -> Optional[Conditions]:
    """What `is_X_available()` without arguments asks for, read off its definition wherever that is in the package."""
    found = _definition(name, place)
    if found is None:
        return (Condition(package, ""),) if package in PLAIN and not _is_own(name, place) else None
    function, module = found
    text = ast.dump(function)
    if any(word in text for word in ("cuda", "'xla'", "is_available'", "import_module")) and package != "torch":
        return None
    least = {one.arg: value for one, value in zip(function.args.args[::-1], function.args.defaults[::-1])}.get("min_version")
    if least is None:
        return (Condition(package, ""),) if "Compare(" not in text or function.args.args else None
    if isinstance(least, ast.Name):
        least = module.constants.get(least.id, least)
    version = _literal(least)
    return None if version is None else _versioned(package, ">=", version, True)


def _is_own(name: str, place: _Place) -> bool:
    origin = next((one.module for one in place.module.imports if one.name == name), place.package.name)
    return origin.partition(".")[0] == place.package.name


def _definition(name: str, place: _Place) -> Optional[Tuple[ast.FunctionDef, Module]]:
    if place.depth < 0:
        return None
    if name in place.module.functions:
        return place.module.functions[name], place.module
    for one in place.module.imports:
        if one.module.partition(".")[0] == place.package.name and one.name in (name, None):
            module = place.package.module(one.module)
            found = _definition(name, place.deeper(module)) if module is not None and module is not place.module else None
            if found is not None:
                return found
    return None
