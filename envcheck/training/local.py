"""The files of a project that a script imports, found beside it as Python would find them."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from envcheck.documents import read_text
from envcheck.errors import InputError
from envcheck.training.imports import PROVIDERS

MOST = 300
"""So many files are read of one project at most."""
STACK = PROVIDERS | {"torch"}
"""Packages that an environment has: a folder of that name beside a script is their own checkout, which is no part of the project."""
_ABOVE = 3
"""Folders above a script in which packages are looked for; where the script lies in a package, its parent is among them."""


class Local(NamedTuple):
    """A file of the project."""

    path: str
    text: str
    tree: ast.Module
    is_certain: bool
    """Whether running the script imports it whatever happens: by imports that all stand at the top level, behind no test."""


def modules(path: str, tree: ast.Module) -> list[Local]:
    """The files that a script imports, also through others. What cannot be read or parsed is left out."""
    script = Local(path, "", tree, True)
    found = {os.path.realpath(path): script}
    for certainly in (True, False):
        pending = list(found.values())
        while pending and len(found) <= MOST:
            of = pending.pop()
            for other in _imported(of, path, certainly):
                place = os.path.realpath(other)
                parsed = None if place in found else _parsed(other)
                if parsed is not None:
                    found[place] = Local(other, *parsed, certainly)
                    pending.append(found[place])
    return [one for one in found.values() if one is not script]


def _parsed(path: str) -> tuple[str, ast.Module] | None:
    try:
        text = read_text(path)
        return text, ast.parse(text)
    except (InputError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _imported(of: Local, script: str, certainly: bool) -> Iterator[str]:
    for node in of.tree.body if certainly else ast.walk(of.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(_roots(script), alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            parts = node.module.split(".") if node.module else []
            roots = [_above(of.path, node.level)] if node.level else _roots(script)
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
