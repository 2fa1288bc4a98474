"""`envcheck constraints`: a constraints file for pip and uv."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from envcheck import __version__, api
from envcheck.cli import options, output, talk


@click.command()
@options.target
@click.option("--for", "project", metavar="NAME", default="", help="Only for what this package requires, beside its newest release, or `NAME==VERSION`.")
@options.matrix
@click.option("-o", "--output", "path", metavar="FILE", help="Write it to a file instead of standard output.")
def command(project: str, path: Any, private: Any, **given: Any) -> int:
    """Write a constraints file that leaves out what is known bad for a target, for `pip install -c FILE` and `uv pip compile -c FILE`.

    Left out is what is certainly bad on that target by itself, with the entry's id behind each line, and only so far that a
    listed release is left. What is bad only of two packages together stands there as a comment.
    """
    from envcheck import constraints
    from envcheck.inputs import target

    checker = api.Checker([Path(folder) for folder in private], talk.say)
    declared = options.target_of(given)
    found = constraints.find(checker, target.read(declared, checker.gpu_rows), project)
    text = constraints.render(found, options.target_words(declared), __version__)
    if path:
        output.write(path, text)
    else:
        talk.show(text)
    return 0
