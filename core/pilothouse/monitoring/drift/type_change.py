"""The share of rows whose value cannot be read as the column's kind."""

from pilothouse.monitoring.chance import Chance, share_chance
from pilothouse.monitoring.checks import DATA_QUALITY, CheckLimits
from pilothouse.monitoring.drift import (
    NUMBERS_AND_TIMES,
    CategoryPair,
    DriftTest,
    NotEvaluated,
    NumberPair,
    Pair,
    drift_tests,
)


def score(pair: Pair) -> float:
    """Unreadable values over rows; the reference never has any."""
    if isinstance(pair, CategoryPair):
        raise NotEvaluated("every value is a category")
    return pair.window.unreadable / pair.window.rows


def chance(pair: Pair) -> Chance:
    """Fisher's exact distribution of two shares, of which the reference's is 0."""
    unreadable = 0 if isinstance(pair, CategoryPair) else pair.window.unreadable
    return share_chance(0, pair.reference.rows, unreadable, pair.window.rows)


def explain(pair: Pair) -> str:
    """How many rows they are, and one of the values."""
    if isinstance(pair, CategoryPair) or not pair.window.unreadable:
        return ""
    kind = "number" if isinstance(pair, NumberPair) else "time"
    return f"{pair.window.unreadable:,} rows hold no {kind}, such as {pair.window.example!r}"


drift_tests.register("type_change")(
    DriftTest(
        title="Rate of values of another type",
        label="Type change",
        phrase="the share of values of another type",
        description=(
            "The share of rows whose value cannot be read as the column's type, such as a text in "
            "a column of numbers. The other tests weigh the readable rows."
        ),
        unit="share of rows",
        kinds=NUMBERS_AND_TIMES,
        limits=CheckLimits(warn=0.0, fail=0.02),
        score=score,
        chance=chance,
        explain=explain,
        signal=DATA_QUALITY,
        counts_missing=True,
    )
)
