"""What is odd about the metadata of distributions: damage, and several of one name whose versions differ."""

from __future__ import annotations

import json
import os
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from envcheck.model import Anomaly
from envcheck.probe import paths
from envcheck.probe.distributions import Distribution

_NAMED = 3
"""Packages that a sentence names before it only counts."""


class _Pair(NamedTuple):
    """The distribution that counts and the one of the same name, but another version, that it hides."""

    first: Distribution
    other: Distribution


def anomalies(found: Sequence[Distribution], user_site: Optional[str]) -> Tuple[Anomaly, ...]:
    """Broken metadata, two versions of one package in one place, and folders hiding what is further down the path.

    Several distributions of one version are none: distributors keep an egg-info beside a dist-info, and nothing that
    is decided by the version depends on which of them is read.
    """
    odd = [Anomaly("broken-metadata", (one.name,), f"`{one.name}`: {one.trouble}", one.path) for one in found if one.trouble]
    hidden: Dict[Tuple[str, str], List[_Pair]] = {}
    for pair in _pairs(found):
        if pair.first.root == pair.other.root:
            odd.append(_twice(pair))
        elif user_site and paths.key(pair.first.root) == paths.key(user_site):
            odd.append(_user_site(pair))
        else:
            hidden.setdefault((pair.first.root, pair.other.root), []).append(pair)
    return (*odd, *map(_shadowed, hidden.values()))


def _pairs(found: Sequence[Distribution]) -> List[_Pair]:
    by_name: Dict[str, List[Distribution]] = {}
    for one in _without_source_trees(found):
        by_name.setdefault(one.name, []).append(one)
    pairs = []
    for first, *others in by_name.values():
        other = next((one for one in others if _differ(first.version, one.version)), None)
        if other is not None:
            pairs.append(_Pair(first, other))
    return pairs


def _differ(left: Optional[str], right: Optional[str]) -> bool:
    """Whether two versions are known to differ: `1.0` and `1.0.0` do not."""
    from packaging.version import InvalidVersion, Version

    if left is None or right is None or left == right:
        return False
    try:
        return Version(left) != Version(right)
    except InvalidVersion:
        return True


def _without_source_trees(found: Sequence[Distribution]) -> List[Distribution]:
    """All but the egg-info that building leaves in a source tree, which lags behind what is installed from there."""
    editable = {one.name for one in found if _is_editable(one)}
    crowd: Dict[str, int] = {}
    for one in found:
        crowd[one.root] = crowd.get(one.root, 0) + 1
    return [one for one in found if not _is_source_tree(one, editable, crowd)]


def _is_source_tree(one: Distribution, editable: Set[str], crowd: Dict[str, int]) -> bool:
    if not one.path.endswith(".egg-info") or _is_site(one.root):
        return False
    return one.name in editable or crowd[one.root] == 1


def _is_site(root: str) -> bool:
    return os.path.basename(os.path.normpath(root)) in ("site-packages", "dist-packages")


# {"dir_info": {"editable": true}, "url": "file:///home/ann/project"}
def _is_editable(one: Distribution) -> bool:
    if not one.path.endswith(".dist-info"):
        return False
    try:
        with open(os.path.join(one.path, "direct_url.json"), encoding="utf-8") as stream:
            return json.load(stream)["dir_info"]["editable"] is True
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _twice(pair: _Pair) -> Anomaly:
    first, other = pair
    detail = f"`{first.name}` has two metadata folders in one place: {first.version} and {other.version}"
    return Anomaly("duplicate-metadata", (first.name,), detail, first.path)


def _user_site(pair: _Pair) -> Anomaly:
    first, other = pair
    detail = f"`{first.name}` {first.version} in the user site hides {other.version} in the environment"
    return Anomaly("user-site-shadow", (first.name,), detail, first.path)


def _shadowed(pairs: Sequence[_Pair]) -> Anomaly:
    """One anomaly for two folders: what a distribution of Linux keeps beside pip's is one cause, however many packages it is."""
    said = [f"`{first.name}` {first.version} hides {other.version}" for first, other in pairs[:_NAMED]]
    names = tuple(first.name for first, _ in pairs)
    if len(pairs) == 1:
        return Anomaly("shadowed", names, f"{said[0]} further down the import path", pairs[0].first.path)
    detail = f"{len(pairs)} packages of one folder hide other versions further down the import path: {', '.join(said)}"
    return Anomaly("shadowed", names, detail + (", …" if len(pairs) > _NAMED else ""), pairs[0].first.root)
