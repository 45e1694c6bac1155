"""The child runs of a run (trials, folds, pipeline steps) as a tree with metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import parameter, plural
from pilothouse_app.components.header import section
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
)
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.metric_definitions import metric_kinds

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo

INDENT = "\u2003"  # as wide as a letter, and no table trims it


def draw(run: RunInfo) -> None:
    """Draw the view."""
    trials = workspace().experiments.descendants(run.id)
    if trials.empty:
        empty("No child runs", "Trials of a search and nested runs appear here.")
        return

    section("Child runs", plural(len(trials), "run"))
    looks = {"name": name_column("Run", width=200), "status": status_column(width=92)}
    definitions = metric_kinds()

    for column in trials.columns:
        kind, _, key = str(column).partition(".")
        if kind == "metrics":
            looks[str(column)] = number_column(definitions.of(key).title, 4, width=118)
        elif kind == "params":
            looks[str(column)] = text_column(key, width=110)

    looks["duration_s"] = number_column("Duration (s)", 1, width=74)
    with table_height("run_trials", len(trials), reserve=14) as height:
        table(
            _with_indent(trials),
            looks,
            key="run_trials",
            alt="Trials of the search",
            opens=("run", "id"),
            height=height,
        )


def _with_indent(trials: pd.DataFrame) -> pd.DataFrame:
    names = [
        INDENT * level + ("└ " if level else "") + name
        for level, name in zip(trials["level"], trials["name"], strict=True)
    ]
    params = {c: trials[c].map(parameter) for c in trials.columns if str(c).startswith("params.")}
    return trials.assign(name=names, **params)
