"""Kolmogorov-Smirnov statistic D, exact on the reference's kept sample."""

import math

from pilothouse.monitoring.chance import Chance, KolmogorovChance
from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.distances import kolmogorov_smirnov
from pilothouse.monitoring.drift import NUMBERS, DriftTest, Pair, drift_tests, number_pair

NO_ORDER = "categories have no order"


def score(pair: Pair) -> float:
    """The largest gap between the pair's distribution functions."""
    return kolmogorov_smirnov(number_pair(pair, NO_ORDER).merged)


def chance(pair: Pair) -> Chance:
    """Kolmogorov's distribution, over the stored sample's and the window's values."""
    numbers = number_pair(pair, NO_ORDER)
    rows = len(numbers.values), len(numbers.reference.values)
    return KolmogorovChance(math.sqrt(1 / rows[0] + 1 / rows[1]))


# The limits are on D, not on a p-value: with thousands of rows a p-value rejects everything.
drift_tests.register("ks")(
    DriftTest(
        title="Kolmogorov-Smirnov D",
        label="KS",
        phrase="the KS distance",
        description=(
            "The largest gap between the two distribution functions, exact on the stored sample "
            "of the reference."
        ),
        unit="",
        kinds=NUMBERS,
        limits=CheckLimits(warn=0.1, fail=0.2),
        score=score,
        chance=chance,
    )
)
