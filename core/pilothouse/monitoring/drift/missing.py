"""How far the share of rows without a value has moved."""

from pilothouse.monitoring.chance import Chance, share_chance
from pilothouse.monitoring.checks import DATA_QUALITY, CheckLimits
from pilothouse.monitoring.drift import BOTH, DriftTest, Pair, drift_tests


def score(pair: Pair) -> float:
    """The difference of the two shares, without its sign."""
    there = pair.reference.missing / pair.reference.rows
    return abs(pair.window.missing / pair.window.rows - there)


def chance(pair: Pair) -> Chance:
    """Fisher's exact distribution of two shares."""
    reference, window = pair.reference, pair.window
    return share_chance(reference.missing, reference.rows, window.missing, window.rows)


drift_tests.register("missing")(
    DriftTest(
        title="Change of the missing rate",
        label="Missing",
        phrase="the share of missing values",
        description=("How far the share of rows without a value has moved, in either direction."),
        unit="share of rows",
        kinds=BOTH,
        limits=CheckLimits(warn=0.02, fail=0.05),
        score=score,
        chance=chance,
        signal=DATA_QUALITY,
        counts_missing=True,
    )
)
