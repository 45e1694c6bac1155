"""How far the share of rows without a value has moved."""

from pilothouse.monitoring.chance import Chance, share_chance
from pilothouse.monitoring.checks import DATA_QUALITY, CheckLimits
from pilothouse.monitoring.drift import EVERY_KIND, DriftTest, Pair, drift_tests


def score(pair: Pair) -> float:
    """The difference of the two shares, without its sign."""
    there = pair.reference.missing / pair.reference.rows
    return abs(pair.window.missing / pair.window.rows - there)


def chance(pair: Pair) -> Chance:
    """Fisher's exact distribution of two shares."""
    reference, window = pair.reference, pair.window
    return share_chance(reference.missing, reference.rows, window.missing, window.rows)


def explain(pair: Pair) -> str:
    """Both shares, where they differ."""
    before = pair.reference.missing / pair.reference.rows
    after = pair.window.missing / pair.window.rows
    return (
        f"{100 * after:.1f} % of the rows, {100 * before:.1f} % in the reference"
        if after != before
        else ""
    )


drift_tests.register("missing")(
    DriftTest(
        title="Change of the missing rate",
        label="Missing",
        phrase="the share of missing values",
        description=("How far the share of rows without a value has moved, in either direction."),
        unit="share of rows",
        kinds=EVERY_KIND,
        limits=CheckLimits(warn=0.02, fail=0.05),
        score=score,
        chance=chance,
        explain=explain,
        signal=DATA_QUALITY,
        counts_missing=True,
    )
)
