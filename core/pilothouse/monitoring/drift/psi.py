"""Population stability index, on the reference's deciles or on categories."""

from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.distances import psi
from pilothouse.monitoring.drift import BOTH, DriftTest, Pair, drift_tests


def score(pair: Pair) -> float:
    """The index over the pair's weighed counts."""
    return psi(*pair.decile_counts)


# Below .1 no change to speak of, above .2 a change to act on: the field's rule of thumb.
drift_tests.register("psi")(
    DriftTest(
        title="Population stability index",
        label="PSI",
        phrase="PSI",
        description=(
            "The index on the reference's deciles, or on categories: "
            "below 0.1 is usually no change, above 0.2 a change to act on."
        ),
        unit="",
        kinds=BOTH,
        limits=CheckLimits(warn=0.1, fail=0.2),
        score=score,
    )
)
