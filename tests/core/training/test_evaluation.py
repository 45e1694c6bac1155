"""Figures and curves, held against definitions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.experiments.metrics.kinds import METRICS
from pilothouse.models.metrics.class_metrics import POINTS, best_threshold, thin_curve
from pilothouse.training.evaluation import (
    calibration_curve,
    calibration_error,
    compute_metrics,
    evaluate,
)

RNG = np.random.default_rng(3)
SCORE = RNG.uniform(size=4000)
Y = (RNG.uniform(size=4000) < SCORE).astype(np.int8)


def test_figures_agree_with_their_definitions() -> None:
    metrics = compute_metrics(Y, SCORE, 0.5)
    pairs = SCORE[Y == 1][:, None] > SCORE[Y == 0][None, :]
    assert metrics["roc_auc"] == pytest.approx(pairs.mean())
    assert metrics["brier"] == pytest.approx(np.mean((SCORE - Y) ** 2))
    chance = np.where(Y == 1, SCORE, 1 - SCORE)
    assert metrics["log_loss"] == pytest.approx(-np.log(chance).mean())
    predicted = SCORE >= 0.5
    assert metrics["precision"] == pytest.approx(Y[predicted].mean())
    assert metrics["recall"] == pytest.approx(predicted[Y == 1].mean())
    assert set(metrics) <= set(METRICS)


def test_scores_that_mean_what_they_say_are_calibrated_and_others_are_not() -> None:
    assert compute_metrics(Y, SCORE, 0.5)["calibration_error"] < 0.03
    assert compute_metrics(Y, np.sqrt(SCORE), 0.5)["calibration_error"] > 0.1


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=200))
def test_a_calibration_curve_counts_every_row_once(rows: list[tuple[float, int]]) -> None:
    score, y = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], dtype=np.int8)
    curve = calibration_curve(y, score)
    assert sum(curve["count"]) == len(rows)
    gap = abs(np.average(curve["predicted"], weights=curve["count"]) - score.mean())
    assert gap < 1e-9
    assert 0 <= calibration_error(curve) <= 1


def test_curves_are_short_plain_json_and_keep_their_ends() -> None:
    evaluation = evaluate(Y, SCORE, 0.4, ("no", "yes"))
    for path, document in evaluation.documents().items():
        json.dumps(document, allow_nan=False)
        if path.startswith("curves/"):
            assert len({len(column) for column in document.values()}) == 1
            assert len(next(iter(document.values()))) <= POINTS
    assert (evaluation.roc["fpr"][0], evaluation.roc["tpr"][-1]) == (0.0, 1.0)
    assert (evaluation.pr["recall"][0], evaluation.pr["recall"][-1]) == (1.0, 0.0)


def test_a_thinned_roc_curve_has_nearly_the_same_area() -> None:
    evaluation = evaluate(Y, SCORE, 0.4, ("no", "yes"))
    area = np.trapezoid(evaluation.roc["tpr"], evaluation.roc["fpr"])
    assert area == pytest.approx(evaluation.metrics["roc_auc"], abs=1e-3)


def test_the_confusion_counts_every_row_at_the_threshold() -> None:
    evaluation = evaluate(Y, SCORE, 0.4, ("no", "yes"))
    (tn, fp), (fn, tp) = evaluation.confusion["matrix"]
    assert tn + fp + fn + tp == len(Y)
    assert tp / (tp + fp) == pytest.approx(evaluation.metrics["precision"])
    assert evaluation.confusion["threshold"] == 0.4


def test_no_threshold_separates_the_classes_better_than_the_best() -> None:
    def youden(threshold: float) -> float:
        predicted = threshold <= SCORE
        return float(predicted[Y == 1].mean() - predicted[Y == 0].mean())

    others = [youden(threshold) for threshold in np.linspace(0.05, 0.95, 37)]
    assert youden(best_threshold(Y, SCORE)) >= max(others) - 1e-3


@given(st.lists(st.floats(0, 1), min_size=2, max_size=500), st.integers(2, 60))
def test_thinning_a_curve_keeps_both_ends_and_the_order(steps: list[float], most: int) -> None:
    x = np.sort(np.array(steps))
    indices = thin_curve(x, x, most).tolist()
    assert len(indices) <= most
    assert indices == sorted(set(indices))
    assert indices[-1] == len(x) - 1
    assert x[indices[0]] == x[0]
