"""`envcheck matrix`: the entries as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Optional, Set, Tuple

import click

from envcheck.cli import options, talk, workshop
from envcheck.model import KINDS


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List and show the entries, and write new ones."""
    if ctx.invoked_subcommand is None:
        talk.show(ctx.get_help() + "\n")


@command.command("list", short_help="One line for each entry.")
@click.argument("package", required=False)
@click.option("--kind", type=click.Choice(["bad", "caution", "good"]), help="Only entries of this kind.")
@options.matrix
def list_entries(package: Optional[str], kind: Optional[str], private: Tuple[str, ...]) -> int:
    """One line for each entry: id, kind, severity and title; with PACKAGE only those that name it."""
    from envcheck.matrix.store import open_matrix
    from envcheck.render.escape import visible
    from envcheck.wire import canonical_name

    wanted = canonical_name(package) if package else None
    rows = [located.entry for located, _ in open_matrix([Path(folder) for folder in private], talk.say).all().values()]
    named = {name for one in rows for name in (*one.culprit, *one.when)}
    rows = [one for one in rows if (kind is None or one.kind == kind) and (wanted is None or wanted in one.culprit or wanted in one.when)]
    wide = max((len(one.id) for one in rows), default=0)
    talk.show(
        "".join(
            f"{one.id:{wide}}  {one.kind:7}  {one.severity:7}  {visible(one.title)}\n" for one in sorted(rows, key=lambda one: (KINDS.index(one.kind), one.id))
        )
    )
    if not rows:
        talk.say(_nothing(wanted, named))
    return 0


def _nothing(wanted: Optional[str], named: Set[str]) -> str:
    from envcheck.wire import nearest

    near = nearest(wanted, named) if wanted else None
    return f"no entry names `{wanted}`" + (f"; did you mean `{near}`?" if near else "") if wanted else "no entry fits"


@command.command("show", short_help="One entry as JSON.")
@click.argument("id")
@options.matrix
def show(id: str, private: Tuple[str, ...]) -> int:
    """One entry as JSON, for programs; `envcheck explain` shows it to people."""
    from envcheck.matrix.store import open_matrix
    from envcheck.render import json_report

    located, page = open_matrix([Path(folder) for folder in private], talk.say).explain(id)
    talk.show(json.dumps(json_report.entry(located.entry, page), indent=1) + "\n")
    return 0


@command.command("guide", short_help="How an entry is written.")
def guide() -> int:
    """How an entry is written: every key, with examples."""
    from envcheck.matrix.store import GUIDE

    talk.show(next(path for path in GUIDE if path.is_file()).read_text(encoding="utf-8"))
    return 0


for one in (workshop.new, workshop.lint, workshop.fmt, workshop.test, workshop.coverage, workshop.effect):
    command.add_command(one)
