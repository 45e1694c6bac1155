"""What stored evidence makes of a difference: pairing of rows, folds, seeds, verdicts."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.evaluated_runs import score_values
from pilothouse.comparison import Comparisons
from pilothouse.experiments import Experiments, RunFilter
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Store

ROWS = 600
KEYS = ("roc_auc", "average_precision", "log_loss", "brier", "accuracy", "f1")


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


@pytest.fixture
def comparisons(store: Store) -> Comparisons:
    return Comparisons(store)


def rows(skill: float, seed: int = 0) -> pd.DataFrame:
    """The same held-out rows whoever asks; a score that knows as much of them as `skill`."""
    fixed, own = np.random.default_rng(7), np.random.default_rng(seed)
    y = (fixed.random(ROWS) < 0.3).astype(np.int8)
    frame = pd.DataFrame(
        {
            "hour": fixed.integers(0, 24, ROWS),
            "carrier": fixed.choice(["AA", "DL", "UA"], ROWS),
            "delay": np.where(fixed.random(ROWS) < 0.1, np.nan, fixed.gamma(2, 5, ROWS)),
        }
    )
    score = np.clip(0.3 + skill * y + own.normal(0, 0.15, ROWS), 0.001, 0.999)
    return frame.assign(__target=y, __score=score, __row=np.arange(ROWS) * 3 + 5)


Scored = Callable[..., str]


@pytest.fixture
def scored(room: Experiments) -> Scored:
    """`scored("a", 0.3)` is a finished run that kept its predictions and figures."""

    def make(name: str, skill: float = 0.3, **told: Any) -> str:
        frame = told.get("frame", rows(skill, told.get("draw", 0)))
        run = room.start("flights", name, trainer="rf", seed=told.get("seed", 1), code=UNKNOWN)
        y, score = frame["__target"].to_numpy(), frame["__score"].to_numpy()
        figures = score_values(KEYS, y, score, 0.5) | told.get("metrics", {})
        room.log_metrics(run, figures)
        room.log_params(run, {"trees": 10, "folds": 3} | told.get("params", {}))
        room.log_input(run, "flights@1")
        room.tag(run, {"training.held_out": told.get("held_out", "d1")})
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        room.log_artifact(run, "reference.parquet", buffer.getvalue())
        room.log_artifact(run, "confusion.json", json.dumps({"threshold": 0.5}).encode())
        if "folds" in told:
            room.log_artifact(run, "folds.json", json.dumps(told["folds"]).encode())
        room.finish(run)
        return run

    return make


def strongest(comparisons: Comparisons, *runs: str) -> dict[tuple[str, str], dict[Any, Any]]:
    """The strongest finding of the second run by metric."""
    evidence = comparisons.significance(comparisons.compare(runs))
    return {(row["metric"], row["method"]): row for row in evidence.findings.to_dict("records")}


def test_rows_are_paired_by_their_place_whatever_their_order(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a = scored("a", 0.2)
    better = rows(0.5)
    straight = strongest(comparisons, a, scored("b", frame=better))
    mixed = strongest(comparisons, a, scored("c", frame=better.sample(frac=1, random_state=1)))
    finding = straight["roc_auc", "delong"]
    assert (finding["n"], finding["significant"]) == (ROWS, True)
    for key, row in straight.items():
        assert mixed[key]["delta"] == pytest.approx(row["delta"])
    assert mixed["roc_auc", "delong"]["p"] == pytest.approx(finding["p"])


def test_only_the_rows_that_both_kept_are_weighed(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a, b = scored("a"), scored("b", frame=rows(0.5).iloc[:400])
    evidence = comparisons.significance(comparisons.compare([a, b]))
    assert (evidence.rows, dict(evidence.left_out)) == (400, {})
    few = scored("few", frame=rows(0.5).iloc[:100])
    assert (
        "only 100 of the baseline's rows"
        in comparisons.significance(comparisons.compare([a, few])).left_out[few]
    )


def test_older_runs_without_places_are_paired_by_order_when_that_is_certain(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a = scored("a", frame=rows(0.2).drop(columns="__row"))
    b = scored("b", frame=rows(0.5).drop(columns="__row"), seed=2)
    assert comparisons.significance(comparisons.compare([a, b])).rows == ROWS
    short = scored("short", frame=rows(0.5).drop(columns="__row").iloc[:500])
    assert (
        "without their places"
        in comparisons.significance(comparisons.compare([a, short])).left_out[short]
    )
    placed = scored("placed", 0.5)
    assert comparisons.significance(comparisons.compare([a, placed, b])).rows == ROWS


@pytest.mark.parametrize(
    ("recorded", "message"),
    [
        ({"held_out": "d2"}, "other rows"),
        ({"held_out": ""}, "does not say which rows"),
        ({"frame": rows(0.3).assign(__target=0)}, "the labels differ on"),
        (
            {"frame": rows(0.3).drop(columns="__score").assign(__score=np.nan)},
            "without a prediction",
        ),
    ],
)
def test_rows_that_cannot_be_paired_say_why(
    room: Experiments,
    comparisons: Comparisons,
    scored: Scored,
    recorded: dict[str, Any],
    message: str,
) -> None:
    recorded = recorded | {"metrics": {"roc_auc": 0.5, "log_loss": 0.5, "average_precision": 0.5}}
    a, b = scored("a"), scored("b", **recorded)
    evidence = comparisons.significance(comparisons.compare([a, b]))
    assert evidence.rows == 0
    assert message in evidence.left_out[b]
    assert evidence.findings.empty


def test_without_predictions_there_is_no_finding(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a, b = scored("a"), room.start("flights", "bare", code=UNKNOWN)
    room.log_metrics(b, {"roc_auc": 0.99})
    room.log_input(b, "flights@1")
    evidence = comparisons.significance(comparisons.compare([a, b]))
    assert evidence.findings.empty
    assert "kept no predictions" in evidence.left_out[b]
    comparison = comparisons.compare([a, b])
    rows = comparisons.metrics_with_verdicts(comparison, evidence)
    assert set(rows[rows["run"] == b]["verdict"]) <= {"better", "worse", "unknown"}
    verdict = comparisons.verdict(comparison, evidence)
    assert verdict is not None
    assert "not known" in verdict.sentence


def test_a_baseline_without_predictions_is_why_nobody_is_paired(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a, b = room.start("flights", "bare", code=UNKNOWN), scored("b")
    assert (
        "the baseline kept no predictions"
        in comparisons.significance(comparisons.compare([a, b])).left_out[b]
    )


def test_a_figure_that_the_rows_do_not_bear_out_is_not_weighed(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    """Logged from elsewhere, it is another quantity than the rows tell of."""
    a, b = scored("a"), scored("b", 0.5, metrics={"log_loss": 5.0})
    findings = strongest(comparisons, a, b)
    assert ("log_loss", "bootstrap") not in findings
    assert ("brier", "bootstrap") in findings


def test_a_difference_within_noise_is_no_improvement(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a, twin, b = scored("a", 0.3), scored("twin", 0.3, draw=5), scored("b", 0.6)
    comparison = comparisons.compare([a, twin, b])
    evidence = comparisons.significance(comparison)
    verdicts = comparisons.metrics_with_verdicts(comparison, evidence).set_index(["metric", "run"])[
        "verdict"
    ]
    assert verdicts["roc_auc", b] == "better"
    assert verdicts["log_loss", b] == "better"
    assert verdicts["roc_auc", twin] == "noise"
    assert verdicts["roc_auc", a] == "baseline"
    verdict = comparisons.verdict(comparison, evidence, "roc_auc")
    assert verdict is not None
    assert (verdict.best, verdict.verdict) == (b, "better")
    assert "b is best" in verdict.sentence
    assert "DeLong" in verdict.evidence


def test_a_tolerance_makes_a_difference_the_same(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a, b = scored("a", 0.3), scored("b", 0.33)
    room.describe_metric("roc_auc", tolerance=0.2)
    comparison = comparisons.compare([a, b])
    evidence = comparisons.significance(comparison)
    verdict = comparisons.verdict(comparison, evidence, "roc_auc")
    assert verdict is not None
    assert verdict.verdict in ("same", "baseline")
    verdicts = comparisons.metrics_with_verdicts(comparison, evidence).set_index(["metric", "run"])[
        "verdict"
    ]
    assert verdicts["roc_auc", b] == "same"


def test_what_is_not_comparable_is_never_the_best(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a, b = scored("a", 0.3), scored("b", 0.6, held_out="d2")
    comparison = comparisons.compare([a, b])
    evidence = comparisons.significance(comparison)
    verdict = comparisons.verdict(comparison, evidence, "roc_auc")
    assert verdict is not None
    assert verdict.best == a
    assert "no comparable run competes" in verdict.sentence
    assert any("not comparable: b" in caution for caution in verdict.cautions)
    rows = comparison.metrics
    assert set(rows[rows["run"] == b]["extreme"]) == {""}


CV = "cv_roc_auc_mean"
FOLDS = {"fold": [1, 2, 3], "rows_fitted": [400, 400, 400], "rows_judged": [200, 200, 200]}


def test_scores_of_the_same_folds_are_paired(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    low, high = (FOLDS | {"roc_auc": scores} for scores in ([0.6, 0.7, 0.8], [0.62, 0.72, 0.82]))
    a = scored("a", metrics={CV: 0.70}, folds=low)
    b = scored("b", metrics={CV: 0.72}, folds=high)
    finding = strongest(comparisons, a, b)[CV, "folds"]
    assert (finding["n"], finding["unit"], finding["significant"]) == (3, "folds", True)
    other = scored("c", metrics={CV: 0.72}, folds=high, seed=9)
    assert not strongest(comparisons, a, other)[CV, "folds_apart"]["significant"]


def test_a_broken_table_of_folds_is_no_evidence(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a = scored("a", metrics={"cv_roc_auc_mean": 0.7}, folds={"roc_auc": [0.6, 0.7], "fold": [1]})
    b = scored("b", metrics={"cv_roc_auc_mean": 0.7}, folds={"roc_auc": ["x", "y"]})
    assert not any(method.startswith("folds") for _, method in strongest(comparisons, a, b))


def test_runs_that_differ_in_their_seed_alone_are_a_group(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    for seed, cost in ((1, 1.0), (2, 1.1), (3, 0.9)):
        a = scored("a", seed=seed, metrics={"cost": cost})
    for seed, cost in ((1, 2.0), (2, 2.1), (3, 1.9)):
        b = scored("b", seed=seed, metrics={"cost": cost}, params={"trees": 99})
    finding = strongest(comparisons, a, b)["cost", "seeds"]
    assert (finding["n"], finding["unit"], finding["significant"]) == (6, "runs", True)
    assert finding["delta"] == pytest.approx(1.0)
    same_group = scored("a", seed=4, metrics={"cost": 1.0})
    assert ("cost", "seeds") not in strongest(comparisons, a, same_group)


def test_one_threshold_and_its_costs(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a, b = scored("a", 0.3), scored("b", 0.6)
    report = comparisons.at_threshold([a, b], 0.4, false_positive_cost=1, false_negative_cost=5)
    frame = rows(0.3)
    called, yes = frame["__score"] >= 0.4, frame["__target"] == 1
    point = report.points.iloc[0]
    assert (point["tp"], point["fp"]) == ((called & yes).sum(), (called & ~yes).sum())
    assert (point["fn"], point["tn"]) == ((~called & yes).sum(), (~called & ~yes).sum())
    assert point["cost"] == point["fp"] + 5 * point["fn"]
    assert point["precision"] == pytest.approx(yes[called].mean())
    assert set(report.curves) == {"roc", "pr", "calibration", "cost"}
    assert comparisons.at_threshold([a, b]).threshold == 0.5, "the baseline's own"
    for curve in report.curves.values():
        assert set(curve["run"]) == {a, b}


@pytest.mark.parametrize("costs", [(1.0, 1.0), (1.0, 4.0), (5.0, 1.0), (0.0, 1.0)])
def test_no_threshold_is_cheaper_than_the_best(
    room: Experiments, comparisons: Comparisons, scored: Scored, costs: tuple[float, float]
) -> None:
    run = scored("a", 0.3)
    best = comparisons.at_threshold(
        [run], 0.5, false_positive_cost=costs[0], false_negative_cost=costs[1]
    ).points.iloc[0]
    tried = [
        comparisons.at_threshold(
            [run], at, false_positive_cost=costs[0], false_negative_cost=costs[1]
        ).points.iloc[0]["cost"]
        for at in np.linspace(0, 1, 41)
    ]
    assert best["best_cost"] <= min(tried)
    again = comparisons.at_threshold(
        [run], best["best_threshold"], false_positive_cost=costs[0], false_negative_cost=costs[1]
    )
    assert again.points.iloc[0]["cost"] == pytest.approx(best["best_cost"])


def test_a_threshold_and_costs_that_cannot_be(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    run = scored("a")
    with pytest.raises(Invalid, match="between 0 and 1"):
        comparisons.at_threshold([run], 1.5)
    with pytest.raises(Invalid, match="above 0"):
        comparisons.at_threshold([run], 0.5, false_positive_cost=0, false_negative_cost=0)
    bare = room.start("flights", "bare", code=UNKNOWN)
    with pytest.raises(Invalid, match="kept predictions"):
        comparisons.at_threshold([bare], 0.5)


def test_every_row_is_in_one_slice_of_a_column(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a, b = scored("a", 0.3), scored("b", 0.5)
    report = comparisons.slices([a, b], "accuracy", threshold=0.5, min_rows=1)
    for _, part in report.frame[report.frame["run"] == a].groupby("column"):
        assert part["rows"].sum() == ROWS
    assert set(report.frame["column"]) == {"hour", "carrier", "delay"}
    delay = report.frame[(report.frame["column"] == "delay") & (report.frame["run"] == a)]
    assert "missing" in set(delay["segment"])
    assert len(delay) == 6, "five ranges, and the rows without a value"


def test_a_slice_has_the_figure_of_its_rows_and_the_worst_comes_first(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    bad = rows(0.5)
    flipped = np.where(bad["carrier"] == "DL", 1 - bad["__score"], bad["__score"])
    a, b = scored("a", 0.3), scored("b", frame=bad.assign(__score=flipped))
    report = comparisons.slices([a, b], "roc_auc")
    first = report.frame.iloc[0]
    assert (first["column"], first["segment"]) == ("carrier", "DL")
    worst = report.frame[report.frame["run"] == b].iloc[0]
    chosen = bad["carrier"] == "DL"
    expected = score_values(["roc_auc"], bad["__target"][chosen].to_numpy(), flipped[chosen], 0.5)[
        "roc_auc"
    ]
    assert worst["value"] == pytest.approx(expected)
    assert worst["shortfall"] == pytest.approx(worst["overall"] - expected)
    assert report.frame["worst"].is_monotonic_decreasing


def test_small_slices_are_counted_and_not_shown(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a = scored("a")
    report = comparisons.slices([a], "log_loss", columns=["hour"], min_rows=10_000)
    assert report.frame.empty
    assert report.too_small == 5
    with pytest.raises(Invalid, match="cannot be computed"):
        comparisons.slices([a], "fit_seconds")
    assert comparisons.slice_columns(a) == ["hour", "carrier", "delay"]


def test_flips_are_the_rows_that_are_decided_otherwise(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a, b = scored("a", 0.3), scored("b", 0.5)
    baseline_rows, run_rows = rows(0.3), rows(0.5)
    row = comparisons.disagreements([a, b], 0.45).iloc[0]
    flipped = (baseline_rows["__score"] >= 0.45) != (run_rows["__score"] >= 0.45)
    right = flipped & ((run_rows["__score"] >= 0.45) == (run_rows["__target"] == 1))
    assert (row["flipped"], row["right"]) == (flipped.sum(), right.sum())
    assert row["right"] + row["wrong"] == row["flipped"]
    frame = comparisons.disagreeing_rows(b, a, 0.45)
    assert sorted(frame["row"]) == baseline_rows[flipped]["__row"].tolist()
    assert frame.columns.tolist()[:5] == ["row", "target", "baseline", "run", "right"]
    assert (frame["right"] == "run").sum() == row["right"]
    by_row = baseline_rows.set_index("__row").loc[frame["row"]]
    assert frame["carrier"].tolist() == by_row["carrier"].tolist()
    gaps = (frame["run"] - frame["baseline"]).abs()
    assert gaps.is_monotonic_decreasing


def test_flips_of_rows_that_are_not_shared_are_refused(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    a, b = scored("a"), scored("b", held_out="d2")
    assert comparisons.disagreements([a, b], 0.5).empty
    with pytest.raises(Invalid, match="other rows"):
        comparisons.disagreeing_rows(b, a, 0.5)


def test_influence_finds_the_parameter_that_a_metric_follows(
    room: Experiments, comparisons: Comparisons
) -> None:
    rng = np.random.default_rng(1)
    for index in range(60):
        run = room.start("tuning", trainer="rf", code=UNKNOWN)
        depth, criterion, noise = rng.integers(1, 20), rng.choice(["gini", "log"]), rng.random()
        room.log_params(run, {"depth": int(depth), "words": str(criterion), "noise": float(noise)})
        room.log_metrics(run, {"score": 1 / depth + rng.normal(0, 0.01), "flat": 1.0})
        if index % 20:
            room.finish(run)
    importance = comparisons.param_importance("score", RunFilter(experiment="tuning"))
    assert importance.runs == 57, "unfinished runs do not count"
    assert importance.frame["param"].iloc[0] == "depth"
    assert importance.frame["correlation"].iloc[0] < -0.9
    assert importance.fit > 0.6
    assert np.isnan(importance.frame.set_index("param").loc["words", "correlation"])
    assert "the same value" in comparisons.param_importance("flat").message
    assert comparisons.param_importance("nothing").frame.empty


def test_influence_over_too_few_runs_says_so(
    room: Experiments, comparisons: Comparisons, scored: Scored
) -> None:
    for index in range(3):
        scored(f"r{index}", params={"trees": index})
    importance = comparisons.param_importance("roc_auc")
    assert importance.frame.empty
    assert "at least 8 finished runs" in importance.message
