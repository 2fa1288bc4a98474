"""Takes out of a Snapshot what names a person or a machine: paths, user and host names, addresses. Package names stay."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import replace
from typing import Callable, Dict, FrozenSet, Mapping, Optional

from envcheck.model import Anomaly, Fact, Scalar, Snapshot
from envcheck.probe import mask
from envcheck.probe.harmless import is_harmless

_LEAST_NAME = 2
"""A name of one letter is left alone: it is a word of its own in too many sentences."""
_COMMON = frozenset(("root", "user", "admin", "runner", "home", "localhost", "ubuntu", "torch", "python"))
"""Names that say nothing of anybody, and whose removal would eat ordinary words."""
_PLAIN = re.compile(r"[\w.+!*,;<>=~^ -]*")
"""A version, a specifier or a word: nothing in it can be a path, and `8.9.2.26` is no address here."""
_REQUIREMENTS = re.compile(r"[\w.+!*,;<>=~^ |()\[\]\"'-]*")
"""The same of requirements with extras and markers: `fsspec[http]>=2023.1.0; python_version < "3.12"`."""


def redact(snapshot: Snapshot, names: FrozenSet[str] = frozenset()) -> Snapshot:
    """`snapshot` without host names, user names and paths; package names stay, private ones too.

    Of a path the last part stays. A variable keeps its value where that is a number, a switch or a plain word, and is
    otherwise only `set`. `names` are taken out beside the current user's and host's own.
    """
    hider = _Hider(names | own_names(), frozenset(str(fact.value) for fact in snapshot.packages.values()))
    return replace(
        snapshot,
        facts=hider.facts(snapshot.facts),
        packages=hider.facts(snapshot.packages),
        env={name: hider.variable(name, fact) for name, fact in snapshot.env.items()},
        train=hider.facts(snapshot.train),
        builds=hider.facts(snapshot.builds),
        requires={name: hider.requirements(fact) for name, fact in snapshot.requires.items()},
        gpus=None if snapshot.gpus is None else tuple(replace(gpu, origin=hider.place(gpu.origin)) for gpu in snapshot.gpus),
        anomalies=tuple(Anomaly(one.kind, one.packages, hider.prose(one.detail), hider.place(one.origin)) for one in snapshot.anomalies),
    )


class _Hider:
    """Masks each part of a fact as what it is: a place, a sentence or a value."""

    def __init__(self, names: FrozenSet[str], versions: FrozenSet[str]) -> None:
        self._words = mask.words(names)
        self.place: Callable[[str], str] = mask.place(self._words)
        self.prose: Callable[[str], str] = mask.prose(self._words, versions)

    def facts(self, facts: Mapping[str, Fact]) -> Dict[str, Fact]:
        return {key: self._fact(fact, self._value(fact.value)) for key, fact in facts.items()}

    def variable(self, name: str, fact: Fact) -> Fact:
        harmless = not isinstance(fact.value, str) or (is_harmless(name, fact.value) and not self._words.search(fact.value))
        return self._fact(fact, fact.value if harmless else "set")

    def requirements(self, fact: Fact) -> Fact:
        return self._fact(fact, fact.value if _REQUIREMENTS.fullmatch(str(fact.value)) else self._value(fact.value))

    def _fact(self, fact: Fact, value: Optional[Scalar]) -> Fact:
        return Fact(value, self.place(fact.origin), self.prose(fact.reason))

    def _value(self, value: Optional[Scalar]) -> Optional[Scalar]:
        if not isinstance(value, str) or _PLAIN.fullmatch(value):
            return value
        return self.prose(value)


def own_names() -> FrozenSet[str]:
    """What names the current user and host."""
    import getpass
    import platform

    found = {platform.node(), platform.node().partition(".")[0], os.path.basename(os.path.expanduser("~"))}
    found |= {os.environ.get(name, "") for name in ("USER", "LOGNAME", "USERNAME", "HOSTNAME")}
    with contextlib.suppress(OSError, KeyError, ImportError):
        found.add(getpass.getuser())
    return frozenset(name for name in found if len(name) >= _LEAST_NAME and name.lower() not in _COMMON)
