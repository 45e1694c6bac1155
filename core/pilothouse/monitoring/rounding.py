"""Values that are equal but for rounding: a decimal stored as float32, a sum in another order.

Where a column repeats a value, every test would take such copies for a shift of all those rows:
another engine, another size of a batch or another file format is no drift.
"""

from __future__ import annotations

import numpy as np

from pilothouse.kit.rounding import ROUNDING
from pilothouse.monitoring.distances import Floats


def anchors_of(values: Floats) -> Floats:
    """The values that sorted values repeat, and both ends, without those that rounding made."""
    repeated = values[1:][values[1:] == values[:-1]]
    anchors = np.unique(np.concatenate([values[:1], repeated, values[-1:]]))
    if not (np.diff(anchors) <= ROUNDING * np.abs(anchors[1:])).any():
        return anchors
    chosen = [anchors[0]]
    for value in anchors[1:]:  # each stands for those up to its rounding, never for a longer chain
        if value - chosen[-1] > ROUNDING * abs(value):
            chosen.append(value)
    return np.asarray(chosen, dtype=np.float64)


def snapped(values: Floats, anchors: Floats) -> Floats:
    """Sorted values, with those within rounding of an anchor moved onto the nearest one."""
    if not len(values) or not len(anchors):
        return values
    widths = ROUNDING * np.abs(anchors)
    middles = anchors[:-1] + np.diff(anchors) / 2
    lows = np.maximum(anchors - widths, np.append(-np.inf, middles))
    highs = np.minimum(anchors + widths, np.append(middles, np.inf))
    starts, ends = values.searchsorted(lows), values.searchsorted(highs, side="right")
    some = np.flatnonzero(ends > starts)
    first, last = values[starts[some]], values[ends[some] - 1]
    inexact = some[(first != anchors[some]) | (last != anchors[some])]
    if not len(inexact):  # PERF: as in most columns
        return values
    moved = values.copy()
    for index in inexact:
        moved[starts[index] : ends[index]] = anchors[index]
    return moved


def are_equal(first: float, second: float) -> bool:
    """Whether two values differ by rounding only."""
    return abs(first - second) <= ROUNDING * max(abs(first), abs(second))
