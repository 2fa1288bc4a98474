"""A pinned release that the index cannot give to this Python or this system."""

from __future__ import annotations

import re
from typing import List, Optional, Tuple

from envcheck import versions
from envcheck.facts import releases
from envcheck.facts.releases import Release
from envcheck.model import Fact, Finding, Page, Snapshot, UsedFact
from envcheck.rules.rule import Rule, Tables

PYTHON = "release-not-for-this-python"
SYSTEM = "release-not-for-this-system"

PYTHON_PAGE = Page(
    symptom=("install-failure", "build-failure"),
    signature=(r"No matching distribution found for", r"ERROR: Could not find a version that satisfies the requirement", r"requires a different Python"),
    cause="Each release states the Pythons it is for, and compiled packages have one wheel for each Python version. Where there is no wheel and no source "
    "archive the installer finds nothing; where there is only a source archive it tries to build. Builds from elsewhere (conda, a distribution) are not on "
    "the index.",
    fix=("use a Python version that the release has wheels for", "take a release that has wheels for this Python"),
    links=("https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/",),
)
SYSTEM_PAGE = Page(
    symptom=("install-failure", "build-failure"),
    signature=(r"No matching distribution found for", r"is not a supported wheel on this platform"),
    cause="The index holds no wheel of this release for this operating system and machine. With a source archive the installer tries to build it, which "
    "needs a compiler and, for CUDA packages, the toolkit; without one it finds nothing.",
    fix=("run on Linux, or in WSL where the machine has Windows", "leave the package out where the framework can do without it"),
    links=("https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/",),
)

_PYTHON = re.compile(r"3\.(\d+)(\.\d+)?")
_TAG = re.compile(r"cp3(\d+)(m?)(t?)(\+abi3)?")
_PLATFORMS = {("linux", "x86_64"): "linux_x86_64", ("linux", "aarch64"): "linux_aarch64", ("windows", "x86_64"): "win", ("macos", "arm64"): "macos"}
_MACHINES = {"amd64": "x86_64", "arm64": "arm64", "aarch64": "aarch64", "x86_64": "x86_64"}
_COMPILED = frozenset(("deepspeed", "flash-attn", "vllm", "xformers"))
"""Their source archives hold CUDA or C++ code that has no build of its own for Windows or macOS at the releases without wheels."""

_ELSEWHERE = frozenset(("xformers",))
"""Their wheels for Windows lie on torch's own index (https://github.com/facebookresearch/xformers/blob/v0.0.28.post3/README.md)."""


def find_python(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """A finding for each release that this Python cannot get; silent about a complete listing, which shows that it was got."""
    python = snapshot.fact("python")
    if snapshot.complete or python.value is None or not _PYTHON.fullmatch(str(python.value)):
        return ()
    found: List[Finding] = []
    for package, fact in snapshot.packages.items():
        one = _release(package, fact, tables)
        why = None if one is None else _refused(one, str(python.value))
        if one is not None and why:
            severity = "error" if _excluded(one, str(python.value)) else "note" if one.sdist else "warning"
            title = f"{package} {_shown(fact)} {why}, and Python is {python.value}"
            used = (UsedFact(package, fact.value or "", fact.origin), UsedFact("python", python.value, python.origin))
            found.append(Finding(PYTHON, "bad", severity, "certain", title, (package, "python"), used, PYTHON_PAGE))
    return tuple(found)


def _release(package: str, fact: Fact, tables: Tables) -> Optional[Release]:
    if not fact.is_known or fact.is_open or fact.value == "absent":
        return None
    # A local tag names a build from another index, which has other wheels.
    version = str(fact.value).lstrip("=")
    return None if "+" in version else tables.about("releases", package, version, releases.release)


def _shown(fact: Fact) -> str:
    return str(fact.value).lstrip("=")


def _refused(one: Release, python: str) -> Optional[str]:
    if _excluded(one, python):
        return f"is for Python {one.requires_python}"
    if one.tags and not any(_fits(tag, python) for tag in one.tags):
        return f"has wheels for {', '.join(one.tags)}" + (" and a source archive" if one.sdist else " only")
    return None


def _excluded(one: Release, python: str) -> bool:
    return bool(one.requires_python) and versions.within(versions.reported(python), versions.specifier(one.requires_python)) is False


def _fits(tag: str, python: str) -> bool:
    if tag.startswith("py"):
        return tag in ("py3", "py2.py3") or not tag.startswith("py2")
    found, minor = _TAG.fullmatch(tag), int(python.split(".")[1])
    if found is None:
        return False
    return int(found[1]) <= minor if found[4] else int(found[1]) == minor and not found[3]


def find_system(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """A finding for each release without a wheel for this operating system and machine."""
    platform = _platform(snapshot)
    if snapshot.complete or platform is None:
        return ()
    system = snapshot.fact("os")
    found: List[Finding] = []
    for package, fact in snapshot.packages.items():
        one = _release(package, fact, tables)
        if one is None or not (one.platforms or one.sdist) or {platform, "any"} & set(one.platforms):
            continue
        if one.sdist and not (package in _COMPILED and platform in ("win", "macos")):
            continue
        has = f"wheels for {', '.join(one.platforms)} only" if one.platforms else "a source archive only, which does not build here without changes"
        title = f"{package} {_shown(fact)} has {has}, and this is {system.value}"
        used = (UsedFact(package, fact.value or "", fact.origin), UsedFact("os", system.value or "", system.origin))
        severity = "note" if package in _ELSEWHERE and platform == "win" else "warning"
        found.append(Finding(SYSTEM, "bad", severity, "certain", title, (package, "os"), used, SYSTEM_PAGE))
    return tuple(found)


def _platform(snapshot: Snapshot) -> Optional[str]:
    system = str(snapshot.fact("os").value or "")
    machine = _MACHINES.get(str(snapshot.fact("arch").value or "").lower())
    if machine is None:
        # Which machine is not said: on Windows and Macs wheels are for one kind, on Linux there are two.
        return {"windows": "win", "macos": "macos"}.get(system)
    return _PLATFORMS.get((system, machine))


RULES = (
    Rule(PYTHON, "a release has nothing to install for this Python", PYTHON_PAGE, find_python, ("error", "warning", "note")),
    Rule(SYSTEM, "a release has nothing to install for this operating system", SYSTEM_PAGE, find_system, ("warning", "note")),
)
