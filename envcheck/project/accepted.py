"""Findings that a project accepts: by a waiver with a reason and a last day, or because its baseline file holds them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from envcheck import documents
from envcheck.errors import InputError
from envcheck.model import SEVERITIES, Finding, Labelled, Report, Waiver
from envcheck.wire import nearest

_SCHEMA = 1
Key = Tuple[str, str, Tuple[str, ...]]
"""Label of the report, id, culprits: what a finding is known by from run to run."""


class Accepted:
    """Marks the findings of one run's reports, and remembers which waivers and baseline rows were met."""

    def __init__(self, waivers: Sequence[Tuple[str, Waiver]] = (), today: str = "", baseline: Optional[str] = None) -> None:
        """`today` as `2026-11-22`; `baseline` is a file. Raises `InputError` where that cannot be read."""
        self._waivers = waivers
        self._today = today
        self._baseline = baseline or ""
        self._rows = _read(baseline) if baseline else {}
        self._met_ids: Set[str] = set()
        self._met_rows: Set[Key] = set()
        self._labels: Set[str] = set()

    def mark(self, reports: Iterable[Labelled]) -> Iterator[Labelled]:
        """The reports, one by one, with a waiver on each finding that is accepted."""
        for label, report in reports:
            self._labels.add(label)
            yield Labelled(label, self._marked(label, report))

    def _marked(self, label: str, report: Report) -> Report:
        if not self._waivers and not self._rows:
            return report
        return replace(report, findings=tuple(self._one(label, finding) for finding in report.findings))

    def _one(self, label: str, finding: Finding) -> Finding:
        if finding.kind == "good":
            return finding
        self._met_ids.add(finding.id)
        waiver = next((waiver for id, waiver in self._waivers if id == finding.id and waiver.until >= self._today), None)
        key = _key(label, finding)
        if key in self._rows:
            self._met_rows.add(key)
            # What has become worse since is new.
            if waiver is None and SEVERITIES.index(finding.severity) >= SEVERITIES.index(self._rows[key]):
                waiver = Waiver("known since the baseline", self._baseline)
        return replace(finding, waiver=waiver) if waiver else finding

    def remarks(self) -> List[str]:
        """What is to be said of waivers and baseline after all reports: expired, unused, no longer found."""
        said = [self._of_waiver(id, waiver) for id, waiver in self._waivers]
        gone = [key for key in self._rows if key not in self._met_rows and (key[0] in self._labels or not key[0])]
        said += [f"{self._baseline}: `{id}`{f' ({label})' if label else ''} is no longer found; `--write-baseline` takes it out" for label, id, _ in gone]
        return [one for one in said if one]

    def _of_waiver(self, id: str, waiver: Waiver) -> str:
        if id not in self._met_ids:
            near = nearest(id, self._met_ids, 0.7)
            return f"{waiver.origin}: the waiver of `{id}` is unused, nothing of that id was found" + (f"; did you mean `{near}`?" if near else "")
        return f"{waiver.origin}: the waiver of `{id}` has expired on {waiver.until}" if waiver.until < self._today else ""


def _key(label: str, finding: Finding) -> Key:
    return label, finding.id, finding.culprit


def baseline_of(reports: Iterable[Labelled]) -> str:
    """The text of a baseline file that holds every error, warning and note of these reports, one a line so that changes can be reviewed."""
    rows = [
        {"label": label, "id": one.id, "culprit": list(one.culprit), "severity": one.severity}
        for label, report in reports
        for one in report.findings
        if one.kind != "good" and (one.waiver is None or not one.waiver.until)
    ]
    rows.sort(key=lambda row: (row["label"], row["id"], row["culprit"]))
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    return f'{{"schema": {_SCHEMA}, "findings": [\n{lines}\n]}}\n'


def _read(path: str) -> Mapping[Key, str]:
    document: Any = documents.plain_json(documents.read_text(path), path)
    try:
        found: Dict[Key, str] = {}
        if document["schema"] != _SCHEMA:
            raise ValueError(document["schema"])
        for row in document["findings"]:
            key = (str(row["label"]), str(row["id"]), tuple(map(str, row["culprit"])))
            # Several findings may share a key; the worst of them is what is known.
            found[key] = min(found.get(key, SEVERITIES[-1]), row["severity"], key=SEVERITIES.index)
    except (KeyError, TypeError, ValueError):
        raise InputError("is no baseline of this release of envcheck", where=path, hint=f"`envcheck check --write-baseline {path}` writes one") from None
    return found
