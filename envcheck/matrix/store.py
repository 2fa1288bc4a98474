"""Where the matrix is: the index in the wheel, a checkout's YAML files, private folders; compiled once, kept in a cache."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from envcheck import cache
from envcheck.errors import InputError, MatrixError, Problem, UnableError
from envcheck.matrix import files
from envcheck.matrix.index import Index, Located, compile_index
from envcheck.matrix.sieve import Sieve
from envcheck.model import Page, Snapshot
from envcheck.wire import canonical_name, nearest

_HERE = Path(__file__).resolve().parent
PACKAGED = _HERE / "compiled.idx"
"""The index that the wheel carries."""
CHECKOUT = _HERE.parent.parent / "matrices"
"""The YAML files, where envcheck runs from a checkout."""

GUIDE = (CHECKOUT.parent / "docs" / "entries.md", _HERE / "entries.md")
"""How an entry is written: in a checkout, and where the wheel carries it."""

Notice = Optional[Callable[[str], None]]


class Matrix:
    """Several indexes as one."""

    def __init__(self, indexes: Sequence[Index]) -> None:
        """Raises `MatrixError` where two of them define one id."""
        self._indexes = tuple(indexes)
        self._sieves = tuple(Sieve(index) for index in self._indexes)
        if len(self._indexes) > 1:
            self._refuse_repeated()

    def _refuse_repeated(self) -> None:
        seen: Dict[str, int] = {}
        problems: List[Problem] = []
        for number, index in enumerate(self._indexes):
            for name, (located, _) in index.all().items():
                if name in seen:
                    problems.append(Problem(index.page(located.page).source, 1, f"the id `{name}` is already taken"))
                seen[name] = number
        if problems:
            raise MatrixError(problems)

    def candidates(self, snapshot: Snapshot) -> Iterator[Tuple[Located, Index]]:
        """Every entry that something known of `snapshot` makes interesting and nothing known refutes; their order means nothing."""
        for index, sieve in zip(self._indexes, self._sieves):
            for located in sieve.left_over(snapshot):
                yield located, index

    def good(self) -> Iterator[Tuple[Located, Index]]:
        """Every known-good combination."""
        for index in self._indexes:
            for located in index.good():
                yield located, index

    def all(self) -> Dict[str, Tuple[Located, Index]]:
        """Every entry by id, the withdrawn ones too."""
        return {name: (located, index) for index in self._indexes for name, (located, _) in index.all().items()}

    def signatures(self) -> Iterator[Tuple[str, Sequence[str]]]:
        """Ids of entries and the regular expressions that a log shows of them."""
        for index in self._indexes:
            yield from index.signatures()

    def explain(self, name: str, rules: Iterable[str] = ()) -> Tuple[Located, Page]:
        """One entry and its page. Raises `InputError` naming the nearest id, one of `rules` perhaps."""
        everything = self.all()
        if name not in everything:
            near = nearest(name, [*everything, *rules], 0.4)
            guess = f"did you mean `{near}`? " if near else ""
            hint = f"{guess}`envcheck matrix list PACKAGE` lists the entries that name a package"
            package = canonical_name(name)
            count = sum(package in located.entry.culprit or package in located.entry.when for located, _ in everything.values())
            if count:
                hint = f"`envcheck matrix list {package}` lists the {count} entries that name this package"
            raise InputError(f"no entry or rule has the id `{name}`", hint=hint)
        located, index = everything[name]
        return located, index.page(located.page)

    def table(self, name: str, key: Optional[str] = None) -> Any:
        """A fact table, or what one that goes by package says of `key`; the first index that has it answers."""
        return next((table for table in (index.table(name, key) for index in self._indexes) if table is not None), None)

    def table_keys(self, name: str) -> Sequence[str]:
        """The packages that a table which goes by package speaks of."""
        return next((keys for keys in (index.table_keys(name) for index in self._indexes) if keys), ())


def open_matrix(private: Sequence[Path] = (), notice: Notice = None, base: Optional[Path] = None) -> Matrix:
    """The matrix of this installation or checkout, or that of another checkout's `base` folder, with the private folders added.

    Raises `InputError` for a folder without entries and `MatrixError` for a broken entry.
    """
    return Matrix([_own(notice, base), *(_private(folder, notice) for folder in private)])


def _own(notice: Notice, base: Optional[Path]) -> Index:
    if base is not None:
        return _private(base / "entries", notice, base / "facts")
    return _checkout(notice) if _is_checkout() else _packaged()


def tables() -> Matrix:
    """The fact tables alone, which can be read where an entry is broken."""
    return Matrix([_compiled(None, CHECKOUT / "facts", None) if _is_checkout() else _packaged()])


def _packaged() -> Index:
    try:
        return Index(_mapped(PACKAGED), str(PACKAGED))
    except (OSError, ValueError) as error:
        raise UnableError(f"the compiled matrix cannot be read: {error}", where=str(PACKAGED), hint="reinstall envcheck") from None


def _mapped(path: Path) -> mmap.mmap:
    """The bytes of a file, read as they are touched: a run needs a few blocks of megabytes."""
    with open(path, "rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def _is_checkout() -> bool:
    return (CHECKOUT / "entries").is_dir()


def _checkout(notice: Notice) -> Index:
    return _compiled(CHECKOUT / "entries", CHECKOUT / "facts", notice, CHECKOUT.parent)


def _private(folder: Path, notice: Notice, facts: Optional[Path] = None) -> Index:
    if not folder.is_dir():
        raise InputError("is no folder of entries", where=str(folder), hint="`--matrix` takes a folder of YAML files, `envcheck matrix guide` shows the shape")
    index = _compiled(folder, facts, notice)
    if not index.all():
        raise InputError("holds no entry", where=str(folder), hint="an entry is a file `<id>.yaml`, `envcheck matrix guide` shows the shape")
    return index


def _compiled(entries: Optional[Path], facts: Optional[Path], notice: Notice, relative_to: Optional[Path] = None) -> Index:
    """The index of a folder of entries, of tables, or of both, from the cache where no file changed."""
    import hashlib

    try:
        paths = files.below(entries) if entries else []
        tables = sorted(facts.glob("*.yaml")) if facts else []
        fingerprint = _fingerprint([*paths, *tables])
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(error.filename or entries)) from None
    place = str((entries or facts or CHECKOUT).resolve())
    cached = cache.folder() / (hashlib.sha256(place.encode()).hexdigest()[:20] + ".idx")
    found = _cached(cached, fingerprint) or _compile(place, paths, tables, fingerprint, cached, relative_to)
    if notice is not None:
        for message in found.notices:
            notice(message)
    return found


def _compile(place: str, paths: Sequence[Path], tables: Sequence[Path], fingerprint: str, cached: Path, relative_to: Optional[Path]) -> Index:
    from envcheck.facts import tables as fact_tables
    from envcheck.matrix import load

    notices: List[str] = []
    raw = compile_index(load.drafts(paths, notices.append, relative_to), fact_tables.load(tables), fingerprint, notices)
    cache.keep(cached, raw)
    return Index(raw, place)


def _fingerprint(paths: Sequence[Path]) -> str:
    """Changes when a file is added, removed, resized or rewritten, and when the code that compiles them does."""
    import hashlib

    digest = hashlib.sha256()
    for path in (*paths, *(_HERE.parent / name for name in _COMPILED_BY)):
        status = os.stat(path)
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


_COMPILED_BY = (
    "matrix/index.py",
    "matrix/slabs.py",
    "matrix/schema.py",
    "matrix/grammar.py",
    "matrix/reproducer.py",
    "matrix/load.py",
    "facts/tables.py",
    "facts/arguments.py",
    "facts/binaries.py",
    "facts/builds.py",
    "facts/columns.py",
    "facts/requires.py",
    "facts/releases.py",
    "facts/numpy_abi.py",
    "facts/gone.py",
    "facts/refused.py",
    "facts/minimums.py",
    "facts/stacks.py",
    "facts/images.py",
    "matrix/published.py",
    "facts/missing.py",
    "documents.py",
    "versions.py",
    "wire.py",
    "conditions/__init__.py",
    "conditions/devices.py",
    "conditions/reading.py",
    "model.py",
)
"""The code that decides what an index holds."""


def _cached(path: Path, fingerprint: str) -> Optional[Index]:
    try:
        index = Index(_mapped(path), str(path))
    except (OSError, ValueError, UnableError):
        # Whatever is wrong with a cache file, it is compiled again.
        return None
    return index if index.fingerprint == fingerprint else None
