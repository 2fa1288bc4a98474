"""`envcheck explain`: one entry or rule as a page, what a traceback, log or error line names, or the scene of a sick step."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Iterator, List, Optional, Tuple

import click

from envcheck import api
from envcheck.cli import options, talk
from envcheck.errors import InputError
from envcheck.model import Report


@click.command()
@click.argument("id", metavar="ID|FILE|FOLDER|-|TEXT")
@options.matrix
@click.option("--snapshot", metavar="FILE", help="The environment that the log is from: a saved snapshot.")
@click.option("--python", metavar="PATH", help="The environment that the log is from: an interpreter or virtual environment.")
@click.option("--here", is_flag=True, help="The log is from the environment that envcheck runs in.")
@options.output_format
def command(id: str, private: Tuple[str, ...], snapshot: Optional[str], python: Optional[str], here: bool, output_format: str) -> int:
    """Show what an entry or a rule says: when it holds, why, what to do, and where it was seen.

    A file, `-` for standard input, or a text with blanks is a traceback or log: the entries and rules whose signatures it shows are
    ranked, with the lines that name them. With the environment given, those that fit it come first.
    A folder is a scene that `envcheck.guard` kept of a sick training step.
    """
    if os.path.isdir(id):
        return _scenes(id, output_format)
    folders = [Path(folder) for folder in private]
    if _is_log(id):
        report = _environment(folders, snapshot, python, here)
        return _log(id, folders, report, output_format)
    return _page(id, folders)


def _is_log(text: str) -> bool:
    return text == "-" or bool(re.search(r"\s", text)) or os.path.isfile(text)


def _page(id: str, folders: List[Path]) -> int:
    from envcheck.matrix.store import open_matrix
    from envcheck.render import explain
    from envcheck.rules import RULES
    from envcheck.rules import page as rule_page

    color, width = talk.wants_color(), talk.width()
    rule = rule_page(id)
    if rule is not None:
        talk.show(explain.rule(id, *rule, color=color, width=width))
        return 0
    located, page = open_matrix(folders, talk.say).explain(id, RULES)
    talk.show(explain.render(located.entry, page, color=color, width=width))
    return 0


def _environment(folders: List[Path], snapshot: Optional[str], python: Optional[str], here: bool) -> Optional[Report]:
    if not (snapshot or python or here):
        return None
    checker = api.Checker(folders, talk.say)
    return checker.report(api.snapshot_of(api.Sources(python=python, snapshot=snapshot), checker, talk.say))


def _log(given: str, folders: List[Path], report: Optional[Report], output_format: str) -> int:
    from envcheck import named
    from envcheck.matrix.store import open_matrix
    from envcheck.render import log as render

    with opened(given) as stream:
        found = named.read(stream, open_matrix(folders, talk.say), report)
    where = "standard input" if given == "-" else given if os.path.isfile(given) else "the text"
    talk.show(render.as_json(found) if output_format == "json" else render.render(found, where, color=talk.wants_color(), width=talk.width()))
    return 0


@contextmanager
def opened(given: str) -> Iterator[IO[str]]:
    """The log as a stream: a file, standard input, or the text itself. What is not UTF-8 in it is passed over. Raises `InputError`."""
    import io

    if given != "-" and not os.path.isfile(given):
        yield io.StringIO(given)
        return
    try:
        with open(given, "rb") if given != "-" else open(0, "rb", closefd=False) as raw:
            head = raw.peek(4)[:4]
            encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
            yield io.TextIOWrapper(raw, encoding, errors="replace", newline="\n")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=given, hint="check the path and its permissions") from None


def _scenes(folder: str, output_format: str) -> int:
    from envcheck.guard import scene
    from envcheck.render import scene as page

    scenes = scene.read(folder)
    if output_format == "json":
        talk.show(page.as_json(scenes))
    else:
        talk.show("\n".join(page.render(one, color=talk.wants_color(), width=talk.width()) for one in scenes))
    return 0
