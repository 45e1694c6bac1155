"""Profiles: the distribution of each column of a sample.

The reference's profile is made once for a model version and keeps a sorted sample, so that exact
distances need no second sort. A window's profile uses the reference's bins: it is small, two of
them merge into one, and pages are drawn from it without the rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from pilothouse.monitoring.binning import Grid, grids_of
from pilothouse.monitoring.column_values import (
    UnreadableProfile,
    count_categories,
    read_numbers,
)
from pilothouse.monitoring.dependence import Blocks, intraclass
from pilothouse.monitoring.distances import Counts, Floats
from pilothouse.monitoring.kinds import Kind
from pilothouse.monitoring.rounding import anchors_of, snapped
from pilothouse.monitoring.time_profiles import TimeReference

if TYPE_CHECKING:
    import pandas as pd

MAX_SAMPLE = 100_000
SEED = 20_130_301
MAX_CATEGORIES = 5_000


@dataclass(frozen=True)
class NumberReference:
    """A numeric column of the reference. `values` are sorted and finite, a sample when too many.

    What differs by rounding only is one value in them, in the bins and in a window.

    `infinite` counts those of the `missing` rows that are infinite; profiles from before have None.
    The intraclass correlations, of its values and of which are missing, say how much the rows of
    one block of time resemble each other; 0 for independent rows.
    """

    kind: ClassVar[Kind] = "number"
    name: str
    rows: int
    missing: int
    values: Floats
    bins: Grid
    deciles: Grid
    bin_counts: Counts
    decile_counts: Counts
    mean: float
    std: float
    infinite: int | None = None
    intraclass: float = 0.0
    missing_intraclass: float = 0.0

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

    @cached_property
    def anchors(self) -> Floats:
        """The values that it repeats."""
        return anchors_of(self.values)


@dataclass(frozen=True)
class CategoryReference:
    """A column of categories of the reference; `complete` unless there were too many to keep.

    The intraclass correlations are as those of a numeric column.
    """

    kind: ClassVar[Kind] = "category"
    name: str
    rows: int
    missing: int
    counts: Mapping[str, int]
    complete: bool = True
    intraclass: float = 0.0
    missing_intraclass: float = 0.0

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing


@dataclass(frozen=True)
class NumberWindow:
    """A numeric column of a window on the reference's bins.

    `sum_sq_dev` is the sum of squared deviations from the mean. `unreadable` rows have a value that
    is not a number, such as `example`; `infinite` ones are among the missing ones.
    """

    name: str
    rows: int
    missing: int
    bin_counts: Counts
    decile_counts: Counts
    mean: float
    sum_sq_dev: float
    low: float
    high: float
    unreadable: int = 0
    infinite: int = 0
    example: str = ""

    @property
    def present(self) -> int:
        """Rows that have a readable value."""
        return self.rows - self.missing - self.unreadable

    def merge(self, other: NumberWindow) -> NumberWindow:
        """The profile of both windows' rows together (Chan, Golub and LeVeque 1979)."""
        present = self.present + other.present
        step = other.mean - self.mean
        share = other.present / present if present else 0.0

        return NumberWindow(
            self.name,
            self.rows + other.rows,
            self.missing + other.missing,
            self.bin_counts + other.bin_counts,
            self.decile_counts + other.decile_counts,
            self.mean + step * share,
            self.sum_sq_dev + other.sum_sq_dev + step * step * self.present * share,
            min(self.low, other.low),
            max(self.high, other.high),
            self.unreadable + other.unreadable,
            self.infinite + other.infinite,
            self.example or other.example,
        )


@dataclass(frozen=True)
class CategoryWindow:
    """A column of categories of a window."""

    name: str
    rows: int
    missing: int
    counts: Mapping[str, int]

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

    def merge(self, other: CategoryWindow) -> CategoryWindow:
        """The profile of both windows' rows together."""
        names = {**self.counts, **other.counts}
        both = {name: self.counts.get(name, 0) + other.counts.get(name, 0) for name in names}
        return CategoryWindow(self.name, self.rows + other.rows, self.missing + other.missing, both)


ColumnReference = NumberReference | CategoryReference | TimeReference


def with_dependence(
    reference: ColumnReference, column: pd.Series[Any], blocks: Blocks
) -> ColumnReference:
    """The reference with how much the rows of one block of time resemble each other."""
    if isinstance(reference, NumberReference):
        cells = _number_cells(reference.deciles, column)
    else:
        cells = _category_cells(column)
    of_missing = intraclass(blocks, (cells < 0).astype(np.int64))
    of_values = 0.0 if isinstance(reference, TimeReference) else intraclass(blocks, cells)
    return replace(reference, intraclass=of_values, missing_intraclass=of_missing)


def _number_cells(deciles: Grid, column: pd.Series[Any]) -> Counts:
    """The cell of each row on the deciles' grid; -1 for a row without a finite value."""
    import pandas as pd

    numbers = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    side: Literal["left", "right"] = "right" if deciles.closed == "left" else "left"
    cells = deciles.cuts.searchsorted(np.asarray(numbers), side=side)
    return np.where(np.isfinite(numbers), cells, -1).astype(np.int64)


def _category_cells(column: pd.Series[Any]) -> Counts:
    import pandas as pd

    return np.asarray(pd.factorize(column)[0], dtype=np.int64)


def number_reference(name: str, column: pd.Series[Any]) -> NumberReference:
    """The reference's profile of a numeric column. Raises UnreadableProfile."""
    numbers = read_numbers(column)
    if numbers.unreadable:
        raise UnreadableProfile(not_numbers(numbers.example))
    values = snapped(numbers.values, anchors_of(numbers.values))
    sample = values
    if len(values) > MAX_SAMPLE:
        sample = np.sort(np.random.default_rng(SEED).choice(values, MAX_SAMPLE, replace=False))

    bins, deciles = grids_of(values)
    return NumberReference(
        name,
        len(column),
        len(column) - len(values),
        sample,
        bins,
        deciles,
        bins.count(values),
        deciles.count(values),
        float(values.mean()) if len(values) else 0.0,
        float(values.std()) if len(values) else 0.0,
        numbers.infinite,
    )


def not_numbers(example: str) -> str:
    """What is wrong with a column of numbers that has such a value."""
    return f"it holds values that are not numbers, such as {example!r}"


def category_reference(name: str, column: pd.Series[Any]) -> CategoryReference:
    """The reference's profile of a column of categories."""
    counts = count_categories(column)
    present = sum(counts.values())
    most_frequent = dict(list(counts.items())[:MAX_CATEGORIES])
    complete = len(most_frequent) == len(counts)
    return CategoryReference(name, len(column), len(column) - present, most_frequent, complete)


def number_window(
    reference: NumberReference, column: pd.Series[Any]
) -> tuple[NumberWindow, Floats]:
    """A window's profile of a numeric column, and its sorted values; what is not a number is
    counted."""
    numbers = read_numbers(column)
    values = snapped(numbers.values, reference.anchors)
    mean = float(values.mean()) if len(values) else 0.0
    deviations = values - mean
    profile = NumberWindow(
        reference.name,
        len(column),
        numbers.missing,
        reference.bins.count(values),
        reference.deciles.count(values),
        mean,
        float(deviations @ deviations),
        float(values[0]) if len(values) else math.inf,
        float(values[-1]) if len(values) else -math.inf,
        numbers.unreadable,
        numbers.infinite,
        numbers.example,
    )

    return profile, values


def category_window(reference: CategoryReference, column: pd.Series[Any]) -> CategoryWindow:
    """A window's profile of a column of categories."""
    counts = count_categories(column)
    return CategoryWindow(reference.name, len(column), len(column) - sum(counts.values()), counts)
