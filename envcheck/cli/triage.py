"""`envcheck triage`: a whole bug report, read and judged."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from envcheck import api
from envcheck.cli import options, talk
from envcheck.cli.explain import opened
from envcheck.errors import InputError
from envcheck.model import worst
from envcheck.signatures import Log

_LIMIT = 8 << 20
"""Characters of a report; what is longer is a log, which `envcheck explain` reads."""


@click.command()
@click.argument("file", metavar="FILE|-")
@options.target
@options.matrix
@options.output_format
@options.fail_on
@click.option("--redact", "hide", is_flag=True, help="Take out host names, user names and paths; package names stay.")
def command(file: str, **given: Any) -> int:
    """Read a bug report as people paste it: what it says of the environment, what contradicts itself, what its traceback names, and the verdict.

    Outputs of tools, lists, tables, configs, commands and sentences are read, each fact with its line; docs/inputs.md says what counts.
    """
    from envcheck import named
    from envcheck.inputs.reports import report as reports
    from envcheck.render import triage as render

    text, where = _text(file)
    checker = api.Checker([Path(folder) for folder in given["private"]], talk.say)
    said = reports.understood(text, where)
    snapshot = api.overlay(api.Sources(target=options.target_of(given)), checker, talk.say)(reports.snapshot(said))
    if given["hide"]:
        from envcheck.probe.redact import redact

        snapshot = redact(snapshot)
    report = checker.report(snapshot)
    log = named.read(io.StringIO(text), checker.matrix, report)
    log = _hidden(log) if given["hide"] else log
    if said.is_empty() and not log.named and not log.missing:
        raise InputError("says nothing that envcheck understands", where=where, hint="paste what `envcheck probe` or collect_env prints, and the traceback")
    if given["output_format"] == "json":
        talk.show(render.as_json(report, log, said.parts, said.ignored))
    else:
        talk.show(render.render(report, log, said.parts, said.ignored, where, color=talk.wants_color(), width=talk.width()))
    return options.exit_code(worst(iter(report.findings)), given["fail_on"])


def _text(file: str) -> tuple[str, str]:
    if file != "-" and not Path(file).is_file():
        raise InputError("cannot be read: there is no such file", where=file, hint="check the path, or pipe the report in and write `-`")
    with opened(file) as stream:
        text = stream.read(_LIMIT + 1)
    where = "standard input" if file == "-" else file
    if len(text) > _LIMIT:
        raise InputError(f"is larger than {_LIMIT >> 20} MiB", where=where, hint="a log is read by `envcheck explain FILE`")
    return text.replace("\r\n", "\n"), where


def _hidden(log: Log) -> Log:
    from envcheck.probe import mask
    from envcheck.probe.redact import own_names

    prose = mask.prose(mask.words(own_names()), frozenset())
    named = tuple(replace(one, seen=one.seen._replace(text=prose(one.seen.text))) for one in log.named)
    return Log(named, tuple(one._replace(text=prose(one.text)) for one in log.missing))
