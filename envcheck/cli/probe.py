"""`envcheck probe`: what can be read of the machine, shown or saved."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from contextlib import suppress
from typing import Any, Dict, Optional

import click

from envcheck.cli import options, talk
from envcheck.errors import InputError


@click.command()
@options.python
@click.option("-o", "--output", metavar="FILE", help="Save the snapshot there, as JSON; on one line where FILE ends in .jsonl.")
@click.option("--redact", "hide", is_flag=True, help="Take out host names, user names and paths; package names stay.")
@options.output_format
def command(python: Optional[str], output: Optional[str], hide: bool, output_format: str) -> int:
    """Show what can be read of this machine and environment, each fact with its origin, or save it with `-o`.

    A saved snapshot is what `envcheck --snapshot FILE` reads, here or on another machine.
    """
    from envcheck import wire
    from envcheck.probe import probe

    snapshot = probe(python)
    if hide:
        from envcheck.probe.redact import redact

        snapshot = redact(snapshot)
    saved = wire.write(snapshot, origins=True)
    if output is not None and output != "-":
        _save(output, saved)
        talk.say(f"saved to {output}")
    elif output_format == "json" or output == "-":
        talk.show(_compact(saved))
    else:
        from envcheck.render import snapshot as render

        talk.show(render.render(snapshot, width=talk.width(), color=talk.wants_color()))
    return 0


def _compact(saved: Dict[str, Any]) -> str:
    """One line, so that the nodes of a cluster can add theirs to one `.jsonl` file."""
    return json.dumps(saved) + "\n"


def _save(path: str, saved: Dict[str, Any]) -> None:
    lines = path.lower().endswith((".jsonl", ".ndjson"))
    text = _compact(saved) if lines else json.dumps(saved, indent=1) + "\n"
    try:
        if _is_special(path):
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
        else:
            _replace(os.path.realpath(path), text)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=path, hint="check the folder and its permissions") from None


def _is_special(path: str) -> bool:
    """Whether a path leads to what must be written to and not replaced: a device, a pipe, `/dev/stdout`."""
    if path.startswith(("/dev/", "/proc/")):
        return True
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return False


def _replace(path: str, text: str) -> None:
    """Write in one step: a file that is there is whole."""
    mode = _mode(path)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".envcheck-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _mode(path: str) -> int:
    """The permissions of the file that is replaced; of a new one those that `open` would give it."""
    with suppress(FileNotFoundError):
        return stat.S_IMODE(os.stat(path).st_mode)
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask
