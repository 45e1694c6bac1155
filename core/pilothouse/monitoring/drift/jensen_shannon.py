"""Jensen-Shannon distance to base 2, on the cells that pages draw or on categories."""

import math

from pilothouse.monitoring.chance import Chance, binned_chance
from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.distances import jensen_shannon, row_jensen_shannon
from pilothouse.monitoring.drift import BOTH, DriftTest, Pair, drawn_counts, drift_tests


def score(pair: Pair) -> float:
    """The distance between the pair's drawn counts."""
    return jensen_shannon(*drawn_counts(pair))


def chance(pair: Pair) -> Chance:
    """Its square is an eighth of PSI near 0, over ln 2 as it is to base 2."""
    scale = 1 / (8 * math.log(2))
    return binned_chance(*drawn_counts(pair), row_jensen_shannon, scale=scale, power=2)


drift_tests.register("jensen_shannon")(
    DriftTest(
        title="Jensen-Shannon distance (base 2)",
        label="Jensen-Shannon",
        phrase="the Jensen-Shannon distance",
        description=(
            "The distance of the two distributions, on the bins of the charts or on categories: "
            "0 for equal, 1 for disjoint."
        ),
        unit="",
        kinds=BOTH,
        limits=CheckLimits(warn=0.1, fail=0.2),
        score=score,
        chance=chance,
    )
)
