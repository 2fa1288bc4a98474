"""What the matrix covers: entries by package, kind, symptom and evidence, open upper bounds, and how old the reviews are."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, List, Mapping, Sequence

from envcheck import versions
from envcheck.conditions import CONDITIONS
from envcheck.matrix.schema import Draft
from envcheck.workshop.work import Workbench


def counted(bench: Workbench) -> Dict[str, Any]:
    """The figures, as `--format json` prints them."""
    drafts = bench.drafts
    against = [draft for draft in drafts if draft.entry.kind != "good"]
    return {
        "entries": len(drafts),
        "withdrawn": sum(work.draft is not None and work.draft.page.withdrawn != "" for work in bench.works),
        "kind": _count(draft.entry.kind for draft in drafts),
        "severity": _count(f"{draft.entry.kind}, {draft.entry.severity}" for draft in against),
        "symptom": _count(word for draft in against for word in draft.page.symptom),
        "evidence": _count(draft.page.level for draft in drafts),
        "package": {name: _package(name, against, bench) for name in sorted({name for draft in against for name in draft.entry.culprit})},
        "good": _count(_torch(draft) for draft in drafts if draft.entry.kind == "good"),
        "open upper bounds": sorted(draft.entry.id for draft in against if _is_open(draft)),
        "reviewed": _count(str(work.document["evidence"]["reviewed"])[:7] for work in bench.works if work.draft is not None),
    }


def _count(words: Any) -> Dict[str, int]:
    return dict(sorted(Counter(words).items(), key=lambda pair: (-pair[1], pair[0])))


def _package(name: str, against: Sequence[Draft], bench: Workbench) -> Dict[str, Any]:
    mine = [draft for draft in against if name in draft.entry.culprit]
    known = bench.releases(name)
    row: Dict[str, Any] = {"entries": len(mine), "silent": sum(bool({*draft.page.symptom} & SILENT) for draft in mine)}
    if known:
        touched = {version for draft in mine for one in _arguments(draft.entry.when, name) for version in bench.released(name, one)}
        row.update(releases=len(known), touched=len(touched))
    return row


SILENT = {"zero-loss", "nan-loss", "nan-grad", "zero-grad", "wrong-numerics", "loss-spike"}
"""Symptoms that a run shows late or never."""


def _arguments(when: Mapping[str, Any], name: str) -> List[str]:
    found: List[str] = []
    for key, argument in when.items():
        if key == "any":
            found += [one for branch in argument for one in _arguments(branch, name)]
        elif key == name:
            found += [one for one in ([argument] if isinstance(argument, str) else argument) if one not in ("installed", "absent")]
    return found


def _is_open(draft: Draft) -> bool:
    """Whether no culprit's condition has an upper bound."""
    bounds = [one for name in draft.entry.culprit if name not in CONDITIONS for one in _arguments(draft.entry.when, name)]
    return bool(bounds) and all(versions.specifier(one).intervals[-1][1] == versions.HIGHEST for one in bounds)


def _torch(draft: Draft) -> str:
    pins = draft.entry.when.get("torch", "without torch")
    listed = [pins] if isinstance(pins, str) else pins
    return ", ".join(dict.fromkeys(".".join(one.lstrip("=").split(".")[:2]) for one in listed))


def markdown(rows: Mapping[str, Any]) -> str:
    """The figures as tables for docs/matrix.md."""
    kinds = ", ".join(f"{number} {kind}" for kind, number in rows["kind"].items())
    parts = [f"{rows['entries']} entries: {kinds}; {rows['withdrawn']} withdrawn.\n"]
    for title, key in (("Severity", "severity"), ("Symptom", "symptom"), ("Evidence", "evidence"), ("Known-good combinations by torch", "good")):
        parts.append(_table((title, "entries"), [(name, number) for name, number in rows[key].items()]))
    packages = sorted(rows["package"].items(), key=lambda pair: (-pair[1]["entries"], pair[0]))
    body = [(name, row["entries"], row["silent"], row.get("releases", ""), row.get("touched", "")) for name, row in packages]
    parts.append(_table(("Culprit", "entries", "silent", "releases known", "releases an entry speaks of"), body))
    parts.append(f"Without an upper bound on any culprit: {len(rows['open upper bounds'])}.\n")
    return "\n".join(parts)


def _table(head: Sequence[str], body: Sequence[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in body]) + "\n"
