"""Reports -> GitLab's Code Quality report (https://docs.gitlab.com/ci/testing/code_quality/)."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterable

from envcheck.model import Finding, Labelled
from envcheck.render.escape import visible
from envcheck.render.places import fingerprint, place, told

_SEVERITIES = {"error": "critical", "warning": "major", "note": "info"}
_NO_FILE = "envcheck"
"""GitLab wants a path; what was read of a machine has none."""


def render(reports: Iterable[Labelled]) -> str:
    """A JSON array, one object for each finding that is not waived."""
    rows = [_row(label, one) for label, report in reports for one in report.findings if one.kind != "good" and one.waiver is None]
    return json.dumps(rows, indent=1) + "\n"


def _row(label: str, finding: Finding) -> Dict[str, Any]:
    where = place(finding)
    prefix = f"{label}: " if label else ""
    return {
        "description": visible(f"{prefix}{finding.title}. {told(finding)}".strip()),
        "check_name": finding.id,
        "fingerprint": fingerprint(label, finding),
        "severity": _SEVERITIES[finding.severity] if finding.certainty == "certain" else "minor",
        "location": {"path": visible(where.path) if where else _NO_FILE, "lines": {"begin": where.line if where else 1}},
    }
