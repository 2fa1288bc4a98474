"""What lock files share: of several versions of one package, the one for the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from envcheck.documents import Text
from envcheck.inputs.gathered import Gathered
from envcheck.wire import canonical_name


class Package(NamedTuple):
    """One locked version."""

    name: str
    version: str
    origin: str


def take(packages: Sequence[Package], gathered: Gathered) -> None:
    """Take the locked packages of the target; one in several versions is unknown, with the reason."""
    versions: dict[str, dict[str, str]] = {}
    for one in packages:
        versions.setdefault(canonical_name(one.name), {}).setdefault(one.version, one.origin)
    for name, found in versions.items():
        if len(found) == 1:
            version, origin = next(iter(found.items()))
            if version:
                gathered.pin(name, version, origin)
            else:
                gathered.unknown(name, "its source tells the version, not the lock file", origin)
        else:
            listed = ", ".join(f"`{version or 'unknown'}` ({origin})" for version, origin in found.items())
            gathered.unknown(name, f"the lock file has it as {listed}, and nothing tells which is meant", ", ".join(found.values()))


def texts(value: Any) -> list[str]:
    """The texts of a list, or a text alone; nothing for anything else."""
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def tables(value: Any) -> list[Mapping[str, Any]]:
    """The mappings of a list; nothing for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def table(value: Any) -> Mapping[str, Any]:
    """A mapping, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def flag(value: Any) -> bool:
    """Whether a value is TOML's or JSON's `true`."""
    return value is True or (isinstance(value, Text) and value == "true" and not value.quoted)


def text(value: Any) -> str:
    """A text, or an empty one for anything else."""
    return value if isinstance(value, str) else ""
