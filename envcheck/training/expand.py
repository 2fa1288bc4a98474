"""What `${NAME:-default}` and `$((A * B))` stand for, as far as a script's own assignments tell."""

from __future__ import annotations

import ast
import operator
import re
from typing import Callable, Dict, Union

from envcheck.documents import Text
from envcheck.numbers import number

Scope = Dict[str, Text]
"""Variables by name; a `values.Unresolved` one keeps its reason."""
Value = Union[Text, str]
"""The value as a Text, or as a plain text the reason why there is none."""

_PARAMETER = re.compile(r"([A-Za-z_]\w*|[0-9@*#?$!-])(?:\[([@*])\])?(?:(:?[-=])(.*))?", re.DOTALL)
_OPERATIONS: Dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_LARGEST = 10**12


def parameter(inner: str, scope: Scope) -> Value:
    """The value of `${inner}`."""
    found = _PARAMETER.fullmatch(inner)
    if found is None:
        return "cut or changed by the shell"
    name, default = found[1], found[4]
    if name in scope:
        return scope[name]
    if default is not None:
        return Text(default.strip("\"'")) if "$" not in default and "`" not in default else _nested(default, scope)
    if not name[0].isalpha() and name[0] != "_":
        return "given when the script is called"
    return "not set in the script"


def _nested(default: str, scope: Scope) -> Value:
    """A default that is one variable itself: `${A:-$B}`, `${A:-${B:-4}}`."""
    text = default.strip("\"'")
    if text.startswith("${") and text.endswith("}"):
        return parameter(text[2:-1], scope)
    if re.fullmatch(r"\$[A-Za-z_]\w*", text):
        return parameter(text[1:], scope)
    return "computed by the shell"


def arithmetic(expression: str, scope: Scope) -> Value:
    """The value of `$((expression))` where every part is a whole number."""
    try:
        plain = re.sub(r"\$?\{?([A-Za-z_]\w*)\}?", lambda found: _whole(found[1], scope), expression)
        return Text(str(_computed(ast.parse(plain.strip(), mode="eval").body)))
    except (ValueError, SyntaxError, ZeroDivisionError, RecursionError, MemoryError):
        return "computed by the shell"


def _whole(name: str, scope: Scope) -> str:
    value = scope.get(name)
    if value is None or hasattr(value, "reason") or number(value) is None:
        raise ValueError
    return str(value)


def _computed(node: ast.AST) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int) and abs(node.value) < _LARGEST:
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        value = _OPERATIONS[type(node.op)](_computed(node.left), _computed(node.right))
        if abs(value) < _LARGEST:
            return int(value)
    raise ValueError
