"""How a command is declared: one function, its help from the API it calls, and an example."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from pilothouse.cli.options import (
    actor_option,
    json_option,
    opened,
    reason_option,
    workspace_option,
)
from pilothouse.cli.output import emit

Act = TypeVar("Act", bound=Callable[..., Any])
Api = Callable[..., Any]
FRAME = re.compile(r"[:;] (a frame of|columns as in|columns:)[^.]*(\.[A-Z_]+)?", re.IGNORECASE)


class Command(click.Command):
    """A command with examples, and the methods of the Python API that it calls."""

    def __init__(
        self, *args: Any, examples: Sequence[str] = (), apis: Sequence[Api] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples, self.apis = tuple(examples), tuple(apis)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, each on a line of its own that can be copied."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        super().format_epilog(ctx, formatter)


class Group(click.Group):
    """A group whose commands are found by their names in Python too: switch_version."""

    command_class = Command

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; hyphens and underscores in it do not matter."""
        exact = super().get_command(ctx, cmd_name)
        if exact is not None:
            return exact
        names = {_bare(name): name for name in self.list_commands(ctx)}
        name = names.get(_bare(cmd_name))
        return None if name is None else super().get_command(ctx, name)


def verb(
    group: Group,
    *apis: Api,
    example: str | Sequence[str],
    name: str = "",
    writes: bool = False,
    reason: bool = False,
    make: bool = False,
    own_help: bool = False,
) -> Callable[[Act], Act]:
    """Make a command of a function that takes the workspace and the command's parameters.

    What the function returns is printed: an `Output`, a frame or a dataclass. The help is the
    first sentences of the first API method and then the function's own docstring, or with
    `own_help` that docstring alone. A command that
    `writes` takes --actor; one with a `reason` takes --reason; `make` creates a missing workspace.
    """

    def decorate(act: Act) -> Act:
        def run(
            workspace: Path | None, as_json: bool, acting_as: str | None = None, **arguments: Any
        ) -> None:
            with opened(workspace, make=make, actor=acting_as) as ws:
                emit(act(ws, **arguments), as_json)

        parameters = [*reversed(getattr(act, "__click_params__", []))]
        parameters += parameters_of(workspace_option, json_option)
        if writes:
            parameters += parameters_of(actor_option)
        if reason:
            parameters += parameters_of(reason_option)

        command = Command(
            name or act.__name__.strip("_").replace("_", "-"),
            callback=run,
            params=parameters,
            help=_help(() if own_help else apis, act),
            examples=[example] if isinstance(example, str) else example,
            apis=apis,
        )
        group.add_command(command)
        return act

    return decorate


def first_paragraph(documented: object) -> str:
    """The first paragraph of a docstring, on one line; empty without one."""
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


def summary(api: Api) -> str:
    """The first paragraph of a docstring, without what it raises: exit codes say that here."""
    text = re.split(r"\s*\bRaises\b", first_paragraph(api), maxsplit=1)[0].replace("`", "")
    return FRAME.sub("", text)


def options_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given: those that were not are None or empty."""
    return {name: value for name, value in options.items() if value is not None and value != ()}


def _help(apis: Sequence[Api], act: Callable[..., Any]) -> str:
    parts = [summary(apis[0])] if apis else []
    own = inspect.getdoc(act)
    return "\n\n".join([*parts, *([own] if own else [])])


def parameters_of(*options: Callable[[Any], Any]) -> list[click.Parameter]:
    """The parameters that option decorators add, in their order."""

    def bare() -> None: ...

    for option in options:
        option(bare)
    parameters: list[click.Parameter] = bare.__click_params__  # type: ignore[attr-defined]
    return parameters


def _bare(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()
