"""A wheel that asks for a newer C library than the system has."""

from __future__ import annotations

import re
from typing import Iterator, Tuple

from envcheck.model import Fact, Finding, Page, Snapshot
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

ID = "wheel-for-newer-glibc"

PAGE = Page(
    symptom=("import-error", "install-failure"),
    signature=(r"version `GLIBC_2\.\d+' not found", r"version `GLIBCXX_3\.4\.\d+' not found", r"is not a supported wheel on this platform"),
    cause="A wheel's name says the oldest C library it runs with (`manylinux_2_28` is glibc 2.28). pip does not install it on an older system, but "
    "an environment that is "
    "copied, mounted or packed on a newer one still carries it, and its libraries do not load. torch's own wheels need 2.28 from 2.7 on.",
    fix=("run in a container or on a node with a newer system", "install where it will run, so that pip chooses a wheel that fits"),
    links=("https://github.com/pypa/manylinux#readme", "https://github.com/pytorch/pytorch/issues/123649"),
    level="maintainer",
)
_TAG = re.compile(r"manylinux_2_(\d+)_")
_OLD_NAMES = {"manylinux1_": 5, "manylinux2010_": 12, "manylinux2014_": 17}
"""https://peps.python.org/pep-0600/"""


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where the wheels of packages in the environment need a newer glibc than there is."""
    glibc = asking.minor(snapshot.fact("glibc"))
    if glibc is None:
        return ()
    newer = [(name, needs, fact) for name, needs, fact in _needs(snapshot) if needs > glibc[1]]
    if not newer:
        return ()
    name, needs, _ = newer[0]
    more = f" and {len(newer) - 1} more" if len(newer) > 1 else ""
    title = f"{name}'s wheel{more} needs glibc 2.{needs}, and the system has {snapshot.fact('glibc').value}"
    names = tuple(dict.fromkeys(one[0] for one in newer))
    return (Finding(ID, "bad", "warning", "certain", title, (*names, "glibc"), asking.used(snapshot, "glibc", *names), PAGE),)


def _needs(snapshot: Snapshot) -> Iterator[Tuple[str, int, Fact]]:
    for key, fact in snapshot.builds.items():
        if key.endswith(".wheel") and fact.value is not None:
            needs = [_oldest(tag) for tag in str(fact.value).split(",")]
            if needs and all(needs):
                yield key[: -len(".wheel")], min(needs), fact
    if "torch.wheel" not in snapshot.builds and asking.is_index_torch(snapshot) and asking.has(snapshot, "torch", ">=2.7"):
        yield "torch", 28, snapshot.package("torch")


def _oldest(tag: str) -> int:
    """The minor version of glibc 2 that a tag asks for; 0 where it asks for none."""
    found = _TAG.search(tag)
    return int(found[1]) if found else next((minor for name, minor in _OLD_NAMES.items() if name in tag), 0)


RULE = Rule(ID, "a wheel needs a newer glibc", PAGE, find)
