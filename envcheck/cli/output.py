"""Where reports go: one format on standard output, others into files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, List, NamedTuple, Optional, Sequence

import click

from envcheck.cli import talk
from envcheck.errors import InputError
from envcheck.model import Labelled
from envcheck.render import RENDERERS


class Output(NamedTuple):
    """A format and the file it goes to."""

    format: str
    path: str


class _OutputType(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    name = "FORMAT=FILE"

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Output:
        if isinstance(value, Output):
            return value
        name, equals, path = str(value).partition("=")
        if not equals or not path or name not in RENDERERS:
            self.fail(f"`{value}` is no FORMAT=FILE such as `sarif=envcheck.sarif`; formats: {', '.join(RENDERERS)}", param, ctx)
        return Output(name, path)


output_format = click.option("--format", "output_format", type=click.Choice(list(RENDERERS)), default="text", show_default=True, help="How to print it.")
outputs = click.option(
    "-o",
    "--output",
    "outputs",
    type=_OutputType(),
    metavar="FORMAT=FILE",
    multiple=True,
    help="Also write it to a file: `sarif=envcheck.sarif`. May be repeated.",
)


def give(reports: Iterable[Labelled], shown: str, outputs: Sequence[Output], fail_on: str = "error") -> None:
    """Print the reports in the format `shown`, after the files are written; nothing is printed before every report was made.

    Raises `InputError` for a file that cannot be written.
    """
    if outputs:
        reports = list(reports)
    for output in outputs:
        write(output.path, RENDERERS[output.format](reports, color=False, width=100, fail_on=fail_on))
    talk.show(RENDERERS[shown](reports, color=talk.wants_color(), width=talk.width(), fail_on=fail_on))


def write(path: str, text: str) -> None:
    """A file with this text. Raises `InputError` where it cannot be written."""
    try:
        Path(path).write_text(text, encoding="utf-8", newline="")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be written: {reason}", where=path, hint="check the folder and its permissions") from None


def tallied(reports: Iterable[Labelled], met: List[Optional[str]]) -> Iterable[Labelled]:
    """The reports one by one; the worst severity of each is put into `met`."""
    from envcheck.model import worst

    for one in reports:
        met.append(worst(one.report.findings))
        yield one
