"""Takes out of a Snapshot what names a person or a machine: paths, user and host names."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import replace
from typing import Callable, Dict, FrozenSet, Mapping

from envcheck.model import Anomaly, Fact, Snapshot

_PATH = re.compile(r"(?<![\w/.])(?:~?/|[A-Za-z]:[\\/])[^\s:;,'\"`)]+")
_KEPT_PARTS = 2
"""Of a path the last two parts stay: `…/site-packages/torch-2.1.2.dist-info` says what was read and not where."""
_LEAST_NAME = 3
"""Names shorter than this (`pi`) are left alone: they are inside too many words."""
_COMMON = frozenset(("root", "user", "admin", "runner", "home", "localhost", "ubuntu", "torch", "python"))
"""Names that say nothing of anybody, and whose removal would eat ordinary words."""


def redact(snapshot: Snapshot, names: FrozenSet[str] = frozenset()) -> Snapshot:
    """`snapshot` with every path cut to its last parts and every user and host name replaced by `…`.

    `names` are taken out beside the current user's and host's own. Values of variables that hold paths are cut as well.
    """
    hide = _hider(names | _own_names())
    return replace(
        snapshot,
        facts=_facts(snapshot.facts, hide),
        packages=_facts(snapshot.packages, hide),
        env=_facts(snapshot.env, hide),
        train=_facts(snapshot.train, hide),
        builds=_facts(snapshot.builds, hide),
        gpus=None if snapshot.gpus is None else tuple(replace(gpu, origin=hide(gpu.origin)) for gpu in snapshot.gpus),
        anomalies=tuple(Anomaly(one.kind, one.packages, hide(one.detail), hide(one.origin)) for one in snapshot.anomalies),
    )


def _facts(facts: Mapping[str, Fact], hide: Callable[[str], str]) -> Dict[str, Fact]:
    return {key: Fact(hide(fact.value) if isinstance(fact.value, str) else fact.value, hide(fact.origin), hide(fact.reason)) for key, fact in facts.items()}


def _own_names() -> FrozenSet[str]:
    import getpass
    import platform

    found = {platform.node(), platform.node().partition(".")[0], os.path.basename(os.path.expanduser("~"))}
    with contextlib.suppress(OSError, KeyError, ImportError):
        found.add(getpass.getuser())
    return frozenset(name for name in found if len(name) >= _LEAST_NAME and name.lower() not in _COMMON)


def _hider(names: FrozenSet[str]) -> Callable[[str], str]:
    # Whole words only: a user called `ann` is no part of `channel`.
    longest_first = sorted(names, key=len, reverse=True)
    words = re.compile("|".join(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])" for name in longest_first) or r"(?!)", re.IGNORECASE)

    def hide(text: str) -> str:
        return words.sub("…", _PATH.sub(lambda found: _short(found[0]), text))

    return hide


def _short(path: str) -> str:
    parts = [part for part in re.split(r"[\\/]", path) if part]
    return "…/" + "/".join(parts[-_KEPT_PARTS:]) if len(parts) > _KEPT_PARTS else "…/" + "/".join(parts[-1:])
