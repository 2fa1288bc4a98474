"""`envcheck explain`: one entry or rule as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

import click

from envcheck.cli import options, talk


@click.command()
@click.argument("id")
@options.matrix
def command(id: str, private: Tuple[str, ...]) -> int:
    """Show what an entry or a rule says: when it holds, why, what to do, and where it was seen."""
    from envcheck.matrix.store import open_matrix
    from envcheck.render import explain
    from envcheck.rules import RULES
    from envcheck.rules import page as rule_page

    color, width = talk.wants_color(), talk.width()
    rule = rule_page(id)
    if rule is not None:
        talk.show(explain.rule(id, *rule, color=color, width=width))
        return 0
    located, page = open_matrix([Path(folder) for folder in private], talk.say).explain(id, RULES)
    talk.show(explain.render(located.entry, page, color=color, width=width))
    return 0
