"""Pairs of releases of which one calls what the other takes otherwise, or has not: rows of `call_arguments.yaml` and `former_names.yaml`, one a package."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from envcheck import versions
from envcheck.facts.missing import check_block

_KEYS = {"versions", "file", "where", "how", "name", "of", "refuses", "first", "last", "says", "with", "stops", "severity"}
KINDS = ("call", "override", "import", "attribute")


class Refused(NamedTuple):
    """Releases of a package that call something, and releases of another that do not take the call."""

    versions: str
    """Specifier of the releases that call it so."""
    file: str
    where: str
    """The function with the call, or the method that overrides another."""
    how: str
    """`call`; `override`: the other package makes the call, of a method that a class of this one has in its own way; `import`: in a function;
    `attribute`: a name that is looked up on a module, in a function."""
    name: str
    """What is called or overridden, with its module."""
    of: str
    """The package that it belongs to."""
    refuses: Sequence[str]
    """Specifiers of the releases that do not take the call, or that make it."""
    first: str
    """The first release that it goes well with; empty where the oldest ones are."""
    last: str
    """The last release that it goes well with; empty where the newest ones are."""
    says: str
    """What Python says of it."""
    also: Mapping[str, str]
    """Package -> specifier or `installed`, or setting -> value: what else must hold for the call to be made."""
    stops: str
    """What comes to that call for certain."""
    severity: str


def check_row(row: Mapping[str, Any]) -> Tuple[str, List[Any]]:
    """`{package: trl, newest: "1.13.0", source: …, calls: [{versions: …, file: …, …}]}` -> what the index keeps.

    Raises ValueError, KeyError or TypeError for a malformed row.
    """
    return check_block(row, "calls", _one)


def _one(row: Mapping[str, Any]) -> List[Any]:
    strange = set(row) - _KEYS
    if strange:
        raise ValueError(f"unknown key {', '.join(sorted(strange))}")
    if row["how"] not in KINDS or row["severity"] not in ("error", "warning", "note"):
        raise ValueError("`how` is call, override, import or attribute, and `severity` error, warning or note")
    for text in (row["versions"], *row["refuses"]):
        versions.specifier(text)
    for key in ("first", "last"):
        if row.get(key):
            versions.installed(row[key])
    also: Dict[str, str] = {str(name): str(value) for name, value in row.get("with", {}).items()}
    return [
        *(str(row[key]) for key in ("versions", "file", "where", "how", "name", "of")),
        [str(one) for one in row["refuses"]],
        *(str(row.get(key) or "") for key in ("first", "last", "says")),
        also,
        str(row["stops"]),
        str(row["severity"]),
    ]


def newest(block: Any) -> str:
    """The newest release of the package that was read."""
    return str(block[0]) if block else ""


def rows(block: Any) -> Iterator[Refused]:
    """What the index keeps of one package, as values; nothing where it keeps nothing."""
    return (Refused(*row) for row in (block[1] if block else ()))
