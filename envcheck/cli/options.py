"""Options that several commands share."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple, TypeVar

import click

from envcheck.inputs.target import Target
from envcheck.model import SEVERITIES, reaches

Command = TypeVar("Command", bound=Callable[..., Any])

python = click.option("--python", metavar="PATH", help="Inspect this interpreter or virtual environment instead of the running one.")
matrix = click.option("--matrix", "private", metavar="DIR", multiple=True, help="Add the entries of a private folder. May be repeated.")
output_format = click.option("--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print it.")
fail_on = click.option(
    "--fail-on", type=click.Choice([*SEVERITIES[:2], "never"]), default="error", show_default=True, help="The least severity that makes the exit status 1."
)


def project(command: Command) -> Command:
    """What a project may settle for good: the file with its settings, how strict it is, and its baseline."""
    for option in reversed(
        (
            click.option("--settings", "project", metavar="FILE", help="The file with the project's settings, instead of the one found here or above."),
            click.option("--no-config", is_flag=True, help="Leave the project's settings alone."),
            click.option("--fail-on", type=click.Choice([*SEVERITIES[:2], "never"]), help="The least severity that makes the exit status 1.  [default: error]"),
            click.option("--baseline", metavar="FILE", help="Findings that this file holds are known: they fail nothing and are left out of the text."),
            click.option("--write-baseline", metavar="FILE", help="Write what is found now to such a file; the exit status is then 0."),
        )
    ):
        command = option(command)
    return command


_LAUNCH = "envcheck.launch"


class Launching(click.Command):
    """A command that takes another one after `--`, word by word as the shell passes it on."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        if "--" in args:
            at = args.index("--")
            ctx.meta[_LAUNCH] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> List[str]:
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]


def launch(ctx: click.Context) -> Tuple[str, ...]:
    """The words after `--`; empty where there are none."""
    words: Tuple[str, ...] = ctx.meta.get(_LAUNCH, ())
    return words


def interpreter(words: Sequence[str]) -> Optional[str]:
    """The interpreter of the environment that a command's program lies in; None where it is the running one, or is not to be seen."""
    program = next((word for word in words if "=" not in word), "")
    found = shutil.which(program)
    beside = os.path.join(os.path.dirname(found), "python") if found else ""
    if not beside or not os.path.isfile(beside) or os.path.dirname(found or "") == os.path.dirname(sys.executable):
        return None
    return beside


def target(command: Command) -> Command:
    """The options that declare the target: what is not on this machine, or should be taken otherwise."""
    for option in reversed(
        (
            click.option("--gpu", metavar="NAME", multiple=True, help="The GPU to be used: `A800`, `sm_80`, `8.0`, `gfx90a`, `A800x8` for eight; `none`."),
            click.option("--driver", metavar="VERSION", default="", help="The NVIDIA driver that will be used."),
            click.option("--cuda", metavar="VERSION", default="", help="The CUDA version torch is built for."),
            click.option("--python-version", metavar="VERSION", default="", help="The Python version that will be used."),
            click.option("--platform", metavar="NAME", default="", help="The platform that will be used: `linux`, `windows`, `macos`, `linux-aarch64`."),
            click.option(
                "--set",
                "settings",
                metavar="KEY=VALUE",
                multiple=True,
                help="A setting: `train.precision=bf16`, a variable: `env.NCCL_DEBUG=INFO`, or a fact: `cuda_toolkit=12.4`.",
            ),
        )
    ):
        command = option(command)
    return command


def target_of(given: Mapping[str, Any]) -> Target:
    """The declared target of a command that has these options."""
    return Target(given["gpu"], given["driver"], given["cuda"], given["python_version"], given["platform"], given["settings"])


def target_words(target: Target) -> str:
    """A declared target in a few words: `gpu A100, python-version 3.11`."""
    rows = [("gpu", ", ".join(target.gpu)), ("driver", target.driver), ("cuda", target.cuda), ("python-version", target.python_version)]
    rows += [("platform", target.platform), ("set", " ".join(target.settings))]
    return ", ".join(f"{name} {value}" for name, value in rows if value)


class _Kind(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A kind of file, or a complaint that lists them; the list is loaded only when it is asked for."""

    name = "kind"

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> str:
        from envcheck.inputs.kinds import KINDS

        if value not in KINDS:
            self.fail(f"`{value}` is no kind of file; known: {', '.join(KINDS)}", param, ctx)
        return str(value)


def files(command: Command) -> Command:
    """The options that say how files are read."""
    for option in reversed(
        (
            click.option("-r", "--requirement", "requirements", metavar="FILE", multiple=True, help="The same as FILE. May be repeated."),
            click.option(
                "--as", "kind", type=_Kind(), metavar="KIND", help="What the files are, such as `requirements` or `uv-lock`; else their content tells."
            ),
            click.option("--each", is_flag=True, help="Each FILE is an environment of its own: one report for each."),
            click.option("--group", "groups", metavar="NAME", multiple=True, help="Also a dependency group of the files. May be repeated."),
            click.option("--all-groups", is_flag=True, help="Also all dependency groups of the files."),
            click.option("--extra", "extras", metavar="NAME", multiple=True, help="Also an extra of the project. May be repeated."),
        )
    ):
        command = option(command)
    return command


def exit_code(worst: Any, least: str) -> int:
    """1 where the worst severity is at or above the one to fail on."""
    return int(reaches(worst, least))
