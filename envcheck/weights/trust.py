"""What a load of a checkpoint may call: what tensors and plain values are made of. Whatever does something is refused by name."""

from __future__ import annotations

import os
import sys
from typing import Any, FrozenSet, List

from envcheck.errors import InputError
from envcheck.pickles import Named

DO_NOT = "do not load this file, and ask where it came from"

_BUILTINS = frozenset(["set", "frozenset", "dict", "list", "tuple", "int", "float", "str", "bool", "object", "bytearray", "bytes", "complex", "slice", "range"])
# Of Python itself, what values are made of; everything else there (os, subprocess, runpy, builtins.eval ...) does something.
_PLAIN = {
    "collections": frozenset(("OrderedDict", "defaultdict", "deque", "Counter")),
    "copyreg": frozenset(("_reconstructor",)),
    "copy_reg": frozenset(("_reconstructor",)),
    "datetime": frozenset(("datetime", "date", "time", "timedelta", "timezone")),
    "pathlib": frozenset(("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath", "Path")),
    "pathlib._local": frozenset(("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath", "Path")),
    "argparse": frozenset(("Namespace",)),
    "types": frozenset(("SimpleNamespace",)),
    "functools": frozenset(("partial",)),
    "random": frozenset(("Random",)),
    "re": frozenset(("_compile",)),
    "decimal": frozenset(("Decimal",)),
    "fractions": frozenset(("Fraction",)),
    "uuid": frozenset(("UUID",)),
    "_codecs": frozenset(("encode",)),
    "builtins": _BUILTINS,
    "__builtin__": _BUILTINS,
}
_HARMFUL = ("torch.hub", "torch.utils.cpp_extension", "torch._inductor", "torch.package", "torch.jit", "numpy.testing", "numpy.f2py", "pip", "setuptools")
_OWN = ("torch", "numpy", "collections", "__main__")
_PYTHON: FrozenSet[str] = getattr(sys, "stdlib_module_names", None) or frozenset(
    {name.partition(".")[0] for name in os.listdir(os.path.dirname(os.__file__))}.union(sys.builtin_module_names, ("posix", "nt", "__builtin__"))
)
"""Python 3.9 does not know its own modules: what lies beside `os` then."""


def allowed(named: Any, path: str, imports: List[str]) -> Named:
    """The policy for `pickles.follow`: the name, noted in `imports` where it is of another package. Raises `InputError` for one that does something."""
    if not isinstance(named, Named) or _does_something(named):
        shown = named if isinstance(named, Named) else "something computed"
        raise InputError(f"holds a pickle that would call `{shown}` when it is loaded; it was not loaded", where=path, hint=DO_NOT)
    if named.module.partition(".")[0] not in _OWN and named.module not in _PLAIN and str(named) not in imports:
        imports.append(str(named))
    return named


def _does_something(named: Named) -> bool:
    if named.module in _PLAIN:
        return named.name not in _PLAIN[named.module]
    return "." in named.name or named.module.partition(".")[0] in _PYTHON or any(named.module == one or named.module.startswith(one + ".") for one in _HARMFUL)
