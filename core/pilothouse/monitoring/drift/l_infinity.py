"""L-infinity distance: the category whose share has moved most."""

from pilothouse.monitoring.chance import Chance, deals, of_deals
from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.distances import of_pair, row_l_infinity
from pilothouse.monitoring.drift import CATEGORIES, DriftTest, Pair, category_counts, drift_tests


def score(pair: Pair) -> float:
    """The largest difference of the shares of one category."""
    return of_pair(row_l_infinity, *category_counts(pair))


def chance(pair: Pair) -> Chance:
    """By permutation: the categories' shares depend on each other."""
    return of_deals(row_l_infinity(*deals(*category_counts(pair))))


drift_tests.register("l_infinity")(
    DriftTest(
        title="L-infinity distance",
        label="L-infinity",
        phrase="the L-infinity distance",
        description="How far the share of one category has moved: of the one that moved most.",
        unit="share of rows",
        kinds=CATEGORIES,
        limits=CheckLimits(warn=0.05, fail=0.1),
        score=score,
        chance=chance,
    )
)
