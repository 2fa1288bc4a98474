"""Where a finding points: the line of the pin, so that other tools can show it there; and what names it from run to run."""

from __future__ import annotations

import re
from typing import Iterator, NamedTuple, Optional

from envcheck.model import Finding


class Place(NamedTuple):
    """A file as the user named it, with forward slashes, and a line from 1."""

    path: str
    line: int


# `requirements.txt:3`, one of several in `a.txt:1, b.txt:2`; `--gpu` and a folder of metadata are no lines of a file.
_LINE = re.compile(r"(?P<path>[^\x00-\x1f]+):(?P<line>[1-9][0-9]{0,8})")


def place(finding: Finding) -> Optional[Place]:
    """The line of what is to blame, else of anything the finding rests on; None where nothing came from a line of a file."""
    used = sorted(finding.facts, key=lambda one: one.key not in finding.culprit)
    return next((found for one in used for found in _places(one.origin)), None)


def _places(origin: str) -> Iterator[Place]:
    for part in origin.split(", "):
        found = _LINE.fullmatch(part)
        if found:
            path = found["path"].replace("\\", "/")
            yield Place(path[2:] if path.startswith("./") else path, int(found["line"]))


def fingerprint(label: str, finding: Finding) -> str:
    """32 hexadecimal digits that stay the same while the file moves its lines, and differ between two findings of a report."""
    import hashlib

    where = place(finding)
    parts = (label, finding.id, *finding.culprit, where.path if where else "", finding.title)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def told(finding: Finding) -> str:
    """What a finding says in one paragraph: the facts, why, and the ways out."""
    page = finding.page
    facts = ", ".join(f"{one.key} {one.value}" for one in finding.facts)
    parts = [f"Found: {facts}." if facts else "", page.cause, f"To fix it: {' | '.join(fix.rstrip('.') for fix in page.fix)}." if page.fix else ""]
    if finding.needs:
        parts.insert(1, f"It depends on {' and '.join(finding.needs)}, which nobody stated.")
    return " ".join(part for part in parts if part)
