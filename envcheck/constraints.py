"""A constraints file for pip and uv that leaves out what is known bad for a target.

Each release that the tables list is judged as if it were alone on that target; what is then certainly bad is excluded. So every exclusion stands by
itself, and entries and rules are asked in the one way that `check` asks them. What breaks only together with another package is a comment: which of
the two has to give way is the user's choice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Sequence, Set, Tuple

from packaging.version import InvalidVersion, Version

from envcheck.api import Checker
from envcheck.conditions import evaluate, is_package
from envcheck.derive import derive
from envcheck.errors import InputError
from envcheck.model import Entry, Fact, Snapshot, Truth
from envcheck.wire import canonical_name, nearest

_COUNTED = ("error", "warning")
_FAR = "99999"
"""Stands for what is released later."""


@dataclass(frozen=True)
class Exclusion:
    """One line of the file."""

    package: str
    specifier: str
    """PEP 440 clauses that leave out what is bad."""
    id: str
    """The entry or rule that says so."""
    title: str
    why: str = ""
    """Why it is told and not demanded; empty where it is demanded."""


@dataclass(frozen=True)
class Constraints:
    """What a file holds."""

    exclusions: Tuple[Exclusion, ...]
    together: Tuple[Tuple[str, str], ...]
    """Id and title of what is bad only of two packages together."""
    pin: str = ""
    """`llamafactory==0.9.4`, for which the rest was chosen; empty where none was named."""


def find(checker: Checker, target: Snapshot, project: str = "") -> Constraints:
    """What is to be left out on `target`; with `project` (`NAME` or `NAME==VERSION`) for what it requires, beside that release of it.

    Raises `InputError` for a project that the tables do not know.
    """
    pinned = _pin(checker, project) if project else None
    packages = sorted(_closure(checker, *pinned)) if pinned else list(checker.matrix.table_keys("releases"))
    base = replace(target, packages={**target.packages, pinned[0]: Fact(pinned[1], "--for")}) if pinned else target
    listed = [name for name in packages if not pinned or name != pinned[0]]
    found = [one for name in listed for one in _of_package(checker, base, name)]
    entries = [located.entry for located, _ in checker.matrix.all().values()]
    found += [] if pinned else _of_unlisted(checker, base, entries)
    return Constraints(tuple(found), tuple(_together(checker, base, entries, set(packages))), f"{pinned[0]}=={pinned[1]}" if pinned else "")


def _of_package(checker: Checker, base: Snapshot, name: str) -> List[Exclusion]:
    releases = sorted(_releases(checker, name))
    judge = _judge(checker, base, name)
    bad: Dict[str, List[Version]] = {}
    titles: Dict[str, str] = {}
    for release in releases:
        for id, title in judge(str(release)):
            bad.setdefault(id, []).append(release)
            titles[id] = title
    far = {id for id, _ in judge(_FAR)} if bad else set()
    found = [Exclusion(name, _left_out(releases, these, id in far), id, titles[id]) for id, these in bad.items()]
    return list(_satisfiable(found, bad, set(releases)))


def _releases(checker: Checker, name: str) -> Iterator[Version]:
    """The listed releases that an installer takes by itself."""
    for text in checker.matrix.table("releases", name) or ():
        try:
            version = Version(text)
        except InvalidVersion:
            continue
        if not version.is_prerelease and not version.local:
            yield version


def _judge(checker: Checker, base: Snapshot, name: str) -> Callable[[str], List[Tuple[str, str]]]:
    """Version -> id and title of what is certainly bad of it alone on this target."""

    def judge(version: str) -> List[Tuple[str, str]]:
        report = checker.report(replace(base, packages={**base.packages, name: Fact(version, name)}))
        loud = [one for one in report.findings if one.kind == "bad" and one.certainty == "certain" and one.severity in _COUNTED]
        return [(one.id, one.title) for one in loud if any(used.key == name for used in one.facts)]

    return judge


def _left_out(releases: Sequence[Version], bad: Sequence[Version], and_later: bool) -> str:
    """Clauses that leave out `bad` and none of the other releases: bounds where they are the first or the last ones, the rest one by one."""
    good = [release for release in releases if release not in set(bad)]
    clauses: List[str] = []
    rest = list(bad)
    if good and rest[0] < good[0]:
        clauses.append(f">={good[0]}")
        rest = [release for release in rest if release > good[0]]
    later = [release for release in rest if good and release > good[-1]]
    if later and and_later:
        clauses.append(f"<{later[0]}")
        rest = [release for release in rest if release < later[0]]
    return ",".join([*clauses, *(f"!={release}" for release in rest)])


def _satisfiable(found: Iterable[Exclusion], bad: Mapping[str, Sequence[Version]], left: Set[Version]) -> Iterator[Exclusion]:
    """Those that leave a release, the ones that take least first; what would take the last one away is told only."""
    for one in sorted(found, key=lambda one: (len(bad[one.id]), one.id)):
        rest = left - set(bad[one.id])
        yield one if rest else replace(one, why="no listed release would be left")
        left = rest or left


_SINGLE = re.compile(r"\s*(==|<|>=)\s*([0-9][0-9A-Za-z.]*)\s*")
_OPPOSITE = {"==": "!=", "<": ">=", ">=": "<"}


def _of_unlisted(checker: Checker, base: Snapshot, entries: Iterable[Entry]) -> Iterator[Exclusion]:
    """Of packages whose releases are not listed: the opposite of a single clause; more than one has none that constraints can say, and is told."""
    for entry in entries:
        for name, when in _alone(entry.when) if entry.kind == "bad" and entry.severity in _COUNTED else ():
            argument = when[name]
            if checker.matrix.table("releases", name) or argument in ("installed", "absent"):
                continue
            for text in [argument] if isinstance(argument, str) else argument:
                if evaluate({**when, name: text}, base).missing == (name,):
                    single = _SINGLE.fullmatch(text)
                    why = "" if single else f"`{text}` is bad, and its releases are not listed"
                    yield Exclusion(name, _OPPOSITE[single[1]] + single[2] if single else text, entry.id, entry.title, why)


def _alone(when: Mapping[str, Any]) -> List[Tuple[str, Mapping[str, Any]]]:
    """The one package that a condition, or each branch of its `any`, speaks of, and the whole condition then."""
    found = [key for key in when if key not in ("any", "not") and is_package(key)]
    if found:
        return [(found[0], when)] if len(found) == 1 else []
    rest = {key: argument for key, argument in when.items() if key != "any"}
    return [one for branch in when.get("any", ()) for one in _alone({**rest, **branch})]


def _together(checker: Checker, base: Snapshot, entries: Iterable[Entry], packages: Set[str]) -> Iterator[Tuple[str, str]]:
    """Bad entries that the target fits and that wait only for the versions of two or more of these packages."""
    known = derive(base, checker.gpu_rows)
    for entry in sorted(entries, key=lambda entry: entry.id):
        if entry.kind != "bad" or entry.severity not in _COUNTED:
            continue
        outcome = evaluate(entry.when, known)
        missing = set(outcome.missing)
        if outcome.truth is Truth.UNKNOWN and len(missing) > 1 and missing <= packages:
            yield entry.id, entry.title


def _pin(checker: Checker, project: str) -> Tuple[str, str]:
    """Canonical name and release of what `--for` names; the newest one that was read where it names none."""
    name, _, version = project.replace(" ", "").partition("==")
    known = {_plain(key): key for key in checker.matrix.table_keys("requires")}
    found = known.get(_plain(name))
    if found is None:
        near = nearest(_plain(name), known)
        hint = f"did you mean `{known[near]}`?" if near else f"known: {', '.join(sorted(known.values()))}"
        raise InputError(f"what `{name}` requires is in no table", where="--for", hint=hint)
    read = [str(release) for release in checker.matrix.table("requires", found)[0]]
    if version and version not in read:
        raise InputError(f"{found} {version} was not read", where="--for", hint=f"the newest that was is {read[-1]}")
    return found, version or next((one for one in reversed(read) if not Version(one).is_prerelease), read[-1])


def _plain(name: str) -> str:
    return canonical_name(name).replace("-", "")


def _closure(checker: Checker, name: str, version: str) -> Set[str]:
    """The packages that a release requires, those that their newest releases require, and so on as far as the tables tell; itself among them."""
    from envcheck.facts import requires

    found: Set[str] = set()
    waiting = [(name, version)]
    while waiting:
        one, release = waiting.pop()
        if one not in found:
            found.add(one)
            block = checker.matrix.table("requires", one)
            waiting += [(other.name, "") for other in requires.declared(block, release or str(block[0][-1])) or ()] if block else []
    return found


def render(found: Constraints, target: str, version: str) -> str:
    """The text of the file, which `pip install -c` and `uv pip compile -c` take."""
    lines = [f"# What envcheck {version} knows to be bad{f' for {target}' if target else ''}: use it with `pip install -c FILE` or `uv pip compile -c FILE`."]
    lines += [f"{found.pin}  # --for"] if found.pin else []
    for one in sorted(found.exclusions, key=lambda one: (one.package, one.id)):
        if not one.why:
            lines.append(f"{one.package}{one.specifier}  # {one.id}")
        else:
            lines.append(f"# {one.package}: {one.why}. {one.id}: {one.title}")
    if found.together:
        lines += ["", "# Bad only together, so that one of the two has to give way; `envcheck check` on the result tells:"]
        lines += [f"#   {id}: {title}" for id, title in found.together]
    return "\n".join(lines) + "\n"
