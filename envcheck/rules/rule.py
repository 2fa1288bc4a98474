"""What a rule is: code that computes findings from a snapshot, with a page of its own."""

from __future__ import annotations

from typing import Callable, FrozenSet, NamedTuple, Sequence, Tuple

from envcheck.facts.binaries import Wheels
from envcheck.model import Finding, Page, Snapshot


class Tables(NamedTuple):
    """The fact tables that rules draw on."""

    stack: FrozenSet[str]
    """Packages whose code runs in a training step."""
    wheels: Wheels = Wheels(())
    """What torch's wheels hold machine code for."""
    drivers: Sequence[Sequence[str]] = ()
    """[CUDA major, oldest Linux driver, oldest Windows driver]"""


class Rule(NamedTuple):
    """One rule: its name, what it is about, its page, and its function."""

    id: str
    title: str
    page: Page
    find: Callable[[Snapshot, Tables], Tuple[Finding, ...]]
