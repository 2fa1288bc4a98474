"""Names that installed packages import of each other and that are not there, read from the installed files themselves."""

from __future__ import annotations

import functools
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from envcheck import cache
from envcheck.conditions import truth_of
from envcheck.facts import missing
from envcheck.model import Finding, Snapshot, Truth
from envcheck.names.files import Folder
from envcheck.names.needs import needs
from envcheck.names.package import Package
from envcheck.names.roots import ALSO, PACKAGES
from envcheck.probe import installed
from envcheck.probe.distributions import Distribution
from envcheck.rules import missing_name
from envcheck.rules.rule import Tables


class Break(NamedTuple):
    """One import that fails, and the root that it stops."""

    importer: str
    provider: str
    file: str
    line: int
    name: str
    root: str
    is_attribute: bool
    """Whether it is taken from a module that was imported before."""


def findings(python: Optional[str], snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding for each pair of installed packages of which one imports what the other lacks."""
    path, found = installed(python)
    pairs: Dict[Tuple[str, str], List[Break]] = {}
    for one in breaks(path, found, snapshot):
        pairs.setdefault((one.importer, one.provider), []).append(one)
    return tuple(_finding(ones, snapshot, tables) for ones in pairs.values())


def breaks(path: Sequence[str], found: Sequence[Distribution], snapshot: Snapshot) -> List[Break]:
    """Every break, from the cache where none of the packages' RECORDs changed."""
    there = {one.name: one for one in reversed(found) if one.name in PACKAGES or one.name in ALSO}
    key = _key(path, list(there.values()))
    kept_at = cache.folder() / f"names-{key}.json"
    if key:
        try:
            return [Break(*row) for row in json.loads(kept_at.read_bytes())]
        except (OSError, ValueError, TypeError):
            pass
    with _uncollected():
        result = list(_breaks(path, there, snapshot))
    if key:
        cache.keep(kept_at, json.dumps(result).encode())
    return result


@contextmanager
def _uncollected() -> Iterator[None]:
    """Syntax trees are many small objects, none of them garbage before the end: looking for cycles among them doubles the time."""
    import gc

    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _key(path: Sequence[str], found: Sequence[Distribution]) -> str:
    """Changes with every installed file of the packages, and with the code that reads them; empty where a package keeps no RECORD."""
    import hashlib

    digest = hashlib.sha256("\0".join(path).encode())
    for one in sorted(found, key=lambda one: one.name):
        try:
            digest.update(Path(one.path, "RECORD").read_bytes())
        except OSError:
            return ""
    for code in sorted(Path(missing_name.__file__).parent.parent.joinpath("names").glob("*.py")):
        digest.update(code.read_bytes())
    return digest.hexdigest()[:32]


def _breaks(path: Sequence[str], there: Dict[str, Distribution], snapshot: Snapshot) -> Iterator[Break]:
    packages = {name: package for name in there for package in [_package(PACKAGES[name].module if name in PACKAGES else name, path)] if package is not None}
    by_module = {package.name: name for name, package in packages.items()}

    @functools.cache
    def is_doubtful(module: str, name: str) -> bool:
        return packages[by_module[module.partition(".")[0]]].has(module, name) is False

    for importer, package in packages.items():
        for root in PACKAGES[importer].roots if importer in PACKAGES else ():
            for need in needs(package, root.module, frozenset(by_module) - {package.name}, is_doubtful):
                provider = by_module[need.module.partition(".")[0]]
                if packages[provider].lacks(need.module, need.name) and all(
                    truth_of(name, specifier or "installed", snapshot) is Truth.YES for name, specifier in need.asked
                ):
                    target = f"{need.module}.{need.name}" if need.name else need.module
                    yield Break(importer, provider, need.path, need.line, target, root.module, need.is_attribute)


def _package(module: str, path: Sequence[str]) -> Optional[Package]:
    """The package that the importer would find: the first folder of that name on the path."""
    root = next((root for root in path if os.path.isfile(os.path.join(root, module, "__init__.py"))), None)
    if root is None:
        return None
    return Package(module, Folder(root), _words(root, module))


def _words(root: str, module: str) -> Optional[Callable[[str], bool]]:
    """Whether a name occurs in the library that gives `torch` what its Python files do not; None where there is none to look into."""
    library = next(Path(root, module, "lib").glob("*torch_python.*"), None) if module == "torch" else None
    if library is None:
        return None

    @functools.cache
    def words() -> bytes:
        return library.read_bytes()

    return lambda name: name.encode() + b"\0" in words()


def _finding(ones: Sequence[Break], snapshot: Snapshot, tables: Tables) -> Finding:
    roots = missing_name.stopped(ones[0].importer, [one.root for one in ones])
    worst = next(one for one in ones if one.root == roots[0].module)
    mine, theirs = snapshot.package(worst.importer), snapshot.package(worst.provider)
    cause = missing_name.sentence(f"{worst.file}:{worst.line}", worst.name, worst.is_attribute, list(dict.fromkeys(root.what for root in roots)))
    fixes = (_fix(worst, str(theirs.value), tables),)
    return missing_name.finding(worst.importer, mine, worst.provider, theirs, roots[0].severity, cause, worst.name, fixes)


def _fix(one: Break, version: str, tables: Tables) -> str:
    rows: Any = missing.rows(tables.of("missing_names", one.importer))
    row = next((row for row in rows if (row.of, row.name) == (one.provider, one.name)), None)
    if row is not None:
        return missing_name.provider_fix(row, version)
    return f"use releases of {one.importer} and {one.provider} that were made for each other: a newer {one.provider}, or another {one.importer}"
