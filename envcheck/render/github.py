"""Reports -> GitHub's workflow commands: one annotation a finding, on the line of the pin
(https://docs.github.com/actions/reference/workflow-commands-for-github-actions).
"""

from __future__ import annotations

from typing import Iterable, Iterator

from envcheck.model import Finding, Labelled, Report
from envcheck.render.escape import visible
from envcheck.render.places import place, told
from envcheck.render.words import counted

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def render(reports: Iterable[Labelled]) -> str:
    """Annotations of what is not waived, and the verdict as a plain line."""
    return "".join(f"{line}\n" for label, report in reports for line in _lines(label, report))


def _lines(label: str, report: Report) -> Iterator[str]:
    for finding in report.findings:
        if finding.kind != "good" and finding.waiver is None:
            yield _annotation(label, finding)
    yield _plain(f"envcheck: {f'{label}: ' if label else ''}{report.verdict}, {counted(report.findings)}")


def _annotation(label: str, finding: Finding) -> str:
    where = place(finding)
    possible = "" if finding.certainty == "certain" else " (possible)"
    properties = {"file": where.path, "line": str(where.line)} if where else {}
    properties["title"] = f"{finding.title}{possible}"
    pairs = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    text = f"{f'{label}: ' if label else ''}{told(finding)} [{finding.id}]"
    return f"::{_COMMANDS[finding.severity]} {pairs}::{_data(text.strip())}"


def _data(text: str) -> str:
    # Control characters become visible escapes first, so that no line break is left to be written as %0A.
    return visible(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _plain(text: str) -> str:
    """A line that begins no command; the runner still takes the old form `##[…]` anywhere in a line."""
    return visible(text).replace("##[", "# #[")
