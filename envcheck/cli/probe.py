"""`envcheck probe`: what can be read of the machine, shown or saved."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any, Dict, Optional

import click

from envcheck.cli import options, talk
from envcheck.errors import InputError


@click.command()
@options.python
@click.option("-o", "--output", metavar="FILE", help="Save the snapshot there, as JSON.")
@click.option("--redact", "hide", is_flag=True, help="Take out host names, user names and paths.")
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
    if output is not None:
        _save(output, saved)
        talk.say(f"saved to {output}")
    elif output_format == "json":
        talk.show(json.dumps(saved, indent=1) + "\n")
    else:
        from envcheck.render import snapshot as render

        talk.show(render.render(snapshot, width=talk.width(), color=talk.wants_color()))
    return 0


def _save(path: str, saved: Dict[str, Any]) -> None:
    """Write in one step: a file that is there is whole."""
    if path == "-":
        talk.show(json.dumps(saved, indent=1) + "\n")
        return
    folder = os.path.dirname(os.path.abspath(path))
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".envcheck-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(json.dumps(saved, indent=1) + "\n")
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise InputError(f"cannot be written: {error.strerror}", where=path, hint="check the folder and its permissions") from None
