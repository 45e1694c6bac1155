"""Training-serving skew: served values against those of a store or of training, by hand too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.feature_repositories import feature_repository
from harness.logged_days import log_days
from pilothouse.data import Data
from pilothouse.deployments.tables import FeatureRuleRow, LogRule
from pilothouse.experiments.tables import RunInput
from pilothouse.features.tables import FeatureStoreRow
from pilothouse.jobs import Progress
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import NotFound
from pilothouse.monitoring.alert_rules import AlertRuleSpec
from pilothouse.monitoring.checks import SKEW
from pilothouse.monitoring.skew.measurement import measure_job
from pilothouse.monitoring.skew.skew_report import SkewReport
from pilothouse.monitoring.skew.unit_changes import unit_change, unit_of_quantiles
from pilothouse.monitoring.skew.value_comparison import compare_column

HOURS = pd.date_range("2013-03-03 20:00", periods=180, freq="h", tz="UTC")
START = pd.Timestamp("2013-03-04", tz="UTC")
NO_LABELS = pd.DataFrame({"label_at": pd.to_datetime([], utc=True)})


@pytest.mark.parametrize(
    ("served", "expected", "differing"),
    [
        ([0.1, 1e6 / 3, None], list(np.float32([0.1, 1e6 / 3, np.nan])), 0),
        ([1, 2, 3], [1.0, 2.0, 3.0], 0),
        (["1", "2"], [1, 2.0], 0),
        ([True, None], [1.0, np.nan], 0),
        (["AA", None], ["AA", np.nan], 0),
        (["AA", "B6", None], ["AA", "UA", "DL"], 2),
        ([1.0, 2.0, None], [1.0, 2.1, 3.0], 2),
        (
            [pd.Timestamp("2026-03-01T10:00Z"), pd.NaT],
            [pd.Timestamp("2026-03-01T11:00+01:00"), None],
            0,
        ),
        (["2026-03-01T10:00:00Z"], [pd.Timestamp("2026-03-01T10:00")], 0),
        ([np.inf, 1.0], [np.inf, 1.0], 0),
    ],
)
def test_representations_of_a_value_are_no_difference(
    served: list[Any], expected: list[Any], differing: int
) -> None:
    column = compare_column("x", pd.Series(served), pd.Series(expected))
    assert (column.rows, column.differing) == (len(served), differing)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.integers(0, 2**32 - 1))
def test_differences_are_those_of_plain_python(values: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    changed = rng.random(len(values)) < 0.5
    served = [v + 1e6 + abs(v) if c else v for v, c in zip(values, changed, strict=True)]
    column = compare_column("x", pd.Series(served), pd.Series(values))
    sizes = sorted(abs(a - b) for a, b in zip(served, values, strict=True) if a != b)
    assert column.differing == len(sizes)
    assert column.largest_difference == (sizes[-1] if sizes else None)
    assert column.median_difference == (pytest.approx(np.median(sizes)) if sizes else None)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda x: 1000 * x, "x1000?"),
        (lambda x: x / 100, "x0.01?"),
        (lambda x: 2.54 * x, "x2.54? (inches and centimetres)"),
        (lambda x: x / 2.54, "x0.3937? (inches and centimetres)"),
        (lambda x: 1.8 * x + 32, "degrees Fahrenheit for Celsius?"),
        (lambda x: (x - 32) / 1.8, "degrees Celsius for Fahrenheit?"),
        (lambda x: -x, "with the other sign?"),
        (lambda x: 1.1 * x, ""),
        (lambda x: x + 5, ""),
        (lambda x: x[::-1], ""),
    ],
)
def test_a_unit_is_named_only_where_rows_agree_on_it(change: Any, text: str) -> None:
    expected = np.random.default_rng(0).gamma(4, 5, 200)
    served = change(expected)
    assert unit_change(served, expected, np.full(200, True)) == text
    if text.startswith("x"):
        assert unit_of_quantiles(served, expected[:150]) == text


def test_a_time_zone_is_named() -> None:
    times = pd.Series(HOURS)
    column = compare_column("at", times + pd.Timedelta(hours=5.5), times)
    assert (column.differing, column.unit) == (180, "+5.5 h: another time zone?")
    assert column.largest_difference == 5.5 * 3600


def stored_values() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    rows = pd.DataFrame([(key, at) for key in range(1, 11) for at in HOURS],
                        columns=["driver_id", "event_timestamp"])  # fmt: skip
    gust = np.where(rng.random(len(rows)) < 0.1, np.nan, rng.gamma(3, 5, len(rows)))
    return rows.assign(temp=rng.normal(10, 5, len(rows)), gust=gust)


def as_of(rows: pd.DataFrame, key: int, at: pd.Timestamp) -> pd.Series:
    """The newest row of a key at a time, found by looking at all of them."""
    own = rows[(rows["driver_id"] == key) & (rows["event_timestamp"] <= at)]
    return own.loc[own["event_timestamp"].idxmax()]


def served_rows(desk: Any, values: pd.DataFrame, count: int = 300) -> pd.DataFrame:
    """Rows as they were served: of drivers at times of a week, with the values of that time."""
    rng = np.random.default_rng(1)
    frame = desk.draw(count, 1).drop(columns="late")
    at = START + pd.to_timedelta(np.sort(rng.integers(0, 6 * 86_400_000, count)), "ms")
    keys = rng.integers(1, 11, count)
    found = [as_of(values, key, when) for key, when in zip(keys, at, strict=True)]
    return frame.assign(
        driver_id=keys,
        temp=[float(np.float32(row["temp"])) for row in found],
        gust=[row["gust"] for row in found],
        features_at=pd.DatetimeIndex([row["event_timestamp"] for row in found]).as_unit("ms"),
        prediction_id=[f"p{number}" for number in range(count)],
        model="late",
        version=1,
        event_at=at.as_unit("ms"),
        received_at=at.as_unit("us"),
        latency_ms=1.0,
    )


@pytest.fixture
def stored(desk: Any, tmp_path: Path) -> pd.DataFrame:
    """A feature store of drivers, in which the deployment looks two of its inputs up."""
    values, folder = stored_values(), feature_repository(tmp_path / "repository")
    program = (folder / "feast.py").read_text().replace("trips", "temp").replace("rate", "gust")
    (folder / "feast.py").write_text(program.replace('"Int64", "gust"', '"Float64", "gust"'))
    values.to_parquet(folder / "rows.parquet", index=False)
    now = desk.store.now()
    row = FeatureStoreRow(
        name="drivers", kind="feast", settings={"repository": str(folder)}, catalog={},
        library="0.67.0", read_at=now, created_at=now, created_by="ada",
    )  # fmt: skip
    rule = FeatureRuleRow(
        deployment="late", store="drivers", service="driver_service",
        keys={"driver_id": "Int64"}, names=["temp", "gust"], seconds=1.0,
    )  # fmt: skip
    with desk.store.write() as session:
        session.add(row)
        session.add(rule)
    return values


def test_served_as_stored_is_no_skew(desk: Any, stored: pd.DataFrame) -> None:
    log_days(desk.store.folder, "late", served_rows(desk, stored), NO_LABELS)
    values = desk.monitoring.measure_skew("late").values
    assert values.lack == ""
    assert (values.logged, values.rows) == (300, 300)
    assert [(c.column, c.differing, c.text) for c in values.columns] == [
        ("temp", 0, ""),
        ("gust", 0, ""),
    ]
    assert values.ages is not None
    assert 0 < values.ages.median < values.ages.high < 3_600
    assert values.ages.ahead == 0


def test_other_and_older_values_are_counted_as_by_hand_and_raise_an_alert(
    desk: Any, stored: pd.DataFrame
) -> None:
    served = served_rows(desk, stored)
    served.loc[::3, "temp"] *= 1000.0
    lagged = served.index[::4]
    for row in lagged:
        key, at = served.loc[row, "driver_id"], pd.Timestamp(served.loc[row, "event_at"])
        before = as_of(stored, key, at - pd.Timedelta(hours=2))
        served.loc[row, ["gust", "features_at"]] = before[["gust", "event_timestamp"]].tolist()
    log_days(desk.store.folder, "late", served, NO_LABELS)
    now = [as_of(stored, key, at)["gust"]
           for key, at in zip(served["driver_id"], served["event_at"], strict=True)]  # fmt: skip
    differ = [a != b and not (pd.isna(a) and pd.isna(b))
              for a, b in zip(served["gust"], now, strict=True)]  # fmt: skip
    sizes = (served["gust"] - pd.Series(now)).abs()[differ].dropna()

    desk.monitoring.monitor("late", skew=True)
    rule = AlertRuleSpec("skew", SKEW, "served_differs", "above", 0.05, for_windows=1)
    desk.monitoring.add_rule("late", rule)
    result = desk.evaluate(desk.week(0))
    values = desk.monitoring.window_skew(result["window"])
    temp, gust = values.columns
    assert (temp.differing, temp.unit, temp.status) == (100, "x1000?", "fail")
    assert temp.examples[0]["driver_id"] in range(1, 11)
    assert gust.differing == gust.stale == sum(differ)
    assert gust.median_difference == pytest.approx(sizes.median())
    assert gust.largest_difference == pytest.approx(sizes.max())
    results = desk.monitoring.results(result["window"])
    scores = results[results["signal"] == SKEW].set_index("column")["score"]
    assert scores.to_dict() == pytest.approx({"temp": 100 / 300, "gust": sum(differ) / 300})
    assert "driver_id" not in str(results.loc[results["check"] == "unexpected_columns", "message"])
    [alert] = desk.monitoring.alerts("firing")["name"]
    assert alert == "skew"
    assert desk.evaluate(desk.week(0))["revision"] == 1


def test_why_nothing_is_compared(desk: Any, stored: pd.DataFrame) -> None:
    served = served_rows(desk, stored, 30)
    log_days(desk.store.folder, "late", served.drop(columns="driver_id"), NO_LABELS)
    assert "no key driver_id" in desk.monitoring.measure_skew("late").values.lack
    with desk.store.write() as session:
        session.delete(session.get(FeatureRuleRow, "late"))
    report = desk.monitoring.measure_skew("late")
    assert "no key of its training dataset" in report.values.lack
    assert "no training dataset" in report.first.lack
    assert report.status == "insufficient"
    with pytest.raises(NotFound):
        desk.monitoring.skew("other")
    assert desk.monitoring.skew("late") is None


@pytest.fixture
def trained(desk: Any) -> pd.DataFrame:
    """A registered dataset that the version was trained on, of which each hour is one row."""
    rows: pd.DataFrame = desk.draw(2_000, 5).drop(columns=["score"]).assign(flight=range(2_000))
    ref = Data(desk.store).register("flights", rows).ref
    with desk.store.write() as session:
        session.add(RunInput(run_id=f"{1:032x}", dataset=ref, role="training"))
    return rows


def served_as_trained(desk: Any, rows: pd.DataFrame) -> pd.DataFrame:
    served = rows.drop(columns="late").sample(400, random_state=0).reset_index(drop=True)
    at = START + pd.to_timedelta(np.arange(400) * 1_000_000, "ms")
    return served.assign(
        prediction_id=[f"p{number}" for number in range(400)], score=0.5, model="late", version=1,
        event_at=at.as_unit("ms"), received_at=at.as_unit("us"), latency_ms=1.0,
    )  # fmt: skip


def test_rows_of_training_served_again_and_changed(desk: Any, trained: pd.DataFrame) -> None:
    served = served_as_trained(desk, trained)
    served["temp"] = served["temp"] * 2.54
    served.loc[:39, "carrier"] = "ZZ"
    served["gust"] = np.nan
    served["fixed"] = 7.0
    log_days(desk.store.folder, "late", served, NO_LABELS)
    report = SkewReport.from_json(
        measure_job(desk.store, Progress(desk.store, None), deployment="late", key="flight")
    )
    by_name = {column.column: column for column in report.values.columns}
    expected = trained.set_index("flight").loc[served["flight"]].reset_index()
    assert report.values.rows == 400
    assert by_name["carrier"].differing == int((expected["carrier"][:40] != "ZZ").sum()) == 40
    assert by_name["gust"].differing == int(expected["gust"].notna().sum())
    assert by_name["temp"].unit == "x2.54? (inches and centimetres)"
    assert {name for name, column in by_name.items() if not column.differing} == {
        *("hour", "weekend", "fixed", "planned"),
    }

    shifts = {column.column: column for column in report.first.columns}
    assert {name for name, shift in shifts.items() if shift.status in ("warn", "fail")} >= {
        *("temp", "carrier", "gust"),
    }
    assert shifts["hour"].status == shifts["weekend"].status == "ok"
    assert shifts["temp"].unit == "x2.54? (inches and centimetres)"
    assert any("'ZZ'" in finding for finding in shifts["carrier"].findings)
    assert shifts["gust"].missing_served == 1.0
    assert shifts["gust"].missing_training == pytest.approx(trained["gust"].isna().mean())


def test_the_newest_report_of_a_job_is_read_again(desk: Any, trained: pd.DataFrame) -> None:
    log_days(desk.store.folder, "late", served_as_trained(desk, trained), NO_LABELS)
    job = desk.monitoring.submit_skew("late", key="flight")
    result = measure_job(desk.store, Progress(desk.store, None), deployment="late", key="flight")
    with desk.store.write() as session:
        row = session.get(Job, job)
        assert row is not None
        row.status, row.result = "succeeded", result
        session.add(row)
    report = desk.monitoring.skew("late")
    assert report is not None
    assert report.to_json() == result
    assert all(not column.differing for column in report.values.columns)
    assert {shift.status for shift in report.first.columns} <= {"ok", "insufficient"}
    with desk.store.write() as session:
        session.add(LogRule(deployment="late", dropped=["temp"], hashed=["hour"]))
    hidden = desk.monitoring.measure_skew("late", key="flight")
    assert {"temp", "hour"}.isdisjoint(column.column for column in hidden.values.columns)
    assert {"temp", "hour"}.isdisjoint(column.column for column in hidden.first.columns)
