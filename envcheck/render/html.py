"""Report -> HTML, which notebooks show in place of the plain form. Nothing in it runs, and nothing that came from outside can become markup."""

from __future__ import annotations

from html import escape
from typing import Iterator

from envcheck.model import Finding, Report
from envcheck.render.escape import visible
from envcheck.render.words import counted, subject

_COLOURS = {"error": "#b3261e", "warning": "#8a6100", "note": "#33618d", "bad": "#b3261e", "caution": "#8a6100", "known-good": "#1e6b34", "untested": "#33618d"}


def render(report: Report) -> str:
    """One block: the verdict, and each finding with its cause and ways out."""
    shown = [finding for finding in report.findings if finding.kind != "good"]
    head = f'<p><b style="color:{_COLOURS[report.verdict]}">{report.verdict}</b> {_text(subject(report.snapshot))}: {counted(shown)}</p>'
    return f'<div class="envcheck">{head}{"".join(part for finding in shown for part in _finding(finding))}</div>'


def _finding(finding: Finding) -> Iterator[str]:
    page = finding.page
    label = finding.severity + (", possible" if finding.certainty != "certain" else "") + (", waived" if finding.waiver else "")
    facts = ", ".join(f"{one.key} {one.value}" for one in finding.facts)
    yield f'<details><summary><b style="color:{_COLOURS[finding.severity]}">{label}</b> {_text(finding.title)} <code>{_text(finding.id)}</code></summary>'
    yield f"<p>{_text(facts)}</p><p>{_text(page.cause)}</p><ul>"
    for fix in page.fix:
        yield f"<li>{_text(fix)}</li>"
    for link in page.links:
        yield f'<li><a href="{_text(link)}">{_text(link)}</a></li>' if link.startswith("https://") else f"<li>{_text(link)}</li>"
    yield "</ul></details>"


def _text(text: str) -> str:
    return escape(visible(text))
