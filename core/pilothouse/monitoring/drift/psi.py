"""Population stability index, on the reference's deciles or on categories."""

from pilothouse.monitoring.chance import Chance, binned_chance
from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.distances import psi, row_psi
from pilothouse.monitoring.drift import BOTH, DriftTest, Pair, drift_tests


def score(pair: Pair) -> float:
    """The index over the pair's weighed counts."""
    return psi(*pair.decile_counts)


def chance(pair: Pair) -> Chance:
    """PSI over 1/n + 1/m is chi-square; by permutation where cells have few rows."""
    return binned_chance(*pair.decile_counts, row_psi)


# Above .2 a change to act on: the field's rule of thumb. Its .1 for a change to look at is five
# hundredths of a distribution moved, or a third of a deviation; what lies above chance is worth a
# look from .01, a tenth of a deviation.
drift_tests.register("psi")(
    DriftTest(
        title="Population stability index",
        label="PSI",
        phrase="PSI",
        description=(
            "The index on the reference's deciles, or on categories: 0.01 is a shift by a tenth of "
            "a deviation, above 0.2 is a change to act on."
        ),
        unit="",
        kinds=BOTH,
        limits=CheckLimits(warn=0.01, fail=0.2),
        score=score,
        chance=chance,
    )
)
