"""What a score is when nothing has changed: chance's own distribution, for the rows of one pair.

A score of two samples is above 0 even when both come from one distribution, the more so the fewer
rows there are. Where the statistic has a known distribution that is used; else the rows of both
samples are dealt out anew and the scores of the deals are summarised.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from pilothouse.monitoring.distances import Counts, Floats, Merged

MIN_EXPECTED = 20  # rows that a cell needs on either side for the limit distribution to hold
MAX_DEALS, MIN_DEALS = 400, 100
MAX_DRAWN = 200_000  # cells times deals, so that a column of very many categories stays affordable
SEED = 20_130_301
TAIL_KNOTS, EVEN_KNOTS, AREA_DEALS = 40, 100, 1_000


class Chance(Protocol):
    """The distribution of a score without a change; `method` says where it comes from."""

    @property
    def method(self) -> str:
        """Such as "chi-square" or "permutation"."""
        ...

    def p_value(self, score: float) -> float:
        """How often chance alone gives this score or more."""
        ...

    def limit(self, level: float) -> float:
        """The score that chance alone exceeds this often."""
        ...


@dataclass(frozen=True)
class GammaChance:
    """A power of the score is gamma distributed: chi-square is one, and so is Pearson's type III.

    score ** power = shift + Gamma(shape, scale). Without a scale it always is the shift.
    """

    method: str
    shape: float
    scale: float
    shift: float = 0.0
    power: float = 1.0

    def p_value(self, score: float) -> float:
        """The upper tail of the gamma distribution."""
        from scipy.special import gammaincc

        above = score**self.power - self.shift
        if score <= 0 or above <= 1e-12:  # rounding of equal scores
            return 1.0
        return float(gammaincc(self.shape, above / self.scale)) if self.scale else 0.0

    def limit(self, level: float) -> float:
        """The quantile of the gamma distribution."""
        from scipy.special import gammainccinv

        above = self.scale * float(gammainccinv(self.shape, level)) if self.scale else 0.0
        return float(max(self.shift + above, 0.0) ** (1 / self.power))


@dataclass(frozen=True)
class KolmogorovChance:
    """The largest gap between two distribution functions (Smirnov 1948), times sqrt(nm / (n+m)).

    It is the limit distribution for continuous values; ties and few rows make it too strict, never
    too lenient.
    """

    scale: float
    method: str = "Kolmogorov"

    def p_value(self, score: float) -> float:
        """The upper tail of Kolmogorov's distribution."""
        from scipy.special import kolmogorov

        return float(kolmogorov(score / self.scale))

    def limit(self, level: float) -> float:
        """The quantile of Kolmogorov's distribution."""
        from scipy.special import kolmogi

        return float(kolmogi(level)) * self.scale


@dataclass(frozen=True, eq=False)
class ExactChance:
    """All scores that can occur, rising, and how often chance gives each one or more."""

    scores: Floats
    tails: Floats
    method: str = "exact"

    def p_value(self, score: float) -> float:
        """The chance of all scores that are not smaller."""
        position = int(np.searchsorted(self.scores, score - 1e-12))
        return float(min(self.tails[position], 1.0)) if position < len(self.tails) else 0.0

    def limit(self, level: float) -> float:
        """The largest score that is still as likely as that, so that only larger ones are not."""
        likely = np.flatnonzero(self.tails > level)
        return float(self.scores[likely[-1]]) if len(likely) else 0.0


NO_FISHER = ExactChance(np.zeros(1), np.ones(1), "Fisher")  # of rows without the mark


@dataclass(frozen=True)
class RangeChance:
    """The share of n values beyond the extremes of m others, whatever their distribution is.

    More than k of them lie outside when at most one of the k + 1 largest of all n + m values is
    one of the others: the values between two neighbours are exchangeable, so both ends count as the
    two upper ones (Wilks, Annals of Mathematical Statistics 12, 1941). Ties make it too strict.
    """

    n: int
    m: int
    method: str = "exceedances"

    def p_value(self, score: float) -> float:
        """How often chance alone gives this share or more."""
        return _exceedance_tail(self.n, self.m, math.ceil(score * self.n - 1e-8))

    def limit(self, level: float) -> float:
        """The largest share that is still as likely as that."""
        return _largest_exceedance(self.n, self.m, level) / self.n


def _exceedance_tail(n: int, m: int, k: int) -> float:
    """How often k or more of n values lie outside of m others."""
    from scipy.special import gammaln

    def log_choose(whole: int, part: int) -> float:
        return float(gammaln(whole + 1) - gammaln(part + 1) - gammaln(whole - part + 1))

    if not 0 < k <= n:
        return float(k <= 0)
    whole = log_choose(n + m, k + 1)
    none = np.exp(log_choose(n, k + 1) - whole) if k < n else 0.0
    one = m * np.exp(log_choose(n, k) - whole)
    return float(min(none + one, 1.0))


@lru_cache(maxsize=256)
def _largest_exceedance(n: int, m: int, level: float) -> int:
    """The largest count that chance reaches more often than `level`, by bisection.

    PERF: the columns of a window mostly share it.
    """
    low, high = 0, n + 1
    while high - low > 1:
        middle = (low + high) // 2
        if _exceedance_tail(n, m, middle) > level:
            low = middle
        else:
            high = middle
    return low


def all_equal_chance(equal: int, m: int, n: int) -> Chance:
    """Of 1 for n rows that all have a value which `equal` of m others have, and 0 otherwise.

    All n + m rows are dealt out anew: Fisher's exact test of the value's share.
    """
    from scipy.special import gammaln

    log = gammaln(equal + n + 1) - gammaln(equal + 1) - gammaln(n + m + 1) + gammaln(m + 1)
    return ExactChance(np.array([0.0, 1.0]), np.array([1.0, float(np.exp(log))]), "Fisher")


def chi_square(cells: int, n: int, m: int, *, scale: float = 1.0, power: float = 1.0) -> Chance:
    """Of a divergence that is chi-square with cells - 1 degrees, times (1/n + 1/m) and `scale`.

    For PSI: Yurdakul and Naranjo, Statistical properties of the population stability index,
    Journal of Risk Model Validation 14 (2020).
    """
    return GammaChance(
        "chi-square", max(cells - 1, 1) / 2, 2 * scale * (1 / n + 1 / m), power=power
    )


def is_dense(before: Counts, after: Counts) -> bool:
    """Whether each cell that has any row expects enough of them on either side."""
    pooled = before + after
    smaller = min(before.sum(), after.sum()) / max(pooled.sum(), 1)
    return bool((pooled[pooled > 0] * smaller >= MIN_EXPECTED).all())


def deals(before: Counts, after: Counts) -> tuple[Counts, Counts]:
    """Both rows of counts with all rows dealt out anew, many times (deals x cells).

    Given the pooled counts of the cells, those of the window are multivariate hypergeometric: that
    is the permutation distribution, without a row being moved.
    """
    pooled = before + after
    drawn = _drawn(tuple(pooled.tolist()), int(after.sum()))
    return pooled - drawn, drawn


@lru_cache(maxsize=4)
def _drawn(pooled: tuple[int, ...], rows: int) -> Counts:
    """What the window gets in each deal. PERF: all tests of a column share the deals."""
    size = int(np.clip(MAX_DRAWN // max(len(pooled), 1), MIN_DEALS, MAX_DEALS))
    rng = np.random.default_rng(SEED)
    return rng.multivariate_hypergeometric(pooled, rows, size, method="marginals")


def of_deals(scores: Floats, method: str = "permutation") -> GammaChance:
    """A distribution with the mean, the variance and the skewness of some scores.

    Pearson's type III has a tail to look up where there were too few deals to count one (Winkler,
    Ridgway, Douaud, Nichols and Smith, Faster permutation inference in brain imaging, NeuroImage
    141, 2016).
    """
    count = len(scores)
    mean = float(scores.sum()) / count
    gaps = scores - mean
    deviation = math.sqrt(float(gaps @ gaps) / count)
    if deviation <= 1e-12 * max(mean, 1e-300):
        return GammaChance(method, 1.0, 0.0, mean)
    gaps /= deviation
    skewness = float((gaps * gaps) @ gaps) / count
    # A gamma that starts at 0 has the skewness 2 cv; a smaller one would start below 0.
    skewness = max(skewness, 0.1)
    shape = 4 / skewness**2
    scale = deviation * skewness / 2
    return GammaChance(method, shape, scale, mean - shape * scale)


def binned_chance(
    before: Counts,
    after: Counts,
    score: Callable[[Counts, Counts], Floats],
    *,
    scale: float = 1.0,
    power: float = 1.0,
) -> Chance:
    """Of a divergence of counts: by formula, or by permutation where cells have few rows."""
    if is_dense(before, after):
        cells = int(np.count_nonzero(before + after))
        sizes = int(after.sum()), int(before.sum())
        return chi_square(cells, *sizes, scale=scale, power=power)
    return of_deals(score(*deals(before, after)))


def share_chance(before: int, m: int, after: int, n: int) -> Chance:
    """Of the difference of two shares, without its sign: Fisher's exact distribution."""
    if before == after == 0:
        return NO_FISHER
    from scipy.special import gammaln

    total, marked = n + m, before + after
    mean = n * marked / total
    reach = 12 * np.sqrt(mean * (1 - marked / total) + 1) + 12  # beyond it nothing has any weight
    low, high = max(0, marked - m, int(mean - reach)), min(n, marked, int(mean + reach))
    x = np.arange(low, high + 1, dtype=np.float64)

    def log_choose(whole: float, part: Floats) -> Floats:
        out: Floats = gammaln(whole + 1) - gammaln(part + 1) - gammaln(whole - part + 1)
        return out

    logs = log_choose(marked, x) + log_choose(total - marked, n - x)
    chances = np.exp(logs - logs.max())
    gaps = np.abs(x / n - (marked - x) / m)
    order = np.argsort(gaps, kind="stable")
    rising = gaps[order]
    tails = (chances[order] / chances.sum())[::-1].cumsum()[::-1]
    first = np.searchsorted(rising, rising - 1e-12)  # equal gaps on both sides count together
    return ExactChance(rising, tails[first], "Fisher")


def area_chance(merged: Merged, n: int, m: int, scale: float) -> Chance:
    """Of the area between two distribution functions, over `scale`.

    The pooled values stay and their rows are dealt out anew. A deal is looked at on each value in
    the tails, where the widths are large, and on every hundredth of the rows between them.
    """
    knots = _knots(n + m)
    if len(knots) < 2:
        return GammaChance("permutation", 1.0, 0.0)
    areas = _dealt_gaps(n, m) @ np.diff(merged.values_at(knots))
    return of_deals(areas / scale)


@lru_cache(maxsize=64)
def _knots(total: int) -> Counts:
    """Ranks from 0, each one in the tails."""
    tail = np.unique(np.geomspace(1, max(total // 2, 1), TAIL_KNOTS).astype(np.int64)) - 1
    even = np.linspace(0, total - 1, EVEN_KNOTS).astype(np.int64)
    return np.unique(np.concatenate([tail, total - 1 - tail, even]))


@lru_cache(maxsize=16)
def _dealt_gaps(n: int, m: int) -> Floats:
    """The gap of the distribution functions in the middle between two knots (deals x knots - 1).

    PERF: it depends on the numbers of rows alone, which the columns of a window mostly share.
    """
    knots = _knots(n + m)
    middles = (knots[:-1] + knots[1:] - 1) // 2
    cells = np.diff(middles, prepend=-1, append=n + m - 1)
    rng = np.random.default_rng(SEED)
    drawn = rng.multivariate_hypergeometric(cells, n, AREA_DEALS, method="marginals")[:, :-1]
    after = drawn.cumsum(axis=1)
    return np.asarray(np.abs(after / n - (middles + 1 - after) / m), dtype=np.float64)


def benjamini_hochberg(p_values: list[float], rate: float) -> float:
    """The level below which p-values of several tests are more than chance.

    So judged, at most this share of the tests that are called so is so by chance, and without any
    change hardly more than this share of windows has one at all (Benjamini and Hochberg, Journal
    of the Royal Statistical Society B 57, 1995). Never below the level of the smallest one.
    """
    rising = np.sort(np.asarray(p_values, dtype=np.float64))
    if not len(rising):
        return rate
    steps = rate * np.arange(1, len(rising) + 1) / len(rising)
    below = np.flatnonzero(rising <= steps)
    return float(steps[below[-1]] if len(below) else steps[0])
