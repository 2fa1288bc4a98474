"""Reports -> Markdown: a comment on a pull request, or GitHub's job summary. Nothing that came from outside can become markup."""

from __future__ import annotations

import re
from typing import Iterable, Iterator, List

from envcheck.model import Finding, Labelled, Report
from envcheck.render.escape import visible
from envcheck.render.places import place
from envcheck.render.words import counted, subject

_MOST_ROWS = 50
"""A comment may hold 65,536 characters on GitHub; the rest is counted."""
MARK = "<!-- envcheck -->"
"""The first line, by which a comment is found again and replaced."""


def render(reports: Iterable[Labelled]) -> str:
    """One section a report: verdict, a table of findings, and the ways out of those that count."""
    return "\n".join([MARK, *(line for label, report in reports for line in _section(label, report))]) + "\n"


def _section(label: str, report: Report) -> Iterator[str]:
    yield f"### envcheck{f' {_code(label)}' if label else ''}: {report.verdict}"
    yield ""
    yield f"{_text(subject(report.snapshot))}: {counted(report.findings)}."
    yield ""
    shown = [finding for finding in report.findings if finding.kind != "good"]
    if shown:
        yield "| | finding | where | found |"
        yield "|---|---|---|---|"
        yield from (_row(finding) for finding in shown[:_MOST_ROWS])
        if len(shown) > _MOST_ROWS:
            yield f"| | and {len(shown) - _MOST_ROWS} more | | |"
        yield ""
    for finding in [finding for finding in shown if finding.waiver is None and finding.severity != "note"][:_MOST_ROWS]:
        yield from _details(finding)


def _row(finding: Finding) -> str:
    where = place(finding)
    label = finding.severity + (", possible" if finding.certainty != "certain" else "") + (", waived" if finding.waiver else "")
    facts = ", ".join(_code(f"{one.key} {one.value}") for one in finding.facts)
    return f"| {label} | {_text(finding.title)} {_code(finding.id)} | {_code(f'{where.path}:{where.line}') if where else ''} | {facts} |"


def _details(finding: Finding) -> Iterator[str]:
    page = finding.page
    lines: List[str] = [_text(page.cause)] if page.cause else []
    lines += [f"* {'fix' if number == 0 else 'or'}: {_text(fix)}" for number, fix in enumerate(page.fix)]
    lines += [f"* seen: {_link(link)}" for link in page.links[:2]]
    if lines:
        yield f"<details><summary>{_html(finding.title)}</summary>"
        yield ""
        yield from lines
        yield ""
        yield "</details>"
        yield ""


_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~-])")
# A forge looks for mentions and issue numbers in the finished HTML, where an entity is the character again: a comment parts them.
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@<!-- -->", "#": "#<!-- -->", ":": "&#58;"}


def _text(text: str) -> str:
    """Text with nothing in it that Markdown, HTML, or a forge (mentions, bare links) would act on."""
    return _html(_MARKUP.sub(r"\\\1", visible(text)))


def _html(text: str) -> str:
    """Text inside of an HTML block, where Markdown's escapes would be shown."""
    return "".join(_HTML.get(char, char) for char in visible(text))


def _code(text: str) -> str:
    """Text as code; HTML's tag, because a backtick in Markdown's code span cannot be escaped."""
    escaped = "".join(f"&#{ord(char)};" if char in "&<>@:`|*_[]\\~#!" else char for char in visible(text))
    return f"<code>{escaped}</code>"


_PLAIN_LINK = re.compile(r"https://[A-Za-z0-9./_?=&%#~+-]+")


def _link(link: str) -> str:
    return f"<{link}>" if _PLAIN_LINK.fullmatch(link) else _text(link)
