"""`pilothouse datasets explore`: associations, a target's relations, outliers, missing patterns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import verb
from pilothouse.cli.datasets import datasets, ref_argument
from pilothouse.cli.output import Output, text_of
from pilothouse.data.exploration_api import ExplorationCommands

if TYPE_CHECKING:
    from pilothouse.data.exploration.explore import Exploration
    from pilothouse.workspace import Workspace

SHOWN_PAIRS = 20  # as text; JSON has them all


@verb(
    datasets,
    ExplorationCommands.explore,
    name="explore",
    own_help=True,
    example=(
        "pilothouse datasets explore churn@2 --target churned",
        "pilothouse datasets explore churn@2 --column age --column region --json",
    ),
)
@ref_argument
@click.option("--target", default="", help="A column: how much each other one says of it.")
@click.option(
    "--column", "columns", multiple=True, help="A column whose pairs are measured. Repeatable."
)
def _explore(ws: Workspace, ref: str, target: str, columns: tuple[str, ...]) -> Output:
    """How columns relate, what is unusual, and what is missing together."""
    explored = ws.data.masked().explore(ref, target=target, columns=columns)
    return Output(asdict(explored), "\n\n".join(_parts(explored)))


def _parts(explored: Exploration) -> list[str]:
    """The parts that have rows, each with its heading."""
    relations = [
        asdict(relation) | {"suspicious": relation.is_suspicious} for relation in explored.relations
    ]
    tables = {
        "Strongest associations": _records(explored.associations[:SHOWN_PAIRS]),
        f"What each column says of {explored.target}": relations,
        "Outliers": _records(explored.outliers),
        "Unusual rows": _records(explored.unusual_rows),
        "Missing together": _records(explored.missing),
    }
    sampled = f"{explored.sampled:,} of {explored.rows:,} rows"
    return [sampled, *(f"{heading}\n{_table(rows)}" for heading, rows in tables.items() if rows)]


def _records(items: Sequence[Any]) -> list[dict[str, Any]]:
    return [asdict(item) for item in items]


def _table(rows: list[dict[str, Any]]) -> str:
    import pandas as pd

    return text_of(pd.DataFrame(rows))
