"""Columns ranked by harm: the changed share, what it can cost, and the order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pilothouse.models.answers import OUTPUT_PREFIX, TARGET
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.assessment import Assessment, assess
from pilothouse.monitoring.checks import DATA_QUALITY, FEATURE_DRIFT, PERFORMANCE
from pilothouse.monitoring.frames import RESULTS
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.performance import Performance
from pilothouse.monitoring.ranking import changed_share, rank_columns
from pilothouse.monitoring.reference_profile import profile_reference
from pilothouse.monitoring.window_rows import WindowRows

COLUMNS = ("a", "b", "c", "d", "e")
SIGNATURE = Signature(
    inputs=tuple(SignatureField(name, "number") for name in COLUMNS),
    target="y",
    classes=(0, 1),
    positive=1,
)
SIDES = {"reference": [0, 100], "current": [0, 100]}


def profile(before: list[int], after: list[int], **missing: list[int]) -> dict[str, Any]:
    return {"reference": before, "current": after, "missing": {**SIDES, **missing}}


def results(*rows: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame([dict.fromkeys(RESULTS) | {"message": ""} | row for row in rows])
    return frame.astype({"primary": bool, "score": "float64"})


def drift(column: str, status: str, **more: Any) -> dict[str, Any]:
    about = {"signal": FEATURE_DRIFT, "check": "psi", "column": column, "status": status}
    return about | {"primary": True} | more


def quality(column: str, status: str, check: str = "missing") -> dict[str, Any]:
    about = {"signal": DATA_QUALITY, "check": check, "column": column, "status": status}
    return about | {"primary": False}


def test_the_changed_share_is_how_many_rows_would_have_to_move() -> None:
    assert changed_share(profile([50, 50], [50, 50])) == 0
    assert changed_share(profile([100, 0], [0, 100])) == 1
    assert changed_share(profile([60, 40], [50, 50])) == pytest.approx(0.1)
    twice = profile([60, 40], [100, 100], current=[0, 200])
    assert changed_share(twice) == pytest.approx(0.1)  # shares, not rows, are compared


def test_missing_is_one_more_value() -> None:
    assert changed_share(profile([60, 40], [30, 20], current=[50, 100])) == pytest.approx(0.5)
    assert changed_share(profile([60, 40], [0, 0], current=[100, 100])) == 1
    assert np.isnan(changed_share(profile([60, 40], [0, 0], current=[0, 0])))


def test_categories_that_a_large_reference_did_not_keep_are_one_cell() -> None:
    """80 of 100 rows are of categories with a name, and so are 80 of the window's."""
    reference = [0, 100]
    kept = profile([50, 30, 0, 0], [50, 30, 11, 9], reference=reference)
    assert changed_share(kept) == pytest.approx(0)


def test_breaches_come_first_by_harm_then_by_share_and_the_rest_by_importance() -> None:
    half, tenth = profile([60, 40], [10, 90]), profile([60, 40], [50, 50])
    profiles = {
        "feature_drift/little": tenth,
        "feature_drift/much": half,
        "feature_drift/useless": half,
        "feature_drift/harmless": tenth,
        "feature_drift/calm": tenth,
        "feature_drift/quiet": half,
    }
    worth = {"little": 0.2, "much": 0.3, "useless": -0.1, "harmless": 0.0, "quiet": 0.1}
    ranked = rank_columns(
        results(
            drift("quiet", "ok"),
            drift("calm", "insufficient"),
            drift("harmless", "warn"),
            drift("little", "fail"),
            drift("useless", "fail"),
            drift("much", "warn"),
        ),
        profiles,
        worth,
    )
    assert ranked["column"].tolist() == [
        *("much", "little", "useless", "harmless", "quiet", "calm")
    ]
    harm = ranked.set_index("column")["harm"]
    assert harm["much"] == pytest.approx(0.5 * 0.3)
    assert harm["useless"] == 0
    assert harm["quiet"] == 0  # chance explains it
    assert np.isnan(harm["calm"])  # its importance is not known


def test_without_importance_the_changed_share_decides() -> None:
    profiles = {
        "feature_drift/a": profile([60, 40], [50, 50]),
        "feature_drift/b": profile([60, 40], [10, 90]),
    }
    ranked = rank_columns(results(drift("a", "fail"), drift("b", "warn")), profiles, {})
    assert ranked["column"].tolist() == ["b", "a"]
    assert ranked["harm"].isna().all()


def test_a_breach_of_the_data_quality_counts_like_one_of_drift() -> None:
    profiles = {"feature_drift/a": profile([60, 40], [0, 0], current=[100, 100])}
    ranked = rank_columns(
        results(
            drift("b", "ok"),
            drift("a", "insufficient"),
            quality("a", "ok", "unseen"),
            quality("a", "fail"),
            quality("planned", "fail", "out_of_range"),
            quality("", "fail", "volume"),
            {"signal": PERFORMANCE, "check": "mae", "column": "", "status": "fail"},
        ),
        profiles,
        {"a": 0.1, "b": 0.5},
    )
    assert ranked["column"].tolist() == ["a", "planned", "b"]
    assert ranked["check"].tolist() == ["missing", "out_of_range", "psi"]
    assert ranked["status"].tolist() == ["fail", "fail", "ok"]


def test_a_column_that_cannot_be_read_has_changed_whole() -> None:
    ranked = rank_columns(
        results(
            drift("a", "error", message="the window's rows have no such column"),
            drift("b", "error", message="in the reference, the reference has no such column"),
        ),
        {},
        {"a": 0.1, "b": 0.5},
    )
    assert ranked["column"].tolist() == ["a", "b"]
    assert ranked["harm"].iloc[0] == pytest.approx(0.1)
    assert np.isnan(ranked["changed_share"].iloc[1])


def rows(count: int, rng: np.random.Generator, weights: np.ndarray) -> tuple[pd.DataFrame, Any]:
    features = pd.DataFrame(rng.normal(0, 1, (count, len(COLUMNS))), columns=list(COLUMNS))
    chance = 1 / (1 + np.exp(-features.to_numpy() @ weights))
    return features, (rng.random(count) < chance).astype(float)


def judged(reference: tuple[pd.DataFrame, Any], window: pd.DataFrame) -> Assessment:
    features, truth = reference
    held_out = features.assign(**{TARGET: truth, OUTPUT_PREFIX + "score": 0.5})
    unknown = np.full(len(window), np.nan)
    seen = WindowRows(window, {"score": np.full(len(window), 0.5)}, unknown)
    return assess(
        profile_reference(held_out, SIGNATURE),
        seen,
        MonitorConfig(),
        SIGNATURE,
        Performance(len(window), 0),
    )


def ranked_columns(assessment: Assessment, importance: dict[str, float]) -> list[str]:
    frame = pd.DataFrame([vars(check) for check in assessment.checks])
    ranked = rank_columns(frame, assessment.profile["columns"], importance)
    return [str(column) for column in ranked["column"]]


def auc(model: Any, features: pd.DataFrame, truth: Any) -> float:
    return float(roc_auc_score(truth, model.predict_proba(features)[:, 1]))


def importance_of(model: Any, features: pd.DataFrame, truth: Any) -> dict[str, float]:
    found_by = permutation_importance(
        model, features, truth, scoring="roc_auc", n_repeats=3, random_state=0
    )
    return dict(zip(COLUMNS, found_by.importances_mean, strict=True))


def broken(values: pd.Series, kind: str, share: float, rng: np.random.Generator) -> pd.Series:
    """A share of the rows in another unit, constant, or of other rows."""
    hit = rng.random(len(values)) < share
    replacement = {
        "unit": values * 8,
        "constant": values * 0 + 2.5,
        "mixed": pd.Series(rng.permutation(values.to_numpy()) + 2, index=values.index),
    }
    return values.where(~hit, replacement[kind])


def test_of_two_faults_the_costlier_is_ahead_as_scoring_the_changed_rows_shows() -> None:
    """The cost is measured: ROC AUC of a fitted pipeline on the same rows with and without it."""
    right, tried, seed = 0, 0, 0
    while tried < 20:
        seed += 1
        rng = np.random.default_rng(seed)
        weights = rng.permutation([1.6, 1.1, 0.7, 0.4, 0.0])
        train, reference = rows(3_000, rng, weights), rows(3_000, rng, weights)
        features, truth = rows(3_000, rng, weights)
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(*train)

        pair = [str(name) for name in rng.choice(COLUMNS, 2, replace=False)]
        window, cost = features.copy(), {}
        for name in pair:
            kind = str(rng.choice(["unit", "constant", "mixed"]))
            changed = broken(features[name], kind, float(rng.uniform(0.2, 0.9)), rng)
            cost[name] = auc(model, features, truth) - auc(
                model, features.assign(**{name: changed}), truth
            )
            window[name] = changed
        if max(cost.values()) < 1.5 * max(min(cost.values()), 0.005):
            continue  # neither is plainly the costlier one

        order = ranked_columns(judged(reference, window), importance_of(model, *reference))
        tried += 1
        right += order[0] == max(cost, key=lambda name: cost[name])
    assert right >= 18, f"{right} of {tried}"


def test_an_important_column_that_is_all_missing_is_first() -> None:
    rng = np.random.default_rng(7)
    weights = np.array([1.5, 1.0, 0.6, 0.3, 0.0])
    train, reference = rows(3_000, rng, weights), rows(3_000, rng, weights)
    model = HistGradientBoostingClassifier(max_iter=40).fit(*train)
    window, _ = rows(3_000, rng, weights)
    window = window.assign(a=np.nan, b=window["b"] + 1, e=window["e"] * 9)
    order = ranked_columns(judged(reference, window), importance_of(model, *reference))
    assert order[:3] == ["a", "b", "e"]
