"""Files that two distributions claim: installing, upgrading or removing one breaks the other."""

from __future__ import annotations

import os
from itertools import combinations
from typing import Dict, Iterator, List, Sequence, Set, Tuple

from envcheck.model import Anomaly
from envcheck.probe.distributions import Distribution

_MARK = b"/__init__.py,"
_EVERYBODYS = frozenset(("tests", "test", "docs", "doc", "examples", "example", "scripts", "benchmarks", "benchmark", "tools", "src", "bin"))
"""Top-level folders that careless wheels ship; that two share them breaks nothing."""


def anomalies(found: Sequence[Distribution]) -> Tuple[Anomaly, ...]:
    """One anomaly for each pair of distributions whose RECORDs give one file of a package different contents."""
    owners: Dict[Tuple[str, str], List[Distribution]] = {}
    for one in found:
        for package in _packages(one):
            owners.setdefault((one.root, package), []).append(one)
    odd: Dict[Tuple[str, str], Anomaly] = {}
    for (_, package), claims in sorted(owners.items()):
        contents = [(one, _contents(one, package)) for one in claims] if len(claims) > 1 else []
        for (left, mine), (right, theirs) in combinations(contents, 2):
            if left.name != right.name and _collide(mine, theirs):
                odd.setdefault((left.name, right.name), _overwritten(left, right, package))
    return tuple(odd.values())


def _overwritten(left: Distribution, right: Distribution, package: str) -> Anomaly:
    detail = f"`{left.name}` and `{right.name}` both installed `{package}/`; the later one overwrote the other"
    return Anomaly("shared-file", (left.name, right.name), detail, left.path)


def _packages(one: Distribution) -> Set[str]:
    """The top-level import packages a RECORD lists: lines such as `torch/__init__.py,sha256=…,1234`."""
    found: Set[str] = set()
    record = _record(one)
    for end in _marks(record):
        start = record.rfind(b"\n", 0, end) + 1
        name = record[start:end]
        if b"/" not in name:
            found.add(name.decode("utf-8", "replace"))
    return found - _EVERYBODYS


def _record(one: Distribution) -> bytes:
    if not one.path.endswith(".dist-info"):
        return b""
    try:
        with open(os.path.join(one.path, "RECORD"), "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def _marks(record: bytes) -> Iterator[int]:
    # Searching for the mark is 20 times faster than splitting torch's 12,000 lines.
    at = record.find(_MARK)
    while at >= 0:
        yield at
        at = record.find(_MARK, at + 1)


# torch/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,1234
def _contents(one: Distribution, package: str) -> Dict[str, str]:
    """The hash of every file that a RECORD lists below `package`; empty files, and those without a hash, are left out."""
    rows = (line.rsplit(",", 2) for line in _record(one).decode("utf-8", "replace").splitlines() if line.startswith(f"{package}/"))
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[1] and row[2] != "0"}


def _collide(mine: Dict[str, str], theirs: Dict[str, str]) -> bool:
    """Whether one file has two contents, as far as hashes of one kind tell; equal copies overwrite nothing."""
    shared = mine.keys() & theirs.keys()
    return any(mine[path] != theirs[path] and _kind(mine[path]) == _kind(theirs[path]) for path in shared)


def _kind(digest: str) -> str:
    return digest.partition("=")[0]
