"""One small function per condition key: (Snapshot, argument) -> yes, no or unknown, with the fact that decided.

Absent is not unknown: a complete listing makes a missing package *absent* (no), a fact nobody collected is unknown.
A fact that is a set of versions (`deepspeed>=0.12`) may overlap a range without lying in it: unknown by range, which
`Outcome.ranged` tells apart from a fact that is missing.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from envcheck import versions
from envcheck.conditions.devices import gpu_count, gpu_fits
from envcheck.conditions.reading import NO, UNKNOWN, YES, Reading, as_truth
from envcheck.model import Fact, Snapshot, Truth, plain
from envcheck.numbers import number, number_within

BACKGROUND = frozenset(("python", "os", "arch", "glibc", "gpu_count"))
"""Facts that nearly every environment shares: that they fit says nothing about an entry."""


class Outcome(NamedTuple):
    """What a whole `when:` said of one snapshot."""

    truth: Truth
    used: Tuple[Tuple[str, Fact], ...]
    """The facts that fit, by condition key."""
    missing: Tuple[str, ...]
    """Keys whose fact is not known."""
    ranged: Tuple[str, ...]
    """Keys whose fact is a set that fits only in part."""
    spared: Tuple[Tuple[str, Fact], ...] = ()
    """The facts that a `not` asked for and that were not what it excludes: shown to people, no reason for anything."""


def evaluate(when: Mapping[str, Any], snapshot: Snapshot) -> Outcome:
    """Whether every condition of `when` holds. Total: never raises for a mapping that the matrix accepted."""
    trace = _Trace([], [], [], [])
    truth = _all(when, snapshot, trace)
    if truth is NO:
        return _REFUTED
    return Outcome(truth, tuple(trace.used), tuple(dict.fromkeys(trace.missing)), tuple(dict.fromkeys(trace.ranged)), tuple(trace.spared))


def truth_of(key: str, argument: Any, snapshot: Snapshot) -> Truth:
    """What one condition says, where nobody asks for the facts."""
    return evaluate({key: argument}, snapshot).truth if key in _COMBINED else _best(condition(key), argument, snapshot).truth


_REFUTED = Outcome(Truth.NO, (), (), ())


class _Trace(NamedTuple):
    used: List[Tuple[str, Fact]]
    missing: List[str]
    ranged: List[str]
    spared: List[Tuple[str, Fact]]

    def add(self, other: _Trace) -> None:
        self.used.extend(other.used)
        self.missing.extend(other.missing)
        self.ranged.extend(other.ranged)
        self.spared.extend(other.spared)


def _all(when: Mapping[str, Any], snapshot: Snapshot, trace: _Trace) -> Truth:
    truth = YES
    for key, argument in when.items():
        one = _COMBINED[key](argument, snapshot, trace) if key in _COMBINED else _single(key, argument, snapshot, trace)
        if one is NO:
            return NO
        if one is UNKNOWN:
            truth = UNKNOWN
    return truth


def _any(branches: Any, snapshot: Snapshot, trace: _Trace) -> Truth:
    """The first branch that holds; else the one that lacks least, so that `needs` asks for as little as possible, and rather
    for a setting than for a package that nobody named.
    """
    best: Optional[_Trace] = None
    for branch in branches:
        attempt = _Trace([], [], [], [])
        truth = _all(branch, snapshot, attempt)
        if truth is YES:
            trace.add(attempt)
            return YES
        if truth is UNKNOWN and (best is None or _lack(attempt) < _lack(best)):
            best = attempt
    if best is None:
        return NO
    trace.add(best)
    return UNKNOWN


def _lack(attempt: _Trace) -> Tuple[int, int]:
    return sum(map(is_package, attempt.missing)), len(attempt.missing)


def _not(inner: Any, snapshot: Snapshot, trace: _Trace) -> Truth:
    attempt = _Trace([], [], [], [])
    truth = _all(inner, snapshot, attempt)
    if truth is UNKNOWN:
        trace.missing.extend(attempt.missing)
        trace.ranged.extend(attempt.ranged)
        return UNKNOWN
    if truth is YES:
        return NO
    trace.spared.extend(_known(inner, snapshot))
    return YES


def _known(inner: Mapping[str, Any], snapshot: Snapshot) -> Iterator[Tuple[str, Fact]]:
    """The facts behind the plain conditions of a `not` that were stated and do not fit."""
    for key, argument in inner.items():
        if key not in _COMBINED and key not in BACKGROUND:
            truth, fact = _best(condition(key), argument, snapshot)
            if truth is NO and fact is not None and fact.value not in (None, "absent", "unset"):
                yield key, fact


_COMBINED: Dict[str, Callable[[Any, Snapshot, _Trace], Truth]] = {"any": _any, "not": _not}


def _single(key: str, argument: Any, snapshot: Snapshot, trace: _Trace) -> Truth:
    truth, fact = _best(condition(key), argument, snapshot)
    if truth is NO:
        return NO
    if fact is not None and fact.value is not None:
        trace.used.append((key, fact))
        if truth is UNKNOWN:
            trace.ranged.append(key)
    elif truth is UNKNOWN:
        trace.missing.append(key)
    return truth


def _best(look: Callable[[Snapshot, str], Reading], argument: Any, snapshot: Snapshot) -> Reading:
    """What the most favourable of the arguments gives: a list under a key means any of them."""
    if isinstance(argument, str):
        return look(snapshot, argument)
    best = look(snapshot, argument[0])
    for one in argument[1:]:
        reading = look(snapshot, one)
        if reading.truth > best.truth:
            best = reading
    return best


def is_package(key: str) -> bool:
    """Whether a condition key is a package's name."""
    return key not in CONDITIONS and "." not in key


@lru_cache(maxsize=4096)
def condition(key: str) -> Callable[[Snapshot, str], Reading]:
    """The function of a condition key; every key that is neither listed nor dotted is a package name."""
    if key in CONDITIONS:
        return CONDITIONS[key]
    return _dotted(key) if key.startswith(("train.", "env.")) else _package(key)


def _dotted(key: str) -> Callable[[Snapshot, str], Reading]:
    room, _, name = key.partition(".")
    if key == "train.fsdp":
        return _fsdp
    if room == "train":
        return lambda snapshot, argument: _train(snapshot.train.get(name, _MISSING), argument)
    return lambda snapshot, argument: _env(snapshot, name, argument)


_MISSING = Fact(None)


def _package(name: str) -> Callable[[Snapshot, str], Reading]:
    def look(snapshot: Snapshot, argument: str) -> Reading:
        fact = snapshot.package(name)
        if fact.value is None and argument in ("installed", "absent") and _is_there(name, snapshot):
            return Reading(YES if argument == "installed" else NO, Fact("installed", fact.origin))
        return _version_reading(fact, argument, snapshot.complete, False)

    return look


def _version_key(key: str) -> Callable[[Snapshot, str], Reading]:
    def look(snapshot: Snapshot, argument: str) -> Reading:
        return _version_reading(snapshot.fact(key), argument, key in _EXACT, True)

    return look


def _is_there(name: str, snapshot: Snapshot) -> bool:
    """Whether a package of unknown version is known to be installed: a listing names it, or the reason why says so."""
    return name in snapshot.packages and (snapshot.complete or snapshot.packages[name].reason != "")


def _version_reading(fact: Fact, argument: str, exact: bool, vendor: bool) -> Reading:
    if fact.value is None:
        return Reading(UNKNOWN, fact)
    truth = _version_truth(str(fact.value), argument, exact, vendor)
    # A version that nobody can read is no range that fits in part: it is as good as not given.
    return Reading(UNKNOWN, None) if truth is None else Reading(truth, fact)


@lru_cache(maxsize=65536)
def _version_truth(value: str, argument: str, exact: bool, vendor: bool) -> Optional[Truth]:
    """A version against `installed`, `absent` or a specifier; `exact` takes `2.1` as 2.1.0, not as 2.1.*. None where the
    value is no version.
    """
    if argument in ("installed", "absent"):
        return YES if (value == "absent") is (argument == "absent") else NO
    if value == "absent":
        return NO
    try:
        have = _version_set(value, exact, vendor)
    except versions.VersionError:
        return None
    return as_truth(versions.within(have, versions.specifier(argument)))


def version_set(key: str, value: object) -> Optional[versions.VersionSet]:
    """The versions that the known fact under a condition key stands for; None where it is about no versions or cannot be read."""
    if key in CONDITIONS and key not in VERSION_CONDITIONS or "." in key or value == "absent":
        return None
    try:
        return _version_set(str(value), key in _EXACT, key in CONDITIONS)
    except versions.VersionError:
        return None


def _version_set(text: str, exact: bool, vendor: bool) -> versions.VersionSet:
    if text[:1] in "<>=!~":
        return versions.specifier(text)
    if exact:
        return versions.installed(text)
    return versions.vendor(text) if vendor else versions.reported(text)


def _named(key: str) -> Callable[[Snapshot, str], Reading]:
    def look(snapshot: Snapshot, argument: str) -> Reading:
        fact = snapshot.fact(key)
        if fact.value is None:
            return Reading(UNKNOWN, fact)
        if argument in ("installed", "absent"):
            return Reading(YES if (fact.value == "absent") is (argument == "absent") else NO, fact)
        return Reading(YES if fnmatchcase(plain(fact.value), argument.lower()) else NO, fact)

    return look


def _env(snapshot: Snapshot, name: str, argument: str) -> Reading:
    fact = snapshot.env.get(name)
    if fact is None and not snapshot.env_complete or fact is not None and fact.value is None:
        return Reading(UNKNOWN, None)
    is_set = fact is not None and fact.value != "absent"
    if argument in ("set", "unset") or not is_set:
        wanted = argument == "set" if argument in ("set", "unset") else True
        return Reading(YES if is_set is wanted else NO, fact or Fact("unset", "the environment"))
    assert fact is not None
    return Reading(YES if fnmatchcase(plain(fact.value), argument.lower()) else NO, fact)


def _train(fact: Fact, argument: str) -> Reading:
    if fact.value is None:
        return Reading(UNKNOWN, fact)
    return Reading(_train_truth(plain(fact.value), argument), fact)


_NOT_TORCHS = ("false", "no", "off", "0", "absent", "none", "", "megatron*")


def _fsdp(snapshot: Snapshot, argument: str) -> Reading:
    """`true` holds for every way of writing that torch's FSDP is on: a strategy such as `full_shard auto_wrap`, or its version."""
    reading = _train(snapshot.train.get("fsdp", _MISSING), argument)
    if argument != "true" or reading.truth is not NO or reading.fact is None:
        return reading
    value = plain(reading.fact.value or "")
    return reading if any(fnmatchcase(value, off) for off in _NOT_TORCHS) else Reading(YES, reading.fact)


@lru_cache(maxsize=16384)
def _train_truth(value: str, argument: str) -> Truth:
    if argument[:1] in "<>" or value[:1] in "<>":
        return as_truth(number_within(value, argument))
    if number(value) is not None and number(value) == number(argument):
        return YES
    return YES if fnmatchcase(value, argument.lower()) else NO


CONDITIONS: Dict[str, Callable[[Snapshot, str], Reading]] = {
    "python": _version_key("python"),
    "os": _named("os"),
    "arch": _named("arch"),
    "glibc": _version_key("glibc"),
    "torch_cuda": _version_key("torch_cuda"),
    "cuda_toolkit": _version_key("cuda_toolkit"),
    "driver": _version_key("driver"),
    "fabric_manager": _version_key("fabric_manager"),
    "cuda_compat": _version_key("cuda_compat"),
    "cudnn": _version_key("cudnn"),
    "nccl": _version_key("nccl"),
    "gcc": _version_key("gcc"),
    "rocm": _version_key("rocm"),
    "npu": _named("npu"),
    "cann": _version_key("cann"),
    "gpu": gpu_fits,
    "gpu_count": gpu_count,
}
"""Condition key -> function; beside them stand package names, `env.NAME` and `train.KEY`."""

_EXACT = frozenset(("torch_cuda",))
"""Those whose partial version is a release: torch's CUDA `12.1` is what its wheel was built with."""

VERSION_CONDITIONS = ("python", "glibc", "torch_cuda", "cuda_toolkit", "driver", "fabric_manager", "cuda_compat", "cudnn", "nccl", "gcc", "rocm", "cann")
"""Those whose argument is a version specifier, `installed` or `absent`."""
