"""`envcheck completion`: what makes a shell complete commands, options and files."""

from __future__ import annotations

import click

from envcheck.cli import talk

_VARIABLE = "_ENVCHECK_COMPLETE"
"""By which click is asked for completions."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Write what makes SHELL complete envcheck's commands and options.

    bash: `source <(envcheck completion bash)` in ~/.bashrc. zsh: the same in ~/.zshrc, after compinit. fish: `envcheck
    completion fish > ~/.config/fish/completions/envcheck.fish`.
    """
    from click.shell_completion import get_completion_class

    from envcheck.cli import group

    found = get_completion_class(shell)
    assert found is not None
    talk.show(found(group, {}, "envcheck", _VARIABLE).source() + "\n")
    return 0
