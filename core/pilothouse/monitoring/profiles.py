"""Profiles: the distribution of each column of a sample.

The reference's profile is made once for a model version and keeps a sorted sample, so that exact
distances need no second sort. A window's profile uses the reference's bins: it is small, two of
them merge into one, and pages are drawn from it without the rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from pilothouse.monitoring.binning import Grid, grids_of
from pilothouse.monitoring.distances import Counts, Floats

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "category"]
MAX_SAMPLE = 100_000
SEED = 20_130_301
MAX_CATEGORIES = 5_000
MAX_MAGNITUDE = 1e140


class UnreadableProfile(ValueError):
    """A column holds values that do not fit its kind; the message says which."""


@dataclass(frozen=True)
class NumberReference:
    """A numeric column of the reference. `values` are sorted and finite, a sample when too many."""

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

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing


@dataclass(frozen=True)
class CategoryReference:
    """A column of categories of the reference; `complete` unless there were too many to keep."""

    kind: ClassVar[Kind] = "category"
    name: str
    rows: int
    missing: int
    counts: Mapping[str, int]
    complete: bool = True

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing


@dataclass(frozen=True)
class NumberWindow:
    """A numeric column of a window on the reference's bins; `sum_sq_dev` is the sum of squared
    deviations from the mean."""

    name: str
    rows: int
    missing: int
    bin_counts: Counts
    decile_counts: Counts
    mean: float
    sum_sq_dev: float
    low: float
    high: float

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

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


ColumnReference = NumberReference | CategoryReference


def number_reference(name: str, column: pd.Series[Any]) -> NumberReference:
    """The reference's profile of a numeric column. Raises UnreadableProfile."""
    values = sorted_numbers(column)
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
    )


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
    """A window's profile of a numeric column, and its sorted values. Raises UnreadableProfile."""
    values = sorted_numbers(column)
    mean = float(values.mean()) if len(values) else 0.0
    profile = NumberWindow(
        reference.name,
        len(column),
        len(column) - len(values),
        reference.bins.count(values),
        reference.deciles.count(values),
        mean,
        float(np.square(values - mean).sum()),
        float(values[0]) if len(values) else math.inf,
        float(values[-1]) if len(values) else -math.inf,
    )

    return profile, values


def category_window(reference: CategoryReference, column: pd.Series[Any]) -> CategoryWindow:
    """A window's profile of a column of categories."""
    counts = count_categories(column)
    return CategoryWindow(reference.name, len(column), len(column) - sum(counts.values()), counts)


def sorted_numbers(column: pd.Series[Any]) -> Floats:
    """The finite values, sorted; what is infinite counts as missing. Raises UnreadableProfile.

    Values beyond `MAX_MAGNITUDE` are clipped, so that the squares of a whole window still add up.
    """
    import pandas as pd

    try:
        numbers = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as wrong:
        raise UnreadableProfile(f"it holds values that are not numbers: {wrong}") from wrong
    values: Floats = np.sort(np.clip(numbers[np.isfinite(numbers)], -MAX_MAGNITUDE, MAX_MAGNITUDE))
    return values


def count_categories(column: pd.Series[Any]) -> dict[str, int]:
    """Rows a category, the most frequent first; missing ones are left out."""
    import pandas as pd

    codes, values = pd.factorize(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    categories = [category_name(value) for value in values]
    merged: dict[str, int] = {}
    for category, count in zip(categories, counts.tolist(), strict=True):
        merged[category] = merged.get(category, 0) + count
    return dict(sorted(merged.items(), key=lambda item: (-item[1], item[0])))


def category_name(value: Any) -> str:
    """A category's name: 1, 1.0 and True are the same category in a log as in training."""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
