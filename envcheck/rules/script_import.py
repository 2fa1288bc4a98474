"""A name that a script imports, or looks up on NumPy, and the installed release of its package does not have."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Tuple

from envcheck import versions
from envcheck.conditions import truth_of
from envcheck.model import Finding, Page, Snapshot, Truth, UsedFact
from envcheck.rules.rule import Rule, Tables
from envcheck.wire import canonical_name

ID = "script-name-missing"

PAGE = Page(
    symptom=("import-error", "attribute-error"),
    signature=(
        r"AttributeError: (?:module 'numpy' has no attribute '\w+'|`np\.\w+` was removed)",
        r"ImportError: cannot import name '[^']+' from '(?:transformers|trl|peft|accelerate|datasets|diffusers|deepspeed|huggingface_hub)\b",
    ),
    cause="A script, or a file of its project, imports a name at its top level, or looks one up on NumPy, that the release does not define yet, or no longer. "
    "Which release has which names was read from the published files.",
    fix=("install a release that has the name, or change the script",),
    links=(
        "https://github.com/QwenLM/Qwen3-VL/issues/723",
        "https://github.com/modelscope/ms-swift/issues/3109",
        "https://github.com/waltonfuture/MM-UPT/issues/1",
    ),
    level="many",
)

NUMPY_LINKS = (
    "https://numpy.org/devdocs/release/1.20.0-notes.html#deprecations",
    "https://numpy.org/doc/stable/numpy_2_0_migration_guide.html",
    "https://numpy.org/doc/2.4/release/2.4.0-notes.html",
)
"""What NumPy says of the names that it took away, and what to write instead."""


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One error for each package of which a name is certainly missing; of NumPy a warning, since a function that looks it up may never be called."""
    fact = snapshot.train.get("imports")
    if fact is None or not isinstance(fact.value, str):
        return ()
    wanted: Dict[str, Dict[str, List[str]]] = {}
    for word in fact.value.split():
        module, _, name = word.rpartition(".")
        wanted.setdefault(canonical_name(module.partition(".")[0]), {}).setdefault(module, []).append(name)
    found: List[Finding] = []
    for package, modules in wanted.items():
        missing = _missing(package, modules, snapshot, tables)
        if missing:
            found.append(_finding(package, missing, snapshot))
    return tuple(found)


def _missing(package: str, modules: Dict[str, List[str]], snapshot: Snapshot, tables: Tables) -> Dict[str, Tuple[str, str]]:
    """`transformers.AdamW` -> (`since` or `until`, release), of what the installed release lacks."""
    missing = {}
    for module, word, release, lacks, names in tables.of("public_names", package) or ():
        asked = [name for name in modules.get(module, ()) if name in names.split()]
        if asked and truth_of(package, lacks, snapshot) is Truth.YES:
            missing.update({f"{module}.{name}": (word, release) for name in asked})
    return missing


def _finding(package: str, missing: Dict[str, Tuple[str, str]], snapshot: Snapshot) -> Finding:
    there, fact = snapshot.package(package), snapshot.train["imports"]
    words = [f"`{name}` ({'there since' if word == 'since' else 'last in'} {release})" for name, (word, release) in missing.items()]
    title = f"{package} {there.value} does not have {', '.join(words)}"
    page = replace(PAGE, fix=_fixes(package, list(missing.values())), links=NUMPY_LINKS if package == "numpy" else PAGE.links)
    used = (UsedFact(package, there.value or "", there.origin), UsedFact("train.imports", " ".join(missing), fact.origin))
    return Finding(ID, "bad", "warning" if package == "numpy" else "error", "certain", title, (package, "config"), used, page)


def _fixes(package: str, releases: List[Tuple[str, str]]) -> Tuple[str, ...]:
    """A release that has all the names, where there is one."""
    low = [release for word, release in releases if word == "since"]
    high = [release for word, release in releases if word == "until"]
    newest = [one for one in low if all(_is_at_least(one, other) for other in low)][:1]
    oldest = [one for one in high if all(_is_at_least(other, one) for other in high)][:1]
    if newest and oldest and not _is_at_least(oldest[0], newest[0]):
        return (f"no release of {package} has all of these names: change what the script asks for",)
    bounds = [*(f">={one}" for one in newest), *(f"<={one}" for one in oldest)]
    return (f"install {package}{','.join(bounds)}", "change what the script asks for")


def _is_at_least(one: str, other: str) -> bool:
    return versions.within(versions.installed(one), versions.specifier(f">={other}")) is True


RULE = Rule(ID, "a script imports a name that the installed release does not have", PAGE, find)
