"""By how much the share of infinite values has risen."""

from pilothouse.monitoring.chance import Chance, share_chance
from pilothouse.monitoring.checks import DATA_QUALITY, CheckLimits
from pilothouse.monitoring.drift import (
    NUMBERS,
    DriftTest,
    NotEvaluated,
    NumberPair,
    Pair,
    drift_tests,
)


def _infinite(pair: Pair) -> int:
    if not isinstance(pair, NumberPair):
        raise NotEvaluated("only numbers can be infinite")
    if pair.reference.infinite is None:
        raise NotEvaluated("the reference was profiled before infinite values were counted")
    return pair.reference.infinite


def score(pair: Pair) -> float:
    """The window's share less the reference's, 0 when it is smaller."""
    before = _infinite(pair) / pair.reference.rows
    after = pair.window.infinite if isinstance(pair, NumberPair) else 0
    return max(after / pair.window.rows - before, 0.0)


def chance(pair: Pair) -> Chance:
    """Fisher's exact distribution of two shares."""
    after = pair.window.infinite if isinstance(pair, NumberPair) else 0
    return share_chance(_infinite(pair), pair.reference.rows, after, pair.window.rows)


def explain(pair: Pair) -> str:
    """How many rows they are."""
    infinite = pair.window.infinite if isinstance(pair, NumberPair) else 0
    return f"{infinite:,} rows" if infinite else ""


drift_tests.register("infinite")(
    DriftTest(
        title="Rise of the rate of infinite values",
        label="Infinite",
        phrase="the share of infinite values",
        description=(
            "By how much the share of rows with an infinite number has risen, as a division by "
            "zero gives them. They count as missing too."
        ),
        unit="share of rows",
        kinds=NUMBERS,
        limits=CheckLimits(warn=0.0, fail=0.02),
        score=score,
        chance=chance,
        explain=explain,
        signal=DATA_QUALITY,
        counts_missing=True,
    )
)
