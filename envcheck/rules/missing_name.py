"""A release that imports a name which the release beside it does not have, by the table of names in published wheels."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

from envcheck import versions
from envcheck.conditions import truth_of
from envcheck.facts import missing
from envcheck.facts.missing import Missing
from envcheck.model import Fact, Finding, Page, Snapshot, Truth, UsedFact
from envcheck.names.roots import FRAMEWORKS, LIBRARIES, PACKAGES, Root
from envcheck.rules.rule import Rule, Tables, asking

ID = "missing-name"
LINKS = ("https://docs.python.org/3/reference/simple_stmts.html#the-import-statement",)

_TABLES = ("missing_names", "framework_names", "library_names", "outside_names")
"""What was mined, and what is known of packages too large for that; no pair of packages is in both."""

PAGE = Page(
    symptom=("import-error",),
    signature=(
        r"ImportError: cannot import name '[^']+' from '(?:transformers|accelerate|peft|trl|huggingface_hub|datasets|tokenizers|diffusers)\b",
        r"ImportError: cannot import name '[^']+' from '(?:torch\w*|tensordict|unsloth_zoo)\b",
    ),
    cause="A module imports, or looks up as an attribute, at its top level and without a way out, a name that the installed release of another package "
    "does not define yet, or no longer. Which releases define and ask for which names was read from the published wheels.",
    fix=("use versions of the two packages that were released near each other",),
    links=LINKS,
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding for each pair of packages whose releases do not fit."""
    speaking = (one for table in _TABLES for one in tables.speaking(table, snapshot, _ASKING))
    return tuple(one for package, rows, block in speaking for one in _of(package, snapshot, rows, block))


_ASKING = asking(missing.rows)


def _of(package: str, snapshot: Snapshot, rows: Sequence[Missing], block: Any) -> List[Finding]:
    by_provider: Dict[str, List[Missing]] = {}
    for row in rows:
        if _holds(package, row, snapshot):
            by_provider.setdefault(row.of, []).append(row)
    return [_finding(package, snapshot.packages[package], them, snapshot.packages[of], block) for of, them in by_provider.items()]


def _holds(package: str, row: Missing, snapshot: Snapshot) -> bool:
    other = snapshot.packages.get(row.of)
    if other is None or not other.is_known or other.value == "absent":
        return False
    asked = {package: row.versions, row.of: row.lacks, **row.also}
    return all(truth_of(name, argument, snapshot) is Truth.YES for name, argument in asked.items())


def stopped(package: str, modules: Sequence[str]) -> List[Root]:
    """The roots of a package by their modules, the gravest first."""
    looked = PACKAGES.get(package) or FRAMEWORKS.get(package) or LIBRARIES.get(package)
    return [root for root in looked.roots if root.module in modules] if looked else []


def _finding(package: str, fact: Fact, rows: Sequence[Missing], other: Fact, block: Any) -> Finding:
    roots = stopped(package, [module for row in rows for module in row.stops])
    severity = "error" if any(root.severity == "error" for root in roots) else "warning"
    worst = next((row for row in rows if roots and roots[0].module in row.stops), rows[0])
    fixes = (provider_fix(worst, str(other.value)), *_importer_fix(package, rows, block))
    return finding(
        package, fact, worst.of, other, severity, sentence(worst.file, worst.name, worst.is_attribute, [root.what for root in roots]), worst.name, fixes
    )


def finding(package: str, fact: Fact, provider: str, other: Fact, severity: str, cause: str, name: str, fixes: Tuple[str, ...]) -> Finding:
    """One pair of releases, the name that stands between them, and what to do."""
    mine, theirs = str(fact.value).lstrip("="), str(other.value).lstrip("=")
    title = f"{package} {mine} imports `{name}`, which {provider} {theirs} does not have"
    used = (UsedFact(package, fact.value or "", fact.origin), UsedFact(provider, other.value or "", other.origin))
    page = Page(symptom=PAGE.symptom, cause=cause, fix=fixes, links=LINKS)
    return Finding(ID, "bad", severity, "certain", title, (package, provider), used, page)


def sentence(file: str, name: str, is_attribute: bool, whats: Sequence[str]) -> str:
    """What cannot be used, and which file asks for what."""
    module, _, last = name.rpartition(".")
    asks = f"looks up `{name}`" if is_attribute else f"imports `{last}` from `{module or last}`"
    ends = "an AttributeError" if is_attribute else "an ImportError"
    return f"`{file}` {asks} at its top level, so that {' and '.join(whats[:4]) or 'the module'} ends in {ends}."


def provider_fix(row: Missing, installed: str) -> str:
    """Which release of the other package has the name, from where the installed one lies."""
    if row.first and (not row.last or _is_within(installed, f"<{row.first}")):
        return f"use {row.of}>={row.first}, the first release that has it"
    return f"use {row.of}<={row.last}, the last release that has it" if row.last else f"no release of {row.of} that was looked at has it; use another {row.of}"


def _importer_fix(package: str, rows: Sequence[Missing], block: Any) -> Tuple[str, ...]:
    """A newer release of the importer, where the table knows that later ones no longer ask for the name."""
    last = rows[0].versions.rpartition("=")[2]
    if len(rows) > 1 or last == missing.newest(block) or not rows[0].last:
        return ()
    return (f"use {package}>{last}, which imports it no longer",)


def _is_within(version: str, specifier: str) -> bool:
    try:
        return versions.within(versions.reported(version.lstrip("=")), versions.specifier(specifier)) is True
    except versions.VersionError:
        return False


RULE = Rule(ID, "a release imports a name that the release beside it does not have", PAGE, find)
