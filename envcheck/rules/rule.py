"""What a rule is: code that computes findings from a snapshot, with a page of its own."""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, TypeVar, Union

from envcheck.conditions import truth_of
from envcheck.model import Fact, Finding, Page, Snapshot, Truth, Undecided

_Made = TypeVar("_Made")
Rows = Sequence[Sequence[Any]]


class Tables:
    """The fact tables that rules draw on; each is read when a rule first asks for it, and once."""

    def __init__(
        self,
        stack: FrozenSet[str] = frozenset(),
        read: Callable[..., Any] = lambda name, package=None: None,
        speaks_of: Optional[Callable[[str], Iterable[str]]] = None,
    ) -> None:
        """`stack` names the packages whose code runs in a training step; `read` gives a table by name, or what it says of a package; None
        where there is none. `speaks_of` gives the packages that a table goes by; without it each package is asked for."""
        self.stack = stack
        self._read = read
        self._speaks_of = speaks_of
        self._subjects: Dict[str, FrozenSet[str]] = {}
        self._made: Dict[Tuple[str, Any], Any] = {}
        self._versions: Dict[Tuple[Any, ...], Any] = {}
        self._snapshot: Optional[Snapshot] = None
        self._shared: Dict[Any, Any] = {}

    def rows(self, name: str) -> Rows:
        """The rows of a table as they were compiled (`envcheck.facts.tables`); none where no index has it."""
        return self.made(name, tuple)

    def made(self, name: str, build: Callable[[Rows], _Made]) -> _Made:
        """What `build` makes of a table's rows, kept for the next snapshot."""
        key = (name, build)
        if key not in self._made:
            self._made[key] = build(self._read(name) or ())
        return self._made[key]  # type: ignore[no-any-return]

    def of(self, name: str, package: str) -> Any:
        """What a table that goes by package (`facts.tables.BY_PACKAGE`) says of one; None where it does not name it."""
        key = (name, package)
        if key not in self._made:
            self._made[key] = self._read(name, package)
        return self._made[key]

    def subjects(self, name: str, snapshot: Snapshot) -> List[Tuple[str, Fact]]:
        """The packages of a snapshot that such a table speaks of, in the snapshot's order."""
        if self._speaks_of is None:
            return list(snapshot.packages.items())
        if name not in self._subjects:
            self._subjects[name] = frozenset(self._speaks_of(name))
        subjects = self._subjects[name]
        return [item for item in snapshot.packages.items() if item[0] in subjects]

    def about(self, name: str, package: str, version: str, build: Callable[[Any, str], _Made]) -> Optional[_Made]:
        """What `build` makes of such a table's word on a package for one version, kept for the next snapshot; None where there is no word."""
        block = self.of(name, package)
        if block is None:
            return None
        key = (name, build, package, version)
        if key not in self._versions:
            if len(self._versions) >= _LIMIT:
                self._versions.clear()
            self._versions[key] = build(block, version)
        return self._versions[key]  # type: ignore[no-any-return]

    def speaking(self, name: str, snapshot: Snapshot, build: Callable[[Any, str], Sequence[_Made]]) -> Iterator[Tuple[str, Sequence[_Made], Any]]:
        """Package, what `build` makes of its block for the version that is there, and the block; of the packages of which it makes anything."""
        for package, fact in self.subjects(name, snapshot):
            rows = self.about(name, package, str(fact.value), build) if fact.is_known and not fact.is_open else None
            if rows:
                yield package, rows, self.of(name, package)

    def once(self, snapshot: Snapshot, build: Callable[[Snapshot, Tables], _Made]) -> _Made:
        """What `build` makes of a snapshot for several rules, kept until another snapshot comes."""
        if self._snapshot is not snapshot:
            self._snapshot, self._shared = snapshot, {}
        if build not in self._shared:
            self._shared[build] = build(snapshot, self)
        return self._shared[build]  # type: ignore[no-any-return]


_LIMIT = 20_000


def asking(rows: Callable[[Any], Iterable[Any]]) -> Callable[[Any, str], Tuple[Any, ...]]:
    """For `Tables.speaking`: of the rows of a block those whose `versions` one version may fit. Most are about others, and are not asked for every snapshot."""

    def build(block: Any, version: str) -> Tuple[Any, ...]:
        alone = Snapshot(packages={"asking": Fact(version)})
        return tuple(row for row in rows(block) if truth_of("asking", row.versions, alone) is not Truth.NO)

    return build


Told = Union[Finding, Undecided]
"""What a rule says: a finding, or, where the environment is one that it is about and a fact is missing that decides, a question.

A rule asks seldom: where the answer may well be bad, and few environments are asked.
"""


class Rule(NamedTuple):
    """One rule: its name, what it is about, its page, and its function."""

    id: str
    title: str
    page: Page
    find: Callable[[Snapshot, Tables], Tuple[Told, ...]]
    severities: Tuple[str, ...] = ()
    """How loud its findings may be; empty where all that its file names are meant (`scripts/rules_page.py`)."""
