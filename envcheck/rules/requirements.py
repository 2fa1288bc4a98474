"""A release beside a version that it declares not to work with: its own metadata against what is there."""

from __future__ import annotations

from typing import Any, Iterator, List, NamedTuple, Sequence, Tuple

from envcheck import versions
from envcheck.conditions import truth_of
from envcheck.facts import requires
from envcheck.facts.requires import Declared
from envcheck.model import Fact, Finding, Page, Snapshot, Truth, UsedFact
from envcheck.rules import markers
from envcheck.rules.rule import Rule, Tables

CHECKED = "requirement-checked-at-import"
STARTED = "requirement-checked-at-start"
UNMET = "requirement-not-met"

CHECKED_PAGE = Page(
    symptom=("import-error",),
    signature=(
        r"is required for a normal functioning of this module, but found",
        r"cannot import name '(is_offline_mode|httpx)' from 'huggingface_hub",
    ),
    cause="transformers compares some of its requirements with what is installed each time it is loaded, and raises where one is not met. Such a pair comes "
    "from a later install of another package, or from a restored environment in which only one of the two was pinned.",
    fix=("install the pinned transformers once more, so that the installer brings what it asks for",),
    links=(
        "https://github.com/huggingface/transformers/blob/v4.42.4/src/transformers/dependency_versions_check.py",
        "https://github.com/huggingface/huggingface_hub/issues/2377",
        "https://github.com/archlinuxcn/repo/issues/4836",
    ),
    level="reproduced",
)
STARTED_PAGE = Page(
    symptom=("import-error",),
    signature=(r"To fix: (run )?.?pip install (transformers|datasets|accelerate|peft|trl)[<>=]",),
    cause="LLaMA-Factory compares transformers, datasets, accelerate, peft and trl with the windows of its release when it starts, and raises outside them. "
    "With DISABLE_VERSION_CHECK=1 it goes on, on versions that nobody tried together.",
    fix=("install the versions that this release of LLaMA-Factory names", "update LLaMA-Factory to a release whose window holds them"),
    links=("https://github.com/hiyouga/LLaMA-Factory/blob/v0.9.0/src/llamafactory/extras/misc.py",),
    level="maintainer",
)
UNMET_PAGE = Page(
    symptom=("import-error", "other"),
    cause="A release states in its metadata which versions of its dependencies it needs; the installer keeps to that when it installs it, and anything "
    "installed later may break it. Below a lower bound names and arguments that the code uses are missing, which is graver than a version above an upper "
    "bound: that one is often a precaution, and many published stacks go past it. A release that is excluded by itself was seen to fail.",
    fix=("install both in one command, so that the installer finds versions that fit each other, and pin those",),
    links=("https://packaging.python.org/en/latest/specifications/core-metadata/#requires-dist-multiple-use",),
)

# transformers/dependency_versions_check.py, read in sixteen wheels of 4.20.1 to 5.23.0: `huggingface-hub`, `safetensors` and
# `pyyaml` joined after 4.30.0. `accelerate` stands there too and is passed over where it is too old.
_CHECKED = frozenset(("tqdm", "regex", "requests", "packaging", "filelock", "numpy", "tokenizers"))
_CHECKED_LATER = frozenset(("huggingface-hub", "safetensors", "pyyaml"))
# llamafactory/extras/misc.py, read in the wheels of 0.7.1, 0.8.3, 0.9.0, 0.9.2, 0.9.3 and 0.9.4: the windows of its metadata.
_STARTED = frozenset(("accelerate", "datasets", "peft", "transformers", "trl"))
# Compiled against one torch: rules of their own look at what each was built for.
_BINARY = frozenset(("torchvision", "torchaudio", "xformers", "vllm", "torch"))

# Beside the packages of the training stack: what their code calls as soon as it is loaded. Of setuptools, datasets and the like an older one will
# mostly do: published images hold some.
_LOADED = frozenset(("huggingface-hub", "pydantic", "safetensors", "tokenizers", "typing-extensions"))


class _Broken(NamedTuple):
    package: str
    fact: Fact
    declared: Declared
    other: Fact


def broken(snapshot: Snapshot, tables: Tables) -> Tuple[_Broken, ...]:
    """Every declared requirement that what is known certainly does not meet: by the metadata that is there, else by the table."""
    return tuple(_broken(snapshot, tables))


def _broken(snapshot: Snapshot, tables: Tables) -> Iterator[_Broken]:
    for package, fact in snapshot.packages.items() if snapshot.requires else tables.subjects("requires", snapshot):
        if fact.value is None or fact.is_open:
            continue
        ways = [[one for one in way if _is_broken(one, snapshot)] for way in _ways(package, fact, snapshot, tables)]
        for one in ways[-1] if ways else ():
            if all(any(other.name == one.name for other in way) for way in ways):
                yield _Broken(package, fact, one, snapshot.packages[one.name])


def _ways(package: str, fact: Fact, snapshot: Snapshot, tables: Tables) -> Sequence[Tuple[Declared, ...]]:
    if not snapshot.requires:
        return tables.about("requires", package, str(fact.value), _declared) or ()
    there = snapshot.requires.get(package)
    if there is None or there.value is None or package not in tables.stack and tables.of("requires", package) is None:
        return ()  # of the rest of an environment `pip check` tells
    return [requires.stated(str(there.value))]


def _declared(block: Sequence[Any], version: str) -> List[Tuple[Declared, ...]]:
    return requires.ways(block, version.lstrip("=").partition("+")[0])


def _is_broken(one: Declared, snapshot: Snapshot) -> bool:
    other = snapshot.packages.get(one.name)
    if other is None or other.value in (None, "absent") or truth_of(one.name, one.specifier, snapshot) is not Truth.NO:
        return False
    return markers.holds(one.marker, snapshot)


def find_checked(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """An error for each requirement that a package checks by itself when it is imported."""
    return tuple(_finding(CHECKED, "bad", "error", one, CHECKED_PAGE) for one in tables.once(snapshot, broken) if _is_checked(one))


def find_started(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """A warning for each requirement that a program checks when it starts, unless it was told not to."""
    if "DISABLE_VERSION_CHECK" in snapshot.env:
        return ()
    return tuple(_finding(STARTED, "bad", "warning", one, STARTED_PAGE) for one in tables.once(snapshot, broken) if _is_started(one))


def _is_started(one: _Broken) -> bool:
    return one.package == "llamafactory" and one.declared.name in _STARTED


def find_unmet(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """A warning for each lower bound that is not met and each release that is excluded by name, a note for each upper bound."""
    found: List[Finding] = []
    for one in tables.once(snapshot, broken):
        if not _is_checked(one) and not _is_started(one) and not (one.package in _BINARY and one.declared.name == "torch"):
            is_grave = _is_below(one) or _is_excluded(one)
            severity = "warning" if is_grave and one.declared.name in tables.stack | _LOADED else "note"
            found.append(_finding(UNMET, "caution", severity, one, UNMET_PAGE))
    return tuple(found)


def _is_checked(one: _Broken) -> bool:
    if one.package != "transformers":
        return False
    return one.declared.name in _CHECKED or one.declared.name in _CHECKED_LATER and _within(str(one.fact.value), ">=4.31")


def _is_below(one: _Broken) -> bool:
    """Whether the version lies below every one that is asked for; of an exact pin only the first two numbers count."""
    floors = [clause.lstrip(">=~").replace(".*", "") for clause in one.declared.specifier.split(",") if clause[:2] in (">=", "~=") or clause[:1] == ">"]
    floors += [".".join(clause.lstrip("=").split(".")[:2]) for clause in one.declared.specifier.split(",") if clause.startswith("==")]
    return any(not _within(str(one.other.value), f">={floor}") for floor in floors)


def _is_excluded(one: _Broken) -> bool:
    """Whether the version is excluded by itself (`!=4.52.0`): what somebody tried. A whole series (`!=5.0.*`) may be a precaution."""
    return any(not _within(str(one.other.value), clause) for clause in one.declared.specifier.split(",") if clause.startswith("!=") and "*" not in clause)


def _within(version: str, specifier: str) -> bool:
    """Whether a version may fit; one that nobody can read may."""
    try:
        return versions.within(versions.reported(version), versions.specifier(specifier)) is not False
    except versions.VersionError:
        return True


def _finding(id: str, kind: str, severity: str, one: _Broken, page: Page) -> Finding:
    package, declared = f"{one.package} {str(one.fact.value).lstrip('=')}", one.declared
    title = f"{package} requires {declared.name} {declared.specifier}, and {declared.name} is {one.other.value}"
    used = (UsedFact(one.package, one.fact.value or "", one.fact.origin), UsedFact(declared.name, one.other.value or "", one.other.origin))
    return Finding(id, kind, severity, "certain", title, (declared.name, one.package), used, page)


RULES = (
    Rule(CHECKED, "transformers refuses to load beside a version outside its own window", CHECKED_PAGE, find_checked, ("error",)),
    Rule(STARTED, "LLaMA-Factory refuses to start beside a version outside its own window", STARTED_PAGE, find_started, ("warning",)),
    Rule(UNMET, "a release is beside a version outside what it declares to require", UNMET_PAGE, find_unmet, ("warning", "note")),
)
