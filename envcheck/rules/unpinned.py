"""Open requirements: all entries that one of them merely allows, summed up in one note."""

from __future__ import annotations

from typing import Mapping, Sequence, Tuple

from envcheck.model import Finding, Page, Snapshot, UsedFact

PREFIX = "unpinned-"
TITLE = "an open requirement allows versions with known defects"
PAGE = Page(
    cause="A requirement such as `deepspeed>=0.12` is a set of versions. Entries that some of them fit and others do not are possible, not certain; "
    "they are summed up for each package, because the installer will most likely choose a version that none of them is about.",
    fix=("pin the package to the version that was tried, as `deepspeed==X.Y.Z`, and check the pin",),
)


def findings(snapshot: Snapshot, allowed: Mapping[str, Sequence[str]]) -> Tuple[Finding, ...]:
    """One note for each package of `allowed` (package -> ids of the entries that its requirement allows)."""
    return tuple(_finding(snapshot, name, ids) for name, ids in allowed.items())


def _finding(snapshot: Snapshot, name: str, ids: Sequence[str]) -> Finding:
    fact = snapshot.packages[name]
    shown = f"{name}{fact.value}" if fact.value != ">=0" else f"{name} without a version"
    page = Page(
        cause=f"The requirement leaves the version open, and these entries are about versions it allows: {', '.join(ids)}.",
        fix=(f"pin {name} to the version that was tried, as `{name}==X.Y.Z`, and check that version",),
    )
    title = f"{shown} allows versions with known defects ({len(ids)} {'entry' if len(ids) == 1 else 'entries'})"
    return Finding(PREFIX + name, "caution", "note", "possible", title, (name,), (UsedFact(name, fact.value or "", fact.origin),), page)
