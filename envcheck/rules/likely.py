"""What an installer would most likely take for requirements that leave the version open: the newest release that fits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Iterator, Optional, Sequence, Tuple

from packaging.version import Version

from envcheck import versions
from envcheck.conditions import truth_of
from envcheck.facts import releases, requires
from envcheck.model import Fact, Snapshot, Truth
from envcheck.rules import markers
from envcheck.rules.rule import Tables

_Block = Dict[str, Any]
_LATEST = "99999"
"""Stands for the newest release of a package whose releases no table lists."""


def chosen(snapshot: Snapshot, tables: Tables) -> Snapshot:
    """The snapshot with each open requirement settled; one stays open where no listed release fits.

    Pins count, what they declare and what the candidates declare of them; two open requirements are settled apart from each other.
    """
    settled = {name: Fact(version, fact.origin) for name, fact in snapshot.packages.items() if fact.is_open for version in _newest(name, snapshot, tables)}
    return replace(snapshot, packages={**snapshot.packages, **settled}) if settled else snapshot


def _newest(name: str, snapshot: Snapshot, tables: Tables) -> Tuple[str, ...]:
    """One version, or none."""
    block: Optional[_Block] = tables.of("releases", name)
    asked = [str(snapshot.packages[name].value), *_asked_by_pins(name, snapshot, tables)]
    if block is None:
        return (_LATEST,) if _is_admitted(_LATEST, asked) else ()
    declared = tables.of("requires", name)
    for version in sorted(block, key=Version, reverse=True):
        if _is_admitted(version, asked) and _runs(releases.release(block, version), snapshot) and _fits_pins(declared, version, snapshot):
            return (version,)
    return ()


def _asked_by_pins(name: str, snapshot: Snapshot, tables: Tables) -> Iterator[str]:
    for package, fact in tables.subjects("requires", snapshot):
        if fact.is_known and not fact.is_open and fact.value != "absent":
            known = requires.declared(tables.of("requires", package), str(fact.value).lstrip("=").partition("+")[0])
            yield from (one.specifier for one in known or () if one.name == name and markers.holds(one.marker, snapshot))


def _is_admitted(version: str, asked: Sequence[str]) -> bool:
    return all(versions.within(versions.installed(version), versions.specifier(one)) for one in asked)


def _runs(release: Optional[releases.Release], snapshot: Snapshot) -> bool:
    """Whether it was not withdrawn and admits the Python, where that is known."""
    if release is None or release.yanked is not None:
        return False
    return not release.requires_python or truth_of("python", release.requires_python, snapshot) is not Truth.NO


def _fits_pins(block: Any, version: str, snapshot: Snapshot) -> bool:
    """Whether what a candidate declares leaves every pin alone; an installer goes on to an older one where it does not."""
    for one in requires.declared(block, version) or ():
        pin = snapshot.packages.get(one.name)
        if pin is None or pin.is_open or pin.value in (None, "absent") or not markers.holds(one.marker, snapshot):
            continue
        if truth_of(one.name, one.specifier, snapshot) is Truth.NO:
            return False
    return True
