"""Thresholds by group equal a search over all combinations, and their effects are counted right."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.explanations.group_thresholds import (
    CRITERIA,
    RATES,
    Criterion,
    candidates,
    check_choice,
    choose_thresholds,
    curves_of,
)
from pilothouse.explanations.threshold_effects import Effects, count_group
from pilothouse.kit.errors import Invalid


def rows(seed: int, count: int, groups: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, count)
    group[:groups] = np.arange(groups)
    truth = rng.random(count) < 0.3 + 0.2 * (group == 0)
    score = np.clip(rng.normal(0.4 + 0.2 * truth + 0.1 * group, 0.2), 0, 1).round(2)
    return score, truth, group


def rates_at(score: Any, truth: Any, threshold: float) -> dict[str, float]:
    counts = count_group("", score, truth, threshold)
    return {
        "selection_rate": counts.selection_rate or 0.0,
        "true_positive_rate": counts.true_positive_rate or 0.0,
        "false_positive_rate": counts.false_positive_rate or 0.0,
    }


def brute(
    score: Any, truth: Any, group: Any, count: int, criterion: Criterion, tolerance: float
) -> float:
    """The best accuracy over all combinations of thresholds that meet the criterion."""
    options = [
        [
            (rates_at(score[group == g], truth[group == g], t),
             int(((score[group == g] >= t) == truth[group == g]).sum()))
            for t in candidates(score[group == g], 60)
        ]
        for g in range(count)
    ]  # fmt: skip
    best = -1.0
    for combination in product(*options):
        gaps = [
            max(rates[name] for rates, _ in combination)
            - min(rates[name] for rates, _ in combination)
            for name in RATES[criterion]
        ]
        if max(gaps) <= tolerance + 1e-12:
            best = max(best, sum(right for _, right in combination) / len(score))
    return best


@pytest.mark.parametrize("criterion", list(CRITERIA))
@given(seed=st.integers(0, 10_000), groups=st.integers(2, 3), tolerance=st.sampled_from([0, 0.1]))
@settings(max_examples=8, deadline=None)
def test_the_choice_is_that_of_trying_everything(
    criterion: Criterion, seed: int, groups: int, tolerance: float
) -> None:
    score, truth, group = rows(seed, 30, groups)
    curves = curves_of(score, truth, group, groups, criterion, "accuracy")
    chosen = choose_thresholds(curves, tolerance)
    own = sum(
        int(((score[group == g] >= t) == truth[group == g]).sum()) for g, t in enumerate(chosen)
    )
    assert own / len(score) == pytest.approx(
        brute(score, truth, group, groups, criterion, tolerance)
    )
    for name in RATES[criterion]:
        rates = [rates_at(score[group == g], truth[group == g], t)[name]
                 for g, t in enumerate(chosen)]  # fmt: skip
        assert max(rates) - min(rates) <= tolerance + 1e-9


def test_candidates_select_all_and_none_and_are_bounded() -> None:
    scores = np.linspace(0, 1, 5_000)
    limits = candidates(scores, 60)
    assert len(limits) <= 60
    assert (scores >= limits[0]).all()
    assert not (scores >= limits[-1]).any()


def test_effects_by_hand() -> None:
    truth = np.array([True, True, False, False, True, False])
    groups = np.array([0, 0, 0, 0, 1, 1])
    before = np.array([True, False, False, True, True, True])
    after = np.array([True, True, False, False, True, False])
    effects = Effects.of(truth, groups, before, after, None)
    by_name = {change.metric: change for change in effects.changes()}
    accuracy = by_name["accuracy"]
    assert (accuracy.before.value, accuracy.after.value) == (0.5, 1.0)
    assert accuracy.difference.value == 0.5
    assert accuracy.difference.low <= 0.5 <= accuracy.difference.high
    assert by_name["f1"].before.value == pytest.approx(2 * 2 / (2 * 2 + 2 + 1))
    gap_before, gap_after = effects.gaps("demographic_parity", [0, 1])
    assert (gap_before.value, gap_after.value) == (0.5, 0.0)
    assert [item.value for item in effects.accuracy_differences()] == [0.5, 0.5]


def test_intervals_cover_and_days_make_them_wider() -> None:
    """Decisions that are right on whole days at a time are known less well than single rows."""
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(50), 40)
    is_good = (rng.random(50) < 0.5)[days]
    truth = rng.random(2_000) < 0.5
    after = np.where(is_good, truth, ~truth)
    groups = np.zeros(2_000, dtype=np.int64)
    never = np.zeros(2_000, dtype=bool)
    by_row = Effects.of(truth, groups, never, after, None).changes()[0].after
    by_day = Effects.of(truth, groups, never, after, days).changes()[0].after
    assert by_row.value == by_day.value
    assert by_day.high - by_day.low > 3 * (by_row.high - by_row.low)
    expected = 2 * 1.96 * np.sqrt(by_row.value * (1 - by_row.value) / 2_000)
    assert by_row.high - by_row.low == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("criterion", "objective", "tolerance"),
    [("none", "accuracy", 0.1), ("equalised_odds", "none", 0.1), ("equalised_odds", "accuracy", 2)],
)
def test_a_choice_that_is_none_is_refused(criterion: str, objective: str, tolerance: float) -> None:
    with pytest.raises(Invalid):
        check_choice(criterion, objective, tolerance)
