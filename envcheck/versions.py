"""The only place that knows version grammars: PEP 440, local tags, nightlies, vendor builds, drivers, capabilities.

Every version, partial version and specifier becomes a `VersionSet`: a union of intervals on one ordered line. Three
answers follow from set inclusion: all of it inside (True), none of it (False), some of it (None).

Decisions made here, once:

* A local tag is dropped for order: `2.1.2+cu121` is `2.1.2` (PEP 440, "Local version identifiers").
* An *installed* pre-release, nightly or vendor build (`2.4.0a0+f70bd71a48.nv24.06`, `4.45.0.dev0`) was cut somewhere
  on the way to its release, so nobody can say which of that release's changes it has: it is the set from the first
  development version up to the release. It is certainly `<2.5` and `>=2.3.1`, and undecided against `2.4` itself,
  where PEP 440 calls it neither `<2.4` nor `>=2.4`. A specifier that itself names a pre-release gets PEP 440's order.
* A partial version (`3.10`, driver `570`) is the set of versions that begin so.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, Optional, Tuple

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

_LOWEST: Cut = ((-1, (), _BEFORE_PRE, -1, -1), 0)
_HIGHEST: Cut = ((_INFINITY, (), _NO_PRE, _INFINITY, _INFINITY), 1)


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
    names_pre: bool = False
    """True where a pre-release is named on purpose (specifiers only)."""
    point: Optional[Interval] = None
    """The exact place of an installed pre-release, whose `intervals` are wider."""


def within(value: VersionSet, wanted: VersionSet) -> Optional[bool]:
    """Whether `value` satisfies `wanted`: True (all of it), False (none of it) or None (some of it)."""
    if wanted.local is not None and value.local != wanted.local and not value.any_local:
        return False
    intervals = (value.point,) if value.point is not None and wanted.names_pre else value.intervals
    inside = [_covered(piece, wanted.intervals) for piece in intervals]
    if all(answer is True for answer in inside):
        return None if wanted.local is not None and value.any_local else True
    if all(answer is False for answer in inside):
        return False
    return None


def _covered(piece: Interval, by: Tuple[Interval, ...]) -> Optional[bool]:
    low, high = piece
    touched = False
    for other_low, other_high in by:
        if other_low <= low and high <= other_high:
            return True
        touched = touched or (low < other_high and other_low < high)
    return None if touched else False


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
    release = _release_key(version)
    span: Interval = ((_floor(version.epoch, version.release), 0), (release, 1))
    return VersionSet(text, (span,), version.local, point=exact)


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
    intervals: Tuple[Interval, ...] = ((_LOWEST, _HIGHEST),)
    local = None
    names_pre = False
    for clause in text.split(","):
        part, part_local, part_pre = _clause(clause.strip())
        intervals = _intersect(intervals, part)
        local = part_local or local
        names_pre = names_pre or part_pre
    if not intervals:
        raise VersionError(f"`{text}` admits no version at all")
    return VersionSet(text, intervals, local, local is None, names_pre)


_CLAUSE = re.compile(r"(~=|===|==|!=|<=|>=|<|>)\s*(\S+)")


def _clause(clause: str) -> Tuple[Tuple[Interval, ...], Optional[str], bool]:
    found = _CLAUSE.fullmatch(clause)
    if not found:
        raise VersionError(f"`{clause}` is no version specifier; write for example `>=2.1,<2.3`")
    operator, operand = found.groups()
    if operand.endswith(".*"):
        return _wildcard(clause, operator, operand[:-2]), None, False
    version = _version(operand)
    return _compare(clause, operator, version), version.local, version.is_prerelease


def _wildcard(clause: str, operator: str, prefix: str) -> Tuple[Interval, ...]:
    version = _version(prefix)
    low, high = (_floor(version.epoch, version.release), 0), (_floor(version.epoch, _next(version.release)), 0)
    if operator == "==":
        return ((low, high),)
    if operator == "!=":
        return ((_LOWEST, low), (high, _HIGHEST))
    raise VersionError(f"`{clause}`: `.*` goes only with `==` and `!=`")


def _compare(clause: str, operator: str, version: Version) -> Tuple[Interval, ...]:
    key = _key(version)
    before, after = (key, 0), (key, 1)
    if operator in ("==", "==="):
        return ((before, after),)
    if operator == "!=":
        return ((_LOWEST, before), (after, _HIGHEST))
    if operator == "<=":
        return ((_LOWEST, after),)
    if operator == ">=":
        return ((before, _HIGHEST),)
    if operator == "<":
        return ((_LOWEST, before),)
    if operator == ">":
        # PEP 440: `>V` excludes V's post-releases unless V is one itself.
        beyond = after if version.post is not None else ((key[0], key[1], key[2], _INFINITY, _INFINITY), 1)
        return ((beyond, _HIGHEST),)
    if len(version.release) < 2:
        raise VersionError(f"`{clause}`: `~=` needs at least two release numbers")
    return ((before, (_floor(version.epoch, _next(version.release[:-1])), 0)),)


def _intersect(left: Tuple[Interval, ...], right: Tuple[Interval, ...]) -> Tuple[Interval, ...]:
    pairs = [(max(a[0], b[0]), min(a[1], b[1])) for a in left for b in right]
    return tuple((low, high) for low, high in pairs if low < high)


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise VersionError(f"`{text}` is no version") from None


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
_CAPABILITY = re.compile(r"(?:sm_|compute_)?(?:(\d+)\.(\d)|(\d+)(\d))[a-z]?", re.IGNORECASE)


@lru_cache(maxsize=1024)
def capability(text: str) -> VersionSet:
    """An NVIDIA compute capability (`8.0`, `sm_80`, `9.0a`) as one point of the version line.

    Raises `VersionError`; `gfx90a` and `mps` are architectures, not capabilities.
    """
    found = _CAPABILITY.fullmatch(text.strip())
    if not found:
        raise VersionError(f"`{text}` is no compute capability; write for example `8.0` or `sm_80`")
    major, minor = found[1] or found[3], found[2] or found[4]
    return installed(f"{major}.{minor}")._replace(text=f"{major}.{minor}")


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
        high = (_floor(low.epoch, _next(low.release)), 0)
        return VersionSet(text, (((_floor(low.epoch, low.release), 0), high),))
