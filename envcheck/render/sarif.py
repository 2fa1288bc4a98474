"""Reports -> SARIF 2.1.0, which code scanning shows on the line of the pin (https://docs.oasis-open.org/sarif/sarif/v2.1.0/)."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterable, List
from urllib.parse import quote

from envcheck import __version__
from envcheck.model import Finding, Labelled
from envcheck.render.escape import visible
from envcheck.render.places import Place, fingerprint, place, told

_LEVELS = {"error": "error", "warning": "warning", "note": "note"}
_RANKS = {"certain": 90.0, "possible": 40.0}


def render(reports: Iterable[Labelled]) -> str:
    """One SARIF log with one run for each report; `automationDetails` tells the runs apart."""
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [_run(label, one.findings) for label, one in reports]}
    return json.dumps(log, indent=1) + "\n"


def _run(label: str, findings: Iterable[Finding]) -> Dict[str, Any]:
    shown = [finding for finding in findings if finding.kind != "good"]
    rules = {finding.id: finding for finding in shown}
    numbers = {id: number for number, id in enumerate(rules)}
    return {
        "tool": {"driver": {"name": "envcheck", "semanticVersion": __version__, "version": __version__, "rules": [_rule(one) for one in rules.values()]}},
        "automationDetails": {"id": f"envcheck/{visible(label)}/" if label else "envcheck/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(label, finding, numbers[finding.id]) for finding in shown],
    }


def _rule(finding: Finding) -> Dict[str, Any]:
    page = finding.page
    row: Dict[str, Any] = {
        "id": finding.id,
        "shortDescription": {"text": visible(finding.title)},
        "fullDescription": {"text": visible(page.cause or finding.title)},
        "help": {"text": _help(finding)},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {"tags": ["compatibility", *(visible(name) for name in finding.culprit)], "precision": _precision(finding)},
    }
    link = next((link for link in page.links if link.startswith("https://")), None)
    return {**row, "helpUri": link} if link else row


def _help(finding: Finding) -> str:
    page = finding.page
    lines = [page.cause, *(f"Fix: {fix}" for fix in page.fix), *(f"Seen: {link}" for link in page.links)]
    return "\n".join(visible(line) for line in lines if line) or visible(finding.title)


def _precision(finding: Finding) -> str:
    return "very-high" if finding.certainty == "certain" else "medium"


def _result(label: str, finding: Finding, number: int) -> Dict[str, Any]:
    row: Dict[str, Any] = {
        "ruleId": finding.id,
        "ruleIndex": number,
        "level": _LEVELS[finding.severity],
        "rank": _RANKS.get(finding.certainty, 40.0),
        "message": {"text": visible(f"{finding.title}. {told(finding)}".strip())},
        "locations": _locations(finding),
        "partialFingerprints": {"envcheck/v1": fingerprint(label, finding)},
    }
    if finding.waiver:
        row["suppressions"] = [{"kind": "external", "status": "accepted", "justification": visible(finding.waiver.text)}]
    return row


def _locations(finding: Finding) -> List[Dict[str, Any]]:
    where = place(finding)
    if where is None:
        return []
    return [{"physicalLocation": {"artifactLocation": {"uri": _uri(where)}, "region": {"startLine": where.line}}}]


def _uri(where: Place) -> str:
    """A relative reference as RFC 3986 has it; an absolute path is a `file:` URI."""
    path = visible(where.path)
    if path.startswith("/"):
        return "file://" + quote(path)
    return f"file:///{quote(path)}" if path[1:3] == ":/" else quote(path)
