"""Keys that no trainer reads but that nearly are one: said once, and what they would decide is unknown, not a default."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Callable, NamedTuple

from envcheck.documents import line_of
from envcheck.model import Fact, unknown

_CLOSE = 0.85
"""`zero_optimisation` is 0.94 from the right word; words that differ on purpose (`offload_param`, `offload_optimizer`) stay below."""


class Slip(NamedTuple):
    """One misspelt key."""

    key: str
    meant: str
    place: str


def slips(settings: Mapping[Any, Any], path: str, deciding: Sequence[str], known: Collection[str] = ()) -> Iterator[Slip]:
    """The keys of a mapping that nearly are one of `deciding` which it lacks; `known` ones mean what they say."""
    for key in settings:
        if key not in known and key not in deciding:
            meant = next((name for name in deciding if name not in settings and _is_close(str(key).lower(), name)), None)
            if meant:
                yield Slip(str(key), meant, f"{path}:{line_of(key)}" if line_of(key) else path)


def _is_close(key: str, name: str) -> bool:
    # In a short word two letters that changed places (`bf61`) are half of it.
    return sorted(key) == sorted(name) or SequenceMatcher(None, key, name).ratio() >= _CLOSE


def unsettle(facts: Mapping[str, Fact], found: Sequence[Slip], decides: Mapping[str, Sequence[str]], warn: Callable[[str], None]) -> dict[str, Fact]:
    """`facts` with what the misspelt keys would decide unknown, after one sentence about each."""
    settled = dict(facts)
    for slip in found:
        warn(f"{slip.place}: nothing reads the key `{slip.key}`; did you mean `{slip.meant}`?")
        reason = f"`{slip.key}` looks like a misspelt `{slip.meant}`"
        settled.update({name: unknown(reason, slip.place) for name in decides.get(slip.meant, (slip.meant,))})
    return settled
