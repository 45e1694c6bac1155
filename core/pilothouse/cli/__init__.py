"""The command line: one group a noun, the same verbs as the screens."""

from __future__ import annotations

import sys

from pilothouse.cli.root import root
from pilothouse.kit.errors import PilothouseError

__all__ = ["main", "root"]


def main() -> None:
    """Run a command; an error of ours ends it with one sentence and its own exit code."""
    import click

    try:
        root(standalone_mode=True)
    except PilothouseError as refused:
        click.echo(f"pilothouse: {refused}", err=True)
        sys.exit(refused.exit_code)
