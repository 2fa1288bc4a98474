"""`envcheck diff`: what differs between two environments, or which node is the odd one out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Tuple

import click

from envcheck import api, contrast
from envcheck.cli import options, talk
from envcheck.model import Report


@click.command()
@click.argument("sides", metavar="A [B]", nargs=-1)
@click.option("--python", "pythons", metavar="PATH", multiple=True, help="An interpreter or virtual environment as a side. May be repeated.")
@options.matrix
@options.output_format
def command(sides: Tuple[str, ...], pythons: Tuple[str, ...], private: Tuple[str, ...], output_format: str) -> int:
    """Show what differs between two environments, and which differences the matrix cares about.

    A side is a saved snapshot, a file that describes an environment (as `check` reads it), or the folder of a virtual environment;
    one `.jsonl` file of many snapshots shows which node differs from the others, and in what.
    """
    checker = api.Checker([Path(folder) for folder in private], talk.say)
    if len(sides) == 1 and not pythons and sides[0].lower().endswith((".jsonl", ".ndjson")):
        return _nodes(sides[0], checker, output_format)
    named = [*sides, *(f"--python {path}" for path in pythons)]
    if len(named) != 2:
        raise click.UsageError("`diff` compares two environments, or the nodes of one `.jsonl` file", click.get_current_context())
    reports = [checker.report(api.snapshot_of(_source(side), checker, talk.say)) for side in sides]
    reports += [checker.report(api.snapshot_of(api.Sources(python=path), checker, talk.say)) for path in pythons]
    found = contrast.between(reports[0], reports[1])
    from envcheck.render import contrast as render

    names = (named[0], named[1])
    talk.show(render.as_json(found, names) if output_format == "json" else render.render(found, names, color=talk.wants_color(), width=talk.width()))
    return 0


def _source(side: str) -> api.Sources:
    if os.path.isfile(os.path.join(side, "pyvenv.cfg")):
        return api.Sources(python=side)
    return api.Sources(files=(side,))


def _nodes(path: str, checker: api.Checker, output_format: str) -> int:
    from envcheck.inputs import snapshot
    from envcheck.render import contrast as render

    nodes: List[Tuple[str, Report]] = [(where, checker.report(one)) for where, one in snapshot.read_lines(path, talk.say)]
    odd = contrast.odd_ones(nodes)
    if output_format == "json":
        talk.show(render.nodes_json(odd, len(nodes)))
    else:
        talk.show(render.render_nodes(odd, len(nodes), color=talk.wants_color(), width=talk.width()))
    return 0
