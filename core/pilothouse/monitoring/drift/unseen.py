"""The share of rows whose category the reference never had."""

from pilothouse.monitoring.chance import Chance, deals, of_deals
from pilothouse.monitoring.checks import DATA_QUALITY, CheckLimits
from pilothouse.monitoring.drift import (
    CATEGORIES,
    DriftTest,
    NotEvaluated,
    NumberPair,
    Pair,
    drift_tests,
)


def score(pair: Pair) -> float:
    """Rows with an unseen category over rows with any."""
    if isinstance(pair, NumberPair):
        raise NotEvaluated("numbers are not categories")
    if not pair.reference.complete:
        raise NotEvaluated(
            "the reference has too many categories to tell an unseen from a rare one"
        )
    categories = pair.reference.counts
    unseen = sum(count for name, count in pair.window.counts.items() if name not in categories)
    return unseen / pair.window.present


def chance(pair: Pair) -> Chance:
    """By permutation: a rare category may be in the window's rows alone."""
    before, after = deals(*pair.bin_counts)
    return of_deals((after * (before == 0)).sum(axis=1) / pair.window.present)


drift_tests.register("unseen")(
    DriftTest(
        title="Rate of unseen categories",
        label="Unseen",
        phrase="the share of unseen values",
        description=(
            "The share of rows whose category is not in the reference, of rows with a value."
        ),
        unit="share of rows",
        kinds=CATEGORIES,
        limits=CheckLimits(warn=0.005, fail=0.02),
        score=score,
        chance=chance,
        signal=DATA_QUALITY,
    )
)
