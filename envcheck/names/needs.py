"""The names of other packages that must be there for a module of a package to be imported."""

from __future__ import annotations

from collections import deque
from typing import Deque, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

from envcheck.names.guards import Condition, conditions
from envcheck.names.package import Package
from envcheck.names.source import Import, Module

Asked = FrozenSet[Condition]


class Need(NamedTuple):
    """`from module import name` in a file that is run when a root is imported."""

    module: str
    name: Optional[str]
    """None for `import module`."""
    path: str
    """The file with the import, relative to the import path."""
    line: int
    asked: Asked
    """What the tests around it ask for: the import runs only where all of them hold."""


def needs(package: Package, root: str, others: FrozenSet[str]) -> Tuple[Need, ...]:
    """Every import from the packages `others` that runs when `root` is imported and whose failure would end that.

    Files that the root reaches within its own package are followed; a name that a lazy package gives leads to the
    submodule that has it.
    """
    found: Dict[Tuple[str, Optional[str], Asked], Need] = {}
    for module, one, asked in _walk(package, root):
        if one.module.partition(".")[0] in others:
            found.setdefault((one.module, one.name, asked), Need(one.module, one.name, module.path, one.line, asked))
    return tuple(found.values())


def _walk(package: Package, root: str) -> Iterator[Tuple[Module, Import, Asked]]:
    waiting: Deque[Tuple[str, Asked]] = deque((name, frozenset()) for name in _with_parents(root))
    visited: Dict[str, List[Asked]] = {}
    while waiting:
        name, behind = waiting.popleft()
        earlier = visited.setdefault(name, [])
        if any(less <= behind for less in earlier):
            continue
        earlier.append(behind)
        module = package.module(name)
        for one in module.imports if module is not None else ():
            asked = conditions(one.guards, module, package) if module is not None and one.guards else ()
            if module is None or asked is None:
                continue
            together = behind | frozenset(asked)
            if one.module.partition(".")[0] == package.name:
                waiting.extend((inner, together) for inner in _targets(package, one))
            else:
                yield module, one, together


def _targets(package: Package, one: Import) -> Iterator[str]:
    yield from _with_parents(one.module)
    inner = package.submodule(one.module, one.name) if one.name is not None else None
    if inner is not None:
        yield from _with_parents(inner)


def _with_parents(dotted: str) -> List[str]:
    parts = dotted.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]
