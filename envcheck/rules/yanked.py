"""A release that its publisher has withdrawn from the index."""

from __future__ import annotations

from typing import List, Tuple

from envcheck.facts import releases
from envcheck.model import Finding, Page, Snapshot, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "yanked-release"

PAGE = Page(
    symptom=("other",),
    cause="The publisher withdrew this release. An installer takes it only where it is pinned exactly. The reason is the publisher's own; where it is a "
    "defect, entries of the matrix say what it does.",
    fix=("take the next release of the same minor version",),
    links=("https://peps.python.org/pep-0592/",),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One note for each withdrawn release, with the publisher's reason where there is one."""
    found: List[Finding] = []
    for package, fact in tables.subjects("releases", snapshot):
        one = tables.about("releases", package, str(fact.value).lstrip("=").partition("+")[0], releases.release)
        if one is not None and one.yanked is not None:
            title = f"{package} {str(fact.value).lstrip('=')} was withdrawn by its publisher" + (f": {one.yanked}" if one.yanked else "")
            found.append(Finding(ID, "caution", "note", "certain", title, (package,), (UsedFact(package, fact.value or "", fact.origin),), PAGE))
    return tuple(found)


RULE = Rule(ID, "a release was withdrawn by its publisher", PAGE, find)
