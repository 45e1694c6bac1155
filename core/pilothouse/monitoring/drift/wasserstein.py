"""Wasserstein distance over the reference's standard deviation, exact on the kept sample."""

import numpy as np

from pilothouse.monitoring.chance import Chance, area_chance
from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.distances import wasserstein
from pilothouse.monitoring.drift import (
    NUMBERS,
    DriftTest,
    NumberPair,
    Pair,
    drift_tests,
    number_pair,
)

NO_DISTANCE = "categories have no distance"


def score(pair: Pair) -> float:
    """The distance in standard deviations; of a constant, in its own size, or in ones for 0."""
    numbers = number_pair(pair, NO_DISTANCE)
    return float(np.float64(wasserstein(numbers.merged)) / _scale(numbers))


def chance(pair: Pair) -> Chance:
    """By permutation of the pooled values: there is no formula that holds for heavy tails."""
    numbers = number_pair(pair, NO_DISTANCE)
    rows = len(numbers.values), len(numbers.reference.values)
    return area_chance(numbers.merged, *rows, _scale(numbers))


def _scale(pair: NumberPair) -> float:
    return pair.reference.std or abs(float(pair.reference.values[0])) or 1.0


drift_tests.register("wasserstein")(
    DriftTest(
        title="Wasserstein distance over the deviation",
        label="Wasserstein",
        phrase="the Wasserstein distance",
        description=(
            "How far the values have moved on average, exact on the reference's stored sample."
        ),
        unit="standard deviations of the reference",
        kinds=NUMBERS,
        limits=CheckLimits(warn=0.1, fail=0.3),
        score=score,
        chance=chance,
    )
)
