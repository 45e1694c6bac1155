"""How far two distributions are apart: pure functions on counts and on sorted values.

All are finite for any counts and any finite values, constants included. scipy is the tests'
oracle and is not needed to run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

FLOOR = 1e-4  # the share that an empty bin counts as: the logarithm of 0 is not finite


def row_shares(counts: npt.NDArray[Any]) -> Floats:
    """Counts of each row over their sum; all zero when there are none."""
    array = np.asarray(counts, dtype=np.float64)
    total = array.sum(axis=1, keepdims=True)
    return np.asarray(array / np.where(total > 0, total, 1.0), dtype=np.float64)


def of_pair(
    row_distance: Callable[[npt.NDArray[Any], npt.NDArray[Any]], Floats],
    reference: npt.ArrayLike,
    current: npt.ArrayLike,
) -> float:
    """A distance of pairs of rows of counts, for one pair."""
    return float(row_distance(np.asarray(reference)[None], np.asarray(current)[None])[0])


def psi(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Population stability index of two rows of counts on one grid: sum of (q - p) ln(q / p).

    Cells below `FLOOR` count as `FLOOR` (Siddiqi, Credit Risk Scorecards, 2006).
    """
    return of_pair(row_psi, reference, current)


def row_psi(reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> Floats:
    """The index of each pair of rows."""
    p = np.maximum(row_shares(reference), FLOOR)
    q = np.maximum(row_shares(current), FLOOR)
    return np.asarray(np.sum((q - p) * np.log(q / p), axis=1), dtype=np.float64)


def jensen_shannon(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Jensen-Shannon distance to base 2 of two rows of counts on one grid: 0 equal, 1 disjoint.

    The square root of the divergence (Endres and Schindelin 2003), as scipy gives it with base=2.
    """
    return of_pair(row_jensen_shannon, reference, current)


def row_jensen_shannon(reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> Floats:
    """The distance of each pair of rows."""
    p, q = row_shares(reference), row_shares(current)
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return np.asarray(np.sqrt(np.clip(divergence, 0.0, 1.0)), dtype=np.float64)


def _relative_entropy(p: Floats, q: Floats) -> Floats:
    ratio = np.divide(p, q, out=np.ones_like(p), where=p > 0)
    return np.asarray(np.sum(p * np.log2(ratio), axis=1), dtype=np.float64)


def hellinger(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Hellinger distance of two rows of counts on one grid: 0 equal, 1 disjoint."""
    return of_pair(row_hellinger, reference, current)


def row_hellinger(reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> Floats:
    """The distance of each pair of rows."""
    roots = np.sqrt(row_shares(reference)) - np.sqrt(row_shares(current))
    return np.asarray(np.sqrt(np.square(roots).sum(axis=1) / 2), dtype=np.float64)


def row_l_infinity(reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> Floats:
    """The largest difference of two shares, of each pair of rows."""
    gaps = np.abs(row_shares(reference) - row_shares(current))
    return np.asarray(gaps.max(axis=1, initial=0.0), dtype=np.float64)


def row_cohen_w(reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> Floats:
    """Cohen's w of each pair of rows: the root of the sum of (q - p)^2 over the pooled share.

    Its square is Pearson's chi-square statistic times (1/n + 1/m), so that it does not grow with
    the rows (Cohen, Statistical power analysis for the behavioral sciences, 1988, chapter 7).
    """
    gaps = np.square(row_shares(reference) - row_shares(current))
    pooled = row_shares(reference + current)
    parts = np.divide(gaps, pooled, out=np.zeros_like(gaps), where=pooled > 0)
    return np.asarray(np.sqrt(parts.sum(axis=1)), dtype=np.float64)


@dataclass(frozen=True)
class Merged:
    """Two sorted, non-empty samples, and where the values of the smaller one are in the larger.

    `places[i]` counts the values of the larger sample that are at most `few[i]`.

    PERF: no distance needs the values of both in one order, which take long to write down.
    """

    reference: Floats
    current: Floats
    few: Floats
    many: Floats
    places: Counts

    def values_at(self, ranks: Counts) -> Floats:
        """The values of these ranks, from 0, among those of both samples together."""
        positions = self.places + np.arange(len(self.few))  # of equal ones, the larger's first
        before = positions.searchsorted(ranks)
        nearest = np.minimum(before, len(self.few) - 1)
        of_many = np.clip(ranks - before, 0, len(self.many) - 1)
        is_few = positions[nearest] == ranks
        return np.where(is_few, self.few[nearest], self.many[of_many])


def merge(reference: Floats, current: Floats) -> Merged:
    """Find the places of the smaller sample's values; both are sorted and not empty."""
    few, many = sorted((reference, current), key=len)
    return Merged(reference, current, few, many, many.searchsorted(few, side="right"))


def kolmogorov_smirnov(merged: Merged) -> float:
    """The largest gap between the two distribution functions: the two-sample statistic D.

    It is at a value of the smaller sample or just below it: between them only one function rises.
    """
    few, many, places = merged.few, merged.many, merged.places
    n, m = len(few), len(many)
    gap = places * n  # the gap times n m is a whole number, so this is exact
    gap -= np.arange(m, m * n + 1, m)
    is_other = few[1:] != few[:-1]
    has_ties = not is_other.all() or bool((many[places - 1] == few).any())
    if not has_ties:  # PERF: so the gap just below a value is m more
        return float(max(gap.max() + m, -gap.min()) / (n * m))

    at_value = gap[np.append(is_other, True)]
    below = many.searchsorted(few) * n - np.arange(0, m * n, m)
    below_value = below[np.append(True, is_other)]
    return float(max(np.abs(at_value).max(), np.abs(below_value).max()) / (n * m))


def wasserstein(merged: Merged) -> float:
    """The area between the two distribution functions: the first Wasserstein distance.

    It is the area between the quantile functions too, which are constant between steps that the
    numbers of rows alone decide.
    """
    reference, current, widths = _steps(len(merged.reference), len(merged.current))
    gaps = merged.reference[reference]
    gaps -= merged.current[current]
    return float(np.abs(gaps, out=gaps) @ widths)


@lru_cache(maxsize=2)
def _steps(m: int, n: int) -> tuple[Counts, Counts, Floats]:
    """Which of m and of n sorted values are the quantiles between two steps, and their widths.

    PERF: the columns of a window mostly share it.
    """
    ends = np.unique(np.concatenate([np.arange(n, n * m + 1, n), np.arange(m, n * m + 1, m)]))
    widths = np.diff(ends, prepend=0) / (n * m)
    return (ends - 1) // n, (ends - 1) // m, widths
