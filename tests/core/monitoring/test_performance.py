"""Performance figures against scikit-learn, and when they may be judged at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from sklearn import metrics

from pilothouse.models.signature import Signature
from pilothouse.monitoring.performance import (
    MinimumRows,
    compute_performance,
    monitored_metrics,
    performance_checks,
    performance_status,
)

NEEDS = MinimumRows(labelled=10, coverage=0.5)
SIGNATURE = Signature((), "late", (0, 1), 1)
METRICS = monitored_metrics(SIGNATURE, {})
scored = st.integers(2, 80).flatmap(
    lambda rows: st.tuples(
        arrays.arrays(np.int64, rows, elements=st.integers(0, 1)),
        arrays.arrays(np.float64, rows, elements=st.sampled_from(np.linspace(0, 1, 13).tolist())),
    )
)


@given(scored)
def test_figures_are_scikit_learns(rows: tuple[np.ndarray, np.ndarray]) -> None:
    y, score = rows
    performance = compute_performance(SIGNATURE, {"score": score}, y.astype(float))
    if len(set(y.tolist())) < 2:
        assert performance.metrics == {}
        return
    assert performance.metrics["roc_auc"] == pytest.approx(metrics.roc_auc_score(y, score))
    assert performance.metrics["log_loss"] == pytest.approx(
        metrics.log_loss(y, score, labels=[0, 1])
    )
    assert performance.metrics["brier"] == pytest.approx(metrics.brier_score_loss(y, score))
    assert performance.metrics["accuracy"] == pytest.approx(metrics.accuracy_score(y, score >= 0.5))
    assert 0 <= performance.metrics["calibration_error"] <= 1


def test_rows_without_a_label_count_as_rows_only() -> None:
    score = np.array([0.1, 0.9, 0.8, 0.3])
    performance = compute_performance(SIGNATURE, {"score": score}, np.array([0, 1, np.nan, np.nan]))
    assert (performance.rows, performance.labelled) == (4, 2)
    assert performance.coverage == 0.5
    assert performance.summary == {"Share of 1": 0.5}
    assert performance.metrics["roc_auc"] == 1.0


def test_calibration_of_a_score_that_says_what_happens() -> None:
    score = np.repeat([0.25, 0.75], 100)
    truth = np.concatenate([np.arange(100) < 25, np.arange(100) < 75]).astype(float)
    performance = compute_performance(SIGNATURE, {"score": score}, truth)
    assert performance.metrics["calibration_error"] == pytest.approx(0)
    assert performance.documents["curves/calibration.json"]["count"] == [100, 100]


def _checks(score: np.ndarray, truth: np.ndarray, reference: dict[str, float]) -> dict:
    checks = performance_checks(
        compute_performance(SIGNATURE, {"score": score}, truth), reference, METRICS, NEEDS
    )
    return {check.check: check for check in checks}


def test_a_figure_is_held_against_the_reference_less_what_is_tolerated() -> None:
    rng = np.random.default_rng(4)
    truth = (rng.random(20_000) < 0.4).astype(float)
    score = np.clip(rng.normal(0.4 + 0.2 * truth, 0.2), 0, 1)
    auc = metrics.roc_auc_score(truth, score)
    cases = ((auc, "ok"), (auc + 0.004, "ok"), (auc + 0.015, "warn"), (auc + 0.06, "fail"))
    for base, status in cases:
        check = _checks(score, truth, {"roc_auc": base})["roc_auc"]
        assert (check.status, check.direction) == (status, "below")
        assert check.threshold == pytest.approx(base - 0.05)
        assert check.reference == base
        assert check.n_current == 20_000


def test_what_follows_the_base_rate_warns_and_only_the_primary_figure_fails() -> None:
    rng = np.random.default_rng(5)
    truth = (rng.random(2_000) < 0.4).astype(float)
    score = np.clip(rng.normal(0.4 + 0.2 * truth, 0.2), 0, 1)
    auc = metrics.roc_auc_score(truth, score)
    checks = _checks(score, truth, {"roc_auc": auc, "log_loss": 0.1})
    assert checks["log_loss"].status == "fail"
    others = [check for check in checks.values() if check.check in ("roc_auc", "log_loss")]
    assert performance_status(others) == "warn"
    worse = _checks(score, truth, {"roc_auc": auc + 0.1, "log_loss": 0.1})
    assert performance_status(list(worse.values())) == "fail"


def test_one_class_is_insufficient_never_ok() -> None:
    checks = _checks(np.linspace(0, 1, 50), np.ones(50), {"roc_auc": 0.7})
    assert checks["roc_auc"].status == "insufficient"
    assert checks["roc_auc"].message == "the labels are all of one class"


def test_too_few_labels_are_insufficient_never_ok() -> None:
    truth = np.full(100, np.nan)
    truth[:40] = np.arange(40) % 2
    checks = _checks(np.linspace(0, 1, 100), truth, {"roc_auc": 0.7})
    assert checks["label_coverage"].status == "insufficient"
    assert {c.status for c in checks.values()} == {"insufficient"}
    assert "40%" in checks["roc_auc"].message
    assert performance_status(list(checks.values())) == "insufficient"


def test_an_empty_window_is_insufficient() -> None:
    checks = _checks(np.empty(0), np.empty(0), {"roc_auc": 0.7})
    assert {c.status for c in checks.values()} == {"insufficient"}


def test_a_figure_with_nothing_to_compare_with_is_not_judged() -> None:
    truth = np.arange(100) % 2
    checks = _checks(np.linspace(0, 1, 100), truth.astype(float), {})
    assert checks["roc_auc"].status == "insufficient"
    assert checks["roc_auc"].score is not None


def test_within_its_standard_errors_a_metric_is_no_worse() -> None:
    rng = np.random.default_rng(6)
    truth = (rng.random(3_000) < 0.4).astype(float)
    score = np.clip(rng.normal(0.4 + 0.2 * truth, 0.2), 0, 1)
    auc = metrics.roc_auc_score(truth, score)
    check = _checks(score, truth, {"roc_auc": auc + 0.02})["roc_auc"]
    assert check.standard_error is not None
    assert 0.02 < 2.5 * check.standard_error < 0.05
    assert (check.status, check.message) == ("ok", "within 2.5 standard errors")
    assert check.noise == pytest.approx(check.reference - 2.5 * check.standard_error)
    assert check.p_value == pytest.approx(stats.norm.sf(0.02 / check.standard_error))
    assert check.noise_method == "DeLong"


def test_fewer_labels_than_a_fall_needs_are_insufficient_never_ok() -> None:
    rng = np.random.default_rng(7)
    truth = (rng.random(200) < 0.2).astype(float)
    score = np.clip(rng.normal(0.4 + 0.2 * truth, 0.2), 0, 1)
    auc = metrics.roc_auc_score(truth, score)
    same = _checks(score, truth, {"roc_auc": auc})["roc_auc"]
    assert same.status == "insufficient"
    assert "too few labels" in same.message
    assert _checks(score, truth, {"roc_auc": auc + 0.25})["roc_auc"].status == "fail"


def test_fewer_than_ten_rows_of_a_class_are_insufficient() -> None:
    truth = (np.arange(400) < 8).astype(float)
    checks = _checks(np.linspace(0, 1, 400), truth, {"roc_auc": 0.9, "accuracy": 0.9})
    assert checks["roc_auc"].status == "insufficient"
    assert checks["roc_auc"].message == "8 rows of a class; a standard error needs 10"
    assert checks["accuracy"].status == "fail"  # what can be judged is


def test_the_references_own_error_counts() -> None:
    rng = np.random.default_rng(8)
    truth = (rng.random(5_000) < 0.4).astype(float)
    score = np.clip(rng.normal(0.4 + 0.2 * truth, 0.2), 0, 1)
    performance = compute_performance(SIGNATURE, {"score": score}, truth)
    base = {"roc_auc": performance.metrics["roc_auc"] + 0.03}
    statuses = []
    for error in ({"roc_auc": 0.0}, {"roc_auc": 0.02}):
        checks = performance_checks(performance, base, METRICS, NEEDS, 300, reference_errors=error)
        statuses.append(next(check.status for check in checks if check.check == "roc_auc"))
    assert statuses == ["warn", "insufficient"]
    # A profile from before errors were stored: that of so many rows of the window's kind.
    checks = performance_checks(performance, base, METRICS, NEEDS, 1_250)
    auc = next(check for check in checks if check.check == "roc_auc")
    assert auc.reference_error == pytest.approx(2 * auc.standard_error)


def test_chance_makes_a_calibration_error_of_a_perfect_model() -> None:
    rng = np.random.default_rng(9)
    statuses = []
    for _ in range(40):
        score = rng.beta(2, 3, 300)
        truth = (rng.random(300) < score).astype(float)
        reference = {"calibration_error": 0.01}
        statuses.append(_checks(score, truth, reference)["calibration_error"].status)
    assert "fail" not in statuses
    assert statuses.count("warn") <= 1
