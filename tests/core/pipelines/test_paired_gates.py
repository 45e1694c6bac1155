"""Error rates of the gates that compare with the champion, over many simulated pairs.

Seeded, so that the figures are the same each time. The intervals are those of
`difference_interval`; that they agree with published ones is tested with the statistics.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from pilothouse.comparison.statistics import bootstrap
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import tasks
from pilothouse.pipelines.paired_interval import Answers, difference_interval
from pilothouse.registry.evidence import ChampionComparison, Evidence, Side, TaskFacts
from pilothouse.registry.policy import GateRule

DAY = 86_400_000
METRIC = "accuracy"
CLASSES = Signature((), "late", (0, 1), 1, task="binary")
TASK = TaskFacts.of(tasks.get("binary").example.signature)
PAIRS, AT_MOST = 1000, 0.06


def right(rng: Any, share: Any, rows: int) -> Any:
    """Which rows a model has right: each with this probability."""
    return rng.random(rows) < share


def answers(is_right: Any, truth: Any) -> Answers:
    called = np.where(is_right, truth, 1 - truth).astype(float)
    return Answers(CLASSES, {"score": called}, truth)


def verdict(gate: str, champion: Answers, candidate: Answers, at: Any = None, **params: Any) -> Any:
    interval = difference_interval(METRIC, champion, candidate, at)
    values = {METRIC: 0.8}
    comparison = ChampionComparison("m@1", values, values, "rows", interval)
    sides = Side("m@2", "a" * 64, values), Side("m@1", "b" * 64, values)
    evidence = Evidence("m", 2, "production", *sides, comparison=comparison, task=TASK)
    return GateRule(gate, params).evaluate(evidence)


def test_equal_models_are_rarely_called_better() -> None:
    rng, rows = np.random.default_rng(7), 400
    truth = rng.integers(0, 2, rows).astype(float)
    better = 0
    for _ in range(PAIRS):
        hard = rng.uniform(0.6, 1.0, rows)  # rows are hard for both: the models are correlated
        pair = [answers(right(rng, hard, rows), truth) for _ in range(2)]
        better += verdict("better_than_champion", *pair).passed
    assert better / PAIRS <= AT_MOST


def test_equal_models_whose_rows_depend_by_day_are_rarely_called_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A test that takes such rows for independent calls more than one in eight better."""
    rng, days, per_day = np.random.default_rng(8), 20, 10
    # Asking for the thread pools of this process takes as long as drawing these few rows.
    monkeypatch.setattr(bootstrap, "threadpool_limits", lambda *_, **__: nullcontext())
    rows, at = days * per_day, np.repeat(np.arange(days) * DAY, per_day)
    truth = rng.integers(0, 2, rows).astype(float)
    better = naive = 0
    for _ in range(PAIRS):
        by_day = (np.repeat(rng.uniform(0.2, 1.0, days), per_day) for _ in range(2))
        champion, candidate = (answers(right(rng, share, rows), truth) for share in by_day)
        better += verdict("better_than_champion", champion, candidate, at).passed
        naive += verdict("better_than_champion", champion, candidate).passed
    assert better / PAIRS <= AT_MOST
    assert naive / PAIRS > 2 * AT_MOST  # so that the test could fail


def test_the_best_of_nine_equal_candidates_is_rarely_called_better() -> None:
    rng, rows, candidates, trials = np.random.default_rng(9), 400, 9, 300
    truth = rng.integers(0, 2, rows).astype(float)
    corrected = uncorrected = 0
    for _ in range(trials):
        champion = answers(right(rng, 0.8, rows), truth)
        best = max((right(rng, 0.8, rows) for _ in range(candidates)), key=lambda r: r.sum())
        pair = champion, answers(best, truth)
        corrected += verdict("better_than_champion", *pair, candidates=candidates).passed
        uncorrected += verdict("better_than_champion", *pair, candidates=1).passed
    assert corrected / trials <= AT_MOST
    assert uncorrected / trials > AT_MOST


@pytest.mark.parametrize(("loss", "low", "high"), [(0.0, 0.8, 1.0), (0.05, 0.0, AT_MOST)])
def test_a_model_that_is_as_good_passes_with_power_and_one_at_the_margin_does_not(
    loss: float, low: float, high: float
) -> None:
    """For 80 % power at a margin of .05: 2 * .8 * .2 * (1.96 + .84)² / .05² = 1,004 rows."""
    rng, rows, trials = np.random.default_rng(10), 1100, 300
    truth = rng.integers(0, 2, rows).astype(float)
    passed = 0
    for _ in range(trials):
        champion = answers(right(rng, 0.8, rows), truth)
        candidate = answers(right(rng, 0.8 - loss, rows), truth)
        passed += verdict("non_inferior", champion, candidate, margin=0.05).passed
    assert low <= passed / trials <= high
