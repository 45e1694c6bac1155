"""Jensen-Shannon distance to base 2, on the cells that pages draw or on categories."""

from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.distances import jensen_shannon
from pilothouse.monitoring.drift import BOTH, DriftTest, Pair, drift_tests


def score(pair: Pair) -> float:
    """The distance between the pair's drawn counts."""
    return jensen_shannon(*pair.bin_counts)


drift_tests.register("jensen_shannon")(
    DriftTest("Jensen-Shannon distance (base 2)", BOTH, CheckLimits(warn=0.1, fail=0.2), score)
)
