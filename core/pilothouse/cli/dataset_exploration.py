"""`pilothouse datasets explore` and `explore-target`: a version, and its columns by a target."""

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
    from pilothouse.data.exploration.explore import Exploration, TargetExploration
    from pilothouse.data.exploration.group_distributions import GroupedColumn
    from pilothouse.workspace import Workspace

SHOWN_PAIRS = 20  # as text; JSON has them all
SHOWN_COLUMNS = 5


@verb(
    datasets,
    ExplorationCommands.explore,
    name="explore",
    own_help=True,
    example=(
        "pilothouse datasets explore churn@2",
        "pilothouse datasets explore churn@2 --column age --column region --json",
    ),
)
@ref_argument
@click.option(
    "--column", "columns", multiple=True, help="A column whose pairs are measured. Repeatable."
)
def _explore(ws: Workspace, ref: str, columns: tuple[str, ...]) -> Output:
    """How columns relate, what is unusual, and what is missing together."""
    explored = ws.data.masked().explore(ref, columns=columns)
    return Output(asdict(explored), "\n\n".join(_parts(explored)))


@verb(
    datasets,
    ExplorationCommands.explore_target,
    name="explore-target",
    own_help=True,
    example=(
        "pilothouse datasets explore-target churn@2 churned",
        "pilothouse datasets explore-target churn@2 churned --column age",
    ),
)
@ref_argument
@click.argument("target")
@click.option("--column", "columns", multiple=True, help="A column to be shown. Repeatable.")
def _explore_target(ws: Workspace, ref: str, target: str, columns: tuple[str, ...]) -> Output:
    """How columns are distributed in the groups of a target, and how much each says of it.

    As text the five columns that separate the groups most, or those that are named.
    """
    explored = ws.data.masked().explore_target(ref, target)
    return Output(asdict(explored), "\n\n".join(_target_parts(explored, columns)))


def _parts(explored: Exploration) -> list[str]:
    """The parts that have rows, each with its heading."""
    tables = {
        "Strongest associations": _records(explored.associations[:SHOWN_PAIRS]),
        "Outliers": _records(explored.outliers),
        "Unusual rows": _records(explored.unusual_rows),
        "Missing together": _records(explored.missing),
    }
    return [_basis(explored), *_with_rows(tables)]


def _target_parts(explored: TargetExploration, names: Sequence[str]) -> list[str]:
    skills = {relation.column: relation for relation in explored.relations}
    about = [
        {
            "column": column.column,
            "measure": column.measure,
            "strength": column.strength,
            "skill": skills[column.column].skill if column.column in skills else None,
            "suspicious": column.column in skills and skills[column.column].is_suspicious,
        }
        for column in explored.columns
    ]
    chosen = [column for column in explored.columns if column.column in names]
    tables = {f"Groups of {explored.target}": _records(explored.groups)}
    tables[f"What each column says of {explored.target}"] = about
    for column in chosen or explored.columns[:SHOWN_COLUMNS]:
        tables[f"{column.column} by {explored.target}"] = _shares(explored, column)
    return [_basis(explored), *_with_rows(tables)]


def _shares(explored: TargetExploration, column: GroupedColumn) -> list[dict[str, Any]]:
    """A row a part with the share in each group; the last one has the missing values."""
    groups = [group.name for group in explored.groups]
    rows = [
        {column.column: part, **dict(zip(groups, shares, strict=True))}
        for part, shares in zip(column.part_names, zip(*column.shares, strict=True), strict=True)
    ]
    return [*rows, {column.column: "(missing)", **dict(zip(groups, column.missing, strict=True))}]


def _basis(explored: Exploration | TargetExploration) -> str:
    return f"{explored.sampled:,} of {explored.rows:,} rows"


def _with_rows(tables: dict[str, list[dict[str, Any]]]) -> list[str]:
    return [f"{heading}\n{_table(rows)}" for heading, rows in tables.items() if rows]


def _records(items: Sequence[Any]) -> list[dict[str, Any]]:
    return [asdict(item) for item in items]


def _table(rows: list[dict[str, Any]]) -> str:
    import pandas as pd

    return text_of(pd.DataFrame(rows))
