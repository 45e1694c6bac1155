"""A drift test that is one file."""

from __future__ import annotations

from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.drift import (
    NUMBERS,
    DriftTest,
    NotEvaluated,
    NumberPair,
    Pair,
    drift_tests,
)


def score(pair: Pair) -> float:
    """How far the means are apart, in standard deviations of the reference."""
    if not isinstance(pair, NumberPair):
        raise NotEvaluated("categories have no mean")
    return abs(pair.window.mean - pair.reference.mean) / (pair.reference.std or 1.0)


drift_tests.register("mean_shift")(
    DriftTest(
        title="Shift of the mean",
        label="Mean shift",
        phrase="the shift of the mean",
        description="How far the mean has moved from the reference's, in either direction.",
        unit="standard deviations",
        kinds=NUMBERS,
        limits=CheckLimits(warn=0.5, fail=1.0),
        score=score,
    )
)
