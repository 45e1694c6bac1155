"""The commands of the command line, from click's own tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import click

from pilothouse.cli.root import root


@dataclass(frozen=True)
class Leaf:
    """A command and the words that call it, such as `runs list`."""

    path: tuple[str, ...]
    command: click.Command

    @property
    def name(self) -> str:
        """Its words."""
        return " ".join(self.path)

    @property
    def arguments(self) -> list[click.Argument]:
        """Its positional arguments, in order."""
        return [p for p in self.command.params if isinstance(p, click.Argument)]

    @property
    def options(self) -> list[click.Option]:
        """Its options."""
        return [p for p in self.command.params if isinstance(p, click.Option)]

    @property
    def flags(self) -> set[str]:
        """The names of its options, such as --json."""
        return {name for option in self.options for name in (*option.opts, *option.secondary_opts)}


def groups(
    group: click.Group = root, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and group below a group, in the order of the help."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from groups(command, (*path, name))


def leaves() -> list[Leaf]:
    """Every command that does something."""
    return [Leaf(path, c) for path, c in groups() if not isinstance(c, click.Group)]
