"""What files say of one environment together, while they are being read: claims about packages, facts, and the target."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Callable, Optional

from envcheck import versions
from envcheck.errors import InputError
from envcheck.inputs.choice import Choice
from envcheck.inputs.claims import LOCATION, REPOSITORY, Claim, located, named, rank, shown, split_marker
from envcheck.inputs.marking import Markers
from envcheck.model import Fact, Snapshot, merge
from envcheck.wire import canonical_name

Table = Callable[[str], Any]
Warn = Callable[[str], None]


class Gathered:
    """One environment as files describe it. Readers add to it; `snapshot` says what that comes to."""

    def __init__(self, markers: Markers, warn: Warn, choice: Optional[Choice] = None, table: Optional[Table] = None) -> None:
        """`markers` knows the target; `table` gives a fact table of the matrix, where a reader needs one."""
        self.markers = markers
        self.warn = warn
        self.choice = choice or Choice()
        self.table: Table = table or (lambda name: None)
        self.complete: list[bool] = []
        """For each file, whether it lists everything that will be installed."""
        self.torch_is_condas = False
        """Whether conda brings torch, and with it the CUDA runtime that torch uses."""
        self._required: dict[str, list[Claim]] = {}
        self._constrained: dict[str, list[Claim]] = {}
        self._unlisted: dict[str, Fact] = {}
        self._facts: dict[str, Fact] = {}
        self._stated: dict[str, str] = {}
        self._laid: list[Snapshot] = []
        self._indexes: list[tuple[str, bool, str]] = []
        self._met: dict[str, set[str]] = {"extra": set(), "group": set()}

    def requirement(self, text: str, origin: str, *, constraint: bool = False, editable: bool = False) -> None:
        """Take one PEP 508 requirement, URL or path, where its marker holds. Raises `InputError`."""
        asked, _, marker = split_marker(text)
        claim = located(asked, origin) if LOCATION.match(asked) else named(asked, origin)
        if marker and not self.markers.hold(marker, origin):
            return
        if claim is not None:
            self.claim(claim, constraint)
        elif not editable and ("://" in text or REPOSITORY.match(text)):
            self.warn(f"{origin}: `{shown(text)}` does not say which package it is; write `NAME @ URL`")

    def claim(self, claim: Claim, constraint: bool = False) -> None:
        """Take what a line says of one package."""
        (self._constrained if constraint else self._required).setdefault(claim.name, []).append(claim)

    def follow(self, later: Gathered) -> None:
        """Take what another installer is asked for afterwards: of a package on which they contradict each other, its version is left."""
        for name, claims in later._required.items():
            there = self._required.pop(name, [])
            try:
                _fact(name, there + claims)
            except InputError:
                there = []
                self.torch_is_condas = self.torch_is_condas and name != "torch"
            self._required[name] = there + claims
        for name, claims in later._constrained.items():
            self._constrained.setdefault(name, []).extend(claims)
        self._indexes += later._indexes

    def pin(self, name: str, version: str, origin: str) -> None:
        """Take a package's one version; what cannot be read as one is unknown, with the reason."""
        name = canonical_name(name)
        try:
            if not _PLAIN.fullmatch(version):
                versions.installed(version)
        except versions.VersionError as error:
            self.claim(Claim(name, (), origin, str(error)))
        else:
            self.claim(Claim(name, (f"=={version}",), origin))

    def unknown(self, name: str, reason: str, origin: str) -> None:
        """Take that a package is there in a version that the file does not tell."""
        self.claim(Claim(canonical_name(name), (), origin, reason))

    def unlisted(self, name: str, reason: str, origin: str) -> None:
        """Take that a complete listing does not speak of a package."""
        self._unlisted[name] = Fact(None, origin, reason)

    def fact(self, key: str, value: str, origin: str, by: str = "") -> None:
        """Take one of `SENSE_KEYS`; the last that says it decides. `by` is remembered for `is_stated`."""
        self._facts[key] = Fact(value, origin)
        self._stated[key] = by

    def is_stated(self, key: str, by: Collection[str]) -> bool:
        """Whether one of `by` has said this fact."""
        return self._stated.get(key, "") in by

    def python(self, version: str, origin: str) -> None:
        """Take the Python version the file asks for; markers are judged for it unless another one was declared."""
        self.fact("python", version, origin)
        self.markers.suggest_python(version)

    def lay(self, snapshot: Snapshot) -> None:
        """Take everything a file says that is a Snapshot of its own."""
        self._laid.append(snapshot)
        self.complete.append(snapshot.complete)

    def index(self, url: str, origin: str, *, only: bool) -> None:
        """Take a package index; torch's own tell by their path which build they hold. `only` where no other index is asked."""
        found = _BUILD.search(url)
        if found:
            self._indexes.append((found[1], only, origin))

    def met(self, kind: str, name: str, taken: bool) -> None:
        """Take note of an `extra` or a `group` of the file, so that those left out can be named; tools of the trade are not worth it."""
        if not taken and canonical_name(name) not in _TOOLING:
            self._met[kind].add(name)

    def snapshot(self) -> Snapshot:
        """Everything together. Raises `InputError` where lines admit no common version."""
        packages = {name: _fact(name, claims + self._constrained.get(name, [])) for name, claims in self._required.items()}
        packages = {**self._unlisted, **packages}
        stated = {key: fact for key, fact in self._facts.items() if key != "torch_cuda" or not self._stated.get(key) or self.torch_is_condas}
        facts = {**self._build(packages), **stated}
        whole = Snapshot(facts=facts, packages=packages, complete=bool(self.complete) and all(self.complete))
        for one in self._laid:
            whole = replace(merge(whole, one), complete=whole.complete)
        return whole

    def is_empty(self) -> bool:
        """Whether nothing was claimed yet."""
        return not self._required

    def left_out(self) -> bool:
        """Whether the file names extras or groups that the target does not take."""
        return any(self._met.values())

    def say_left_out(self, path: str) -> None:
        """One sentence about the extras and groups that were not read."""
        parts = [f"{kind}s {_listed(sorted(names))}" for kind, names in self._met.items() if names]
        if parts:
            self.warn(f"{path}: not checked: {' and '.join(parts)}; `--extra NAME`, `--group NAME` and `--all-groups` add them")
        self._met = {"extra": set(), "group": set()}

    def _build(self, packages: Mapping[str, Fact]) -> dict[str, Fact]:
        """torch's CUDA or ROCm by the index it comes from, where that is certain: of a pin, the build with the local tag is newer."""
        torch = packages.get("torch")
        if torch is None or not torch.is_known or "+" in str(torch.value) or len({tag for tag, _, _ in self._indexes}) != 1:
            return {}
        tag, only, origin = self._indexes[0]
        if not only and torch.is_open:
            return {}
        if tag.startswith("rocm"):
            return {"rocm": Fact(tag[4:], origin), "torch_cuda": Fact("absent", origin)}
        return {"torch_cuda": Fact("absent" if tag in ("cpu", "xpu") else f"{tag[2:-1]}.{tag[-1]}", origin)}


_MOST_NAMED = 8


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(f"`{name}`" for name in names[:_MOST_NAMED]) + more


_TOOLING = frozenset(("dev", "develop", "test", "tests", "testing", "lint", "linting", "docs", "doc", "typing", "types", "format", "quality", "style"))
"""Extras and groups that hold what developers run beside the project and that training does not load."""
# https://index.example/whl/cu121, .../whl/nightly/cpu: how torch's indexes are laid out
# (https://pytorch.org/get-started/previous-versions/).
_BUILD = re.compile(r"/whl/(?:nightly/|test/)?(cu[0-9]{2,3}|cpu|xpu|rocm[0-9.]+)(?=[/\s\"'#?]|$)")
_PLAIN = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}")


def _fact(name: str, claims: Sequence[Claim]) -> Fact:
    """What all lines about one package say together. Raises `InputError` where no version satisfies them."""
    if len(claims) == 1 and len(claims[0].clauses) == 1 and _PLAIN.fullmatch(claims[0].clauses[0][2:]) and claims[0].clauses[0][:2] == "==":
        return Fact(claims[0].clauses[0][2:], claims[0].origin)
    clauses = sorted({clause for claim in claims for clause in claim.clauses}, key=rank)
    origin = ", ".join(dict.fromkeys(claim.origin for claim in claims))
    if not clauses:
        reason = next((claim.reason for claim in claims if claim.reason), "")
        return Fact(None, origin, reason) if reason else Fact(">=0", origin)
    pins = [clause.lstrip("=") for clause in clauses if clause.startswith("==") and not clause.endswith(".*")]
    tags = {tag for tag in (versions.installed(pin).local for pin in pins) if tag}
    try:
        versions.specifier(",".join(clauses))
    except versions.VersionError:
        raise _contradiction(name, claims) from None
    pin = _pinned(pins) if pins else ""
    if len(tags) > 1 or (tags and _is_excluded(pin, clauses)):
        raise _contradiction(name, claims)
    return Fact(pin or ",".join(clauses), origin)


def _is_excluded(pin: str, clauses: Sequence[str]) -> bool:
    """Whether another line excludes this very build; `2.1.2+cu121` is not hurt by `!=2.1.2+cu118`."""
    excluding = [clause for clause in clauses if clause.startswith("!=")]
    return bool(excluding) and versions.within(versions.installed(pin), versions.specifier(",".join(excluding))) is False


def _pinned(pins: Sequence[str]) -> str:
    """A pin is as narrow as lines can be, so the other clauses add nothing to it; of several, the one with a local tag."""
    from packaging.version import Version

    version = max((Version(pin) for pin in pins), key=lambda one: bool(one.local))
    # `2.1` alone would be read as any 2.1.x (`versions.reported`), and nothing else of two numbers is.
    partial = len(version.release) < 3 and not (version.local or version.is_prerelease or version.is_postrelease)
    return f"=={version}" if partial else str(version)


def _contradiction(name: str, claims: Sequence[Claim]) -> InputError:
    said = [f"`{name}{','.join(claim.clauses)}` ({claim.origin})" for claim in claims if claim.clauses]
    return InputError(f"no version satisfies {' and '.join(said)}", where=claims[-1].origin, hint="keep the one that is meant")
