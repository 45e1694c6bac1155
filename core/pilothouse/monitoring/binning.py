"""Grids: where the reference cuts a numeric column, so that every window is counted alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from pilothouse.monitoring.distances import Counts, Floats

MAX_DISTINCT_BINS = 40  # up to so many distinct values, each is a cell of its own
MAX_DISTINCT_DECILES = 20  # and up to so many, for the weights as well
DECILES = np.arange(1, 10) / 10
TAIL = 0.001
STRETCH = 3.0  # extremes that stretch the range more than so often do not set the cells' width
MAX_BINS = 40

Closed = Literal["left", "right"]


@dataclass(frozen=True)
class Grid:
    """Cells between cuts, and one beyond each end.

    Closed on the left, a cell holds its lower cut, and the last cut belongs to the cell below it,
    as in `numpy.histogram`; closed on the right, a cell holds its upper cut.
    """

    cuts: Floats
    labels: tuple[str, ...]
    closed: Closed = "left"

    def count(self, values: Floats) -> Counts:
        """How many of the sorted values lie in each cell."""
        positions = np.searchsorted(values, self.cuts, side=self.closed)
        if self.closed == "left" and len(self.cuts):
            positions[-1] = np.searchsorted(values, self.cuts[-1], side="right")
        return np.diff(positions, prepend=0, append=len(values))

    def to_json(self) -> dict[str, Any]:
        """Plain values that `grid_from_json` reads back."""
        return {"cuts": self.cuts.tolist(), "labels": list(self.labels), "closed": self.closed}


def grid_from_json(value: dict[str, Any]) -> Grid:
    """The grid that was kept."""
    cuts = np.asarray(value["cuts"], dtype=np.float64)
    return Grid(cuts, tuple(value["labels"]), value["closed"])


def grids_of(values: Floats) -> tuple[Grid, Grid]:
    """The cells to draw and the tenths to weigh; few distinct values share one grid for both."""
    distinct = np.unique(values)
    bins = value_grid(distinct) if len(distinct) <= MAX_DISTINCT_BINS else equal_width_grid(values)
    return bins, bins if len(distinct) <= MAX_DISTINCT_DECILES else decile_grid(values)


def decile_grid(values: Floats) -> Grid:
    """Cells between the deciles of sorted values; deciles that fall together are one."""
    cuts = np.unique(np.quantile(values, DECILES))
    return Grid(cuts, _range_labels(cuts), "right")


def equal_width_grid(values: Floats) -> Grid:
    """Even cells by Doane's rule (1976), over the sorted values' range.

    Extreme thousandths are left to the outer cells when they stretch the range beyond use.
    """
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    if high > low and values[-1] - values[0] > STRETCH * (high - low):
        values = values[(values >= low) & (values <= high)]
    cuts = _equal_width_cuts(values)
    return Grid(cuts, _range_labels(cuts))


def _equal_width_cuts(values: Floats) -> Floats:
    try:
        cuts = np.histogram_bin_edges(values, "doane")
        return cuts if len(cuts) <= MAX_BINS + 1 else np.histogram_bin_edges(values, MAX_BINS)
    except ValueError:  # the values are so close that even cells between them have no width
        return np.unique(np.quantile(values, np.linspace(0, 1, 11)))


def value_grid(distinct: Floats) -> Grid:
    """One cell a value; the cells beyond the ends are for what the reference never showed."""
    if not len(distinct):
        return Grid(np.empty(0), ("all",))
    middles = distinct[:-1] + np.diff(distinct) / 2
    cuts = np.concatenate([distinct[:1], middles, distinct[-1:]])
    names = [format_number(value) for value in distinct]
    return Grid(cuts, (f"< {names[0]}", *names, f"> {names[-1]}"))


def _range_labels(cuts: Floats) -> tuple[str, ...]:
    if not len(cuts):
        return ("all",)
    names = [format_number(cut) for cut in cuts]
    inner = [f"{low} to {high}" for low, high in pairwise(names)]
    return (f"< {names[0]}", *inner, f"> {names[-1]}")


def format_number(value: float) -> str:
    """A number as people write it, to four figures."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
