"""A release that newer pips refuse to install, because its metadata holds a requirement without a meaning."""

from __future__ import annotations

from typing import List, Tuple

from envcheck.conditions import truth_of
from envcheck.model import Finding, Page, Snapshot, Truth, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "metadata-refused-by-pip"

PAGE = Page(
    symptom=("install-failure",),
    signature=(
        r"has invalid metadata:",
        r"Ignoring version \S+ of \S+ since it has invalid metadata",
        r"\.\* suffix can only be used with `==` or `!=` operators",
    ),
    cause="The release declares a requirement such as `torch (>=1.9.*)`, which the standard for versions has no meaning for. pip read it generously up to "
    "24.0; from 24.1 on it passes the release over, and a pin to it cannot be installed.",
    fix=("install with pip<24.1", "take the next release, whose metadata is in order"),
    links=("https://github.com/pypa/pip/issues/12063",),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """A warning where pip certainly is too new and the release may have to be installed yet; else a note."""
    pip = truth_of("pip", ">=24.1", snapshot)
    found: List[Finding] = []
    for package, fact in tables.subjects("refused_metadata", snapshot):
        versions, requirement = tables.of("refused_metadata", package) or ("", "")
        if pip is Truth.NO or not versions or truth_of(package, versions, snapshot) is not Truth.YES:
            continue
        severity = "warning" if pip is Truth.YES and not snapshot.complete else "note"
        title = f"{package} {fact.value} requires `{requirement}`, which pip 24.1 and later refuse to read"
        used = (UsedFact(package, fact.value or "", fact.origin),)
        found.append(Finding(ID, "bad", severity, "certain", title, (package, "pip"), used, PAGE))
    return tuple(found)


RULE = Rule(ID, "pip 24.1 and later refuse a release for its metadata", PAGE, find)
