"""One import package: which modules it has, and whether they have a name."""

from __future__ import annotations

import posixpath
from typing import Dict, FrozenSet, List, Optional, Set

from envcheck.names import lazy, source
from envcheck.names.files import Files
from envcheck.names.source import Module

_COMPILED = (".so", ".pyd", ".dylib")


class Package:
    """A top-level import package and its modules, each read once and only when asked for."""

    def __init__(self, name: str, files: Files) -> None:
        self.name = name
        self._files = files
        self._modules: Dict[str, Optional[Module]] = {}
        self._listed: Dict[str, FrozenSet[str]] = {}

    def module(self, dotted: str) -> Optional[Module]:
        """The module of that name; None where there is none that can be read."""
        if dotted not in self._modules:
            self._modules[dotted] = self._read(dotted)
        return self._modules[dotted]

    def _read(self, dotted: str) -> Optional[Module]:
        stem = dotted.replace(".", "/")
        for path, is_package in ((f"{stem}/__init__.py", True), (f"{stem}.py", False)):
            if posixpath.basename(path) in self._files.listed(posixpath.dirname(path)):
                text = self._files.read(path)
                if text is not None:
                    return source.read(text, dotted, path, is_package)
        return None

    def has_module(self, dotted: str) -> Optional[bool]:
        """Whether `import dotted` finds a module; None where that cannot be told."""
        if self._exists(dotted):
            return True
        parent = dotted.rpartition(".")[0]
        while parent:
            module = self.module(parent)
            # An alias in sys.modules, or a parent that nobody can read.
            if module is None and self._is_compiled(parent) or module is not None and module.is_open:
                return None
            parent = parent.rpartition(".")[0]
        return None if self._makes_aliases() else False

    def _exists(self, dotted: str) -> bool:
        folder, _, last = dotted.replace(".", "/").rpartition("/")
        names = self._files.listed(folder)
        if f"{last}.py" in names or self._is_compiled(dotted):
            return True
        return last in names and bool(self._files.listed(f"{folder}/{last}" if folder else last))

    def _is_compiled(self, dotted: str) -> bool:
        folder, _, last = dotted.replace(".", "/").rpartition("/")
        return any(name.startswith(f"{last}.") and name.endswith(_COMPILED) for name in self._files.listed(folder))

    def _makes_aliases(self) -> bool:
        """Whether the package puts modules of its own making into `sys.modules`, as transformers 5 does for what it moved."""
        text = self._files.read(f"{self.name}/__init__.py") or b""
        return b"sys.modules[" in text.replace(b"sys.modules[__name__]", b"") or b"_alias(" in text

    def has(self, dotted: str, name: Optional[str]) -> Optional[bool]:
        """Whether `from dotted import name` (or `import dotted`) finds something; None where that cannot be told."""
        there = self.has_module(dotted)
        if name is None or not there:
            return there
        if self._exists(f"{dotted}.{name}"):
            return True
        return self._binds(dotted, name, set())

    def _binds(self, dotted: str, name: str, seen: Set[str]) -> Optional[bool]:
        module = self.module(dotted)
        if module is None:
            # A compiled module, a folder without `__init__`, or a file for another Python.
            return None
        if name in module.bound or (name.startswith("__") and name.endswith("__")):
            return True
        if module.lazy is not None and (name in module.lazy.names or any(name in self._all_below(folder) for folder in module.lazy.folders)):
            return True
        seen.add(dotted)
        answers = [self._star(star, name, seen) for star in module.stars if star not in seen]
        if True in answers:
            return True
        return None if module.is_open or None in answers else False

    def _star(self, dotted: str, name: str, seen: Set[str]) -> Optional[bool]:
        return self._binds(dotted, name, seen) if dotted.partition(".")[0] == self.name else None

    def submodule(self, dotted: str, name: str) -> Optional[str]:
        """The module that importing `name` from a lazy package, or as a submodule, makes Python import; None where no other."""
        if self._exists(f"{dotted}.{name}"):
            return f"{dotted}.{name}"
        module = self.module(dotted)
        if module is not None and module.lazy is not None and name in module.lazy.names:
            return f"{dotted}.{module.lazy.names[name]}"
        return None

    def _all_below(self, folder: str) -> FrozenSet[str]:
        if folder not in self._listed:
            found: Set[str] = set()
            for path in self._python_files(folder):
                found.update(lazy.listed(self._files.read(path) or b""))
            self._listed[folder] = frozenset(found)
        return self._listed[folder]

    def _python_files(self, folder: str) -> List[str]:
        found: List[str] = []
        for name in sorted(self._files.listed(folder)):
            path = f"{folder}/{name}"
            if name.endswith(".py"):
                found.append(path)
            elif "." not in name and name != "__pycache__":
                found += self._python_files(path)
        return found
