"""One import package: which modules it has, and whether they have a name."""

from __future__ import annotations

import posixpath
import re
from typing import Callable, Dict, FrozenSet, List, Optional, Sequence, Set

from envcheck.names import attributes, lazy, source
from envcheck.names.files import Files
from envcheck.names.source import Module

_COMPILED = (".so", ".pyd", ".dylib")
_GIVERS = ("__init__.py", "_C/__init__.pyi", "_C/_VariableFunctions.pyi")
"""Files of torch that mention most of what its compiled part gives to the top module."""

_TYPES = re.compile(r"\.(?:BFloat16|Bool|Byte|Char|Complex\w*|Double|Float|Half|Int|Long|Q\w+|Short)(?:Tensor|Storage)\b")
"""Names that torch puts together from parts."""


class Package:
    """A top-level import package and its modules, each read once and only when asked for."""

    def __init__(self, name: str, files: Files, words: Optional[Callable[[str], bool]] = None) -> None:
        """`words` tells whether a name occurs in the compiled part that gives the top module its other names."""
        self.name = name
        self._files = files
        self._words = words
        self._mentioned: Optional[FrozenSet[bytes]] = None
        self._modules: Dict[str, Optional[Module]] = {}
        self._listed: Dict[str, FrozenSet[str]] = {}
        self._taken: Dict[str, List[attributes.Taken]] = {}
        self._compiled: Dict[str, FrozenSet[str]] = {}

    def module(self, dotted: str) -> Optional[Module]:
        """The module of that name; None where there is none that can be read."""
        if dotted not in self._modules:
            self._modules[dotted] = self._read(dotted)
        return self._modules[dotted]

    def text(self, path: str) -> Optional[str]:
        """A file of the package as text; None where it is not there."""
        raw = self._files.read(path)
        return raw.decode("utf-8", "replace") if raw is not None else None

    def taken(self, module: Module, others: FrozenSet[str], doubtful: Callable[[str, str], bool]) -> List[attributes.Taken]:
        """The attributes of other packages that are looked up when a module is imported, where one of them is doubtful."""
        if module.dotted not in self._taken:
            text = self._files.read(module.path) or b""
            is_doubted = any(doubtful(*one) for one in attributes.mentioned(text, module, others))
            self._taken[module.dotted] = attributes.taken(text, module, others) if is_doubted else []
        return self._taken[module.dotted]

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
            if module is None and self._is_compiled(parent) or module is not None and module.is_open and self._may_make(parent, dotted):
                return None
            parent = parent.rpartition(".")[0]
        return None if self._words is None and self._makes_aliases() else False

    def _may_make(self, parent: str, dotted: str) -> bool:
        """Whether an open module may make a module below it: what torch is given by its compiled part is not given to the packages in it."""
        return parent != self.name or self._words is None or (dotted.count(".") == 1 and self._may_give(dotted.partition(".")[2]))

    def _may_give(self, name: str) -> bool:
        """Whether an open top module may have a name, by what can be read of it; always where nobody can look further."""
        if self._words is None:
            return True
        if self._mentioned is None:
            self._mentioned = frozenset(re.findall(rb"\w+", b"\n".join(self._files.read(f"{self.name}/{path}") or b"" for path in _GIVERS)))
        return name.encode() in self._mentioned

    def _exists(self, dotted: str) -> bool:
        folder, _, last = dotted.replace(".", "/").rpartition("/")
        names = self._files.listed(folder)
        if f"{last}.py" in names or self._is_compiled(dotted):
            return True
        return last in names and bool(self._files.listed(f"{folder}/{last}" if folder else last))

    def _is_compiled(self, dotted: str) -> bool:
        folder, _, last = dotted.replace(".", "/").rpartition("/")
        if folder not in self._compiled:
            self._compiled[folder] = frozenset(name.partition(".")[0] for name in self._files.listed(folder) if name.endswith(_COMPILED))
        return last in self._compiled[folder]

    def _makes_aliases(self) -> bool:
        """Whether the package puts modules of its own making into `sys.modules`, as transformers 5 does for what it moved."""
        text = self._files.read(f"{self.name}/__init__.py") or b""
        return b"sys.modules[" in text.replace(b"sys.modules[__name__]", b"") or b"_alias(" in text

    def _is_alias(self, dotted: str, name: str) -> bool:
        """Whether a top module that makes aliases mentions the name."""
        top = f"{self.name}/__init__.py"
        return (
            dotted == self.name
            and self._words is None
            and self._makes_aliases()
            and re.search(rf"\b{name}\b".encode(), self._files.read(top) or b"") is not None
        )

    def has(self, dotted: str, name: Optional[str]) -> Optional[bool]:
        """Whether `from dotted import name` (or `import dotted`) finds something; None where that cannot be told.

        A name with dots stands for attributes of attributes.
        """
        if name is not None and "." in name:
            return self._reaches(dotted, name.split("."))
        there = self.has_module(dotted)
        if name is None or not there:
            return there
        if self._exists(f"{dotted}.{name}"):
            return True
        return self._binds(dotted, name, set())

    def lacks(self, dotted: str, name: Optional[str]) -> bool:
        """Whether that is certain to fail: what `has` denies, the compiled part does not give either."""
        if self.has(dotted, name) is not False:
            return False
        if self._words is not None and _TYPES.search(f"{dotted}.{name}"):
            return False
        top = self.module(self.name)
        first = f"{dotted}.{name}".split(".")[1]
        from_outside = self._words is None or top is None or not top.is_open or first in top.bound or self._exists(f"{self.name}.{first}")
        return from_outside or not (self._words and self._words(first))

    def _reaches(self, dotted: str, names: Sequence[str]) -> Optional[bool]:
        for name in names:
            there = self.has(dotted, name)
            module = self.module(dotted)
            if not there or module is None or not self._exists(f"{dotted}.{name}"):
                return there  # what is not a module may have any attributes
            if name in module.bound and module.aliases.get(name) != {(dotted, name)}:
                return None  # `from .name import name`: the module is hidden
            dotted = f"{dotted}.{name}"
        return True

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
        is_open = module.is_open and (dotted != self.name or self._may_give(name)) or self._is_alias(dotted, name)
        return None if is_open or None in answers else False

    def _star(self, dotted: str, name: str, seen: Set[str]) -> Optional[bool]:
        if dotted.partition(".")[0] != self.name or self._exists(f"{dotted}.{name}"):
            return None  # a module in a package that a star took over is there once somebody imported it
        return self._binds(dotted, name, seen)

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
