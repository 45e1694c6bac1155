"""Whether a column that varied has one value only."""

import numpy as np

from pilothouse.monitoring.binning import format_number
from pilothouse.monitoring.chance import NO_FISHER, Chance, all_equal_chance
from pilothouse.monitoring.checks import DATA_QUALITY, CheckLimits
from pilothouse.monitoring.column_values import MAX_EXAMPLE
from pilothouse.monitoring.drift import (
    BOTH,
    CategoryPair,
    DriftTest,
    NotEvaluated,
    NumberPair,
    Pair,
    drift_tests,
)
from pilothouse.monitoring.rounding import are_equal


def score(pair: Pair) -> float:
    """1 when all rows with a value have the same one and the reference's had not; else 0."""
    return float(_only_value(pair) is not None and _varied(pair))


def _only_value(pair: Pair) -> float | str | None:
    """The value that all rows of the window have, if they do."""
    if isinstance(pair, NumberPair):
        first, last = pair.values[[0, -1]]
        return float(first) if first == last else None
    if isinstance(pair, CategoryPair):
        return next(iter(pair.window.counts)) if len(pair.window.counts) == 1 else None
    raise NotEvaluated("a date may be the same in all rows")


def _varied(pair: Pair) -> bool:
    if isinstance(pair, NumberPair):
        # By the bins, which are of all rows: the sample may lack a rare value.
        cuts = pair.reference.bins.cuts
        return not are_equal(cuts[0], cuts[-1])
    return isinstance(pair, CategoryPair) and len(pair.reference.counts) > 1


def chance(pair: Pair) -> Chance:
    """How often all rows of the window would have that value, were all rows dealt out anew."""
    value = _only_value(pair)
    if value is None or not _varied(pair):
        return NO_FISHER
    return all_equal_chance(*_rows_with(pair, value), pair.window.present)


def _rows_with(pair: Pair, value: float | str) -> tuple[int, int]:
    """How many rows of the reference have a value, and of how many."""
    if isinstance(pair, NumberPair):
        values = pair.reference.values
        ends = [np.searchsorted(values, float(value), side=side) for side in ("left", "right")]
        return int(ends[1] - ends[0]), len(values)
    if isinstance(pair, CategoryPair):
        return pair.reference.counts.get(str(value), 0), pair.reference.present
    return 0, pair.reference.present


def explain(pair: Pair) -> str:
    """The value."""
    value = _only_value(pair)
    if value is None or not _varied(pair):
        return ""
    name = repr(value[:MAX_EXAMPLE]) if isinstance(value, str) else format_number(value)
    return f"all {pair.window.present:,} rows with a value have {name}"


drift_tests.register("constant")(
    DriftTest(
        title="Constant column",
        label="Constant",
        phrase="whether it is constant",
        description=(
            "1 when a column that varies in the reference has one value in the window, as a sensor "
            "that is stuck; else 0."
        ),
        unit="1 when constant",
        kinds=BOTH,
        limits=CheckLimits(warn=0.5, fail=0.5),
        score=score,
        chance=chance,
        explain=explain,
        signal=DATA_QUALITY,
    )
)
