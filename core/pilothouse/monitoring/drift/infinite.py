"""By how much the share of infinite values has risen."""

from pilothouse.monitoring.chance import Chance, share_chance
from pilothouse.monitoring.checks import DATA_QUALITY, CheckLimits
from pilothouse.monitoring.drift import (
    NUMBERS,
    DriftTest,
    NotEvaluated,
    Pair,
    drift_tests,
    number_pair,
)


def _infinite(pair: Pair) -> tuple[int, int]:
    """The rows of the reference and of the window that are infinite."""
    numbers = number_pair(pair, "only numbers can be infinite")
    if numbers.reference.infinite is None:
        raise NotEvaluated("the reference was profiled before infinite values were counted")
    return numbers.reference.infinite, numbers.window.infinite


def score(pair: Pair) -> float:
    """The window's share less the reference's, 0 when it is smaller."""
    before, after = _infinite(pair)
    return max(after / pair.window.rows - before / pair.reference.rows, 0.0)


def chance(pair: Pair) -> Chance:
    """Fisher's exact distribution of two shares."""
    before, after = _infinite(pair)
    return share_chance(before, pair.reference.rows, after, pair.window.rows)


def explain(pair: Pair) -> str:
    """How many rows they are."""
    infinite = _infinite(pair)[1]
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
