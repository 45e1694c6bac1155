"""Metrics of scores, held against scikit-learn and against definitions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from pilothouse.models.metrics.class_metrics import (
    best_threshold,
    calibration,
    calibration_error,
    thin_curve,
)
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import tasks

RNG = np.random.default_rng(3)
SCORE = RNG.uniform(size=4000)
Y = RNG.uniform(size=4000) < SCORE
POINTS = 200
TWO_CLASSES = Signature((), "y", ("no", "yes"), "yes", threshold=0.4)
TASK = tasks.get("binary")


def test_metrics_agree_with_scikit_learn() -> None:
    metrics = TASK.compute_metrics(TWO_CLASSES, {"score": SCORE}, Y.astype(float))
    called = SCORE >= 0.4
    assert metrics["roc_auc"] == pytest.approx(oracle.roc_auc_score(Y, SCORE))
    assert metrics["average_precision"] == pytest.approx(oracle.average_precision_score(Y, SCORE))
    assert metrics["log_loss"] == pytest.approx(oracle.log_loss(Y, SCORE))
    assert metrics["brier"] == pytest.approx(oracle.brier_score_loss(Y, SCORE))
    assert metrics["f1"] == pytest.approx(oracle.f1_score(Y, called))
    assert metrics["precision"] == pytest.approx(Y[called].mean())
    assert metrics["recall"] == pytest.approx(called[Y].mean())


def test_scores_that_mean_what_they_say_are_calibrated_and_others_are_not() -> None:
    assert calibration_error(calibration(Y, SCORE)) < 0.03
    assert calibration_error(calibration(Y, np.sqrt(SCORE))) > 0.1


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200))
def test_a_calibration_curve_counts_every_row_once(rows: list[tuple[float, bool]]) -> None:
    score, y = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    curve = calibration(y, score)
    assert sum(curve.count) == len(rows)
    gap = abs(np.average(curve.predicted, weights=curve.count) - score.mean())
    assert gap < 1e-9
    assert 0 <= calibration_error(curve) <= 1


def test_curves_are_short_plain_json_and_keep_their_ends() -> None:
    documents = TASK.documents(TWO_CLASSES, {"score": SCORE}, Y.astype(float))
    for path, document in documents.items():
        json.dumps(document, allow_nan=False)
        if path.startswith("curves/"):
            assert len({len(column) for column in document.values()}) == 1
            assert len(next(iter(document.values()))) <= POINTS
    roc, pr = documents["curves/roc.json"], documents["curves/pr.json"]
    assert (roc["fpr"][0], roc["tpr"][-1]) == (0.0, 1.0)
    assert (pr["recall"][0], pr["recall"][-1]) == (1.0, 0.0)
    area = np.trapezoid(roc["tpr"], roc["fpr"])
    assert area == pytest.approx(oracle.roc_auc_score(Y, SCORE), abs=1e-3)


def test_the_confusion_counts_every_row_at_the_threshold() -> None:
    documents = TASK.documents(TWO_CLASSES, {"score": SCORE}, Y.astype(float))
    expected = oracle.confusion_matrix(Y, SCORE >= 0.4)
    assert documents["confusion.json"]["matrix"] == expected.tolist()
    assert documents["confusion.json"]["threshold"] == 0.4


def test_no_threshold_separates_the_classes_better_than_the_best() -> None:
    def youden(threshold: float) -> float:
        predicted = threshold <= SCORE
        return float(predicted[Y].mean() - predicted[~Y].mean())

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
