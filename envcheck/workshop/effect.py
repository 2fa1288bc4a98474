"""What a matrix says of recorded environments, and what another matrix says otherwise.

A case is one line of JSON: `{"id", "kind": "bad" | "good", "culprit": [], "symptom", "snapshot": {}, "source"}`; `snapshot` in the
wire form (docs/snapshot.md), training settings in its `train`. A bad case is *found* by an error or a warning about one of
its culprits, and *pointed at* where such an entry stays undecided for want of a fact. A good one is a false alarm where an error fires.

A case of a blind sample says under `first` what was answered before anybody wrote an entry for it, in the words of `Judged.outcome`: that
is what to expect of a report that nobody has read yet. It never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

from envcheck import documents, wire
from envcheck.api import Checker
from envcheck.errors import InputError
from envcheck.matrix.schema import SYMPTOMS
from envcheck.model import Finding, Report, Snapshot, Undecided

_KEYS = ("id", "kind", "culprit", "symptom", "snapshot", "source")
_MORE = ("caveat", "first")
BAD_OUTCOMES, GOOD_OUTCOMES = ("found", "pointed", "missed"), ("quiet", "warned", "refused")


@dataclass(frozen=True)
class Case:
    """One recorded environment."""

    id: str
    good: bool
    culprit: Tuple[str, ...]
    symptom: str
    source: str
    snapshot: Snapshot
    sample: str = ""
    """The name of its file, without the ending."""
    first: str = ""
    """The outcome when it was first asked; empty but for a blind sample."""


@dataclass(frozen=True)
class Judged:
    """What a matrix says of a case."""

    case: Case
    verdict: str
    found: bool
    pointed: bool
    undecided: int
    ids: Tuple[str, ...]
    """Errors and warnings."""

    @property
    def outcome(self) -> str:
        """`found`, `pointed` or `missed` of a bad case; `quiet`, `warned` or `refused` of a good one."""
        if self.case.good:
            return {"bad": "refused", "caution": "warned"}.get(self.verdict, "quiet")
        return "found" if self.found else "pointed" if self.pointed else "missed"


def read(paths: Sequence[Path]) -> List[Case]:
    """The cases of `.jsonl` files, or of all those in a folder. Raises `InputError` with file and line."""
    files = [file for path in paths for file in (sorted(path.glob("*.jsonl")) if path.is_dir() else [path])]
    if not files:
        raise InputError("holds no `.jsonl` file", where=", ".join(map(str, paths)))
    cases = [_case(line, f"{file}:{number}", file.stem) for file in files for number, line in _lines(file)]
    repeated = sorted({one.id for one in cases if sum(one.id == other.id for other in cases) > 1})
    if repeated:
        raise InputError(f"the id `{repeated[0]}` stands twice", where=str(paths[0]))
    return cases


def _lines(file: Path) -> Iterable[Tuple[int, str]]:
    return [(number, line) for number, line in enumerate(documents.read_text(file).splitlines(), 1) if line.strip()]


def _case(line: str, where: str, sample: str) -> Case:
    row: Any = documents.parse_json(line, where)
    if not isinstance(row, dict) or set(row) - {*_KEYS, *_MORE} or set(_KEYS) - set(row):
        raise InputError(f"a case has the keys {', '.join(_KEYS)} and perhaps {' and '.join(_MORE)}", where=where)
    if row["kind"] not in ("bad", "good") or row["symptom"] not in (*SYMPTOMS, "none"):
        raise InputError("`kind` is bad or good, `symptom` one of the words of docs/entries.md, or none", where=where)
    good, first = row["kind"] == "good", str(row.get("first", ""))
    outcomes = GOOD_OUTCOMES if good else BAD_OUTCOMES
    if first not in ("", *outcomes):
        raise InputError(f"`first` of a {row['kind']} case is one of {', '.join(outcomes)}", where=where)
    snapshot = wire.read(row["snapshot"], where, lambda message: None)
    return Case(str(row["id"]), good, tuple(map(str, row["culprit"])), str(row["symptom"]), str(row["source"]), snapshot, sample, first)


def judge(cases: Sequence[Case], checker: Checker) -> List[Judged]:
    """What the matrix of `checker` says of each."""
    return [_judged(case, checker.report(case.snapshot)) for case in cases]


def _judged(case: Case, report: Report) -> Judged:
    loud = [finding for finding in report.findings if finding.kind != "good" and finding.severity != "note"]
    found = any(_about(case, finding) for finding in loud)
    pointed = found or any(_about(case, item) for item in report.undecided if item.severity != "note")
    return Judged(case, report.verdict, found, pointed, len(report.undecided), tuple(finding.id for finding in loud))


def _about(case: Case, said: Finding | Undecided) -> bool:
    return bool(set(map(_folded, case.culprit)) & set(map(_folded, said.culprit)))


def _folded(culprit: str) -> str:
    """A setting is the config's, and NVIDIA's wheels are the libraries that they carry."""
    if culprit.startswith("train."):
        return "config"
    return {"nccl": "nvidia-nccl", "cudnn": "nvidia-cudnn"}.get(culprit, culprit.rpartition("-cu")[0] if culprit.startswith("nvidia-") else culprit)


def figures(judged: Sequence[Judged]) -> Dict[str, float]:
    """Shares of the bad cases found and pointed at, false alarms, share of good ones warned of, mean of the undecided on good ones."""
    bad, good = [one for one in judged if not one.case.good], [one for one in judged if one.case.good]
    return {
        "bad": len(bad),
        "good": len(good),
        "found": _share(one.found for one in bad),
        "pointed": _share(one.pointed for one in bad),
        "false_alarms": sum(one.verdict == "bad" for one in good),
        "warned": _share(one.verdict == "caution" for one in good),
        "undecided": round(sum(one.undecided for one in good) / max(1, len(good)), 2),
    }


def _share(of: Iterable[bool]) -> float:
    values = list(of)
    return round(sum(values) / max(1, len(values)), 3)


def changes(before: Sequence[Judged], after: Sequence[Judged]) -> List[Tuple[Judged, Judged]]:
    """The pairs whose verdict, or whose being found, differs."""
    return [(old, new) for old, new in zip(before, after) if (old.verdict, old.found) != (new.verdict, new.found)]


def worse(changed: Sequence[Tuple[Judged, Judged]]) -> List[Judged]:
    """Good environments that turned bad, and bad ones that are no longer found."""
    return [new for old, new in changed if new.case.good and new.verdict == "bad" and old.verdict != "bad" or not new.case.good and old.found and not new.found]


def markdown(counted: Mapping[str, float], changed: Sequence[Tuple[Judged, Judged]]) -> str:
    """A comment for a pull request."""
    lines = [f"Of {counted['bad']:.0f} environments recorded as bad {counted['found']:.1%} are found and {counted['pointed']:.1%} pointed at;"]
    lines.append(f"of {counted['good']:.0f} good ones {counted['false_alarms']:.0f} are refused and {counted['warned']:.1%} warned of.")
    if not changed:
        return "\n".join([*lines, "", "No recorded environment changes its verdict."]) + "\n"
    lines += ["", "| environment | recorded as | before | now | by |", "|---|---|---|---|---|"]
    for old, new in changed:
        by = ", ".join(sorted(set(new.ids) ^ set(old.ids))) or "-"
        lines.append(f"| {new.case.id} | {'good' if new.case.good else 'bad'} | {_word(old)} | {_word(new)} | {by} |")
    return "\n".join(lines) + "\n"


def samples(judged: Sequence[Judged]) -> str:
    """A table of the blind samples, each as it was first answered and as it is now; empty where none is among the cases."""
    blind = [one for one in judged if one.case.first]
    if not blind:
        return ""
    lines = ["| sample | bad | found | pointed at | good | warned | refused |", "|---|---|---|---|---|---|---|"]
    names = sorted({one.case.sample for one in blind})
    lines += [_sample(name, [one for one in blind if one.case.sample == name]) for name in names]
    if len(names) > 1:
        lines.append(_sample("all", blind))
    return "\nBlind samples, as first answered and as now:\n\n" + "\n".join(lines) + "\n"


def _sample(name: str, of: Sequence[Judged]) -> str:
    bad, good = [one for one in of if not one.case.good], [one for one in of if one.case.good]

    def both(among: Sequence[Judged], *outcomes: str) -> str:
        first, now = (sum(word in outcomes for word in words) for words in ([one.case.first for one in among], [one.outcome for one in among]))
        return f"{first} ({first / len(among):.0%}), now {now} ({now / len(among):.0%})" if among else "-"

    cells = [len(bad), both(bad, "found"), both(bad, "found", "pointed"), len(good), both(good, "warned"), both(good, "refused")]
    return f"| {name} | " + " | ".join(map(str, cells)) + " |"


def _word(one: Judged) -> str:
    return one.verdict + ("" if one.case.good else ", found" if one.found else ", pointed at" if one.pointed else ", missed")
