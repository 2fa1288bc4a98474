"""Entries laid out by the versions they are about, so that an installed version opens only the slab it falls into.

Each entry has at most one *primary* key: the condition that tells it best from others and that must hold whatever else does. Where
that key's fact is known, the entry is reached through it and through nothing else; where it is not, through any other key of
the entry (`beside`). An entry without one (all its conditions stand inside `any`) is reached through each of its keys (`loose`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from envcheck import versions
from envcheck.conditions import BACKGROUND, CONDITIONS, VERSION_CONDITIONS
from envcheck.versions import Cut, Interval

Span = Tuple[int, int]
_ROWS_PER_SLAB = 8
_SPREAD_OUT = {"absent", "unset"}
"""Arguments that hold for what is not there: an entry with one must be reached without the package."""


def anchors(when: Mapping[str, Any]) -> Tuple[str, ...]:
    """The condition keys that make an entry interesting: those inside `any` too, not those inside `not`, and what nearly
    every snapshot knows (`BACKGROUND`) only where there is nothing else.
    """
    keys = list(dict.fromkeys(_keys(when)))
    return tuple(key for key in keys if key not in BACKGROUND) or tuple(keys)


def _keys(when: Mapping[str, Any]) -> Iterable[str]:
    for key, argument in when.items():
        if key == "any":
            for branch in argument:
                yield from _keys(branch)
        elif key != "not":
            yield key


def primary(when: Mapping[str, Any]) -> Optional[str]:
    """The anchor through which an entry is reached where its fact is known; None where no condition of its own must hold."""
    own = [key for key in anchors(when) if key in when and not _SPREAD_OUT & set(_listed(when[key]))]
    return min(own, key=lambda key: _openness(intervals(key, when[key])), default=None)


def _openness(found: Optional[Tuple[Interval, ...]]) -> int:
    """0 for a range with both ends, more for one that more versions fit."""
    if found is None:
        return 3
    below, above = found[0][0] == versions.LOWEST, found[-1][1] == versions.HIGHEST
    return 3 if below and above else 2 if above else 1 if below else 0


def _listed(argument: Any) -> Sequence[str]:
    return argument if isinstance(argument, (list, tuple)) else (argument,)


def intervals(key: str, argument: Any) -> Optional[Tuple[Interval, ...]]:
    """Where on the version line a condition can hold; None where it is about no versions, or order does not decide it alone."""
    if key in CONDITIONS and key not in VERSION_CONDITIONS or "." in key:
        return None
    found: List[Interval] = []
    for one in _listed(argument):
        if one in ("installed", "absent"):
            return None
        wanted = versions.specifier(one)
        if wanted.apart is not None:
            return None
        found += wanted.intervals
    return tuple(sorted(found))


class Directory(NamedTuple):
    """What one condition key leads to; every entry is the span of its row."""

    cuts: Sequence[Cut]
    """Between two of them lies a slab."""
    slabs: Sequence[Sequence[Span]]
    """Entries by the versions they are about, one more than there are cuts."""
    wide: Sequence[Span]
    """Entries about every version, or about something else than versions."""
    beside: Mapping[str, Sequence[Span]]
    """Primary key -> entries that name this key too."""
    loose: Sequence[Span]
    """Entries without a primary key."""

    def reached(self, where: Optional[Sequence[Interval]]) -> List[Span]:
        """The entries whose primary key this is and that a version in `where` may fit; None is any version."""
        if where is None:
            where = ((versions.LOWEST, versions.HIGHEST),)
        numbers = {number for low, high in where for number in range(bisect_right(self.cuts, low), bisect_left(self.cuts, high) + 1)}
        return [*self.wide, *dict.fromkeys(span for number in sorted(numbers) for span in self.slabs[number])]


def layout(located: Sequence[Tuple[Mapping[str, Any], Span]]) -> Dict[str, Directory]:
    """The directory of every condition key of some entries, each given by its `when` and the span of its row."""
    own: Dict[str, List[Tuple[Optional[Tuple[Interval, ...]], Span]]] = {}
    beside: Dict[str, Dict[str, List[Span]]] = {}
    loose: Dict[str, List[Span]] = {}
    for when, span in located:
        main = primary(when)
        for key in anchors(when):
            if main is None:
                loose.setdefault(key, []).append(span)
            elif key != main:
                beside.setdefault(key, {}).setdefault(main, []).append(span)
        if main is not None:
            own.setdefault(main, []).append((intervals(main, when[main]), span))
    return {key: _directory(own.get(key, ()), beside.get(key, {}), loose.get(key, ())) for key in sorted({*own, *beside, *loose})}


def _directory(own: Sequence[Tuple[Optional[Tuple[Interval, ...]], Span]], beside: Mapping[str, Sequence[Span]], loose: Sequence[Span]) -> Directory:
    wide = [span for where, span in own if where is None]
    ranged = [(where, span) for where, span in own if where is not None]
    cuts = _cuts([where for where, _ in ranged])
    slabs: List[List[Span]] = [[] for _ in range(len(cuts) + 1)]
    for where, span in ranged:
        for number in {n for low, high in where for n in range(bisect_right(cuts, low), bisect_left(cuts, high) + 1)}:
            slabs[number].append(span)
    return Directory(cuts, slabs, wide, beside, loose)


def _cuts(ranges: Sequence[Tuple[Interval, ...]]) -> List[Cut]:
    """Ends of the ranges, so many that a slab holds a handful of entries."""
    ends = sorted({cut for where in ranges for interval in where for cut in interval} - {versions.LOWEST, versions.HIGHEST})
    wanted = min(len(ends), len(ranges) // _ROWS_PER_SLAB)
    return [ends[(number + 1) * len(ends) // (wanted + 1)] for number in range(wanted)]


def as_row(one: Directory) -> List[Any]:
    """A directory as JSON holds it."""
    return [one.cuts, one.slabs, one.wide, one.beside, one.loose]


def from_row(row: Sequence[Any]) -> Directory:
    """A directory from its JSON."""
    cuts, slabs, wide, beside, loose = row
    spans = [[(span[0], span[1]) for span in slab] for slab in (*slabs, wide, loose)]
    aside = {key: [(span[0], span[1]) for span in group] for key, group in beside.items()}
    return Directory([_cut(cut) for cut in cuts], spans[:-2], spans[-2], aside, spans[-1])


def _cut(row: Sequence[Any]) -> Cut:
    (epoch, release, pre, post, dev), side = row
    return (epoch, tuple(release), (pre[0], pre[1]), post, dev), side
