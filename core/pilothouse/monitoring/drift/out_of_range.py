"""The share of values outside of the reference's range."""

import numpy as np

from pilothouse.monitoring.binning import format_number
from pilothouse.monitoring.chance import Chance, RangeChance, share_chance
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
from pilothouse.monitoring.time_profiles import format_time


def score(pair: Pair) -> float:
    """Numbers beyond the smallest or the largest one, or dates far beyond, over rows with any."""
    return _outside(pair) / pair.window.present


def _outside(pair: Pair) -> int:
    if isinstance(pair, CategoryPair):
        raise NotEvaluated("categories have no range")
    if not isinstance(pair, NumberPair):
        return pair.window.far
    low, high = pair.reference.values[[0, -1]]
    below = int(np.searchsorted(pair.values, low, side="left"))
    return below + len(pair.values) - int(np.searchsorted(pair.values, high, side="right"))


def chance(pair: Pair) -> Chance:
    """Of numbers whatever their distribution; of dates, Fisher's, as the reference has none."""
    if isinstance(pair, NumberPair):
        return RangeChance(len(pair.values), len(pair.reference.values))
    return share_chance(0, pair.reference.present, _outside(pair), pair.window.present)


def explain(pair: Pair) -> str:
    """Both ranges, where any value is outside."""
    if isinstance(pair, CategoryPair) or not _outside(pair):
        return ""
    if isinstance(pair, NumberPair):
        ends = (*pair.values[[0, -1]], *pair.reference.values[[0, -1]])
        names = [format_number(float(end)) for end in ends]
    else:
        times = (pair.window.low, pair.window.high, pair.reference.low, pair.reference.high)
        names = [format_time(time) for time in times]
    return f"from {names[0]} to {names[1]}; in the reference from {names[2]} to {names[3]}"


drift_tests.register("out_of_range")(
    DriftTest(
        title="Rate of values out of range",
        label="Out of range",
        phrase="the share of values out of range",
        description=(
            "The share of numbers beyond the smallest or the largest one of the reference, of rows "
            "with a value. A date moves on with the calendar: it is out of range when it is ten "
            "years beyond the reference's dates, or their whole range where that is longer."
        ),
        unit="share of rows",
        kinds=NUMBERS_AND_TIMES,
        limits=CheckLimits(warn=0.005, fail=0.02),
        score=score,
        chance=chance,
        explain=explain,
        signal=DATA_QUALITY,
    )
)
