"""The interval of a difference between champion and challenger: whole days are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pilothouse.models.signature import Signature
from pilothouse.pipelines.paired_interval import Answers, difference_interval, interval_text

DAY = 86_400_000
NUMBERS = Signature((), "price", task="regression")
CLASSES = Signature((), "late", (0, 1), 1, task="binary")
DRAWS = 4000


def rows(days: int, per_day: int = 60) -> tuple[Any, Any, Any, Any]:
    """Truth, answers of champion and challenger, times; all rows of a day share an error."""
    draw = np.random.default_rng(5)
    count = days * per_day
    at = np.repeat(np.arange(days) * DAY, per_day) + draw.integers(0, DAY, count)
    truth = draw.normal(size=count)
    champion = truth + draw.normal(0, 1.0, count)
    shared = np.repeat(draw.normal(0, 0.8, days), per_day)
    return truth, champion, truth + shared + draw.normal(0, 0.3, count), at


def by_hand(cost: Any, at: Any, unit: int) -> tuple[float, float]:
    """Percentiles of the mean difference, of resampled blocks of that many milliseconds."""
    codes = np.unique(at // unit, return_inverse=True)[1]
    sums, sizes = np.bincount(codes, weights=cost), np.bincount(codes)
    drawn = np.random.default_rng(1).integers(0, len(sums), (DRAWS, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def test_whole_days_are_drawn_where_there_are_enough() -> None:
    truth, champion, challenger, at = rows(14)
    sides = [Answers(NUMBERS, {"predict": p}, truth) for p in (champion, challenger)]
    interval = difference_interval("mae", *sides, at)
    assert interval is not None
    cost = np.abs(challenger - truth) - np.abs(champion - truth)
    assert interval["delta"] == pytest.approx(cost.mean(), abs=1e-9)
    assert (interval["n"], interval["unit"], interval["note"]) == (14, "days", "")
    low, high = by_hand(cost, at, DAY)
    width = high - low
    assert interval["low"] == pytest.approx(low, abs=0.1 * width)
    assert interval["high"] == pytest.approx(high, abs=0.1 * width)

    # As if rows were independent, the interval would be far too short.
    alone = difference_interval("mae", *sides, None)
    assert alone is not None
    assert (alone["high"] - alone["low"]) < 0.5 * width
    text = interval_text(interval)
    assert text.startswith(f"difference {cost.mean():+.4f}, 95 % interval ")
    assert text.endswith(", 14 days")


def test_too_few_days_are_rows_and_it_says_so() -> None:
    truth, champion, challenger, at = rows(7)
    sides = [Answers(NUMBERS, {"predict": p}, truth) for p in (champion, challenger)]
    interval = difference_interval("mae", *sides, at)
    assert interval is not None
    assert (interval["n"], interval["unit"]) == (420, "rows")
    assert interval["note"] == (
        "rows were taken for independent: there are 7 days, and 8 are needed"
    )
    eight = difference_interval(
        "mae", *(Answers(NUMBERS, {"predict": p}, truth) for p in (champion, challenger)),
        at, np.arange(420) % 8,
    )  # fmt: skip
    assert eight is not None
    assert (eight["n"], eight["unit"]) == (8, "groups")


def test_the_area_of_two_models_is_compared_by_days() -> None:
    draw = np.random.default_rng(2)
    _, _, _, at = rows(20)
    truth = draw.integers(0, 2, len(at)).astype(float)
    weak, strong = (1 / (1 + np.exp(-(truth * k + draw.normal(size=len(at))))) for k in (0.5, 1.5))
    sides = [Answers(CLASSES, {"score": score}, truth) for score in (weak, strong)]
    interval = difference_interval("roc_auc", *sides, at)
    assert interval is not None
    expected = roc_auc_score(truth, strong) - roc_auc_score(truth, weak)
    assert interval["delta"] == pytest.approx(expected, abs=1e-9)
    assert interval["method"] == "bootstrap_days"
    assert 0 < interval["low"] < expected < interval["high"]
    assert difference_interval("no_such_metric", *sides, at) is None
    assert interval_text(None) == ""
