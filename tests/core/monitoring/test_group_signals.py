"""Segments and fairness: groups of rows against the same groups of the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.baselines import Baseline
from pilothouse.monitoring.checks import Check
from pilothouse.monitoring.fairness_checks import gap_of
from pilothouse.monitoring.group_gaps import ScoredGap, judge_gaps
from pilothouse.monitoring.group_signals import (
    GroupedReference,
    GroupedWindow,
    fairness_of,
    segments_of_window,
)
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.reference_profile import profile_served
from pilothouse.monitoring.row_groups import MISSING, OTHER, row_groups
from pilothouse.monitoring.window_rows import WindowRows

FIELDS = (SignatureField("region", "string"), SignatureField("age", "number"))
BINARY = Signature(FIELDS, "late", (0, 1), 1)
REGRESSION = Signature(FIELDS, "price", task="regression", gives="value")
CONFIG = MonitorConfig(segment_columns=("region", "age"), fairness_columns=("region",))


def draw(rng: np.random.Generator, rows: int, **changed: Any) -> WindowRows:
    """Rows of six regions; `changed` ones lose the skill of the model, or are called more often."""
    region = rng.choice(list("abcdef"), rows, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
    chance = rng.beta(2, 3, rows)
    score = chance.copy()
    if part := changed.get("unskilled"):
        score[region == part] = rng.permutation(chance[region == part])
    if part := changed.get("raised"):
        score[region == part] = np.clip(score[region == part] + 0.2, 0, 1)
    truth = (rng.random(rows) < chance).astype(np.float64)
    features = pd.DataFrame({"region": region, "age": rng.gamma(4, 10, rows)})
    return WindowRows(features, {"score": score}, truth)


def judged(reference: WindowRows, window: WindowRows, signature: Signature = BINARY) -> list[Check]:
    baseline = Baseline(signature, profile_served(reference, signature), "")
    grouped = GroupedWindow(GroupedReference(baseline, reference), window, CONFIG, "")
    return [*segments_of_window(grouped), *fairness_of(grouped)]


def breaches(checks: list[Check]) -> set[tuple[str, str, str]]:
    return {(c.signal, c.check, c.column) for c in checks if c.status in ("warn", "fail", "error")}


def test_a_segment_has_the_metric_and_the_drift_of_its_own_rows() -> None:
    rng = np.random.default_rng(1)
    reference, window = draw(rng, 6_000), draw(rng, 4_000)
    checks = {(c.check, c.column): c for c in judged(reference, window) if c.signal == "segments"}
    rows = window.features["region"] == "b"
    area = checks["roc_auc", "region = b"]
    assert area.score == pytest.approx(
        roc_auc_score(window.truth[rows], window.outputs["score"][rows])
    )
    assert (area.n_current, area.status) == (rows.sum(), "ok")
    names = {column for _, column in checks}
    assert {"region = a", "region = f"} <= names
    assert sum(name.startswith("age = ") for name in names) == 4
    assert checks["psi", "region = b"].n_current == rows.sum()


def test_the_segment_that_changed_is_named_and_no_other() -> None:
    rng = np.random.default_rng(2)
    reference = draw(rng, 20_000)
    fell = breaches(judged(reference, draw(rng, 10_000, unskilled="c")))
    assert ("segments", "roc_auc", "region = c") in fell
    assert not any("region" in column and column != "region = c" for _, _, column in fell)
    moved = breaches(judged(reference, draw(rng, 10_000, raised="d")))
    assert ("segments", "psi", "region = d") in moved
    assert ("fairness", "selection_rate_difference", "region = d") in moved


def test_without_a_change_hardly_a_window_has_a_breach() -> None:
    """Ten segments and six groups of a window, with the same reference for forty windows."""
    rng = np.random.default_rng(3)
    reference = draw(rng, 20_000)
    baseline = Baseline(BINARY, profile_served(reference, BINARY), "")
    grouped = GroupedReference(baseline, reference)
    false = 0
    for _ in range(40):
        window = GroupedWindow(grouped, draw(rng, 2_000), CONFIG, "")
        false += bool(breaches([*segments_of_window(window), *fairness_of(window)]))
    assert false <= 2


def test_a_small_group_is_insufficient_and_hides_no_other() -> None:
    rng = np.random.default_rng(4)
    reference, window = draw(rng, 6_000), draw(rng, 6_000, raised="a")
    few = np.flatnonzero((window.features["region"] != "f") | (rng.random(6_000) < 0.05))
    window = WindowRows(
        window.features.iloc[few], {"score": window.outputs["score"][few]}, window.truth[few]
    )
    checks = judged(reference, window)
    of_f = [check for check in checks if check.column == "region = f"]
    assert {check.status for check in of_f} == {"insufficient"}
    assert all("are needed" in check.message for check in of_f)
    assert ("fairness", "selection_rate_difference", "region = a") in breaches(checks)


def test_gaps_and_their_errors_are_those_of_the_textbook() -> None:
    rng = np.random.default_rng(5)
    values, group = (rng.random(900) < 0.3).astype(float), rng.random(900) < 0.4
    gap = gap_of(values, group)
    rates = values[group].mean(), values[~group].mean()
    assert gap.difference == pytest.approx(abs(rates[0] - rates[1]))
    assert gap.ratio == pytest.approx(min(rates) / max(rates))
    sizes = group.sum(), (~group).sum()
    wald = np.sqrt(sum(p * (1 - p) / n for p, n in zip(rates, sizes, strict=True)))
    assert gap.difference_error == pytest.approx(wald, rel=0.02)
    numbers = rng.normal(3, 2, 900)
    welch = stats.ttest_ind(numbers[group], numbers[~group], equal_var=False)
    own = gap_of(numbers, group)
    assert own.difference / own.difference_error == pytest.approx(abs(welch.statistic))


def test_a_gap_that_the_reference_has_too_is_no_breach() -> None:
    rng = np.random.default_rng(6)
    reference, window = (draw(rng, 8_000, raised="a") for _ in range(2))
    checks = [check for check in judged(reference, window) if check.signal == "fairness"]
    gap = next(c for c in checks if (c.check, c.column)[1] == "region = a")
    assert gap.score is not None
    assert gap.score > 0.2
    assert gap.reference is not None
    assert gap.threshold == pytest.approx(gap.reference + 0.1)
    assert not breaches(checks)


def test_regression_compares_mean_errors() -> None:
    rng = np.random.default_rng(7)

    def prices(bias: float) -> WindowRows:
        rows = draw(rng, 4_000)
        price = rng.normal(100, 20, 4_000)
        error = rng.normal(0, 5, 4_000) + bias * (rows.features["region"] == "b")
        return WindowRows(rows.features, {"predict": price + error.to_numpy()}, price)

    reference = prices(0.0)
    before = breaches(judged(reference, prices(0.0), REGRESSION))
    assert before == set()
    fell = breaches(judged(reference, prices(4.0), REGRESSION))
    assert ("fairness", "mean_error_difference", "region = b") in fell


def test_p_values_of_many_gaps_are_judged_together() -> None:
    def gap(index: int, worse: float) -> ScoredGap:
        check = Check("segments", "accuracy", str(index), "", "insufficient", "below")
        limits = {"score": 0.8 - worse, "reference": 0.8, "warn": 0.79, "threshold": 0.7}
        return ScoredGap(Check(**{**vars(check), **limits}), 0.01)

    alone = judge_gaps([gap(0, 0.027)], 0.005)
    among = judge_gaps([gap(index, 0.027 if not index else 0.0) for index in range(20)], 0.005)
    assert alone[0].status == "warn"
    assert among[0].status == "ok"
    assert "within chance" in among[0].message
    assert alone[0].noise == pytest.approx(0.8 + stats.norm.ppf(0.005) * 0.01)


def test_rare_values_are_others_and_numbers_are_cut_at_quartiles() -> None:
    values = pd.Series([f"v{index % 15}" for index in range(150)] + ["v0"] * 5 + [None])
    groups = row_groups(values, SignatureField("city", "string"))
    assert groups is not None
    assert groups.names[0] == "v0"
    assert groups.names[-2:] == (OTHER, MISSING)
    assert len(groups.names) == 12
    codes = groups.codes(pd.Series(["v0", "nowhere", None]))
    assert [groups.names[code] for code in codes] == ["v0", OTHER, MISSING]
    quarters = row_groups(pd.Series(np.arange(101.0)), SignatureField("age", "number"))
    assert quarters is not None
    counted = np.bincount(quarters.codes(pd.Series(np.arange(101.0))))
    assert counted.tolist() == [25, 25, 25, 26]


def test_one_bad_column_is_one_result_of_each_signal() -> None:
    rng = np.random.default_rng(8)
    reference, window = draw(rng, 3_000), draw(rng, 3_000)
    lists = window.features.assign(region=[["a"]] * len(window))
    checks = judged(reference, WindowRows(lists, window.outputs, window.truth))
    bad = [(c.signal, c.column, c.check) for c in checks if c.status == "error"]
    assert bad == [(signal, "region", "by_group") for signal in ("segments", "fairness")]
    assert sum(check.column.startswith("age = ") for check in checks) == 8
    lacking = window.features.drop(columns="region")
    checks = judged(reference, WindowRows(lacking, window.outputs, window.truth))
    assert [c.message for c in checks if c.column == "region"] == [
        "the window's rows have no such column"
    ] * 2


def test_a_monitor_judges_the_columns_that_it_declares(desk: Any) -> None:
    columns = {"segment_columns": ["carrier", "temp"], "fairness_columns": ["weekend"]}
    desk.monitoring.monitor(desk.deployment, **columns)
    assert desk.monitoring.monitor_info(desk.deployment).config.segment_columns == (
        *("carrier", "temp"),
    )
    desk.log(desk.draw(4_000, seed=1), desk.week(0))
    answer = desk.evaluate(desk.week(0))
    results = desk.monitoring.results(answer["window"])
    segments = results[results["signal"] == "segments"]
    assert {"carrier = AA", "carrier = DL", "carrier = UA"} <= set(segments["column"])
    assert set(segments["status"]) <= {"ok", "insufficient"}
    fairness = results[results["signal"] == "fairness"]
    assert set(fairness["column"]) == {"weekend = 1"}  # the other group is its mirror
    assert desk.monitoring.window(answer["window"]).status == "ok"
    trend = desk.monitoring.trend(desk.deployment, "roc_auc")
    assert len(trend) == 1  # segments have metrics of that name too
    page = desk.monitoring.window_page(answer["window"]).decode()
    assert "carrier = AA" in page


def test_a_rule_watches_a_segment(desk: Any) -> None:
    from pilothouse.monitoring.alert_rules import AlertRuleSpec

    desk.monitoring.monitor(desk.deployment, segment_columns=["carrier"])
    rule = AlertRuleSpec(
        "segment", "segments", "roc_auc", "worse_than_tolerated", 1.0, "carrier = *", for_windows=1
    )
    desk.monitoring.add_rule(desk.deployment, rule)
    frame, poor = desk.draw(4_000, seed=1), desk.draw(4_000, seed=2, skill=0.0)
    is_aa = frame["carrier"] == "AA"
    mixed = pd.concat([frame[~is_aa], poor[poor["carrier"] == "AA"]]).sample(frac=1, random_state=1)
    desk.log(mixed, desk.week(0))
    fired = desk.evaluate(desk.week(0))["fired"]
    alerts = desk.monitoring.alerts("firing").set_index("id")
    assert alerts.loc[fired, "name"].tolist() == ["segment"]
    assert "carrier = AA" in alerts.loc[fired[0], "message"]


@pytest.mark.parametrize("columns", ["carrier", ["planned"], ["nothing"], [1]])
def test_columns_that_are_no_groups_are_refused(desk: Any, columns: Any) -> None:
    with pytest.raises(Invalid):
        desk.monitoring.monitor(desk.deployment, segment_columns=columns)
