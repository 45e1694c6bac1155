"""Hellinger distance, on the bins that pages draw or on categories."""

from pilothouse.monitoring.chance import Chance, binned_chance
from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.distances import hellinger, row_hellinger
from pilothouse.monitoring.drift import BOTH, DriftTest, Pair, drawn_counts, drift_tests


def score(pair: Pair) -> float:
    """The distance between the pair's drawn counts."""
    return hellinger(*drawn_counts(pair))


def chance(pair: Pair) -> Chance:
    """Its square is an eighth of PSI near 0."""
    return binned_chance(*drawn_counts(pair), row_hellinger, scale=1 / 8, power=2)


drift_tests.register("hellinger")(
    DriftTest(
        title="Hellinger distance",
        label="Hellinger",
        phrase="the Hellinger distance",
        description=(
            "The distance of the roots of two distributions, on the bins of the charts or on "
            "categories: 0 for equal, 1 for disjoint."
        ),
        unit="",
        kinds=BOTH,
        limits=CheckLimits(warn=0.1, fail=0.2),
        score=score,
        chance=chance,
    )
)
