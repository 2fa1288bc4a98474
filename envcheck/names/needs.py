"""The names of other packages that must be there for a module of a package to be imported."""

from __future__ import annotations

from collections import deque
from typing import Callable, Deque, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

from envcheck.names.guards import Condition, conditions
from envcheck.names.package import Package
from envcheck.names.source import Import, Module

Asked = FrozenSet[Condition]


Doubt = Callable[[str, str], bool]
"""(module, name with dots) -> whether anybody need look where the attribute is taken: no where it is there anyway."""


class Need(NamedTuple):
    """`from module import name` in a file that is run when a root is imported, or `module.name` there."""

    module: str
    name: Optional[str]
    """None for `import module`; with dots where attributes of attributes are taken."""
    path: str
    """The file with the import, relative to the import path."""
    line: int
    asked: Asked
    """What the tests around it ask for: it runs only where all of them hold."""
    is_attribute: bool = False
    """Whether it ends in an AttributeError, and not in an ImportError."""


def needs(package: Package, root: str, others: FrozenSet[str], doubtful: Doubt = lambda module, name: True) -> Tuple[Need, ...]:
    """Every name of the packages `others` that is asked for when `root` is imported and whose absence would end that.

    Files that the root reaches within its own package are followed; a name that a lazy package gives leads to the
    submodule that has it. Attributes are only looked for in files that mention a doubtful one.
    """
    found: Dict[Tuple[str, Optional[str], Asked, bool], Need] = {}
    for module, one, asked in _walk(package, root):
        if one is None:
            for need in _attributes(package, module, others, asked, doubtful):
                found.setdefault((need.module, need.name, need.asked, True), need)
        elif one.module.partition(".")[0] in others:
            found.setdefault((one.module, one.name, asked, False), Need(one.module, one.name, module.path, one.line, asked))
    return tuple(found.values())


def _attributes(package: Package, module: Module, others: FrozenSet[str], behind: Asked, doubtful: Doubt) -> Iterator[Need]:
    for one in package.taken(module, others, doubtful):
        asked = conditions(one.guards, module, package)
        if asked is not None:
            late = (Condition("python", "<3.14"),) if one.is_annotation else ()
            yield Need(one.module, one.name, module.path, one.line, behind | frozenset(asked) | frozenset(late), True)


def _walk(package: Package, root: str) -> Iterator[Tuple[Module, Optional[Import], Asked]]:
    """Modules that are reached, each with its imports and once without, and what was asked for on the way."""
    waiting: Deque[Tuple[str, Asked]] = deque((name, frozenset()) for name in _with_parents(root))
    visited: Dict[str, List[Asked]] = {}
    while waiting:
        name, behind = waiting.popleft()
        earlier = visited.setdefault(name, [])
        if any(less <= behind for less in earlier):
            continue
        earlier.append(behind)
        module = package.module(name)
        if module is not None:
            yield module, None, behind
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
