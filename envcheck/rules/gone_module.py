"""A package imports a module that another package, or this Python, no longer has."""

from __future__ import annotations

from typing import List, Tuple

from envcheck.conditions import truth_of
from envcheck.model import Finding, Page, Snapshot, Truth, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "module-no-longer-there"

PAGE = Page(
    symptom=("import-error", "build-failure"),
    signature=(
        r"ModuleNotFoundError: No module named 'pkg_resources'",
        r"cannot import name 'packaging' from 'pkg_resources'",
        r"module 'pkg_resources' has no attribute",
    ),
    cause="setuptools 70 lacks `pkg_resources.packaging`, which 71 has again, and setuptools 82 has no `pkg_resources` at all. Releases from before that "
    "import them as soon as they are loaded, and declare no upper bound.",
    fix=("install setuptools>=71,<82", "update the package that imports it"),
    links=("https://github.com/meta-pytorch/torchtune/issues/1111", "https://github.com/pytorch/vision/issues/9380"),
    level="many",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding for each package that is certainly of a release that imports what certainly is gone."""
    found: List[Finding] = []
    for package, fact in tables.subjects("gone_modules", snapshot):
        if fact.value in (None, "absent"):
            continue
        for affected, module, provider, gone, effect, severity in tables.of("gone_modules", package) or ():
            if truth_of(package, affected, snapshot) is not Truth.YES or truth_of(provider, gone, snapshot) is not Truth.YES:
                continue
            there = snapshot.fact("python") if provider == "python" else snapshot.package(provider)
            title = f"{package} {fact.value} imports `{module}`, which {provider} {there.value} no longer has: {effect}"
            used = (UsedFact(package, fact.value or "", fact.origin), UsedFact(provider, there.value or "", there.origin))
            found.append(Finding(ID, "bad", severity, "certain", title, (provider, package), used, PAGE))
    return tuple(found)


RULE = Rule(ID, "a package imports a module that is no longer there", PAGE, find, ("error", "warning"))
