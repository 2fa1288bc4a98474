"""Options that several commands share."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

import click

from envcheck.model import SEVERITIES

Command = TypeVar("Command", bound=Callable[..., Any])

python = click.option("--python", metavar="PATH", help="Inspect this interpreter or virtual environment instead of the running one.")
matrix = click.option("--matrix", "private", metavar="DIR", multiple=True, help="Add the entries of a private folder. May be repeated.")
output_format = click.option("--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print it.")
fail_on = click.option(
    "--fail-on", type=click.Choice([*SEVERITIES[:2], "never"]), default="error", show_default=True, help="The least severity that makes the exit status 1."
)


def target(command: Command) -> Command:
    """The options that declare the target: what is not on this machine, or should be taken otherwise."""
    for option in reversed(
        (
            click.option("--gpu", metavar="NAME", multiple=True, help="The GPU to be used: `A800`, `sm_80`, `8.0`, `gfx90a`, `A800x8` for eight; `none`."),
            click.option("--driver", metavar="VERSION", default="", help="The NVIDIA driver that will be used."),
            click.option("--cuda", metavar="VERSION", default="", help="The CUDA version torch is built for."),
            click.option("--python-version", metavar="VERSION", default="", help="The Python version that will be used."),
            click.option(
                "--set", "settings", metavar="KEY=VALUE", multiple=True, help="A setting: `train.precision=bf16`, or a variable: `env.NCCL_DEBUG=INFO`."
            ),
        )
    ):
        command = option(command)
    return command


def exit_code(worst: Any, least: str) -> int:
    """1 where the worst severity is at or above the one to fail on."""
    if worst is None or least == "never":
        return 0
    return int(SEVERITIES.index(worst) <= SEVERITIES.index(least))
