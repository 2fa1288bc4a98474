"""Reports -> JUnit XML: one suite a report, one case a finding. Jenkins, GitLab and others list them beside the tests."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Iterable, List

from envcheck.model import Finding, Labelled, Report, reaches
from envcheck.render.escape import visible
from envcheck.render.places import place, told
from envcheck.render.words import counted

# What XML 1.0 cannot hold even as a reference, and `visible` leaves alone.
_NO_XML = re.compile("[\ufffe\uffff]")


def render(reports: Iterable[Labelled], fail_on: str = "error") -> str:
    """What reaches `fail_on` fails its case; what fails no run and what is waived is skipped; nothing found is one case that passes."""
    suites = ET.Element("testsuites", {"name": "envcheck"})
    for label, report in reports:
        suites.append(_suite(label, report, fail_on))
    for name in ("tests", "failures", "skipped", "errors"):
        suites.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _suite(label: str, report: Report, fail_on: str) -> ET.Element:
    shown = [finding for finding in report.findings if finding.kind != "good"]
    cases: List[ET.Element] = [_case(finding, fail_on) for finding in shown] or [
        ET.Element("testcase", {"classname": "envcheck", "name": report.verdict, "time": "0"})
    ]
    failures, skipped = (sum(case.find(name) is not None for case in cases) for name in ("failure", "skipped"))
    numbers = {"tests": len(cases), "failures": failures, "errors": 0, "skipped": skipped, "time": 0}
    suite = ET.Element("testsuite", {"name": _safe(f"envcheck {label}".strip()), **{key: str(number) for key, number in numbers.items()}})
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = _safe(f"{report.verdict}: {counted(shown)}")
    return suite


def _case(finding: Finding, fail_on: str) -> ET.Element:
    where = place(finding)
    position = {"file": _safe(where.path), "line": str(where.line)} if where else {}
    case = ET.Element("testcase", {"classname": _safe(f"envcheck.{'.'.join(finding.culprit)}"), "name": _safe(finding.id), "time": "0", **position})
    if finding.waiver:
        ET.SubElement(case, "skipped", {"message": _safe(f"waived: {finding.waiver.text}")})
    elif not reaches(finding.severity, fail_on):
        ET.SubElement(case, "skipped", {"message": _safe(f"{finding.severity}: {finding.title}. {told(finding)}".strip())})
    else:
        ET.SubElement(case, "failure", {"message": _safe(finding.title), "type": finding.certainty}).text = _safe(told(finding))
    return case


def _safe(text: str) -> str:
    return _NO_XML.sub("?", visible(text))
