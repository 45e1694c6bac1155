"""How many requests of each variant a verdict needs, told before a rollout starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from pilothouse.deployments.analysis.confidence_sequences import (
    TYPICAL_EFFECT,
    distribution_band,
    mixture_half_width,
    percentile_spread,
    share_difference,
)

MAX_REQUESTS = 10_000_000


@dataclass(frozen=True)
class RequestShares:
    """What becomes of requests: the shares of them that fail and that are refused."""

    failed: float = 0.0
    refused: float = 0.0


def requests_for_share(rate: float, limit: float, level: float) -> int | None:
    """Requests of each of two variants with the same rate until a rise by `limit` is excluded.

    None when even ten million do not suffice.
    """

    def is_enough(count: int) -> bool:
        hits = round(rate * count)
        return share_difference((hits, count), (hits, count), level).high <= limit

    return _smallest(is_enough)


def answers_for_percentile(at: float, level: float) -> int | None:
    """Answers of each variant until a percentile has an upper bound, the first that could pass."""
    return _smallest(
        lambda count: ceil(count * (at + percentile_spread(count, at, level))) <= count
    )


def answers_for_distance(limit: float, level: float) -> int | None:
    """Answers of each variant until a distance of distributions above `limit` is excluded."""
    return _smallest(lambda count: 2 * distribution_band(count, level / 2) <= limit)


def values_for_mean(limit: float, level: float) -> int | None:
    """Values of each variant until a difference of `limit` standard deviations is excluded."""
    prior = TYPICAL_EFFECT**2
    return _smallest(lambda count: mixture_half_width(2 / count, prior, level) <= limit)


def _smallest(is_enough: Callable[[int], bool]) -> int | None:
    """About the smallest count that is enough, to a hundredth."""
    low, high = 1, 2
    while not is_enough(high):
        low, high = high, high * 2
        if high > MAX_REQUESTS:
            return None
    while high - low > max(low // 100, 1):
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
