"""How strongly columns are associated: one measure from 0 to 1 a pair, by their kinds.

Two numbers: Spearman's rank correlation, which has a sign. A number and a category: the correlation
ratio of the number's ranks, corrected for its bias (Kelley 1935, epsilon squared). Two categories:
Cramér's V, corrected for its bias (Bergsma 2013, doi:10.1016/j.jkss.2012.10.002). Each pair is
measured on the rows that have both values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pilothouse.data.exploration.column_values import Codes, ColumnValues, Floats

MIN_ROWS = 20  # that have both values
SPEARMAN, RATIO, CRAMER = "Spearman", "Correlation ratio", "Cramér's V"


@dataclass(frozen=True)
class Association:
    """How strongly two columns are associated, on so many rows.

    `strength` lies from 0 to 1, of two numbers from -1 to 1. It is NaN where too few rows have both
    values, or one of them is the same in all.
    """

    left: str
    right: str
    measure: str
    strength: float
    rows: int


def associations(columns: Sequence[ColumnValues]) -> list[Association]:
    """Every pair of columns, the strongest first; those that cannot be measured last."""
    pairs = [association(left, right) for left, right in combinations(columns, 2)]
    return sorted(pairs, key=lambda pair: -(abs(pair.strength) if pair.strength == pair.strength
                                            else -1.0))  # fmt: skip


def association(left: ColumnValues, right: ColumnValues) -> Association:
    """How strongly two columns are associated."""
    both = left.present & right.present
    rows = int(both.sum())
    first, second = left.values[both], right.values[both]
    if left.kind == right.kind == "number":
        measure, strength = SPEARMAN, _or_nan(rows, spearman, first, second)
    elif left.kind == right.kind == "category":
        measure, strength = CRAMER, _or_nan(rows, cramers_v, first, second)
    else:
        numbers, groups = (first, second) if left.kind == "number" else (second, first)
        measure, strength = RATIO, _or_nan(rows, correlation_ratio, numbers, groups)
    return Association(left.name, right.name, measure, strength, rows)


def _or_nan(rows: int, measured: object, first: Floats, second: Floats) -> float:
    assert callable(measured)
    return float(measured(first, second)) if rows >= MIN_ROWS else math.nan


def spearman(left: Floats, right: Floats) -> float:
    """Spearman's rank correlation of numbers without missing ones; NaN of a constant."""
    from scipy.stats import rankdata

    if left.min() == left.max() or right.min() == right.max():
        return math.nan
    return float(np.corrcoef(rankdata(left), rankdata(right))[0, 1])


def correlation_ratio(numbers: Floats, groups: Floats) -> float:
    """The root of epsilon squared of the numbers' ranks by group; NaN without two groups.

    Epsilon squared is 1 - (n - 1) / (n - k) * within / total of n rows in k groups, at least 0.
    """
    from scipy.stats import rankdata

    codes, k = _codes(groups)
    n = len(numbers)
    ranks = rankdata(numbers)
    total = float(((ranks - ranks.mean()) ** 2).sum())
    if k < 2 or n <= k or total == 0:
        return math.nan
    sizes = np.bincount(codes, minlength=k)
    means = np.bincount(codes, weights=ranks, minlength=k) / sizes
    within = float(((ranks - means[codes]) ** 2).sum())
    return math.sqrt(max(0.0, 1 - (n - 1) / (n - k) * within / total))


def cramers_v(left: Floats, right: Floats) -> float:
    """Cramér's V of two categories, corrected for its bias; NaN when one has a single value."""
    first, r = _codes(left)
    second, k = _codes(right)
    n = len(left)
    if min(r, k) < 2:
        return math.nan
    table = np.bincount(first * k + second, minlength=r * k).reshape(r, k).astype(np.float64)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi2 = float(((table - expected) ** 2 / expected).sum()) / n
    corrected = max(0.0, phi2 - (k - 1) * (r - 1) / (n - 1))
    rows, columns = r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)
    least = min(rows, columns) - 1
    return min(1.0, math.sqrt(corrected / least)) if least > 0 else math.nan


def _codes(values: Floats) -> tuple[Codes, int]:
    """Codes from 0 without gaps, and how many there are."""
    distinct, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.int64), len(distinct)
