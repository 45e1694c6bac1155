"""The groups of rows that a target makes: its classes, or quarters of its numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pilothouse.data.exploration.column_values import Codes, ColumnValues, Floats, figure

MAX_GROUPS = 6  # as many lines of one figure can be told apart
BANDS = 4
OTHERS = "Others"


@dataclass(frozen=True)
class TargetGroup:
    """Rows of one class of the target, of a quarter of its numbers, or of all smaller classes.

    `rows` are those of the sample.
    """

    name: str
    rows: int
    is_others: bool = False


def as_target(column: ColumnValues) -> ColumnValues:
    """A target as it is grouped: numbers of few different values are classes."""
    if column.kind == "category":
        return column
    distinct, codes = np.unique(column.values[column.present], return_inverse=True)
    if len(distinct) > MAX_GROUPS:
        return column
    values = np.full(len(column.values), np.nan)
    values[column.present] = codes
    labels = tuple(figure(value, is_time=column.is_time) for value in distinct)
    return replace(column, kind="category", values=values, labels=labels)


def target_groups(target: ColumnValues) -> tuple[tuple[TargetGroup, ...], Codes]:
    """The groups, and for each row the number of its group; -1 for a row without a target.

    The classes come by size; of more than six the five largest are groups, the others one more.
    """
    if target.kind == "number":
        return _bands(target)
    codes = np.where(target.present, target.values, -1).astype(np.int64)
    counts = np.bincount(codes[codes >= 0], minlength=len(target.labels))
    order = np.argsort(-counts, kind="stable")
    own = order if len(order) <= MAX_GROUPS else order[: MAX_GROUPS - 1]
    groups = [TargetGroup(target.labels[at], int(counts[at])) for at in own]
    number = np.full(len(counts) + 1, len(own), dtype=np.int64)
    number[own] = np.arange(len(own))
    number[-1] = -1
    if len(own) < len(order):
        groups.append(TargetGroup(OTHERS, int(counts[order[len(own) :]].sum()), is_others=True))
    return tuple(groups), number[codes]


def _bands(target: ColumnValues) -> tuple[tuple[TargetGroup, ...], Codes]:
    """Quarters of the numbers; fewer where many rows have the same one."""
    present = target.values[target.present]
    inner = np.unique(np.quantile(present, np.arange(1, BANDS) / BANDS))
    inner = inner[inner > present.min()]  # no band is empty
    codes = np.where(target.present, np.searchsorted(inner, target.values, side="right"), -1)
    counts = np.bincount(codes[codes >= 0], minlength=len(inner) + 1)
    names = _band_names(inner, target)
    groups = [TargetGroup(name, int(rows)) for name, rows in zip(names, counts, strict=True)]
    return tuple(groups), codes.astype(np.int64)


def _band_names(inner: Floats, target: ColumnValues) -> list[str]:
    edges = [figure(edge, is_time=target.is_time, digits=4) for edge in inner]
    if not edges:
        return ["All"]
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    return [f"Below {edges[0]}", *between, f"From {edges[-1]}"]
