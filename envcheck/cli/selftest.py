"""`envcheck selftest`: the arithmetic of the device."""

from __future__ import annotations

import click

from envcheck.cli import options


@click.command()
@options.python
def command(python: str) -> int:
    """Check the arithmetic of the device with a short numeric test."""
    raise NotImplementedError
