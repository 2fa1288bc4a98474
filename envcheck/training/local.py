"""The files of a project that a script imports, found beside it as Python would find them."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence

from envcheck.documents import read_text
from envcheck.errors import InputError

MOST = 300
"""So many files are read of one project at most."""
STACK = frozenset(("accelerate", "datasets", "deepspeed", "diffusers", "huggingface_hub", "peft", "torch", "transformers", "trl"))
"""Packages that an environment has: a folder of that name beside a script is their own checkout, which is no part of the project."""
_ABOVE = 3
"""Folders above a script in which packages are looked for; where the script lies in a package, its parent is among them."""


def modules(path: str, tree: ast.Module) -> Iterator[tuple[str, str, ast.Module]]:
    """Each file that a script imports, also through others, with its text and what is in it. What cannot be read or parsed is left out."""
    seen = {os.path.realpath(path)}
    pending = [(path, tree)]
    while pending and len(seen) <= MOST:
        of, inner = pending.pop()
        for found in _imported(of, inner, path):
            place = os.path.realpath(found)
            if place not in seen:
                seen.add(place)
                parsed = _parsed(found)
                if parsed is not None:
                    yield found, *parsed
                    pending.append((found, parsed[1]))


def _parsed(path: str) -> tuple[str, ast.Module] | None:
    try:
        text = read_text(path)
        return text, ast.parse(text)
    except (InputError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _imported(of: str, tree: ast.Module, script: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(_roots(script), alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            parts = node.module.split(".") if node.module else []
            roots = [_above(of, node.level)] if node.level else _roots(script)
            yield from _files(roots, parts)
            for alias in node.names:
                yield from _files(roots, [*parts, alias.name])


def _above(path: str, level: int) -> str:
    folder = os.path.dirname(path) or "."
    return os.path.join(folder, *[os.pardir] * (level - 1))


def _roots(script: str) -> list[str]:
    """Where Python would look: beside the script and in the working directory; and above it, where packages that were installed in place are."""
    folder = os.path.dirname(script) or "."
    above = [os.path.join(folder, *[os.pardir] * up) for up in range(1, _ABOVE + 1)]
    return list(dict.fromkeys([folder, ".", *above]))


def _files(roots: Sequence[str], parts: Sequence[str]) -> Iterator[str]:
    """`a/b.py` or `a/b/__init__.py` and what comes with it, in the first root that has it."""
    if not parts or parts[0] in STACK:
        return
    for root in roots:
        stem = os.path.join(root, *parts)
        for found in (stem + ".py", os.path.join(stem, "__init__.py")):
            if os.path.isfile(found):
                if len(parts) > 1:
                    yield from _files([root], parts[:-1])
                yield found
                return
