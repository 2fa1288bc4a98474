"""A bug report as it was understood: what was read, what contradicts, what the log names, and the verdict."""

from __future__ import annotations

import json
from typing import Sequence, Tuple

from envcheck.model import Fact, Report, Snapshot
from envcheck.render import json_report, log, text
from envcheck.render.escape import visible
from envcheck.signatures import Log

Part = Tuple[str, int]


def render(report: Report, found: Log, parts: Sequence[Part], ignored: Sequence[str], where: str, *, color: bool = False, width: int = 100) -> str:
    """Text for a person."""
    rows = [*_facts(report.snapshot)]
    shown = "read\n" + text.page_lines([*((f"line {line}", what) for what, line in parts), *rows], width, color) + "\n"
    if ignored:
        shown += "not counted\n" + "".join(f"  {visible(sentence)}\n" for sentence in ignored) + "\n"
    if found.named or found.missing:
        shown += "named by the log\n\n" + log.render(found, where, color=color, width=width, told={finding.id for finding in report.findings})
    return shown + text.render(report, color=color, width=width)


def _facts(snapshot: Snapshot) -> Sequence[Tuple[str, str]]:
    rows = [(key, _fact(fact)) for key, fact in snapshot.facts.items()]
    rows += [("gpu", f"{f'{gpu.count} x ' if gpu.count else ''}{gpu.name}  {gpu.origin}") for gpu in snapshot.gpus or ()]
    for room, prefix in ((snapshot.packages, ""), (snapshot.env, "env."), (snapshot.train, "train.")):
        rows += [(prefix + key, _fact(fact)) for key, fact in room.items()]
    return rows


def _fact(fact: Fact) -> str:
    return f"{'not installed' if fact.value == 'absent' else fact.value}  {fact.origin}" if fact.is_known else f"unknown: {fact.reason}"


def as_json(report: Report, found: Log, parts: Sequence[Part], ignored: Sequence[str]) -> str:
    """One line of JSON: the report as `check` writes it, with what was read and what the log names."""
    read = [{"what": what, "line": line} for what, line in parts]
    row = {"schema": 1, "read": read, "not_counted": list(ignored), "log": log.as_dict(found), "report": json_report.as_dict(report)}
    return json.dumps(row, separators=(",", ":")) + "\n"
