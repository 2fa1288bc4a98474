"""The only room that knows click, writes to a stream, or chooses an exit code.

0: nothing at or above `--fail-on`. 1: a finding at or above it. 2: wrong usage or unreadable input. 3: envcheck could
not do its work. `run` becomes the command it starts, so from then on the exit code is that command's.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, List, NoReturn, Optional, Sequence

import click

from envcheck import __version__
from envcheck.cli.talk import complain, write_error
from envcheck.errors import EnvcheckError, UnableError

COMMANDS = {
    "check": ("envcheck.cli.check", "Say whether this environment is known good, known bad or untested (the default)."),
    "run": ("envcheck.cli.run", "Check, then start the training command; stop before it on an error."),
    "probe": ("envcheck.cli.probe", "Show or save what can be read of this machine and environment."),
    "selftest": ("envcheck.cli.selftest", "Check the arithmetic of the device with a short numeric test."),
    "weights": ("envcheck.cli.weights", "Find NaN, Inf and other sickness in a checkpoint, and shards that are missing."),
    "batch": ("envcheck.cli.batch", "Find what is wrong in tokenised data: masked labels, ids out of the vocabulary, cut answers."),
    "explain": ("envcheck.cli.explain", "Show an entry or a rule as a page, or what a traceback or log names."),
    "triage": ("envcheck.cli.triage", "Read a whole bug report: what it says, what contradicts, what it names."),
    "diff": ("envcheck.cli.diff", "Show what differs between two environments, or between nodes."),
    "constraints": ("envcheck.cli.constraints", "Write a constraints file for pip and uv that leaves out what is known bad."),
    "completion": ("envcheck.cli.completion", "Write what makes a shell complete commands and options."),
    "matrix": ("envcheck.cli.matrix", "List and show the entries, write and check new ones."),
}
"""Command -> the module that holds it, loaded when it is called, and its one line of help."""


class _Lazy(click.Group):
    """A group that loads only the command that is called, and for which `check` may be left out."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        own = ("--help", "--version", "-h")
        if ctx.resilient_parsing and not args:
            # A shell asks what could stand here: every command.
            return super().parse_args(ctx, args)
        if not args or (args[0] not in own and args[0] not in COMMANDS and (args[0].startswith("-") or os.path.exists(args[0]))):
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> List[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: List[str]) -> Any:
        if args and args[0] not in COMMANDS:
            from envcheck.wire import nearest

            near = nearest(args[0], COMMANDS)
            raise click.UsageError(f"no command and no file here is named `{args[0]}`" + (f"; did you mean `{near}`?" if near else ""), ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="envcheck", message="%(prog)s %(version)s")
def group() -> None:
    """Tell before training whether this combination of packages, Python, CUDA, driver, GPU and training settings
    is known good, known bad or untested, why, and what to change.

    Without a command, `check` runs: on the files that are named, else on the Python environment that envcheck is installed in.
    """


def main(arguments: Optional[Sequence[str]] = None) -> NoReturn:
    """Run one command and leave with its exit code; every error is an `error:` line and a `hint:`, never a traceback."""
    try:
        status = group.main(args=list(arguments) if arguments is not None else None, prog_name="envcheck", standalone_mode=False)
    except click.ClickException as error:
        status = _usage(error)
    except (click.Abort, KeyboardInterrupt):
        write_error("interrupted", "")
        status = 130
    except EnvcheckError as error:
        complain(error)
        status = 3 if isinstance(error, UnableError) else 2
    except BrokenPipeError:
        # `envcheck | head` closed its end: not our failure, and nothing may be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except Exception as error:  # noqa: BLE001 - the last resort before a traceback
        status = _internal(error)
    sys.exit(status if isinstance(status, int) else 0)


def _usage(error: click.ClickException) -> int:
    context: Optional[click.Context] = getattr(error, "ctx", None)
    command = context.command_path if context else "envcheck"
    # click puts the choices of an argument on lines of their own.
    write_error(" ".join(error.format_message().split()).rstrip("."), f"`{command} --help` lists the options")
    return 2


def _internal(error: Exception) -> int:
    if os.environ.get("ENVCHECK_DEBUG"):
        raise error
    write_error(f"envcheck failed: {type(error).__name__}: {error}", "this is a defect of envcheck; `ENVCHECK_DEBUG=1` shows where, please report it")
    return 3


__all__ = ["COMMANDS", "group", "main"]
