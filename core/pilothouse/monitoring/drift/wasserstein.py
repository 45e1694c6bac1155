"""Wasserstein distance over the reference's standard deviation, exact on the kept sample."""

import numpy as np

from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.distances import wasserstein
from pilothouse.monitoring.drift import (
    NUMBERS,
    CategoryPair,
    DriftTest,
    NotEvaluated,
    Pair,
    drift_tests,
)


def score(pair: Pair) -> float:
    """The distance in standard deviations; of a constant, in its own size, or in ones for 0."""
    if isinstance(pair, CategoryPair):
        raise NotEvaluated("categories have no distance")
    scale = pair.reference.std or abs(float(pair.reference.values[0])) or 1.0
    return float(np.float64(wasserstein(pair.merged)) / scale)


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
    )
)
