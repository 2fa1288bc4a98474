"""A report -> its parts: fences, tables and sections, each with the numbers of its lines. What a template says in comments is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from envcheck.inputs.reports.keyed import Line

_FENCE = re.compile(r"\s*(?P<mark>`{3,}|~{3,})\s*(?P<language>[\w+.#-]*).*")
_QUOTE = re.compile(r"^(?:\s{0,3}>\s?)+")
_HEADING = re.compile(r"#{1,6}\s+\S.*|\*\*[^*]{2,60}\*\*:?\s*")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_TAG = re.compile(r"</?(?:details|summary|pre|code|br|p|b|h[1-6]|table|tbody|tr|td|th)[^>]{0,80}>", re.IGNORECASE)


class Part(NamedTuple):
    """A piece of the report."""

    lines: list[Line]
    fenced: bool
    language: str

    @property
    def text(self) -> str:
        """Its lines without their numbers."""
        return "\n".join(line for _, line in self.lines)


_LONGEST = 10_000
"""Characters of a line that are looked at."""


def _without_comments(text: str) -> str:
    """The text with its line breaks and without `<!-- … -->`; one that does not end is none."""
    kept: list[str] = []
    at = 0
    while True:
        begin = text.find("<!--", at)
        end = text.find("-->", begin) if begin >= 0 else -1
        if end < 0:
            return "".join([*kept, text[at:]])
        kept += [text[at:begin], "\n" * text.count("\n", begin, end)]
        at = end + 3


def split(text: str) -> Iterator[Part]:
    """The parts in order; an open fence ends with the text."""
    plain = _without_comments(_ANSI.sub("", text))
    mark, language, lines = "", "", []  # type: tuple[str, str, list[Line]]
    for number, line in enumerate(plain.split("\n"), 1):
        line = line[:_LONGEST]
        line = _QUOTE.sub("", line) if not mark and line.lstrip().startswith(">") else line
        fence = _FENCE.fullmatch(line)
        closes = bool(mark and fence and fence["mark"].startswith(mark) and not fence["language"])
        if closes or (fence and not mark) or (not mark and _HEADING.fullmatch(line)):
            if lines:
                yield Part(lines, bool(mark), language)
            mark, language = (fence["mark"], fence["language"].lower()) if fence and not closes else ("", "")
            lines = [] if fence else [(number, line)]
        else:
            lines.append((number, line if mark else _TAG.sub(" ", line)))
    if lines:
        yield Part(lines, bool(mark), language)
