"""Pairs of releases of which one imports a name that the other lacks: rows of `missing_names.yaml`, one a package."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from envcheck import versions

_KEYS = ("versions", "file", "name", "of", "lacks", "first", "last", "with", "stops", "how")


class Missing(NamedTuple):
    """Releases of a package that import a name, and releases of another that lack it."""

    versions: str
    """Specifier of the releases that import it."""
    file: str
    """The file with the import."""
    name: str
    """The name with its module, `transformers.HybridCache`, or a module."""
    of: str
    """The package that should have it."""
    lacks: Sequence[str]
    """Specifiers of the releases that do not."""
    first: str
    """The first release that has it; empty where the oldest ones have."""
    last: str
    """The last release that has it; empty where the newest ones have."""
    also: Mapping[str, str]
    """Package -> specifier or `installed`: what else must be there for the import to run."""
    stops: Sequence[str]
    """The modules that cannot be imported then."""
    is_attribute: bool = False
    """Whether the name is taken from a module that was imported before (`how: attribute`): an AttributeError."""


def check_row(row: Mapping[str, Any]) -> Tuple[str, List[Any]]:
    """`{package: peft, newest: "0.21.2", source: …, missing: [{versions: …, file: …, …}]}` -> what the index keeps.

    Raises ValueError, KeyError or TypeError for a malformed row.
    """
    return check_block(row, "missing", _one)


def check_block(row: Mapping[str, Any], key: str, one: Callable[[Mapping[str, Any]], List[Any]]) -> Tuple[str, List[Any]]:
    """A package with its newest release that was read, and a list under `key` -> (package, [newest, list])."""
    strange = set(row) - {"package", "newest", "source", key}
    if strange:
        raise ValueError(f"unknown key {', '.join(sorted(strange))}")
    versions.installed(row["newest"])
    if not row["source"]:
        raise ValueError("a row has its `source`")
    return str(row["package"]), [str(row["newest"]), [one(inner) for inner in row[key]]]


def _one(row: Mapping[str, Any]) -> List[Any]:
    strange = set(row) - set(_KEYS)
    if strange:
        raise ValueError(f"unknown key {', '.join(sorted(strange))}")
    also: Dict[str, str] = {str(name): str(specifier) for name, specifier in row.get("with", {}).items()}
    for text in (row["versions"], *row["lacks"], *(one for one in also.values() if one != "installed")):
        versions.specifier(text)
    for key in ("first", "last"):
        if row.get(key):
            versions.installed(row[key])
    if row.get("how", "attribute") != "attribute":
        raise ValueError(f"unknown how: {row['how']}")
    texts = [str(row["versions"]), str(row["file"]), str(row["name"]), str(row["of"])]
    return [
        *texts,
        [str(one) for one in row["lacks"]],
        str(row.get("first") or ""),
        str(row.get("last") or ""),
        also,
        [str(one) for one in row["stops"]],
        "how" in row,
    ]


def newest(block: Any) -> str:
    """The newest release of the package that was read."""
    return str(block[0]) if block else ""


def rows(block: Any) -> Iterator[Missing]:
    """What the index keeps of one package, as values; nothing where it keeps nothing."""
    return (Missing(*row) for row in (block[1] if block else ()))
