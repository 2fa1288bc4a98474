"""Reports -> str, one file a format."""

from __future__ import annotations

import importlib
from typing import Callable, Dict, Iterable

from envcheck.model import Labelled

Renderer = Callable[..., str]


def _text(reports: Iterable[Labelled], *, color: bool = False, width: int = 100, fail_on: str = "error") -> str:
    from envcheck.render import text

    return "".join(f"{_heading(label)}{text.render(report, color=color, width=width)}" + ("\n" if label else "") for label, report in reports)


def _heading(label: str) -> str:
    from envcheck.render.escape import visible

    return f"{visible(label)}\n" if label else ""


def _json(reports: Iterable[Labelled], *, color: bool = False, width: int = 100, fail_on: str = "error") -> str:
    from envcheck.render import json_report

    return "".join(json_report.render(report, label) + "\n" for label, report in reports)


def _format(module: str, gates: bool = False) -> Renderer:
    """The renderer of a format that is the same for a terminal and a file: `render(reports)` of its module, loaded when it is called.

    One that `gates` is also told which severity fails the run.
    """

    def render(reports: Iterable[Labelled], *, color: bool = False, width: int = 100, fail_on: str = "error") -> str:
        found: Renderer = importlib.import_module(f"envcheck.render.{module}").render
        return found(reports, fail_on) if gates else found(reports)

    return render


RENDERERS: Dict[str, Renderer] = {
    "text": _text,
    "json": _json,
    "sarif": _format("sarif"),
    "junit": _format("junit", gates=True),
    "github": _format("github"),
    "gitlab": _format("gitlab"),
    "markdown": _format("markdown"),
    "csv": _format("csv_report"),
}
"""Format -> (reports, color, width, fail_on) -> str, ending with a line break; each loads what it needs when it is called, rich costs a third of a run."""
