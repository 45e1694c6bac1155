"""Unusual values of each number, and unusual rows.

A value is outside beyond 1.5 interquartile ranges from the quartiles, and far outside beyond 3
(Tukey 1977). A row is unusual by an isolation forest over the numbers (Liu, Ting and Zhou 2008):
few cuts at random part it from the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pilothouse.data.exploration.column_values import ColumnValues, Floats

OUTSIDE, FAR = 1.5, 3.0
UNUSUAL_ROWS, MAX_COLUMNS, MIN_ROWS = 20, 100, 50
MIN_SCORE = 0.6  # of the forest: about 0.5 is what most rows have


@dataclass(frozen=True)
class ColumnOutliers:
    """The values of a number that lie outside: how many, and beyond which limits.

    `low` and `high` are the limits of what is far outside. Where half of the values are the same
    there are no limits, and nothing lies outside. `lowest` and `highest` are values, None of a
    column that is masked.
    """

    column: str
    outside: int
    far: int
    low: float | None
    high: float | None
    lowest: float | None
    highest: float | None
    rows: int


@dataclass(frozen=True)
class UnusualRow:
    """An unusual row: its position in the version, its score, and its most unusual column."""

    position: int
    score: float
    column: str


def column_outliers(columns: Sequence[ColumnValues]) -> list[ColumnOutliers]:
    """The outliers of each number, the column with most of them first."""
    numbers = [_outliers(column) for column in columns if column.kind == "number"]
    return sorted(numbers, key=lambda column: (-column.far, -column.outside, column.column))


def _outliers(column: ColumnValues) -> ColumnOutliers:
    values = column.values[column.present]
    first, third = map(float, np.quantile(values, (0.25, 0.75)))
    spread = third - first
    ends = float(values.min()), float(values.max())
    if not spread > 0:
        return ColumnOutliers(column.name, 0, 0, None, None, *ends, len(values))
    outside, far = (
        int(((values < first - reach * spread) | (values > third + reach * spread)).sum())
        for reach in (OUTSIDE, FAR)
    )
    low, high = first - FAR * spread, third + FAR * spread
    return ColumnOutliers(column.name, outside, far, low, high, *ends, len(values))


def unusual_rows(columns: Sequence[ColumnValues], positions: Sequence[int]) -> list[UnusualRow]:
    """The most unusual rows, at most twenty, by their position in the version."""
    from sklearn.ensemble import IsolationForest

    numbers = [column for column in columns if column.kind == "number"][:MAX_COLUMNS]
    if not numbers or len(positions) < MIN_ROWS:
        return []
    matrix = np.column_stack([_filled(column.values) for column in numbers])
    forest = IsolationForest(random_state=0).fit(matrix)
    scores = -forest.score_samples(matrix)
    distances = np.abs(matrix - np.median(matrix, axis=0)) / _spreads(matrix)
    worst = np.argsort(-scores, kind="stable")[:UNUSUAL_ROWS]
    return [
        UnusualRow(int(positions[at]), float(scores[at]), numbers[int(distances[at].argmax())].name)
        for at in worst
        if scores[at] >= MIN_SCORE
    ]


def _filled(values: Floats) -> Floats:
    """Missing numbers as the median: they are not unusual by themselves."""
    return np.where(np.isnan(values), np.nanmedian(values), values)


def _spreads(matrix: Floats) -> Floats:
    first, third = np.quantile(matrix, (0.25, 0.75), axis=0)
    spreads: Floats = np.where(third > first, third - first, matrix.std(axis=0))
    return np.where(spreads > 0, spreads, 1.0)
