"""What every drift test promises: a finite distance, 0 for equal, larger for farther."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from pilothouse.monitoring.drift import (
    EVERY_KIND,
    CategoryPair,
    DriftTest,
    NotEvaluated,
    NumberPair,
    Pair,
    TimePair,
)
from pilothouse.monitoring.kinds import Kind
from pilothouse.monitoring.profiles import (
    category_reference,
    category_window,
    number_reference,
    number_window,
)
from pilothouse.monitoring.time_profiles import time_reference, time_window
from pilothouse.testing.parameters import check_described, check_unit

ROWS = 400
Cells = list[Any]  # floats, words or times, and None
RAMP: Cells = [float(n) for n in range(ROWS)]
HOLED: Cells = [None if n % 4 == 0 else float(n % 7) for n in range(ROWS)]
CONSTANT: Cells = [3.0] * ROWS
WORDS: Cells = ["AA", "B6", "UA", "UA"] * (ROWS // 4)
OTHER_WORDS: Cells = ["AA", "ZZ", "ZZ", None] * (ROWS // 4)
TIMES: Cells = [datetime(2024, 1, 1) + timedelta(days=n) for n in range(ROWS)]
OTHER_TIMES: Cells = [datetime(9999, 12, 31), "soon", None, TIMES[0]] * (ROWS // 4)


def pair(reference: Cells, window: Cells) -> Pair:
    """A column of the reference and of a window, profiled as the monitor does it."""
    there, here = pd.Series(reference), pd.Series(window)
    kind = _kind(reference)
    if kind == "category":
        categories = category_reference("column", there)
        return CategoryPair(categories, category_window(categories, here))
    if kind == "time":
        times = time_reference("column", there)
        return TimePair(times, time_window(times, here))
    numbers = number_reference("column", there)
    return NumberPair(numbers, *number_window(numbers, here))


def _kind(column: Cells) -> Kind:
    if any(isinstance(value, datetime) for value in column):
        return "time"
    return "category" if any(isinstance(value, str) for value in column) else "number"


def check_drift_test(name: str, test: DriftTest) -> None:
    """Raise AssertionError, with what is wrong, unless the drift test keeps every promise."""
    check_described(name, test)
    check_unit(name, test)
    for field in ("label", "phrase"):
        text = getattr(test, field)
        assert text.strip() == text != "", f"{name} needs a {field}"
    assert test.kinds, f"{name} must take some kind of column"
    assert test.kinds <= EVERY_KIND, (
        f"{name} takes {sorted(test.kinds - EVERY_KIND)}, which no column is"
    )
    assert test.limits.direction == "above", f"{name}: a distance is bad when it is large"
    assert 0 <= test.limits.warn <= test.limits.fail, f"{name} must warn before it fails"
    for equal in _of_kinds(test, [RAMP, HOLED, CONSTANT, WORDS, OTHER_WORDS, TIMES]):
        score = _score(name, test, pair(equal, equal))
        assert score is None or abs(score) < 1e-9, f"{name} gives {score} for equal columns"
        _check_chance(name, test, pair(equal, equal))
    for reference, near, far in _farther(test):
        _check_order(name, test, pair(reference, near), pair(reference, far))


def _check_order(name: str, test: DriftTest, near: Pair, far: Pair) -> None:
    small, large = _score(name, test, near), _score(name, test, far)
    if small is not None and large is not None:
        assert small <= large + 1e-12, f"{name} gives {small} for near and {large} for far"


def _check_chance(name: str, test: DriftTest, equal: Pair) -> None:
    """What the score is without a change: a distribution with a tail that falls, and a method."""
    if test.chance is None or _score(name, test, equal) is None:
        return
    chance = test.chance(equal)
    assert chance.method.strip(), f"{name} must say how it knows what chance gives"
    limits = [chance.limit(level) for level in (0.2, 0.01, 0.001)]
    assert all(math.isfinite(limit) and limit >= 0 for limit in limits), f"{name} gives {limits}"
    assert limits == sorted(limits), f"{name} must exceed a larger score less often"
    p_values = [chance.p_value(score) for score in (0.0, *limits, limits[-1] + 1)]
    assert all(0 <= p <= 1 for p in p_values), f"{name} gives the p-values {p_values}"
    assert p_values == sorted(p_values, reverse=True), f"{name}: a larger score is less likely"


def _farther(test: DriftTest) -> Iterator[tuple[Cells, Cells, Cells]]:
    """A reference, a window near to it, and one that is farther away in every way."""
    if "number" in test.kinds:
        holes: Cells = [None if n % 2 else float(n) + 900 for n in range(ROWS)]
        yield RAMP, [float(n) + 10 for n in range(ROWS)], holes
        yield CONSTANT, CONSTANT, [4.0] * ROWS
    if "category" in test.kinds:
        yield WORDS, ["AA", "B6", "UA", "B6"] * (ROWS // 4), OTHER_WORDS
    if "time" in test.kinds:
        yield TIMES, [at + timedelta(days=ROWS) for at in TIMES], OTHER_TIMES


def _of_kinds(test: DriftTest, columns: list[Cells]) -> Iterator[Cells]:
    yield from (column for column in columns if _kind(column) in test.kinds)


def _score(name: str, test: DriftTest, weighed: Pair) -> float | None:
    """The score, checked; None when the test says in words that it cannot judge."""
    try:
        score = test.score(weighed)
    except NotEvaluated as unsure:
        _check_message(name, str(unsure))
        return None
    assert isinstance(score, float), f"{name} must give a float, not {type(score).__name__}"
    assert math.isfinite(score), f"{name} gives {score}"
    assert score >= 0, f"{name} gives {score}: a distance is never negative"
    assert test.score(weighed) == score, f"{name} gives two scores for the same columns"
    return score


def _check_message(name: str, message: str) -> None:
    assert message.strip(), f"{name} must say why it does not judge"
