"""A release that calls what the release beside it does not take or no longer has, or that is called so: by tables of calls in published wheels."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Sequence, Tuple

from envcheck import versions
from envcheck.conditions import truth_of
from envcheck.facts import calls
from envcheck.facts.calls import Refused
from envcheck.model import Fact, Finding, Page, Snapshot, Truth, Undecided, UsedFact
from envcheck.rules.rule import Rule, Tables, Told, asking

ID = "call-not-taken"
TABLES = ("call_arguments", "former_names")
LINKS = ("https://docs.python.org/3/tutorial/controlflow.html#more-on-defining-functions",)
FORMER_LINKS = ("https://numpy.org/devdocs/release/1.20.0-notes.html#deprecations", "https://github.com/cocodataset/cocoapi/pull/624")

PAGE = Page(
    symptom=("type-error", "crash"),
    signature=(
        r"TypeError: \w*Trainer\.(?:training_step|compute_loss|log|_get_train_sampler|get_batch_samples|_save_checkpoint|create_optimizer|evaluate)\(\) "
        r"(?:got an unexpected keyword argument '\w+'|takes .*positional arguments? but \d+ were given|missing \d+ required)",
        r"TypeError: Accelerator\.\w+\(\) got an unexpected keyword argument '\w+'",
        r"AttributeError: module 'numpy' has no attribute '(?:bool|complex|float|int|object)'",
        r"TypeError: (?:fully_shard|init_empty_weights|dispatch_model|load_checkpoint_and_dispatch)\(\) got an unexpected keyword argument '\w+'",
    ),
    cause="One package calls a function, class or method of another with an argument that its installed release does not take yet, or no longer, or looks up "
    "a name that it no longer has; or the other calls a method that the first has overridden with fewer arguments. It shows when the call is made: in a "
    "trainer's constructor, at the first step, the first log or the first checkpoint. Who calls what, and what takes it, was read from the published wheels.",
    fix=("use versions of the two packages that were released near each other",),
    links=LINKS,
    level="many",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Told, ...]:
    """One finding for each pair of packages whose releases do not fit; a question where only some trainers are stopped and nobody said which runs."""
    speaking = (one for table in TABLES for one in tables.speaking(table, snapshot, _ASKING))
    return tuple(one for package, rows, block in speaking for one in _of(package, snapshot, rows, block))


_ASKING = asking(calls.rows)


def _of(package: str, snapshot: Snapshot, rows: Sequence[Refused], block: Any) -> List[Told]:
    certain: Dict[str, List[Refused]] = {}
    asked: Dict[str, List[Refused]] = {}
    for row in rows:
        if _holds(package, row, snapshot):
            runs = _runs(row, snapshot)
            if runs is not Truth.NO:
                (certain if runs is Truth.YES else asked).setdefault(row.of, []).append(row)
    found: List[Told] = [_finding(package, snapshot, them, block) for them in certain.values()]
    return found + [_question(package, snapshot, them[0]) for of, them in asked.items() if of not in certain]


def _holds(package: str, row: Refused, snapshot: Snapshot) -> bool:
    other = snapshot.packages.get(row.of)
    if other is None or not other.is_known or other.value == "absent":
        return False
    if truth_of(package, row.versions, snapshot) is not Truth.YES or not all(truth_of(*one, snapshot) is Truth.YES for one in row.also.items()):
        return False
    return truth_of(row.of, row.refuses, snapshot) is Truth.YES


_KINDS = re.compile(r"(SFT|DPO|KTO|GRPO|ORPO|CPO|BCO|PPO|RLOO|Reward)(?:v2)?Trainer\.")


def _runs(row: Refused, snapshot: Snapshot) -> Truth:
    """Whether one of the trainers that a row stops is the one that is used; a row that stops all of them, or none of these, is about every run."""
    kinds = {kind.lower() for kind in _KINDS.findall(row.where)}
    if not kinds or row.severity == "error":
        return Truth.YES
    used = snapshot.train.get("trainer")
    if used is None or used.value is None:
        return Truth.UNKNOWN
    return Truth.YES if used.value in kinds else Truth.NO


def _question(package: str, snapshot: Snapshot, row: Refused) -> Undecided:
    title = _title(package, _plain(snapshot.packages[package]), row, _plain(snapshot.packages[row.of]))
    return Undecided(ID, "bad", row.severity, (package, row.of), title, ("train.trainer",))


def _plain(fact: Fact) -> str:
    return str(fact.value).lstrip("=")


def _finding(package: str, snapshot: Snapshot, rows: Sequence[Refused], block: Any) -> Finding:
    row = min(rows, key=lambda one: _WORST.index(one.severity))
    fact, other = snapshot.packages[package], snapshot.packages[row.of]
    used = (UsedFact(package, fact.value or "", fact.origin), UsedFact(row.of, other.value or "", other.origin))
    fixes = (_other_fix(row, _plain(other)), *_own_fix(package, rows, block))
    page = Page(symptom=PAGE.symptom, cause=_cause(rows), fix=fixes, links=FORMER_LINKS if row.how == "attribute" else LINKS, level=PAGE.level)
    return Finding(ID, "bad", row.severity, "certain", _title(package, _plain(fact), row, _plain(other)), (package, row.of), used, page)


_WORST = ("error", "warning", "note")
_ASKS = {"import": "imports", "attribute": "looks up"}
_ENDS = {"import": "ImportError", "attribute": "AttributeError"}


def _title(package: str, mine: str, row: Refused, theirs: str) -> str:
    where = row.where.split(", ")[0]
    if row.how == "override":
        return f"{row.of} {theirs} calls `{where}` of {package} {mine} with arguments that it does not take"
    if row.how in _ASKS:
        return f"`{where}` of {package} {mine} {_ASKS[row.how]} `{row.name}`, which {row.of} {theirs} does not have"
    return f"`{where}` of {package} {mine} calls `{row.name}` as {row.of} {theirs} does not take it"


def _cause(rows: Sequence[Refused]) -> str:
    """What comes to the call and what it ends in, of each of the first calls."""
    return " ".join(f"{one.stops[:1].upper()}{one.stops[1:]} ends in `{_ENDS.get(one.how, 'TypeError')}: {one.says}` (`{one.file}`)." for one in rows[:3])


def _other_fix(row: Refused, installed: str) -> str:
    """Which release of the other package it goes well with, from where the installed one lies."""
    if row.first and (not row.last or _is_before(installed, row.first)):
        return f"use {row.of}>={row.first}"
    return f"use {row.of}<={row.last}" if row.last else f"no release of {row.of} that was looked at takes it; use another release of the other package"


def _own_fix(package: str, rows: Sequence[Refused], block: Any) -> Tuple[str, ...]:
    """A newer release of the caller, where the table knows that later ones call otherwise."""
    last = rows[0].versions.rpartition("=")[2]
    if len({row.versions for row in rows}) > 1 or last == calls.newest(block) or not rows[0].last:
        return ()
    return (f"use {package}>{last}",)


def _is_before(version: str, bound: str) -> bool:
    try:
        return versions.within(versions.reported(version), versions.specifier(f"<{bound}")) is True
    except versions.VersionError:
        return False


RULE = Rule(ID, "a release calls what the release beside it does not take", PAGE, find)
