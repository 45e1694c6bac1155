"""What is found out about single rows: answers, explanations and counterfactuals, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EXPLAIN_ROW, COUNTERFACTUAL = "explain_row", "find_counterfactual"


@dataclass(frozen=True)
class WhatIfAnswer:
    """The answer to a record that was made up: what a person calls it, and the output columns."""

    prediction: Any
    outputs: Mapping[str, Any]


@dataclass(frozen=True)
class ColumnContribution:
    """What a column of the row adds to the answer, in units of the answer.

    `error` is the standard error of the sampling, None where it is not known; `typical` is the
    median or the most frequent value of the background rows.
    """

    column: str
    value: Any
    contribution: float
    error: float | None
    typical: Any


@dataclass(frozen=True)
class RowExplanation:
    """Shapley values of a row, the largest first: with the `base` they sum to the `answer`.

    `output` is the number that is explained, in words; `background` are the rows that the base is
    the mean answer to, and `answered` counts the rows that the model answered for it.
    """

    job: str
    model: str
    version: int
    source: str
    prediction: Any
    output: str
    base: float
    answer: float
    columns: tuple[ColumnContribution, ...]
    background: str
    answered: int


@dataclass(frozen=True)
class ChangedColumn:
    """A change of a column, and its size: in standard deviations, or 1 of a category."""

    column: str
    before: Any
    after: Any
    distance: float


@dataclass(frozen=True)
class Counterfactual:
    """The nearest changes that reach a goal, as far as a bounded search has found any.

    `columns` were allowed to change; `prediction_after` is what the model answered to the changed
    row.
    """

    job: str
    model: str
    version: int
    source: str
    goal: str
    columns: tuple[str, ...]
    reached: bool
    changes: tuple[ChangedColumn, ...]
    distance: float | None
    prediction: Any
    prediction_after: Any
    background: str
    answered: int


def read_explanation(job: str, result: Mapping[str, Any]) -> RowExplanation:
    """The result of a job that explained a row."""
    content = {name: result[name] for name in RowExplanation.__dataclass_fields__ if name != "job"}
    columns = tuple(ColumnContribution(**column) for column in result["columns"])
    title = result["output"]["title"]
    return RowExplanation(**{**content, "job": job, "columns": columns, "output": title})


def read_counterfactual(job: str, result: Mapping[str, Any]) -> Counterfactual:
    """The result of a job that searched for a counterfactual."""
    content = {name: result[name] for name in Counterfactual.__dataclass_fields__ if name != "job"}
    changes = tuple(ChangedColumn(**change) for change in result["changes"])
    columns = tuple(result["columns"])
    return Counterfactual(**{**content, "job": job, "changes": changes, "columns": columns})
