"""What a script takes from the packages whose names come and go, for the rule that knows which release has which."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from envcheck.names import source

PROVIDERS = frozenset(("accelerate", "datasets", "deepspeed", "diffusers", "huggingface_hub", "numpy", "peft", "transformers", "trl"))
"""The import packages of `matrices/facts/public_names.yaml`."""


def words(text: bytes) -> list[str]:
    """`transformers.AdamW` words: names imported at the top level of a file, behind no test and in no `try` that catches the failure; of NumPy also what
    is looked up as `np.float` anywhere, which is how nearly everybody uses it.
    """
    module = source.read(text, "the.script", "script.py", False)
    if module is None:
        return []
    found = {f"{one.module}.{one.name}" for one in module.imports if not one.guards and one.name is not None and one.module.partition(".")[0] in PROVIDERS}
    return sorted(found | _of_numpy(text))


def _of_numpy(text: bytes) -> set[str]:
    """`numpy.float` words: attributes that a file looks up and does not itself put there."""
    tree = source.parsed(text) if b"numpy" in text else None
    if tree is None:
        return set()
    imported = (alias for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names)
    names = {alias.asname or alias.name for alias in imported if alias.name == "numpy"}
    uses = [node for node in _unguarded(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names]
    given = {node.attr for node in uses if not isinstance(node.ctx, ast.Load)}
    return {f"numpy.{node.attr}" for node in uses if node.attr not in given}


def _unguarded(node: ast.AST) -> Iterator[ast.AST]:
    """Everything below a node but what stands in a `try` or behind a test of versions or attributes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Try) or isinstance(child, (ast.If, ast.IfExp)) and _GUARD.search(ast.unparse(child.test)):
            continue
        yield child
        yield from _unguarded(child)


_GUARD = re.compile(r"version|hasattr", re.IGNORECASE)
