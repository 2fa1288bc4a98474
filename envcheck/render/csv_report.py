"""Reports -> CSV (RFC 4180), one row a finding, for spreadsheets."""

from __future__ import annotations

import csv
import io
from typing import Iterable

from envcheck.model import Labelled
from envcheck.render.escape import visible
from envcheck.render.places import place

COLUMNS = ("label", "verdict", "severity", "certainty", "id", "title", "culprit", "file", "line", "facts", "fix", "waived", "links")


def render(reports: Iterable[Labelled]) -> str:
    """A header and one row for each finding; a report without findings has a row with its verdict alone."""
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(COLUMNS)
    for label, report in reports:
        findings = [finding for finding in report.findings if finding.kind != "good"]
        for finding in findings:
            where = place(finding)
            cells = (
                label,
                report.verdict,
                finding.severity,
                finding.certainty,
                finding.id,
                finding.title,
                " ".join(finding.culprit),
                where.path if where else "",
                str(where.line) if where else "",
                "; ".join(f"{one.key} {one.value}" for one in finding.facts),
                " | ".join(finding.page.fix),
                finding.waiver.text if finding.waiver else "",
                " ".join(finding.page.links),
            )
            rows.writerow([_cell(cell) for cell in cells])
        if not findings:
            rows.writerow([_cell(label), report.verdict, *[""] * (len(COLUMNS) - 2)])
    return written.getvalue()


def _cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (https://owasp.org/www-community/attacks/CSV_Injection)."""
    shown = visible(text)
    return f"'{shown}" if shown.lstrip(" ")[:1] in ("=", "+", "-", "@") else shown
