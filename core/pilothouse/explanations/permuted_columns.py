"""Permutation importance: how far a metric falls when the values of a column are shuffled.

Breiman, "Random forests", Machine Learning 45 (2001); with the seeds and the arithmetic of
`sklearn.inspection.permutation_importance`, for any model and any metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 1_000  # of the held-out rows, drawn at random
REPEATS = 5
SEED = 0


@dataclass(frozen=True)
class PermutedColumn:
    """How far the metric fell when a column was shuffled, in each repeat; above 0 is a fall."""

    column: str
    falls: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean fall."""
        return sum(self.falls) / len(self.falls)

    @property
    def std(self) -> float:
        """The standard deviation over the repeats."""
        mean = self.mean
        return math.sqrt(sum((fall - mean) ** 2 for fall in self.falls) / len(self.falls))


def permuted_columns(
    score: Callable[[pd.DataFrame], float],
    frame: pd.DataFrame,
    columns: Sequence[str],
    *,
    repeats: int = REPEATS,
    seed: int = SEED,
    report: Callable[[float], None] = lambda _: None,
) -> list[PermutedColumn]:
    """The falls of a score, higher is better, by column."""
    import numpy as np

    whole = score(frame)
    # As scikit-learn: one seed is drawn, and each column's shuffles begin with it.
    drawn = np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1)
    result = []
    for number, name in enumerate(columns):
        report(number / len(columns))
        random, shuffled = np.random.RandomState(drawn), frame[name]
        order, falls = np.arange(len(frame)), []
        for _ in range(repeats):
            random.shuffle(order)
            shuffled = shuffled.take(order).set_axis(frame.index)
            falls.append(whole - score(frame.assign(**{name: shuffled})))
        result.append(PermutedColumn(name, tuple(falls)))
    return result
