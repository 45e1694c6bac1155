"""Bins of a numeric column, cut by the reference, so that every window is counted alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from pilothouse.monitoring.distances import Counts, Floats

MAX_DISTINCT_BINS = 40  # up to so many distinct values, each has a bin of its own
MAX_DISTINCT_DECILES = 20  # and up to so many, those bins are used in place of deciles too
DECILES = np.arange(1, 10) / 10
TAIL = 0.001
STRETCH = 3.0  # outliers that stretch the range more than this do not set the bins' width
MAX_BINS = 40

Closed = Literal["left", "right"]


@dataclass(frozen=True)
class Grid:
    """Bins between cuts, and one beyond each end.

    Closed on the left, a bin holds its lower cut, and the last cut belongs to the bin below it, as
    in `numpy.histogram`; closed on the right, a bin holds its upper cut.
    """

    cuts: Floats
    labels: tuple[str, ...]
    closed: Closed = "left"

    def count(self, values: Floats) -> Counts:
        """How many of the sorted values lie in each bin."""
        positions = np.searchsorted(values, self.cuts, side=self.closed)
        if self.closed == "left" and len(self.cuts):
            positions[-1] = np.searchsorted(values, self.cuts[-1], side="right")
        return np.diff(positions, prepend=0, append=len(values))

    def to_json(self) -> dict[str, Any]:
        """Plain values that `grid_from_json` reads back."""
        return {"cuts": self.cuts.tolist(), "labels": list(self.labels), "closed": self.closed}


def grid_from_json(value: dict[str, Any]) -> Grid:
    """The grid that `to_json` wrote."""
    cuts = np.asarray(value["cuts"], dtype=np.float64)
    return Grid(cuts, tuple(value["labels"]), value["closed"])


def grids_of(values: Floats) -> tuple[Grid, Grid]:
    """The bins to draw and the deciles to test; few distinct values share one grid for both."""
    distinct = np.unique(values)
    bins = value_grid(distinct) if len(distinct) <= MAX_DISTINCT_BINS else equal_width_grid(values)
    return bins, bins if len(distinct) <= MAX_DISTINCT_DECILES else decile_grid(values)


def decile_grid(values: Floats) -> Grid:
    """Bins between the deciles of sorted values; equal deciles are merged."""
    cuts = np.unique(np.quantile(values, DECILES))
    return Grid(cuts, _range_labels(cuts), "right")


def equal_width_grid(values: Floats) -> Grid:
    """Bins of equal width by Doane's rule (1976), over the sorted values' range.

    The extreme thousandths fall into the outer bins when they stretch the range beyond use.
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
    except ValueError:  # the values are so close that bins of equal width have none
        return np.unique(np.quantile(values, np.linspace(0, 1, 11)))


def value_grid(distinct: Floats) -> Grid:
    """One bin per value; the outer bins hold values beyond those of the reference."""
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
    """A number with four significant digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
