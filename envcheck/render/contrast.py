"""What differs between environments, as text and as JSON."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Sequence, Tuple

from envcheck.contrast import Comparison, Odd
from envcheck.model import Finding
from envcheck.render.escape import visible
from envcheck.render.text import page_lines

_SHOWN = 60
"""Differences shown; `--format json` has them all."""


def render(found: Comparison, names: Tuple[str, str], *, color: bool = False, width: int = 100) -> str:
    """Two environments side by side, what a finding rests on first."""
    rows = [(row.key, f"{row.one}  |  {row.other}{_ids(row.findings)}") for row in found.differs]
    text = page_lines([("", f"{names[0]}  |  {names[1]}"), *rows[:_SHOWN]], width, color) if rows else "no known fact differs\n"
    if len(rows) > _SHOWN:
        text += f"{len(rows) - _SHOWN} more differences are left out here; `--format json` has them all\n"
    for name, findings in zip(names, (found.only_one, found.only_other)):
        if findings:
            text += f"\nfound only in {visible(name)}\n" + page_lines([(one.severity, f"{one.title}  [{one.id}]") for one in findings], width, color)
    if found.unknown:
        text += f"\n{len(found.unknown)} facts are known of one side only: {visible(', '.join(found.unknown[:8]))}{' …' if len(found.unknown) > 8 else ''}\n"
    return text


def render_nodes(odd: Sequence[Odd], count: int, *, color: bool = False, width: int = 100) -> str:
    """Which nodes differ from the others, and in what."""
    if not odd:
        return f"{count} nodes, no known fact differs\n"
    text = ""
    for node in dict.fromkeys(one.node for one in odd):
        mine = [one for one in odd if one.node == node]
        rows = [(one.key, f"{one.value}  |  {one.usual} on {one.nodes} of {count}{_ids(one.findings)}") for one in mine]
        text += f"{visible(node)}\n" + page_lines(rows[:_SHOWN], width, color) + "\n"
    return text


def _ids(findings: Sequence[str]) -> str:
    return f"  [{', '.join(findings)}]" if findings else ""


def as_json(found: Comparison, names: Tuple[str, str]) -> str:
    """One line of JSON."""
    row: Dict[str, Any] = {
        "schema": 1,
        "names": list(names),
        "differs": [{"key": one.key, "values": [one.one, one.other], "findings": list(one.findings)} for one in found.differs],
        "only": [[_finding(one) for one in found.only_one], [_finding(one) for one in found.only_other]],
        "unknown": list(found.unknown),
    }
    return json.dumps(row, separators=(",", ":")) + "\n"


def nodes_json(odd: Sequence[Odd], count: int) -> str:
    """One line of JSON."""
    rows: List[Dict[str, Any]] = [
        {"node": one.node, "key": one.key, "value": one.value, "usual": one.usual, "nodes": one.nodes, "findings": list(one.findings)} for one in odd
    ]
    return json.dumps({"schema": 1, "nodes": count, "odd": rows}, separators=(",", ":")) + "\n"


def _finding(finding: Finding) -> Dict[str, Any]:
    return {"id": finding.id, "severity": finding.severity, "certainty": finding.certainty, "title": finding.title}
