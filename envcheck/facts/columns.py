"""What the columns of a fact table hold, and a checker for rows that are nothing but columns."""

from __future__ import annotations

import re
from typing import Any, Callable, List, Mapping

from envcheck import versions
from envcheck.documents import Text
from envcheck.wire import canonical_name


def columns(**of: Callable[[Text], Any]) -> Callable[[Mapping[str, Text]], List[Any]]:
    """A checker for rows with these keys, a `source` (a page, or the file that says so) and at will a `note`.

    The index keeps the values in the order of `of`, each as its own function returns it; that function raises ValueError.
    """

    def check(row: Mapping[str, Text]) -> List[Any]:
        strange = set(row) - {*of, "source", "note"}
        missing = [key for key in (*of, "source") if not row.get(key)]
        if strange or missing:
            raise ValueError(f"unknown key {', '.join(sorted(strange))}" if strange else f"`{missing[0]}` is missing")
        return [read(row[key]) for key, read in of.items()]

    return check


def version(text: Text) -> str:
    """One released version, as it is written. Raises ValueError."""
    versions.installed(text)
    return str(text)


def specifier(text: Text) -> str:
    """A PEP 440 specifier, as it is written. Raises ValueError."""
    versions.specifier(text)
    return str(text)


def package(row: Text) -> str:
    """A package by its canonical name. Raises ValueError."""
    if canonical_name(row) != row:
        raise ValueError(f"`{row}` is no canonical package name")
    return str(row)


def version_list(text: Text) -> str:
    """Releases with `;` in between, as they are written. Raises ValueError."""
    for one in text.split(";"):
        versions.installed(one)
    return str(text)


def capability(text: Text) -> str:
    """One compute capability. Raises ValueError."""
    return versions.capability(text).text


def capability_list(text: Text) -> str:
    """Compute capabilities with `;` in between, each with `+PTX` where it is portable code too. Raises ValueError."""
    for one in text.split(";"):
        versions.capability(one.replace("+PTX", ""))
    return str(text)


ARCHITECTURE = re.compile(r"gfx[0-9a-f]{3,4}|mps")


def architecture_list(text: Text) -> str:
    """Other vendors' architectures with `;` in between. Raises ValueError."""
    if not all(ARCHITECTURE.fullmatch(one) for one in text.split(";")):
        raise ValueError(f"`{text}` is no list of architectures; write for example `gfx90a;gfx942`")
    return str(text)


def requirement_list(text: Text) -> List[List[str]]:
    """`nvidia-nccl-cu12 ==2.26.2;triton ==3.3.1` -> pairs of package and specifier. Raises ValueError."""
    pairs = [one.split(" ") for one in text.split(";")]
    return [[package(Text(name)), specifier(Text(wanted))] for name, wanted in pairs]


def choice(*allowed: str) -> Callable[[Text], str]:
    """A column that holds one of these words."""

    def read(text: Text) -> str:
        if text not in allowed:
            raise ValueError(f"`{text}` is none of {', '.join(allowed)}")
        return str(text)

    return read
