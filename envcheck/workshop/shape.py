"""Lints about names, versions and dates that an entry gives."""

from __future__ import annotations

import datetime
import re
from functools import lru_cache
from typing import Any, FrozenSet, Tuple

from packaging.version import Version

from envcheck import versions
from envcheck.conditions import CONDITIONS
from envcheck.wire import nearest
from envcheck.workshop.logic import Said
from envcheck.workshop.work import Work, Workbench, leaves, packages_of

_MONTHS = 18
_SEES_A_MESSAGE = {"crash", "import-error", "attribute-error", "type-error", "undefined-symbol", "no-kernel-image", "build-failure", "install-failure"}
_VERSION = re.compile(r"\d+(?:\.\d+)+")


def unique(work: Work, bench: Workbench) -> Said:
    """No two files have one id."""
    others = [other.shown for other in bench.by_stem[work.path.stem] if other is not work]
    if others:
        yield work.line("id"), f"the id `{work.path.stem}` is also that of {', '.join(others)}"


def released(work: Work, bench: Workbench) -> Said:
    """A version that an example names was really released, where the tables know the package's releases."""
    for kind, snapshots in work.draft.examples.items() if work.draft else ():
        for name, fact in sorted({pair for snapshot in snapshots for pair in snapshot.packages.items()}):
            known = bench.releases(name)
            if known and _is_plain(fact.value) and not _is_one_of(str(fact.value), known):
                yield work.line("examples", kind), f"{kind} example: {name} {fact.value} is no release that `releases.yaml` knows"


def _is_plain(value: Any) -> bool:
    try:
        found = versions.installed(str(value))
    except versions.VersionError:
        return False
    return found.point is None and found.local is None


def _is_one_of(version: str, known: Tuple[str, ...]) -> bool:
    """Whether a version is in the list, by a post-release too (its tag exists), or newer than all of it, which a table's age explains."""
    wanted = Version(version)
    return wanted in _versions(known) or wanted > Version(known[-1])


@lru_cache(maxsize=1024)
def _versions(known: Tuple[str, ...]) -> FrozenSet[Version]:
    """Releases, and those that they are post-releases or candidates of."""
    return frozenset(found for one in known for found in (Version(one), Version(Version(one).base_version)))


def packages(work: Work, bench: Workbench) -> Said:
    """A package in `when` that nobody else names is not nearly one that they do: a misspelt one never fires."""
    for key in sorted(packages_of(work.draft.entry.when)) if work.draft else ():
        if bench.speaking_of[key] > 1 or key in bench.packages:
            continue
        near = nearest(key, {*bench.speaking_of, *bench.packages} - {key}, 0.75)
        if near is not None and _is_a_slip(key, near):
            yield work.line("when"), f"no table and no other entry names the package `{key}`; did you mean `{near}`?"


def _is_a_slip(name: str, near: str) -> bool:
    """Whether two names differ by letters of one word: `torhc`, not `nvidia-cublas-cu12` beside `nvidia-nccl-cu12`, nor another number."""
    words, others = ([re.sub(r"\d+", "", word) for word in one.split("-")] for one in (name, near))
    differing = [pair for pair in zip(words, others) if pair[0] != pair[1]]
    if len(words) != len(others) or len(differing) != 1:
        return False
    word, other = differing[0]
    # Nobody slips by a whole syllable: `simpletransformers` is another package than `transformers`.
    return abs(len(word) - len(other)) < 4 and nearest(word, (other,), 0.75) is not None


def open_bound(work: Work, bench: Workbench) -> Said:
    """An open upper bound is asked again when a newer version comes out than the review knew."""
    if work.draft is None or work.draft.entry.kind == "good":
        return
    reviewed = _reviewed(work)
    for key in work.draft.entry.culprit:
        wanted = work.draft.entry.when.get(key)
        if not isinstance(wanted, str) or key in CONDITIONS or wanted in ("installed", "absent"):
            continue
        if versions.specifier(wanted).intervals[-1][1] != versions.HIGHEST:
            continue
        newer = [one for one in bench.releases(key) if reviewed and bench.release_date(key, one) > reviewed]
        if newer:
            yield work.line("when", key), f"{key} {newer[-1]} came out after the review of {reviewed}: is it still so?"


def review_age(work: Work, bench: Workbench) -> Said:
    """What was last looked at long ago is looked at again."""
    reviewed = _reviewed(work)
    today = datetime.date.today()
    if reviewed and (today - datetime.date.fromisoformat(reviewed)).days > _MONTHS * 30.4:
        yield work.line("evidence", "reviewed"), f"last reviewed on {reviewed}, more than {_MONTHS} months ago"
    elif reviewed > (today + datetime.timedelta(days=1)).isoformat():
        yield work.line("evidence", "reviewed"), f"`{reviewed}` lies in the future"


def _reviewed(work: Work) -> str:
    found = str(work.document.get("evidence", {}).get("reviewed", "")) if isinstance(work.document, dict) else ""
    try:
        return datetime.date.fromisoformat(found).isoformat()
    except ValueError:
        return ""


def signature(work: Work, bench: Workbench) -> Said:
    """What fails with a message is found in a log by it."""
    if work.draft and work.draft.entry.severity == "error" and set(work.draft.page.symptom) & _SEES_A_MESSAGE and not work.draft.page.signature:
        yield work.line("symptom"), "an error with a message has no `signature`, so that no log leads to it"


def reproducer(work: Work, bench: Workbench) -> Said:
    """What was reproduced can be reproduced again."""
    if work.draft and work.draft.page.level == "reproduced" and work.draft.page.reproducer is None:
        yield work.line("evidence", "level"), "says `reproduced` without a `reproducer:` that `scripts/reproduce.py` can run"


def one_way(work: Work, bench: Workbench) -> Said:
    """FSDP, which has many spellings, is asked for by the one that stands for them all."""
    for key, argument in leaves(work.draft.entry.when if work.draft else {}):
        texts = [argument] if isinstance(argument, str) else argument
        if key == "train.fsdp" and any("shard" in text or text in ("1", "2") for text in texts) or key == "train.parallelism" and "fsdp" in texts:
            yield (
                work.line("when"),
                f'`{key}` as it is asked here sees one spelling of FSDP; `train.fsdp: "true"` holds for all, `train.fsdp_version` for a version',
            )


def layout(work: Work, bench: Workbench) -> Said:
    """The file is as `envcheck matrix fmt` would write it."""
    from envcheck.workshop import layout as rules

    if rules.formatted(work.text) != work.text:
        yield 1, "is not laid out like the others; `envcheck matrix fmt` does it"


def loader(work: Work, bench: Workbench) -> Said:
    """What the loader itself refuses."""
    return iter(())
