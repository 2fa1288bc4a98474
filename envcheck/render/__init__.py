"""Report -> str, one file a format."""

from __future__ import annotations

from typing import Callable, Dict

from envcheck.model import Report


def _text(report: Report, *, color: bool = False, width: int = 100) -> str:
    from envcheck.render import text

    return text.render(report, color=color, width=width)


def _json(report: Report, *, color: bool = False, width: int = 100) -> str:
    from envcheck.render import json_report

    return json_report.render(report) + "\n"


RENDERERS: Dict[str, Callable[..., str]] = {"text": _text, "json": _json}
"""Format -> (report, color, width) -> str; each loads what it needs when it is called, rich costs a third of a run."""
