"""The values everything else passes on: Snapshot, Fact, Entry, Finding, Report. Frozen, and without I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Callable, Iterable, List, Mapping, NamedTuple, Optional, Tuple, Union

Scalar = Union[str, int, float, bool]


class Truth(IntEnum):
    """Kleene's three values, in order: *all of* is the least, *any of* the greatest."""

    NO = 0
    UNKNOWN = 1
    YES = 2


class Fact(NamedTuple):
    """One value with its origin, or *unknown* with the reason. A tuple, because a cluster's snapshots hold hundreds of thousands."""

    value: Optional[Scalar] = None
    """As read, in the grammar of its key; None means unknown."""
    origin: str = ""
    """File and line (`requirements.txt:3`), command, path or option it was read from."""
    reason: str = ""
    """Why the value is unknown (`NVML not found`); empty where it is known or where nobody looked."""

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    @property
    def is_open(self) -> bool:
        """Whether the value is an open requirement (`>=0.12`, `==2.1.*`); `==2.1` is a pin."""
        return isinstance(self.value, str) and (self.value[:1] in ("<", ">", "!", "~") or self.value.endswith(".*"))


def unknown(reason: str, origin: str = "") -> Fact:
    """A fact that somebody looked for and could not read."""
    return Fact(None, origin, reason)


CONTRADICTIONS = ("the files disagree: ", "bf16 and fp16 are both on", "a text stands where a number belongs: ")
"""How the reason of an unknown training setting begins where two places contradict each other, or one holds what
no program takes, and not where one is silent."""


def plain(value: Optional[Scalar]) -> str:
    """A scalar as conditions compare it: booleans as `true` and `false`, everything in lower case."""
    return str(value).lower()


ABSENT = Fact("absent", "a complete listing")
"""The fact that a package is not there, known from a complete listing."""


@dataclass(frozen=True)
class Gpu:
    """One kind of accelerator and how many of it."""

    name: str
    capability: Optional[str] = None
    """NVIDIA compute capability (`8.0`); None where unknown or where there is no such thing."""
    arch: Optional[str] = None
    """Another vendor's architecture (`gfx90a`, `mps`)."""
    count: Optional[int] = None
    memory_mib: Optional[int] = None
    """Total memory of one device in MiB."""
    origin: str = ""


@dataclass(frozen=True)
class Anomaly:
    """Something odd on disk, seen by the probe, or in a training script's source."""

    kind: str
    """The id of the rule that tells it (rules/metadata.py, rules/source.py): `duplicate-metadata`, `stale-build-lock`, `clip-before-unscale` …"""
    packages: Tuple[str, ...]
    detail: str
    """What was seen, in one sentence without a full stop."""
    origin: str = ""


SENSE_KEYS = ("python", "os", "arch", "glibc", "torch_cuda", "cuda_toolkit", "driver", "fabric_manager", "cuda_compat") + (
    "cudnn",
    "nccl",
    "gcc",
    "rocm",
    "npu",
    "cann",
)
"""Keys of a Snapshot that hold one scalar each, in the order they are shown."""


@dataclass(frozen=True)
class Snapshot:
    """Everything known about one environment at one moment."""

    facts: Mapping[str, Fact] = field(default_factory=dict)
    """By `SENSE_KEYS`; a key that is left out was never looked for."""
    packages: Mapping[str, Fact] = field(default_factory=dict)
    """By canonical name; the value is a version, a partial one, or a specifier (`>=0.12`)."""
    complete: bool = False
    """True where `packages` lists everything installed, so that a name not in it is absent."""
    gpus: Optional[Tuple[Gpu, ...]] = None
    """None means unknown (the reason stands in `facts["gpus"]`); an empty tuple means there is none."""
    env: Mapping[str, Fact] = field(default_factory=dict)
    env_complete: bool = False
    """True where every variable that matters was looked for, so that one not in `env` is unset."""
    train: Mapping[str, Fact] = field(default_factory=dict)
    """Training settings by their HF `TrainingArguments` name."""
    builds: Mapping[str, Fact] = field(default_factory=dict)
    """Build fingerprints by `PACKAGE.WHAT` (`xformers.torch`): what a binary was built for."""
    requires: Mapping[str, Fact] = field(default_factory=dict)
    """By package: what its own metadata requires of the others, as PEP 508 writes it, joined by ` | `."""
    anomalies: Tuple[Anomaly, ...] = ()

    def package(self, name: str) -> Fact:
        """The version fact of a package: known, `ABSENT`, or unknown."""
        found = self.packages.get(name)
        if found is not None:
            return found
        return ABSENT if self.complete else _NOBODY_LOOKED

    def fact(self, key: str) -> Fact:
        """The fact of one of `SENSE_KEYS`; unknown where nobody looked."""
        return self.facts.get(key, _NOBODY_LOOKED)


_NOBODY_LOOKED = Fact(None)


def merge(under: Snapshot, over: Snapshot) -> Snapshot:
    """`under` with every fact that `over` knows put in its place; `over` decides what is complete only where it lists packages."""
    return replace(
        under,
        facts=_laid(under.facts, over.facts),
        packages=_laid(under.packages, over.packages),
        complete=over.complete if over.packages else under.complete,
        gpus=over.gpus if over.gpus is not None else under.gpus,
        env=_laid(under.env, over.env),
        env_complete=over.env_complete or under.env_complete,
        train=_laid(under.train, over.train),
        builds=_laid(under.builds, over.builds),
        requires=_laid(under.requires, over.requires),
        anomalies=under.anomalies + over.anomalies,
    )


def _laid(under: Mapping[str, Fact], over: Mapping[str, Fact]) -> Mapping[str, Fact]:
    """Known beats unknown, then the upper layer beats the lower one."""
    if not over:
        return under
    return {**under, **{key: fact for key, fact in over.items() if fact.is_known or key not in under or not under[key].is_known}}


SEVERITIES = ("error", "warning", "note")
"""From what stops a run to what is good to know."""
KINDS = ("bad", "caution", "good")
EVIDENCE_LEVELS = ("reproduced", "maintainer", "many", "reporter", "published")
"""Strongest first; `published` is for good entries: the stack that a project releases or builds itself."""


@dataclass(frozen=True)
class Entry:
    """One known-bad, known-good or caution combination, as the matcher needs it."""

    id: str
    kind: str
    severity: str
    title: str
    culprit: Tuple[str, ...]
    when: Mapping[str, Any]
    """Condition key -> specifier, name or list of them; `any` and `not` nest."""
    warns_unstated: Optional[Tuple[str, ...]] = None
    """The keys that must be stated for it to warn where others are not, because the rest of what it names is what most runs have
    (`Page.unstated`); None where it stays undecided.
    """


@dataclass(frozen=True)
class Reproducer:
    """How an entry was, and can be, seen to hold: one script in two environments, which fails in the first and passes in the second."""

    bad: Tuple[str, ...]
    """Requirements (PEP 508) of the side that fails."""
    good: Tuple[str, ...]
    run: str
    """The script; `sys.argv[1]` is `bad` or `good`."""
    fails: str
    """A regular expression that the output of the bad side matches."""
    python: str = ""
    """The minor version it wants, `3.11`; empty for any."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables for the installation and for the script."""
    timeout: int = 300
    """Seconds for one run of the script; chosen: a tiny model trains in a tenth of it."""


@dataclass(frozen=True)
class Page:
    """The part of an entry that is for people: read only when it is shown."""

    symptom: Tuple[str, ...] = ()
    signature: Tuple[str, ...] = ()
    """Regular expressions that match what a log shows."""
    cause: str = ""
    fix: Tuple[str, ...] = ()
    """One line each, ready to be shown."""
    links: Tuple[str, ...] = ()
    level: str = ""
    """How well it is supported, one of `EVIDENCE_LEVELS`."""
    disputed: str = ""
    withdrawn: str = ""
    """Why the entry no longer fires; empty for a live one."""
    source: str = ""
    """The file it came from."""
    unstated: str = ""
    """Why it warns where nobody stated the settings or hardware it names; empty where it then stays undecided."""
    reproducer: Optional[Reproducer] = None


@dataclass(frozen=True)
class UsedFact:
    """A fact that a finding rests on, by its condition key."""

    key: str
    value: Scalar
    origin: str


@dataclass(frozen=True)
class Waiver:
    """Why a finding is shown and does not fail a run: a project accepted it, or it was there when the project adopted envcheck."""

    reason: str
    origin: str = ""
    """Where that is written: `pyproject.toml:12`, or the baseline file."""
    until: str = ""
    """The last day it holds, `2027-03-31`; empty for the baseline."""

    @property
    def text(self) -> str:
        """One sentence without a full stop."""
        return self.reason + (f", until {self.until}" if self.until else "") + (f" ({self.origin})" if self.origin else "")


@dataclass(frozen=True)
class Finding:
    """One thing to tell the user, with the facts that fired."""

    id: str
    kind: str
    severity: str
    certainty: str
    """`certain`, or `possible` where a requirement merely allows it, or settings it depends on were not stated."""
    title: str
    culprit: Tuple[str, ...]
    facts: Tuple[UsedFact, ...] = ()
    page: Page = Page()
    needs: Tuple[str, ...] = ()
    """Keys of the settings and hardware that were not stated and decide it."""
    waiver: Optional[Waiver] = None


@dataclass(frozen=True)
class Undecided:
    """An entry or a rule that everything known fits, and that one or two facts are missing for."""

    id: str
    kind: str
    severity: str
    culprit: Tuple[str, ...]
    title: str
    needs: Tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """How a snapshot departs from a known-good combination in one package."""

    key: str
    yours: Optional[str]
    """`absent` where it is not installed, None where it is unknown."""
    known_good: Optional[str]
    """None where the known-good combination does not speak of it."""


@dataclass(frozen=True)
class Nearest:
    """The known-good combination closest to an untested one."""

    id: str
    title: str
    differs: Tuple[Difference, ...]


@dataclass(frozen=True)
class Report:
    """What is to be said about one snapshot."""

    snapshot: Snapshot
    findings: Tuple[Finding, ...] = ()
    undecided: Tuple[Undecided, ...] = ()
    nearest: Optional[Nearest] = None
    selftest: Tuple[Mapping[str, Any], ...] = ()
    """Rows of the numeric self-test, where it ran."""

    @property
    def verdict(self) -> str:
        """`bad`, `caution`, `known-good` or `untested`; notes do not change it, and unknown is never good."""
        loud = [f for f in self.findings if f.kind != "good"]
        if any(f.severity == "error" for f in loud):
            return "bad"
        if any(f.severity == "warning" for f in loud):
            return "caution"
        return "known-good" if any(f.kind == "good" for f in self.findings) else "untested"

    def _repr_html_(self) -> Optional[str]:
        """What notebooks show; None, for the plain form, where no renderer was loaded."""
        return NOTEBOOK[0](self) if NOTEBOOK else None


NOTEBOOK: List[Callable[[Report], str]] = []
"""Report -> HTML, put here by `api`, through which every Report is made: a value imports no renderer."""


class Labelled(NamedTuple):
    """One of the reports of a run, and what tells it from the others: a file, a target; empty where there is one."""

    label: str
    report: Report


def worst(findings: Iterable[Finding]) -> Optional[str]:
    """The worst severity among findings that are neither `good` nor waived, or None."""
    found = {f.severity for f in findings if f.kind != "good" and f.waiver is None}
    return next((s for s in SEVERITIES if s in found), None)


def reaches(severity: Optional[str], least: str) -> bool:
    """Whether a severity is at or above the one to fail on; `never` is reached by none."""
    return severity is not None and least != "never" and SEVERITIES.index(severity) <= SEVERITIES.index(least)
