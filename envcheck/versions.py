"""The only place that knows version grammars: PEP 440, local tags, nightlies, vendor builds, drivers, capabilities.

Every version, partial version and specifier becomes a `VersionSet`: a union of intervals on one ordered line. Three
answers follow from set inclusion: all of it inside (True), none of it (False), some of it (None).

Decisions made here, once:

* A local tag is dropped for order: `2.1.2+cu121` is `2.1.2` (PEP 440, "Local version identifiers").
* An *installed* pre-release, nightly or vendor build (`2.4.0a0+f70bd71a48.nv24.06`, `4.45.0.dev0`) was cut somewhere
  on the way to its release, so nobody can say which of that release's changes it has: it is the set from the first
  development version up to the release. It is certainly `<2.5` and `>=2.3.1`, and undecided against `2.4` itself,
  where PEP 440 calls it neither `<2.4` nor `>=2.4`. A clause that itself names a pre-release gets PEP 440's order; the
  other clauses of its specifier do not. A development version of a post-release leads up to that post-release only.
* A local tag in `==` and `===` asks for that build, in `!=` it excludes no other build, and elsewhere it says nothing.
* `==2.*` takes 2.0's pre-releases in, but as somebody's requirement it begins at 2.0, because nobody asks for those by it.
* A partial version (`3.10`, driver `570`) is the set of versions that begin so.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import FrozenSet, List, NamedTuple, Optional, Sequence, Tuple

from packaging.version import InvalidVersion, Version

_INFINITY = 1 << 60
_PRE = {"a": 0, "b": 1, "rc": 2}
_NO_PRE = (3, 0)
_BEFORE_PRE = (-1, 0)

Key = Tuple[int, Tuple[int, ...], Tuple[int, int], int, int]
"""(epoch, release without trailing zeros, pre-release, post-release, dev-release), ordered as PEP 440 orders."""
Cut = Tuple[Key, int]
"""A place on the line: just before (0) or just after (1) a key."""
Interval = Tuple[Cut, Cut]

LOWEST: Cut = ((-1, (), _BEFORE_PRE, -1, -1), 0)
HIGHEST: Cut = ((_INFINITY, (), _NO_PRE, _INFINITY, _INFINITY), 1)
_EVERYTHING: Tuple[Interval, ...] = ((LOWEST, HIGHEST),)


class VersionError(ValueError):
    """A text that is no version, or no specifier, of the expected grammar."""


class VersionSet(NamedTuple):
    """A union of disjoint, ascending intervals of versions."""

    text: str
    """As it was written or read; what a person is shown."""
    intervals: Tuple[Interval, ...]
    local: Optional[str] = None
    """The local tag where one was given."""
    any_local: bool = False
    """True for a specifier without a local tag, which admits every one; an installed version without a tag has none."""
    point: Optional[Interval] = None
    """The exact place of an installed pre-release, whose `intervals` are wider."""
    apart: Optional[Tuple[Tuple[Interval, ...], Tuple[Interval, ...]]] = None
    """Where clauses of a specifier name a pre-release: what the others admit, and what these do."""
    asked: Tuple[Interval, ...] = ()
    """What a specifier means as somebody's requirement, where that is less than `intervals`."""
    exactly: Optional[str] = None
    """The text that `===` asks for."""
    without: FrozenSet[Tuple[Key, str]] = frozenset()
    """The builds that `!=V+local` excludes, which no interval can tell from V's other builds."""


def within(value: VersionSet, wanted: VersionSet) -> Optional[bool]:
    """Whether `value` satisfies `wanted`: True (all of it), False (none of it) or None (some of it)."""
    if wanted.local is not None and value.local != wanted.local and not value.any_local:
        return False
    answer = _both(_inside(value, wanted), _is_text(value, wanted.exactly))
    if answer and wanted.local is not None and value.any_local:
        return None
    return _both(answer, _no_excluded_build(value, wanted)) if wanted.without else answer


def _inside(value: VersionSet, wanted: VersionSet) -> Optional[bool]:
    if value.point is not None and wanted.apart is not None:
        others, naming = wanted.apart
        return _both(_all_covered(value.intervals, others), _covered(value.point, naming))
    return _all_covered(value.asked or value.intervals, wanted.intervals)


def _both(one: Optional[bool], other: Optional[bool]) -> Optional[bool]:
    if one is False or other is False:
        return False
    return True if one and other else None


def _is_one(value: VersionSet) -> bool:
    """Whether it is one installed version, not a requirement and not a partial version."""
    low, high = value.point or value.intervals[0]
    return low[0] == high[0] and value.text[:1] not in "<>=!~"


def _is_text(value: VersionSet, text: Optional[str]) -> Optional[bool]:
    if text is None or value.exactly == text:
        return True
    return value.text.strip().lower() == text if _is_one(value) else None


def _no_excluded_build(value: VersionSet, wanted: VersionSet) -> Optional[bool]:
    for key, local in wanted.without - value.without:
        place: Interval = ((key, 0), (key, 1))
        if _covered(place, (value.point,) if value.point else value.intervals) and (value.any_local or value.local == local):
            return False if _is_one(value) else None
    return True


def _all_covered(pieces: Tuple[Interval, ...], by: Tuple[Interval, ...]) -> Optional[bool]:
    first = _covered(pieces[0], by)
    return None if first is None or any(_covered(piece, by) is not first for piece in pieces[1:]) else first


def _covered(piece: Interval, by: Tuple[Interval, ...]) -> Optional[bool]:
    low, high = piece
    touching = [other for other in by if low < other[1] and other[0] < high]
    return any(other[0] <= low and high <= other[1] for other in touching) or (None if touching else False)


@lru_cache(maxsize=65536)
def installed(text: str) -> VersionSet:
    """The set that an installed distribution's version stands for: one version, or what a pre-release may contain.

    Raises `VersionError` for a text that PEP 440 cannot read (`1.0-custom-build`), which is then an unknown fact.
    """
    version = _version(text)
    key = _key(version)
    exact: Interval = ((key, 0), (key, 1))
    if not version.is_prerelease:
        return VersionSet(text, (exact,), version.local)
    return VersionSet(text, (_on_the_way(version),), version.local, point=exact)


def _on_the_way(version: Version) -> Interval:
    """From the first development version up to the release, or post-release, that a pre-release leads to."""
    release = _release_key(version)
    if version.pre is None and version.post is not None:
        return ((*release[:3], version.post, -1), 0), ((*release[:3], version.post, _INFINITY), 1)
    return (_floor(version.epoch, version.release), 0), (release, 1)


@lru_cache(maxsize=16384)
def reported(text: str) -> VersionSet:
    """What a person or a file says: an exact version, a partial one (`3.10`, `570`), or a specifier (`>=0.12`).

    Raises `VersionError`.
    """
    text = text.strip()
    if text[:1] in "<>=!~":
        return specifier(text)
    version = _version(text)
    if len(version.release) > 2 or version.is_prerelease or version.is_postrelease or version.local:
        return installed(text)
    low = (_release_key(version), 0)
    return VersionSet(text, ((low, (_floor(version.epoch, _next(version.release)), 0)),))


@lru_cache(maxsize=16384)
def specifier(text: str) -> VersionSet:
    """The set of versions that a comma-separated PEP 440 specifier (`>=0.12.4,<0.14.3,!=0.13`) admits.

    Raises `VersionError` for a clause PEP 440 has no meaning for, and for a specifier that nothing can satisfy.
    """
    clauses = [_clause(clause.strip()) for clause in text.split(",")]
    intervals = _meet([one.intervals for one in clauses])
    locals_ = {one.local for one in clauses if one.local}
    if not intervals or len(locals_) > 1:
        raise VersionError(f"`{_cut(text)}` admits no version at all")
    naming = [one.intervals for one in clauses if one.names_pre]
    return VersionSet(
        text,
        intervals,
        next(iter(locals_), None),
        not locals_,
        apart=(_meet([one.intervals for one in clauses if not one.names_pre]), _meet(naming)) if naming else None,
        asked=_meet([one.asked or one.intervals for one in clauses]) if any(one.asked for one in clauses) else (),
        exactly=next((one.exactly for one in clauses if one.exactly), None),
        without=frozenset(one.without for one in clauses if one.without),
    )


class _Clause(NamedTuple):
    """One clause of a specifier; the fields are those of `VersionSet`."""

    intervals: Tuple[Interval, ...]
    local: Optional[str] = None
    names_pre: bool = False
    asked: Tuple[Interval, ...] = ()
    exactly: Optional[str] = None
    without: Optional[Tuple[Key, str]] = None


_CLAUSE = re.compile(r"(~=|===|==|!=|<=|>=|<|>)\s*(\S+)")


def _clause(clause: str) -> _Clause:
    found = _CLAUSE.fullmatch(clause)
    if not found:
        raise VersionError(f"`{_cut(clause)}` is no version specifier; write for example `>=2.1,<2.3`")
    operator, operand = found.groups()
    if operand.endswith(".*"):
        return _wildcard(clause, operator, operand[:-2])
    version = _version(operand)
    if operator == "!=" and version.local:
        return _Clause(_EVERYTHING, without=(_key(version), version.local))
    local = version.local if operator in ("==", "===") else None
    exactly = operand.lower() if operator == "===" else None
    return _Clause(_compare(clause, operator, version), local, version.is_prerelease, exactly=exactly)


def _wildcard(clause: str, operator: str, prefix: str) -> _Clause:
    version = _version(prefix)
    if operator not in ("==", "!="):
        raise VersionError(f"`{_cut(clause)}`: `.*` goes only with `==` and `!=`")
    if version.is_prerelease or version.is_postrelease or version.local:
        raise VersionError(f"`{_cut(clause)}`: `.*` stands only behind release numbers")
    low, high = (_floor(version.epoch, version.release), 0), (_floor(version.epoch, _next(version.release)), 0)
    if operator == "!=":
        return _Clause(((LOWEST, low), (high, HIGHEST)))
    return _Clause(((low, high),), asked=(((_release_key(version), 0), high),))


def _compare(clause: str, operator: str, version: Version) -> Tuple[Interval, ...]:
    key = _key(version)
    before, after = (key, 0), (key, 1)
    equal: Tuple[Interval, ...] = ((before, after),)
    simple = {"==": equal, "===": equal, "!=": ((LOWEST, before), (after, HIGHEST)), "<=": ((LOWEST, after),), "<": ((LOWEST, before),)}
    if operator in simple:
        return simple[operator]
    if operator == ">=":
        return ((before, HIGHEST),)
    if operator == ">":
        # PEP 440: `>V` excludes V's post-releases unless V is one itself; a development version has none.
        beyond = after if version.post is not None or version.dev is not None else ((*key[:3], _INFINITY, _INFINITY), 1)
        return ((beyond, HIGHEST),)
    if len(version.release) < 2:
        raise VersionError(f"`{clause}`: `~=` needs at least two release numbers")
    return ((before, (_floor(version.epoch, _next(version.release[:-1])), 0)),)


def _meet(parts: Sequence[Tuple[Interval, ...]]) -> Tuple[Interval, ...]:
    """What lies in all of the sets; met in pairs, so that thousands of `!=` cost little more than one."""
    rest = list(parts) or [_EVERYTHING]
    while len(rest) > 1:
        odd = rest[-1:] if len(rest) % 2 else []
        rest = [_intersect(left, right) for left, right in zip(rest[::2], rest[1::2])] + odd
    return rest[0]


def _intersect(left: Tuple[Interval, ...], right: Tuple[Interval, ...]) -> Tuple[Interval, ...]:
    found: List[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if low < high:
            found.append((low, high))
        i, j = (i + 1, j) if left[i][1] < right[j][1] else (i, j + 1)
    return tuple(found)


_LONGEST = 256
"""No version that anybody released comes near; what is longer may hold more digits than `int` reads."""


def _version(text: str) -> Version:
    try:
        if len(text) <= _LONGEST:
            return Version(text)
    except InvalidVersion:
        pass
    raise VersionError(f"`{_cut(text)}` is no version")


def _cut(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _key(version: Version) -> Key:
    if version.pre is not None:
        pre = (_PRE[version.pre[0]], version.pre[1])
    elif version.post is None and version.dev is not None:
        pre = _BEFORE_PRE
    else:
        pre = _NO_PRE
    post = -1 if version.post is None else version.post
    dev = _INFINITY if version.dev is None else version.dev
    return (version.epoch, _trim(version.release), pre, post, dev)


def _release_key(version: Version) -> Key:
    return (version.epoch, _trim(version.release), _NO_PRE, -1, _INFINITY)


def _floor(epoch: int, release: Tuple[int, ...]) -> Key:
    return (epoch, _trim(release), _BEFORE_PRE, -1, -1)


def _next(release: Tuple[int, ...]) -> Tuple[int, ...]:
    return (*release[:-1], release[-1] + 1)


def _trim(release: Tuple[int, ...]) -> Tuple[int, ...]:
    end = len(release)
    while end and release[end - 1] == 0:
        end -= 1
    return release[:end]


# `8.0`, `sm_80`, `sm_90a`, `compute_86`, `9.0a`: NVIDIA compute capability; the trailing letter marks an
# architecture-specific target (https://docs.nvidia.com/cuda/cuda-compiler-driver-nvcc/#gpu-feature-list).
_CAPABILITY = re.compile(r"(?:sm_?|compute_?)?([0-9]{1,2})\.([0-9])[a-z]?|(?:sm_?|compute_?)([0-9]{1,2})([0-9])[a-z]?", re.IGNORECASE)
_MAJORS = range(2, 20)  # from Fermi on; more is a model number (`4090`, `910`)


@lru_cache(maxsize=1024)
def capability(text: str) -> VersionSet:
    """An NVIDIA compute capability (`8.0`, `sm_80`, `9.0a`) as one point of the version line.

    Raises `VersionError`; `gfx90a` and `mps` are architectures, not capabilities, and digits alone name a model.
    """
    found = _CAPABILITY.fullmatch(text.strip())
    major, minor = (found[1] or found[3], found[2] or found[4]) if found else ("0", "0")
    if int(major) not in _MAJORS:
        raise VersionError(f"`{_cut(text)}` is no compute capability; write for example `8.0` or `sm_80`")
    plain = f"{int(major)}.{minor}"
    return installed(plain)._replace(text=plain)


_VENDOR = re.compile(r"v?(\d+(?:\.\d+)*)")


@lru_cache(maxsize=4096)
def vendor(text: str) -> VersionSet:
    """A version outside PEP 440 (`8.0.RC3.alpha001`, `535.104.05`, `12.1.r12.1/compiler`): as far as it can be read.

    What PEP 440 reads is read so; of the rest the leading numbers are taken as a partial version. Raises
    `VersionError` where there is no leading number.
    """
    try:
        return reported(text)
    except VersionError:
        found = _VENDOR.match(text.strip())
        if not found:
            raise
        low = _version(found[1])
        return VersionSet(text, (((_floor(low.epoch, low.release), 0), (_floor(low.epoch, _next(low.release)), 0)),))
