"""Report -> JSON, one object on one line (docs/report.md)."""

from __future__ import annotations

import json
from typing import Any, Dict

from envcheck import wire
from envcheck.model import Entry, Finding, Nearest, Page, Report, Undecided

SCHEMA = 1
"""Raised when a key changes its meaning or goes; new keys do not raise it."""


def render(report: Report, label: str = "") -> str:
    """The report as one line of ASCII JSON."""
    return json.dumps(as_dict(report, label), separators=(",", ":"))


def as_dict(report: Report, label: str = "") -> Dict[str, Any]:
    """The report as plain values."""
    row: Dict[str, Any] = {
        "schema": SCHEMA,
        **({"label": label} if label else {}),
        "verdict": report.verdict,
        "findings": [_finding(finding) for finding in report.findings],
        "undecided": [_undecided(item) for item in report.undecided],
        "nearest": _nearest(report.nearest) if report.nearest else None,
        "snapshot": wire.write(report.snapshot),
    }
    if report.selftest:
        row["selftest"] = [dict(one) for one in report.selftest]
    return row


def _finding(finding: Finding) -> Dict[str, Any]:
    page = finding.page
    row: Dict[str, Any] = {
        "id": finding.id,
        "kind": finding.kind,
        "severity": finding.severity,
        "certainty": finding.certainty,
        "title": finding.title,
        "culprit": list(finding.culprit),
        "needs": list(finding.needs),
        "facts": [{"key": one.key, "value": one.value, "origin": one.origin} for one in finding.facts],
        "symptom": list(page.symptom),
        "cause": page.cause,
        "fix": list(page.fix),
        "links": list(page.links),
    }
    if finding.waiver:
        row["waived"] = {"reason": finding.waiver.reason, "until": finding.waiver.until or None, "origin": finding.waiver.origin}
    return row


def _undecided(item: Undecided) -> Dict[str, Any]:
    return {"id": item.id, "kind": item.kind, "severity": item.severity, "culprit": list(item.culprit), "title": item.title, "needs": list(item.needs)}


def _nearest(nearest: Nearest) -> Dict[str, Any]:
    differs = [{"key": one.key, "yours": one.yours, "known_good": one.known_good} for one in nearest.differs]
    return {"id": nearest.id, "title": nearest.title, "differs": differs}


def entry(entry: Entry, page: Page) -> Dict[str, Any]:
    """An entry with its page as plain values, for `envcheck matrix show`."""
    return {
        "id": entry.id,
        "kind": entry.kind,
        "severity": entry.severity,
        "title": entry.title,
        "culprit": list(entry.culprit),
        "when": entry.when,
        "unstated": page.unstated,
        "symptom": list(page.symptom),
        "signature": list(page.signature),
        "cause": page.cause,
        "fix": list(page.fix),
        "evidence": {"level": page.level, "links": list(page.links), "disputed": page.disputed},
        "withdrawn": page.withdrawn,
        "source": page.source,
    }
