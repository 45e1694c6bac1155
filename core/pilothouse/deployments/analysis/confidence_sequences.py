"""Intervals that hold at every look, so that a rollout may be looked at at any time.

A usual interval of 95 % is wrong in far more than 5 % of the streams that are looked at again and
again. These are confidence sequences: with probability 1 - level they contain the truth at all
times together. They take the observations of a variant as independent.

- Shares: the beta-binomial mixture (Robbins, Annals of Mathematical Statistics 41, 1970), exact.
- Means: the mixture of normals of Johari, Koomen, Pekelis and Walsh (Peeking at A/B tests, KDD
  2017), for large counts.
- Quantiles and distribution functions: Howard and Ramdas (Sequential estimation of quantiles,
  Bernoulli 28, 2022), equation 4 and corollary 2, without an assumption on the distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pilothouse.kit.rounding import ROUNDING

if TYPE_CHECKING:
    Floats = npt.NDArray[np.float64]

PRIOR = 0.5  # of both outcomes: the prior of Jeffreys
TYPICAL_EFFECT = 0.1  # in standard deviations: the means' intervals are narrowest around it
MIN_FOR_MEANS = 30  # the normal approximation needs some values of each variant


@dataclass(frozen=True)
class AnytimeInterval:
    """An estimate with the two ends of its interval; an end may be infinite."""

    estimate: float
    low: float
    high: float


def share(successes: int, trials: int, level: float) -> AnytimeInterval:
    """A share of independent trials. Without trials nothing is known: 0 to 1."""
    if not trials:
        return AnytimeInterval(math.nan, 0.0, 1.0)
    estimate = successes / trials
    low = 0.0 if not successes else _share_end(successes, trials, level, 0.0)
    high = 1.0 if successes == trials else _share_end(successes, trials, level, 1.0)
    return AnytimeInterval(estimate, low, high)


def _share_end(successes: int, trials: int, level: float, end: float) -> float:
    """Where, between the estimate and 0 or 1, the mixture's wealth against a share is 1/level."""
    from scipy.optimize import brentq
    from scipy.special import betaln, xlog1py, xlogy

    failures = trials - successes
    mixture = betaln(PRIOR + successes, PRIOR + failures) - betaln(PRIOR, PRIOR)

    def excess(candidate: float) -> float:
        likelihood = xlogy(successes, candidate) + xlog1py(failures, -candidate)
        return float(mixture - likelihood + math.log(level))

    inner, outer = successes / trials, (1e-12 if end == 0.0 else 1 - 1e-12)
    if excess(outer) <= 0:  # even the end is not refused
        return end
    return float(brentq(excess, min(inner, outer), max(inner, outer)))


def share_difference(
    first: tuple[int, int], second: tuple[int, int], level: float
) -> AnytimeInterval:
    """Second minus first share, each (successes, trials): half of the level for either."""
    before, after = share(*first, level / 2), share(*second, level / 2)
    return AnytimeInterval(
        after.estimate - before.estimate, after.low - before.high, after.high - before.low
    )


def mean_difference(first: Floats, second: Floats, level: float) -> AnytimeInterval:
    """Mean of the second values minus that of the first; unbounded with too few of either."""
    if min(len(first), len(second)) < MIN_FOR_MEANS:
        estimate = float(second.mean() - first.mean()) if len(first) and len(second) else math.nan
        return AnytimeInterval(estimate, -math.inf, math.inf)
    variance = first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second)
    estimate = float(second.mean() - first.mean())
    if variance == 0:
        return AnytimeInterval(estimate, estimate, estimate)
    pooled = (first.var(ddof=1) + second.var(ddof=1)) / 2
    half = mixture_half_width(float(variance), TYPICAL_EFFECT**2 * float(pooled), level)
    return AnytimeInterval(estimate, estimate - half, estimate + half)


def mixture_half_width(variance: float, prior: float, level: float) -> float:
    """Half the interval of an effect whose estimate and prior have these variances."""
    total = variance + prior
    return math.sqrt(variance * total / prior * math.log(total / (variance * level**2)))


def percentile_interval(values: Floats, at: float, level: float) -> AnytimeInterval:
    """A quantile of independent values; an end is infinite while too few values bound it."""
    count = len(values)
    if not count:
        return AnytimeInterval(math.nan, -math.inf, math.inf)
    ordered = np.sort(values)
    spread = percentile_spread(count, at, level)
    below, above = math.floor(count * (at - spread)), math.ceil(count * (at + spread))
    return AnytimeInterval(
        float(np.quantile(ordered, at)),
        float(ordered[below - 1]) if below >= 1 else -math.inf,
        float(ordered[above - 1]) if above <= count else math.inf,
    )


def percentile_spread(count: int, at: float, level: float) -> float:
    """How far from a quantile, as a share of the values, its bounds lie among `count` of them."""
    inner = (1.4 * math.log(max(math.log(2.1 * count), 1.0)) + math.log(10 / level)) / count
    return 1.5 * math.sqrt(at * (1 - at) * inner) + 0.8 * inner


def distribution_band(count: int, level: float) -> float:
    """How far, at every point, the distribution of `count` values is from the true one."""
    if not count:
        return 1.0
    growth = math.log(1 + math.log(count))
    return min(1.0, 0.85 * math.sqrt((growth + 0.8 * math.log(1612 / level)) / count))


def _share_up_to(points: Floats, values: Floats) -> Floats:
    shares: Floats = np.searchsorted(np.sort(values), points, side="right") / len(values)
    return shares


def distribution_distance(first: Floats, second: Floats, level: float) -> AnytimeInterval:
    """The largest distance between two distribution functions (Kolmogorov and Smirnov).

    Values that differ by rounding only count as equal, for a sum has another last digit in a larger
    batch: the lower function is taken a little beyond each point. The distance is never larger
    than the statistic itself.
    """
    if not len(first) or not len(second):
        return AnytimeInterval(math.nan, 0.0, 1.0)
    points = np.concatenate([first, second])
    beyond = points + ROUNDING * np.abs(points)
    gaps = [
        _share_up_to(points, upper) - _share_up_to(beyond, lower)
        for upper, lower in ((first, second), (second, first))
    ]
    distance = max(0.0, *(float(gap.max()) for gap in gaps))
    band = distribution_band(len(first), level / 2) + distribution_band(len(second), level / 2)
    return AnytimeInterval(distance, max(0.0, distance - band), min(1.0, distance + band))
