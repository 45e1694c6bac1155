"""Kolmogorov-Smirnov statistic D, exact on the reference's kept sample."""

import math

from pilothouse.monitoring.chance import Chance, KolmogorovChance
from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.distances import kolmogorov_smirnov
from pilothouse.monitoring.drift import (
    NUMBERS,
    DriftTest,
    NotEvaluated,
    NumberPair,
    Pair,
    drift_tests,
)


def score(pair: Pair) -> float:
    """The largest gap between the pair's distribution functions."""
    if not isinstance(pair, NumberPair):
        raise NotEvaluated("categories have no order")
    return kolmogorov_smirnov(pair.merged)


def chance(pair: Pair) -> Chance:
    """Kolmogorov's distribution, over the stored sample's and the window's values."""
    if not isinstance(pair, NumberPair):
        raise NotEvaluated("categories have no order")
    return KolmogorovChance(math.sqrt(1 / len(pair.values) + 1 / len(pair.reference.values)))


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
