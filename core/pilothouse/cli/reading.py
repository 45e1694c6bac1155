"""Options of a command that reads a file: types of columns and the format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

FORM = ("encoding", "decimal", "thousands", "date_order", "sheet")
OPTIONS = (
    click.option(
        "--type",
        "types",
        multiple=True,
        metavar="COLUMN=TYPE",
        help="number, integer, string, boolean or time; repeatable.",
    ),
    click.option("--encoding", default=None, help="Such as windows-1252."),
    click.option("--separator", default=None, help="Between cells: , ; | or tab."),
    click.option(
        "--decimal", type=click.Choice([".", ","]), default=None, help="The decimal sign."
    ),
    click.option("--thousands", default=None, help="Between thousands: , . ' or a space."),
    click.option(
        "--date-order",
        type=click.Choice(["day-first", "month-first"]),
        default=None,
        help="Of dates such as 03/04/2026.",
    ),
    click.option("--missing", multiple=True, help="A word for missing values; repeatable."),
    click.option("--sheet", default=None, help="The sheet of a workbook."),
)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the reading options to a command; `reading_arguments` reads them."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def reading_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a command, its reading options as `types` and `options`.

    Raises BadParameter for a type that is not written as COLUMN=TYPE, Invalid for a bad option.
    """
    from pilothouse.data import ReadOptions

    rest = dict(arguments)
    types = dict(map(_pair, rest.pop("types")))
    separator = rest.pop("separator")
    form = {name: rest.pop(name) for name in FORM}
    options = ReadOptions(
        separator="\t" if separator in ("tab", "\\t") else separator,
        missing=rest.pop("missing") or None,
        **form,
    )
    return {**rest, "types": types, "options": options}


def _pair(text: str) -> tuple[str, str]:
    """The column and the type; a column's name may hold an equals sign."""
    column, sign, kind = text.rpartition("=")
    if not sign:
        raise click.BadParameter(f"{text!r} is not written as COLUMN=TYPE.", param_hint="--type")
    return column, kind
