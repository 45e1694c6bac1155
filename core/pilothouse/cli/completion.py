"""`pilothouse completion`: the script that lets a shell complete commands and options."""

from __future__ import annotations

import click

from pilothouse.cli.command import Command

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_PILOTHOUSE_COMPLETE"


@click.command(
    cls=Command,
    examples=(
        'eval "$(pilothouse completion bash)"',
        "pilothouse completion fish > ~/.config/fish/completions/pilothouse.fish",
    ),
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of a SHELL; add it to the shell's start file."""
    from click.shell_completion import get_completion_class

    from pilothouse.cli.root import root

    complete = get_completion_class(shell)
    if complete is None:
        raise click.UsageError(f"click has no completion for {shell}.")
    click.echo(complete(root, {}, "pilothouse", VARIABLE).source())
