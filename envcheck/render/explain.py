"""An entry or a rule as a page for a person."""

from __future__ import annotations

from typing import Any, List, Mapping, Tuple

from envcheck.model import Entry, Page, Reproducer
from envcheck.render.text import page_lines


def render(entry: Entry, page: Page, *, color: bool = False, width: int = 100) -> str:
    """The page of one entry."""
    withdrawn = f", withdrawn: {page.withdrawn}" if page.withdrawn else ""
    pairs = [(entry.id, entry.title), ("kind", f"{entry.kind}, {entry.severity}{withdrawn}"), ("culprit", ", ".join(entry.culprit))]
    pairs += [("when" if number == 0 else "", line) for number, line in enumerate(_conditions(entry.when))]
    if page.unstated:
        pairs.append(("unstated", f"warns without those settings: {page.unstated}"))
    return page_lines([*pairs, *_rest(page)], width, color)


def rule(id: str, title: str, page: Page, *, color: bool = False, width: int = 100) -> str:
    """The page of one rule, which code decides and not conditions."""
    return page_lines([(id, title), ("kind", "rule: computed from facts"), *_rest(page)], width, color)


def _rest(page: Page) -> List[Tuple[str, str]]:
    pairs: List[Tuple[str, str]] = []
    if page.symptom:
        pairs.append(("symptom", ", ".join(page.symptom)))
    pairs += [("in the log" if number == 0 else "", pattern) for number, pattern in enumerate(page.signature)]
    pairs.append(("why", page.cause))
    if page.disputed:
        pairs.append(("caveat", page.disputed))
    pairs += [("fix" if number == 0 else "or", fix) for number, fix in enumerate(page.fix)]
    if page.level:
        pairs.append(("evidence", page.level))
    pairs += [("seen" if number == 0 else "", link) for number, link in enumerate(page.links)]
    pairs += _reproducer(page.reproducer) if page.reproducer else []
    if page.source:
        pairs.append(("source", page.source))
    return pairs


def _reproducer(found: Reproducer) -> List[Tuple[str, str]]:
    """Both sides and the script, so that a reader can try it without the sources."""
    python = f"Python {found.python}, " if found.python else ""
    sides = [f"fails: {python}{', '.join(found.bad)}", f"passes: {python}{', '.join(found.good)}"]
    lines = [*sides, *(f"{name}={value}" for name, value in found.env.items()), *found.run.splitlines(), f"fails with {found.fails}"]
    return [("reproducer" if number == 0 else "", line) for number, line in enumerate(lines)]


def _conditions(when: Mapping[str, Any], indent: str = "") -> List[str]:
    lines = []
    for key, argument in when.items():
        if key == "any":
            lines.append(f"{indent}any of")
            for branch in argument:
                inner = _conditions(branch, indent + "    ")
                lines += [f"{indent}  - {inner[0].strip()}", *inner[1:]]
        elif key == "not":
            lines += [f"{indent}not", *_conditions(argument, indent + "  ")]
        else:
            lines.append(f"{indent}{key} {' or '.join(argument) if isinstance(argument, (list, tuple)) else argument}")
    return lines
