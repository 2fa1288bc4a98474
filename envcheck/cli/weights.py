"""`envcheck weights`: what is sick in a checkpoint."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Callable, Iterator, Optional, Tuple

import click

from envcheck.cli import options, talk


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--all", "everything", is_flag=True, help="Show every tensor that is concerned, not only the first ones.")
@options.output_format
@options.fail_on
def command(paths: Tuple[str, ...], everything: bool, output_format: str, fail_on: str) -> int:
    """Find NaN, Inf, all-zero weights and other sickness in checkpoints, and shards that are missing or cut off.

    PATH is a file, a folder or a `*.index.json`: safetensors, what torch.save wrote (pickles are never executed),
    distributed and ZeRO checkpoints, adapters, optimizer states, GGUF. Read in pieces: memory stays the same however
    large the checkpoint. Exit status 1 where something is sick, 2 where something could not be read. Needs numpy, not torch.
    """
    from envcheck import weights
    from envcheck.render import weights as shown

    with progress("weights", output_format == "text") as bar:
        scan = weights.scan(paths, bar)
    if output_format == "json":
        talk.show(json.dumps(shown.values(scan), separators=(",", ":")) + "\n")
    else:
        talk.show(shown.text(scan, everything=everything))
    for problem in scan.problems:
        talk.write_error(f"{problem.where}: {problem.message}", problem.hint)
    if scan.problems:
        return 2
    return options.exit_code(scan.sick[0].severity if scan.sick else None, fail_on)


@contextlib.contextmanager
def progress(name: str, wanted: bool) -> Iterator[Optional[Callable[[int, int, str], None]]]:
    """What is called with the bytes done: a bar on stderr where that is a terminal, nothing anywhere else."""
    if not wanted or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from envcheck.render.escape import visible

    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("opening", total=None)
        yield lambda done, total, file: bar.update(task, completed=done, total=total, description=escape(visible(file)))
