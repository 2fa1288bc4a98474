"""`envcheck run -- COMMAND`: check what the command will do and where, then become it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any, List, Tuple

import click

from envcheck import api
from envcheck.cli import options, talk
from envcheck.cli.check import with_selftest
from envcheck.errors import InputError
from envcheck.model import Labelled, Report, worst


class _Run(options.Launching):
    """Says how a command is given where its words stand before `--`."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        if args and not args[0].startswith("-"):
            raise click.UsageError(f"`{args[0]}` is no option; where it is the command, write it after `--`", ctx)
        return super().parse_args(ctx, args)


@click.command(cls=_Run)
@options.python
@click.option("--config", metavar="FILE", multiple=True, help="A training config that the command does not name. May be repeated.")
@click.option("--script", "scripts", metavar="FILE", multiple=True, help="A training script whose source is looked at, never run. May be repeated.")
@options.target
@options.matrix
@options.fail_on
@click.option("--selftest", "with_test", is_flag=True, help="Also check the device's arithmetic before the start.")
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Check the environment and the settings of a training command, then become that command.

    On a finding at or above `--fail-on` the command is not started and the exit status is 1; `--fail-on never` starts it whatever was
    found. Before the start 2 is wrong usage or unreadable input and 3 that envcheck could not do its work; after it the exit
    status is the command's own. What was found goes to standard error, so that standard output is the command's.
    """
    words = options.launch(ctx)
    if not words:
        raise click.UsageError("no command was given; write it after `--`", ctx)
    program, env = _program(words)
    sources = api.Sources(
        given["python"] or options.interpreter(words), config=given["config"], target=options.target_of(given), launch=words, scripts=given["scripts"]
    )
    checker = api.Checker([Path(folder) for folder in given["private"]], talk.say)
    report = checker.report(api.snapshot_of(sources, checker, talk.say))
    status = 0
    if given["with_test"]:
        report, status = with_selftest(report, sources)
    _tell(report)
    # A self-test that could not run says nothing of the device; one that failed is a finding.
    status = options.exit_code(worst(report.findings), given["fail_on"]) or (status if status > 1 and given["fail_on"] != "never" else 0)
    if status:
        talk.write_error(f"`{words[0]}` was not started", "`--fail-on never` starts it whatever was found")
        return status
    _become(program, words[len(env) :], env)
    return 3


def _program(words: Tuple[str, ...]) -> Tuple[str, Tuple[str, ...]]:
    """Where the program is, and the `NAME=value` words before it. Raises `InputError`."""
    env = []
    for word in words:
        if not word.partition("=")[0].isidentifier() or "=" not in word:
            break
        env.append(word)
    program = words[len(env)] if len(env) < len(words) else ""
    found = shutil.which(program) if program else None
    if found is None:
        raise InputError(f"`{program or words[-1]}` is no program that can be started", where="command", hint="check its name and PATH")
    return found, tuple(env)


def _tell(report: Report) -> None:
    from envcheck.render import RENDERERS

    sys.stderr.write(RENDERERS["text"]([Labelled("", report)], color=False, width=talk.width()))


def _become(program: str, words: Tuple[str, ...], env: Tuple[str, ...]) -> None:
    sys.stderr.flush()
    variables = {**os.environ, **dict(word.split("=", 1) for word in env)}
    try:
        os.execvpe(program, list(words), variables)
    except OSError as error:
        raise InputError(f"`{words[0]}` cannot be started: {error.strerror}", where="command", hint="check that it is a program for this machine") from None
