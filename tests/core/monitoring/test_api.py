"""What screens and notebooks are answered."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pilothouse.kit.errors import Invalid, NotFound, Unavailable
from pilothouse.monitoring import frames, ranking, window_frames


@pytest.fixture
def window(desk: Any) -> str:
    frame = desk.draw(2_000, seed=50)
    frame["hour"] = (frame["hour"] + 4).clip(upper=23)
    frame["gust"] *= 3
    frame.loc[:99, "carrier"] = "ZZ"
    desk.log(frame, desk.week(0))
    return str(desk.evaluate(desk.week(0))["window"])


def test_frames_have_their_columns_even_without_a_row(desk: Any) -> None:
    monitoring = desk.monitoring
    assert tuple(monitoring.windows("late").columns) == window_frames.WINDOWS
    assert tuple(monitoring.alerts("firing").columns) == frames.ALERTS
    assert tuple(monitoring.trend("late", "psi").columns) == window_frames.TREND
    assert monitoring.windows()["start"].dtype == "datetime64[ns, UTC]"
    assert monitoring.alerts()["fired_at"].dtype.kind == "M"


def test_windows_tell_rows_labels_statuses_and_figures(desk: Any, window: str) -> None:
    row = desk.monitoring.windows("late").iloc[0]
    assert row["id"] == window
    assert row["start"] == pd.Timestamp(desk.week(0))
    assert (row["coverage"], row["columns"], row["drifted"]) == (1.0, 6, 3)
    assert row["drifted_share"] == pytest.approx(3 / 6)
    assert row["metric"] == "roc_auc"
    assert 0.5 < row["value"] == row["metrics"]["roc_auc"] < 1
    assert set(row["label_summary"]) == {"Share of 1"}
    assert set(row["output_summary"]) == {"Probability of 1"}
    assert desk.monitoring.windows("another").empty


def test_the_ranking_is_by_changed_share_times_importance(desk: Any, window: str) -> None:
    ranked = desk.monitoring.drift_ranking(window)
    assert tuple(ranked.columns) == ranking.RANKING
    assert ranked["rank"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    first = ranked.iloc[0]
    assert first["column"] == "hour"
    assert first["importance"] == 0.2
    bins = desk.monitoring.distributions(window, "hour")
    moved = (bins["reference"] - bins["current"]).abs().sum() / 2  # no hour is missing
    assert first["changed_share"] == pytest.approx(moved)
    assert first["harm"] == pytest.approx(moved * 0.2)
    by_name = ranked.set_index("column")
    assert by_name["status"]["gust"] == "fail"
    assert by_name["harm"]["gust"] == 0  # shuffling it did no harm
    assert by_name["rank"]["gust"] < by_name["rank"]["temp"]  # which has not changed
    assert by_name["harm"]["temp"] == 0


def test_distributions_are_shares_of_the_same_cells_on_both_sides(desk: Any, window: str) -> None:
    for column in ("temp", "hour", "carrier", "gust", "fixed", "score"):
        bins = desk.monitoring.distributions(window, column)
        assert tuple(bins.columns) == frames.BINS
        assert bins["reference"].sum() == pytest.approx(1)
        assert bins["current"].sum() == pytest.approx(1)
    carriers = desk.monitoring.distributions(window, "carrier").set_index("label")
    assert carriers.loc["ZZ", ["reference_rows", "current_rows"]].tolist() == [0, 100]
    temps = desk.monitoring.distributions(window, "temp")
    assert temps["low"].iloc[1:].tolist() == temps["high"].iloc[:-1].tolist()


def test_distributions_touch_no_row(desk: Any, window: str) -> None:
    import shutil

    shutil.rmtree(desk.store.folder / "predictions")
    assert len(desk.monitoring.distributions(window, "hour"))
    with pytest.raises(NotFound, match="carrier"):
        desk.monitoring.distributions(window, "nothing")


def test_many_categories_become_bars_that_can_be_read(desk: Any) -> None:
    frame = desk.draw(2_000, seed=51)
    frame["carrier"] = [f"C{i % 70:02}" for i in range(len(frame))]
    desk.log(frame, desk.week(0))
    bins = desk.monitoring.distributions(desk.evaluate(desk.week(0))["window"], "carrier")
    assert len(bins) == frames.MAX_BARS + 1
    assert bins["label"].iloc[-1].endswith("others")
    assert bins["current"].sum() == pytest.approx(1)


def test_a_trend_follows_one_check_through_the_windows(desk: Any, window: str) -> None:
    desk.log(desk.draw(1_000, seed=52), desk.week(1))
    desk.evaluate(desk.week(1))
    trend = desk.monitoring.trend("late", "psi", "hour")
    assert trend["start"].tolist() == [pd.Timestamp(desk.week(0)), pd.Timestamp(desk.week(1))]
    assert trend["window"].iloc[0] == window
    assert trend["score"].iloc[0] > trend["threshold"].iloc[0] > trend["score"].iloc[1]
    auc = desk.monitoring.trend("late", "roc_auc")
    assert (auc["score"] > auc["threshold"]).all()
    assert auc["reference"].nunique() == 1
    scores = desk.monitoring.trend("late", "psi", signal="prediction_drift")
    assert set(scores["column"]) == {"score"}


def test_calibration_of_a_window_is_kept_with_it(desk: Any, window: str) -> None:
    documents = desk.monitoring.documents(window)
    curve = pd.DataFrame(documents.window["curves/calibration.json"])
    assert curve["count"].sum() == 2_000
    assert curve["predicted"].is_monotonic_increasing
    assert documents.reference.keys() == documents.window.keys()
    assert (documents.origin, documents.reference_rows) == ("held_out", 6_000)
    unlabelled = desk.draw(500, seed=53).drop(columns="late")
    desk.log(unlabelled, desk.week(1))
    assert desk.monitoring.documents(desk.evaluate(desk.week(1))["window"]).window == {}


def test_settings_change_what_windows_are_judged_by(desk: Any, window: str) -> None:
    info = desk.monitoring.monitor("late", min_rows=5_000, limits={"psi": {"fail": 9.0}})
    assert info.config.min_rows == 5_000
    again = desk.evaluate(desk.week(0))
    assert again["revision"] == 2
    results = desk.monitoring.results(window)
    assert set(results[results["check"] == "psi"]["status"]) == {"insufficient"}
    assert set(results[results["check"] == "psi"]["threshold"]) == {9.0}


def test_the_same_monitor_asked_for_twice_is_one_and_says_so_once(
    desk: Any, workspace: Any
) -> None:
    entries = workspace.activity.count()
    assert desk.monitoring.monitor("late") == desk.monitoring.monitor_info("late")
    desk.monitoring.monitor("late", min_rows=200)
    assert workspace.activity.count() == entries
    assert len(desk.monitoring.rules("late")) == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"period": "fortnight"},
        {"min_rows": 0},
        {"min_coverage": 2.0},
        {"colour": "red"},
        {"primary": {"number": "unseen"}},
        {"tolerances": {"nothing": 0.1}},
        {"tolerances": {"accuracy": -0.1}},
        {"reference_rows": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(desk: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        desk.monitoring.monitor("late", **wrong)


def test_unknown_names_are_said_to_be_unknown(desk: Any) -> None:
    with pytest.raises(NotFound, match="no drift test named 'vibes'"):
        desk.monitoring.monitor("late", limits={"vibes": {"fail": 1.0}})
    with pytest.raises(NotFound, match="no deployment 'nobody'"):
        desk.monitoring.monitor("nobody")
    for ask in (desk.monitoring.window, desk.monitoring.results, desk.monitoring.request_report):
        with pytest.raises(NotFound):
            ask("none")


def test_a_report_waits_for_its_job(desk: Any, window: str, workspace: Any) -> None:
    report = desk.monitoring.request_report(window)
    info = desk.monitoring.report(report)
    assert (info.status, info.requested_by) == ("queued", "ada")
    assert [listed.id for listed in desk.monitoring.reports(window)] == [report]
    job = workspace.jobs.job(info.job_id)
    assert (job.kind, job.args, job.subject_ref) == ("drift_report", {"report": report}, report)
    with pytest.raises(Unavailable, match="queued"):
        desk.monitoring.report_html(report)
