"""What a rule is: code that computes findings from a snapshot, with a page of its own."""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, NamedTuple, Sequence, Tuple, TypeVar

from envcheck.model import Finding, Page, Snapshot

_Made = TypeVar("_Made")
Rows = Sequence[Sequence[Any]]


class Tables:
    """The fact tables that rules draw on; each is read when a rule first asks for it, and once."""

    def __init__(self, stack: FrozenSet[str] = frozenset(), read: Callable[..., Any] = lambda name, package=None: None) -> None:
        """`stack` names the packages whose code runs in a training step; `read` gives a table by name, or what it says of a package; None
        where there is none."""
        self.stack = stack
        self._read = read
        self._made: Dict[Tuple[str, Any], Any] = {}

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


class Rule(NamedTuple):
    """One rule: its name, what it is about, its page, and its function."""

    id: str
    title: str
    page: Page
    find: Callable[[Snapshot, Tables], Tuple[Finding, ...]]
