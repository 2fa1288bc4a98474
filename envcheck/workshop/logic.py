"""Lints about what an entry's conditions, examples and fixes say together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Iterator, List, Mapping, Optional, Set, Tuple

from envcheck import rules, settings, versions
from envcheck.conditions import CONDITIONS, evaluate
from envcheck.match import match
from envcheck.matrix.schema import Draft
from envcheck.model import Fact, Snapshot, Truth
from envcheck.workshop.work import Work, Workbench

Said = Iterator[Tuple[Optional[int], str]]
"""Line and message of each complaint."""
_TRIED = 12
"""Releases tried before a fix is called a dead end."""


def mutation(work: Work, bench: Workbench) -> Said:
    """Without one of its conditions some `miss` example must start to hit, or nobody needs that condition."""
    draft = _sound(work)
    when = draft.entry.when
    for key in when if len(when) > 1 else ():
        rest = {other: argument for other, argument in when.items() if other != key}
        if not any(evaluate(rest, miss).truth is Truth.YES for miss in draft.examples["miss"]):
            yield work.line("when", key), f"no miss example differs in `{key}` alone: add one, or drop the condition"


def fix_leads_out(work: Work, bench: Workbench) -> Said:
    """Each `change` and `set` must make the entry miss its own hits, and lead to no error of another entry or of a rule."""
    draft = _sound(work)
    for item in work.document.get("fix", []) if draft.entry.kind != "good" else []:
        name, values = next(iter(item.items()))
        if name == "do":
            continue
        hits = list(draft.examples["hit"])
        ways = [list(_after(snapshot, values, bench)) for snapshot in hits]
        if not any(evaluate(draft.entry.when, after).truth is not Truth.YES for way in ways for after in way):
            yield _line(item, work), f"`{name}: {_shown(values)}` leaves every hit example a hit: if the conditions cannot see it, write it as `do:`"
            continue
        for before, way in zip(hits, ways):
            other = _dead_end(before, way, bench)
            if other:
                yield _line(item, work), f"`{name}: {_shown(values)}` leads into {other}"
                break


def _line(item: Mapping[Any, Any], work: Work) -> Optional[int]:
    return getattr(next(iter(item)), "line", None) or work.line("fix")


def _shown(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _after(snapshot: Snapshot, values: Mapping[str, Any], bench: Workbench) -> Iterator[Snapshot]:
    """The snapshot with a remedy applied: one for each release that it admits, the newest first."""
    fixed: Dict[str, Fact] = {}
    for key, value in values.items():
        if key.startswith(("train.", "env.")):
            snapshot = _with_setting(snapshot, str(key), str(value))
        else:
            fixed[str(key)] = Fact(str(value), "fix")
    open_key = next((key for key in fixed if bench.releases(key) and str(fixed[key].value)[:1] in "<>=!~"), None)
    if open_key is None:
        yield _laid(snapshot, fixed)
        return
    admitted = bench.released(open_key, str(fixed[open_key].value))
    for version in [*reversed(admitted[-_TRIED:]), *admitted[:1]]:
        yield _laid(snapshot, {**fixed, open_key: Fact(version, "fix")})


def _with_setting(snapshot: Snapshot, key: str, value: str) -> Snapshot:
    room, _, name = key.partition(".")
    if room == "env":
        unset = value == "unset"
        return replace(snapshot, env={**snapshot.env, name: Fact(None if unset else value, "fix")}, env_complete=snapshot.env_complete or unset)
    return replace(snapshot, train={**snapshot.train, name: Fact(settings.normal(name, value), "fix")})


def _laid(snapshot: Snapshot, fixed: Mapping[str, Fact]) -> Snapshot:
    facts = {key: fact for key, fact in fixed.items() if key in CONDITIONS}
    facts.update({key: fact for name, fact in fixed.items() for key in ("cudnn", "nccl") if name.startswith(f"nvidia-{key}-")})
    # torch brings its own NCCL and cuDNN, so that what they were is no longer known.
    under = {key: fact for key, fact in snapshot.facts.items() if "torch" not in fixed or key not in ("nccl", "cudnn")}
    packages = {key: fact for key, fact in fixed.items() if key not in CONDITIONS}
    return replace(snapshot, facts={**under, **facts}, packages={**snapshot.packages, **packages})


def _dead_end(before: Snapshot, ways: List[Snapshot], bench: Workbench) -> Optional[str]:
    """The id of an error, of an entry or a rule, that every way runs into and that was not there before; None where one way is free."""
    old = _errors(before, bench)
    found: Optional[str] = None
    for after in ways:
        new = _errors(after, bench) - old
        if not new:
            return None
        found = found or min(new)
    return found


def _errors(snapshot: Snapshot, bench: Workbench) -> Set[str]:
    findings = (*match(snapshot, bench.candidates(snapshot)).findings, *rules.judge(snapshot, bench.tables).findings)
    return {one.id for one in findings if one.severity == "error"}


def dead(work: Work, bench: Workbench) -> Said:
    """Some released version must fit each condition on a package that the tables know."""
    for key, argument in _sound(work).entry.when.items():
        wanted = [one for one in ([argument] if isinstance(argument, str) else argument) if isinstance(one, str)] if key not in ("any", "not") else []
        if not wanted or key in CONDITIONS or "." in key or not bench.releases(key) or {"installed", "absent"} & set(wanted):
            continue
        if not any(bench.released(key, one) or _ahead(key, one, bench) for one in wanted):
            yield work.line("when", key), f"no released version of {key} fits `{' or '.join(wanted)}`"


def _ahead(package: str, specifier: str, bench: Workbench) -> bool:
    """Whether a specifier is about versions newer than the tables know."""
    newest = versions.installed(bench.releases(package)[-1]).intervals[-1]
    return versions.specifier(specifier).intervals[-1][1] > newest[1]


def overlap(work: Work, bench: Workbench) -> Said:
    """What else fires on a hit example must be about the same culprit, or the example says more than it should."""
    draft = _sound(work)
    if draft.entry.kind == "good":
        return
    for number, snapshot in enumerate(draft.examples["hit"], 1):
        for one in match(snapshot, bench.candidates(snapshot)).findings:
            if one.id != draft.entry.id and one.certainty == "certain" and one.severity != "note" and not set(one.culprit) & set(draft.entry.culprit):
                yield work.line("examples", "hit"), f"hit example {number} also hits {one.id}, which is about {', '.join(one.culprit)}"


def _sound(work: Work) -> Draft:
    assert work.draft is not None  # lints of this kind run on sound entries only
    return work.draft
