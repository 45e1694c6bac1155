"""How the values of a column are distributed in each group of a target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from pilothouse.data.exploration.associations import association
from pilothouse.data.exploration.column_values import Codes, ColumnValues, Floats, figure
from pilothouse.data.exploration.target_groups import OTHERS

if TYPE_CHECKING:
    import pandas as pd

BINS = 24
ENDS = (0.01, 0.99)  # the quantiles between which the bins lie
FEW_NUMBERS = 12  # numbers of so few different values are shown by value
MAX_VALUES = 8  # of a category; the others are one more


@dataclass(frozen=True)
class GroupedColumn:
    """A column in each group of a target: of `shares`, one row a group and one figure a part.

    A part is a value (`parts`), or a bin between two of the `edges`; what lies beyond the outermost
    edges is in the first and in the last bin. `shares` are those of the group's rows that have a
    value, `missing` that of all its rows. `strength` is the association with the target by its
    `measure`, as `Association` has it. Of a column that is masked, parts, edges and shares are
    empty.
    """

    column: str
    kind: Literal["number", "time", "category"]
    measure: str
    strength: float
    parts: tuple[str, ...]
    edges: tuple[float, ...]
    shares: tuple[tuple[float, ...], ...]
    missing: tuple[float, ...]

    @property
    def part_names(self) -> tuple[str, ...]:
        """The values, or each bin as people read it; nothing of a column that is masked."""
        names = [figure(edge, is_time=self.kind == "time") for edge in self.edges]
        return self.parts or tuple(f"{low} to {high}" for low, high in pairwise(names))


def grouped_columns(
    target: ColumnValues, columns: Sequence[ColumnValues], frame: pd.DataFrame, groups: Codes
) -> list[GroupedColumn]:
    """Each column by group, the one that separates them most first.

    `groups` has the number of the group of each row of the frame, -1 for none.
    """
    count = int(groups.max()) + 1
    grouped = [_grouped(target, column, frame, groups, count) for column in columns]
    return sorted(grouped, key=lambda column: (math.isnan(column.strength), -abs(column.strength)))


def _grouped(
    target: ColumnValues, column: ColumnValues, frame: pd.DataFrame, groups: Codes, count: int
) -> GroupedColumn:
    related = association(target, column)
    parts, edges, codes = _parts(column)
    within = (groups >= 0) & (codes >= 0)
    number = len(parts) or len(edges) - 1
    table = np.bincount(groups[within] * number + codes[within], minlength=count * number)
    table = table.reshape(count, number)
    sizes = np.maximum(table.sum(axis=1, keepdims=True), 1)
    kind: Literal["number", "time", "category"] = "time" if column.is_time else column.kind
    return GroupedColumn(
        column=column.name,
        kind=kind if edges else "category",
        measure=related.measure,
        strength=related.strength,
        parts=parts,
        edges=edges,
        shares=tuple(map(tuple, (table / sizes).tolist())),
        missing=_missing(frame[column.name], groups, count),
    )


def _parts(column: ColumnValues) -> tuple[tuple[str, ...], tuple[float, ...], Codes]:
    """Values or edges of bins, and the part of each row; -1 where the value is missing."""
    if column.kind == "category":
        parts, codes = _most_frequent(column)
        return parts, (), codes
    present = column.values[column.present]
    distinct = np.unique(present)
    if len(distinct) <= FEW_NUMBERS:
        names = tuple(figure(value, is_time=column.is_time) for value in distinct)
        return names, (), _coded(column, np.searchsorted(distinct, column.values))
    edges = _edges(present)
    bins = np.clip(np.searchsorted(edges, column.values, side="right") - 1, 0, len(edges) - 2)
    return (), tuple(edges.tolist()), _coded(column, bins)


def _edges(present: Floats) -> Floats:
    low, high = np.quantile(present, ENDS)
    if not low < high:
        low, high = present.min(), present.max()
    digits = 1 - math.floor(math.log10((high - low) / BINS))  # a hundredth of a bin at most
    return np.round(np.linspace(low, high, BINS + 1), digits).astype(np.float64)


def _most_frequent(column: ColumnValues) -> tuple[tuple[str, ...], Codes]:
    counts = np.bincount(column.values[column.present].astype(np.int64))
    order = np.argsort(-counts, kind="stable")
    own = order if len(order) <= MAX_VALUES + 1 else order[:MAX_VALUES]
    part = np.full(len(counts), len(own), dtype=np.int64)
    part[own] = np.arange(len(own))
    names = tuple(column.labels[at] for at in own)
    if len(own) < len(order):
        names = (*names, OTHERS)
    whole = np.where(column.present, column.values, 0).astype(np.int64)
    return names, _coded(column, part[whole])


def _coded(column: ColumnValues, codes: Codes) -> Codes:
    return np.where(column.present, codes, -1).astype(np.int64)


def _missing(series: pd.Series, groups: Codes, count: int) -> tuple[float, ...]:
    """The share of the rows of each group in which the value is missing."""
    own = groups >= 0
    missing = series.isna().to_numpy()[own]
    sizes = np.bincount(groups[own], minlength=count)
    shares = np.bincount(groups[own], weights=missing, minlength=count) / np.maximum(sizes, 1)
    return tuple(shares.tolist())
