"""What a log names, as text and as JSON."""

from __future__ import annotations

import json
from typing import Any, Collection, Dict, List, Sequence, Tuple

from envcheck.model import UsedFact
from envcheck.render.escape import visible
from envcheck.render.text import page_lines
from envcheck.signatures import Log, MissingName, Named

_SHOWN = 5
"""Entries shown with their pages; the rest is one line each."""
_STANDING = {"fits": "the environment fits it", "open": "", "ruled-out": "the environment given here is not one it is about"}


def render(log: Log, where: str, *, color: bool = False, width: int = 100, told: Collection[str] = ()) -> str:
    """Text for a person; a calm line where nothing is known. Of the ids that are `told` elsewhere only the line that names them is shown."""
    text = "".join(page_lines(_missing(one, where), width, color) + "\n" for one in log.missing)
    for one in (one for one in log.named if one.id in told):
        text += f"{visible(one.title)}  [{one.id}]\n{page_lines(_named(one, where)[:1], width, color)}\n"
    live = [one for one in log.named if one.standing != "ruled-out" and one.id not in told]
    text += "".join(f"{visible(one.title)}  [{one.id}]\n{page_lines(_named(one, where), width, color)}\n" for one in live[:_SHOWN])
    more = [(one.id, one.title) for one in live[_SHOWN:]]
    out = [(one.id, f"{one.title} ({_STANDING['ruled-out']})") for one in log.named if one.standing == "ruled-out"]
    if more or out:
        text += page_lines([*more, *out], width, color)
    return text or f"nothing that envcheck knows is named in {where}\n"


def _named(one: Named, where: str) -> List[Tuple[str, str]]:
    pairs = [("seen", f"{where}:{one.seen.last}: {one.seen.text.strip()[:300]}")]
    if one.seen.times > 1:
        pairs.append(("", f"{one.seen.times} times, first on line {one.seen.line}"))
    if one.standing == "fits":
        used = ", ".join(f"{fact.key} {fact.value}" for fact in one.facts)
        pairs.append(("fits", used or _STANDING["fits"]))
    pairs.append(("why", one.page.cause))
    pairs += [("fix" if number == 0 else "or", fix) for number, fix in enumerate(one.page.fix)]
    return pairs + [("links" if number == 0 else "", link) for number, link in enumerate(one.page.links[:2])]


def _missing(one: MissingName, where: str) -> List[Tuple[str, str]]:
    pairs = [("missing name", f"`{one.name}` of {one.module}"), ("seen", f"{where}:{one.line}: {one.text.strip()[:300]}")]
    if not one.of:
        return [*pairs, ("", "the table of names does not know it; compare the releases of the package that imports it and of the one that should have it")]
    pairs.append(("lacked by", f"{one.of}{' and '.join(one.lacks)}"))
    if one.first:
        pairs.append(("first in", f"{one.of} {one.first}"))
    if one.last:
        pairs.append(("last in", f"{one.of} {one.last}"))
    return pairs + [("imported by" if number == 0 else "", importer) for number, importer in enumerate(one.importers[:6])]


def as_json(log: Log) -> str:
    """One line of JSON."""
    return json.dumps(as_dict(log), separators=(",", ":")) + "\n"


def as_dict(log: Log) -> Dict[str, Any]:
    """Plain values."""
    return {"schema": 1, "named": [_row(one) for one in log.named], "missing_names": [one._asdict() for one in log.missing]}


def _row(one: Named) -> Dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "severity": one.severity,
        "title": one.title,
        "standing": one.standing,
        "line": one.seen.last,
        "first_line": one.seen.line,
        "count": one.seen.times,
        "text": one.seen.text,
        "cause": one.page.cause,
        "fix": list(one.page.fix),
        "links": list(one.page.links),
        "facts": _facts(one.facts),
    }


def _facts(facts: Sequence[UsedFact]) -> List[Dict[str, Any]]:
    return [{"key": fact.key, "value": fact.value, "origin": fact.origin} for fact in facts]
