"""Data quality: what is wrong with a column's data decides the status of a window as drift does."""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.limit_simulation import SHAPES, columns
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.assessment import assess
from pilothouse.monitoring.chance import RangeChance, all_equal_chance
from pilothouse.monitoring.column_values import read_numbers, read_times
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.performance import compute_performance
from pilothouse.monitoring.profiles import number_reference
from pilothouse.monitoring.reference_profile import from_bytes, profile_reference, to_bytes
from pilothouse.monitoring.repeated_rows import repeated_rows, share_in_draw
from pilothouse.monitoring.time_profiles import DAY, time_reference, time_window
from pilothouse.monitoring.window_rows import WindowRows

INSTANT = 1_704_067_200_000  # 2024-01-01 in milliseconds


def judged(desk: Any, frame: pd.DataFrame, week: int = 0) -> tuple[pd.DataFrame, Any]:
    """The results of a window of these rows by check and column, and the window."""
    desk.log(frame, desk.week(week))
    window = desk.monitoring.window(desk.evaluate(desk.week(week))["window"])
    return by_check(desk.monitoring.results(window.id)), window


def by_check(results: pd.DataFrame) -> pd.DataFrame:
    """Results by check and column; estimated and recent metrics have the names of observed ones."""
    one_each = results[~results["signal"].isin(("estimated_performance", "recent_performance"))]
    return one_each.set_index(["check", "column"])


def breaches(results: pd.DataFrame) -> set[tuple[str, str]]:
    return set(results[results["status"].isin(("warn", "fail", "error"))].index)


def test_a_date_that_goes_missing_fails_and_ranks_by_its_importance(desk: Any) -> None:
    frame = desk.draw(2_000, seed=30)
    frame.loc[::2, "planned"] = pd.NaT
    results, window = judged(desk, frame)
    row = results.loc[("missing", "planned")]
    assert (row["status"], row["score"]) == ("fail", 0.5)
    assert row["message"] == "50.0 % of the rows, 0.0 % in the reference"
    assert window.status == "warn"
    ranking = desk.monitoring.drift_ranking(window.id).set_index("column")
    assert ranking.loc["planned", ["check", "status"]].tolist() == ["missing", "fail"]
    assert ranking["changed_share"]["planned"] == pytest.approx(0.5)
    assert ranking["rank"]["planned"] == 1


def test_a_page_shows_when_the_dates_are_and_how_many_are_missing(desk: Any) -> None:
    frame = desk.draw(2_000, seed=31)
    frame["planned"] += pd.Timedelta(days=1_000)
    frame.loc[::4, "planned"] = pd.NaT
    _, window = judged(desk, frame)
    bins = desk.monitoring.distributions(window.id, "planned")
    rows = bins.set_index("label")["current_rows"]
    assert rows["missing"] == 500
    assert rows.filter(like="after ").tolist() == [1_500]
    assert bins["reference"].sum() == pytest.approx(1)
    assert bins["low"].isna().all()


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda at: at.astype("int64"), id="milliseconds"),
        pytest.param(lambda at: at.dt.strftime("%Y-%m-%dT%H:%M:%SZ"), id="ISO 8601"),
        pytest.param(lambda at: at.dt.tz_localize("UTC"), id="with a zone"),
        pytest.param(lambda at: at.dt.date.astype(object), id="days"),
    ],
)
def test_dates_of_any_spelling_are_the_same(desk: Any, written: Any) -> None:
    frame = desk.draw(500, seed=32)
    planned = frame["planned"].astype("datetime64[ms]")
    results, window = judged(desk, frame.assign(planned=written(planned)))
    assert window.drift_status == "ok"
    assert set(results.xs("planned", level="column")["status"]) == {"ok"}


def test_dates_that_moved_on_have_not_changed_for_the_ranking(desk: Any) -> None:
    frame = desk.draw(1_000, seed=44)
    frame["planned"] += pd.Timedelta(days=500)
    frame.loc[::10, "planned"] = pd.NaT
    _, window = judged(desk, frame)
    ranking = desk.monitoring.drift_ranking(window.id).set_index("column")
    assert ranking["changed_share"]["planned"] == pytest.approx(0.1)


def test_seconds_in_place_of_milliseconds_are_dates_out_of_range(desk: Any) -> None:
    frame = desk.draw(1_000, seed=33)
    frame["planned"] = frame["planned"].astype("datetime64[ms]").astype("int64") // 1_000
    results, window = judged(desk, frame)
    row = results.loc[("out_of_range", "planned")]
    assert (row["status"], row["score"]) == ("fail", 1.0)
    assert row["message"].startswith("from 1970-01-16 to 1970-01-")
    assert window.status == "warn"


def test_a_sentinel_date_and_a_text_are_found_in_a_column_of_dates(desk: Any) -> None:
    frame = desk.draw(1_000, seed=34)
    frame["planned"] = frame["planned"].dt.strftime("%Y-%m-%d")
    frame.loc[:49, "planned"] = "soon"
    frame.loc[50:99, "planned"] = "1900-01-01"
    results, _ = judged(desk, frame)
    assert results.loc[("type_change", "planned"), ["score", "status"]].tolist() == [0.05, "fail"]
    assert results.loc[("out_of_range", "planned"), "score"] == pytest.approx(50 / 950)
    assert results.loc[("missing", "planned"), "score"] == 0


def test_texts_among_numbers_are_counted_and_the_rest_is_judged(desk: Any) -> None:
    frame = desk.draw(2_000, seed=35).astype({"temp": object})
    frame.loc[:199, "temp"] = "n. a. (sensor)"
    frame.loc[200:, "temp"] = (frame.loc[200:, "temp"].astype(float) + 8).astype(str)
    results, window = judged(desk, frame)
    row = results.loc[("type_change", "temp")]
    assert (row["score"], row["status"]) == (0.1, "fail")
    assert row["message"] == "200 rows hold no number, such as 'n. a. (sensor)'"
    assert results.loc[("psi", "temp"), ["status", "n_current"]].tolist() == ["fail", 1_800]
    assert results.loc[("missing", "temp"), "score"] == 0
    assert window.status == "warn"
    ranking = desk.monitoring.drift_ranking(window.id).set_index("column")
    assert ranking["changed_share"]["temp"] > 0.5  # the unreadable ones and the shift of the rest


def test_values_beyond_the_references_are_out_of_range(desk: Any) -> None:
    frame = desk.draw(2_000, seed=36)
    frame.loc[:199, "hour"] = 1_000
    results, window = judged(desk, frame)
    row = results.loc[("out_of_range", "hour")]
    assert (row["score"], row["status"]) == (0.1, "fail")
    assert row["message"] == "from 5 to 1,000; in the reference from 5 to 22"
    assert row["noise_method"] == "exceedances"
    assert window.status == "warn"


def test_infinite_values_are_counted(desk: Any) -> None:
    frame = desk.draw(1_000, seed=37)
    frame.loc[:29, "temp"] = np.inf
    frame.loc[30:49, "temp"] = -np.inf
    results, window = judged(desk, frame)
    assert results.loc[("infinite", "temp"), ["score", "status"]].tolist() == [0.05, "fail"]
    assert window.status == "warn"
    assert breaches(results) <= {("infinite", "temp"), ("missing", "temp")}


@pytest.mark.parametrize(("column", "value"), [("temp", 12.5), ("carrier", "UA")])
def test_a_column_that_became_constant_fails(desk: Any, column: str, value: Any) -> None:
    results, window = judged(desk, desk.draw(800, seed=38).assign(**{column: value}))
    row = results.loc[("constant", column)]
    assert (row["score"], row["status"]) == (1, "fail")
    assert row["message"].startswith("all 800 rows with a value have ")
    assert results.loc[("constant", "fixed"), "status"] == "ok"  # it never varied
    assert window.status == "warn"


def test_all_missing_ranks_by_importance_and_not_last(desk: Any) -> None:
    frame = desk.draw(1_000, seed=39).assign(hour=np.nan)
    results, window = judged(desk, frame)
    assert results.loc[("missing", "hour"), ["score", "status"]].tolist() == [1, "fail"]
    assert results.loc[("psi", "hour"), "status"] == "insufficient"
    first = desk.monitoring.drift_ranking(window.id).iloc[0]
    assert first[["column", "check", "status"]].tolist() == ["hour", "missing", "fail"]
    assert first["changed_share"] == 1
    assert first["harm"] == pytest.approx(0.2)
    assert window.status == "warn"


def test_a_column_that_is_gone_ranks_as_one_without_any_value(desk: Any) -> None:
    _, window = judged(desk, desk.draw(1_000, seed=40).drop(columns="hour"))
    first = desk.monitoring.drift_ranking(window.id).iloc[0]
    assert first[["column", "status", "changed_share"]].tolist() == ["hour", "error", 1]
    assert window.status == "error"


def test_ten_thousand_new_categories_are_unseen(desk: Any) -> None:
    frame = desk.draw(12_000, seed=41)
    frame.loc[:9_999, "carrier"] = [f"id-{n}" for n in range(10_000)]
    results, window = judged(desk, frame)
    row = results.loc[("unseen", "carrier")]
    assert (row["score"], row["status"]) == (pytest.approx(10 / 12), "fail")
    assert row["message"] == "10,000 rows with 10,000 categories, such as 'id-0'"
    assert window.status == "warn"
    assert len(desk.monitoring.distributions(window.id, "carrier")) <= 31


def test_a_profile_is_read_back_with_its_times_and_infinite_values() -> None:
    signature = Signature(
        (SignatureField("x", "number"), SignatureField("at", "time")), "y", (0, 1), 1
    )
    frame = pd.DataFrame({"x": [1.0, np.inf], "at": pd.to_datetime(["2024-01-01", None])})
    profile = profile_reference(frame.assign(__target=[0, 1], __score=[0.1, 0.9]), signature)
    again = from_bytes(to_bytes(profile))
    assert again.columns["x"].infinite == 1
    times = again.columns["at"]
    assert (times.rows, times.missing, times.low, times.lags) == (2, 1, INSTANT, None)
    assert times.bin_counts.tolist() == profile.columns["at"].bin_counts.tolist()


def as_before(profile: bytes) -> bytes:
    """A stored profile as releases wrote it that had no times, estimates, blocks or counts."""
    new = {"repeated", "estimator", "block_ms", "block_rows"}
    new_of_columns = {"infinite", "intraclass", "missing_intraclass"}
    with np.load(io.BytesIO(profile)) as stored:
        arrays = dict(stored)
    header = json.loads(arrays["words"].tobytes())
    older = {name: value for name, value in header.items() if name not in new}
    for side in ("columns", "outputs"):
        older[side] = [
            {name: value for name, value in entry.items() if name not in new_of_columns}
            for entry in header[side]
            if entry["kind"] != "time"
        ]
    arrays["words"] = np.frombuffer(json.dumps(older | {"form": 2}).encode(), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def test_a_window_is_judged_against_a_profile_of_an_older_release(desk: Any) -> None:
    held_out = desk.draw(2_000, seed=46).rename(columns={"score": "__score", "late": "__target"})
    times = np.arange(2_000) * DAY // 100
    profile = profile_reference(held_out.assign(__at=times), desk.signature)
    older = from_bytes(as_before(to_bytes(profile)))
    assert (older.repeated, older.estimator, older.is_estimator_fitted) == (None, None, False)
    assert (profile.blocks.length_ms, older.blocks.length_ms) == (DAY, 0)

    frame = desk.draw(1_000, seed=47)
    rows = WindowRows(frame, {"score": frame["score"].to_numpy()}, np.full(1_000, np.nan), times)
    performance = compute_performance(desk.signature, rows.outputs, rows.truth)
    assessment = assess(older, rows, MonitorConfig(), desk.signature, performance)
    checks = {(check.check, check.column): check for check in assessment.checks}
    assert assessment.drift_status == "ok"
    assert checks["psi", "temp"].n_independent is None
    assert checks["infinite", "temp"].status == "insufficient"
    assert "before infinite values were counted" in checks["infinite", "temp"].message
    assert ("duplicate_rows", "") not in checks
    assert ("missing", "planned") not in checks


def test_unchanged_dates_that_move_with_the_calendar_are_not_far() -> None:
    rng = np.random.default_rng(42)
    trained = INSTANT + rng.integers(0, 60, 1_000) * DAY
    signed_up = pd.Series(trained - rng.integers(0, 900, 1_000) * DAY)
    for at in (None, trained):
        reference = time_reference("x", signed_up, at)
        for days in (30, 365, 1_000):
            later = trained + days * DAY
            window = time_window(
                reference, pd.Series(later - rng.integers(0, 900, 1_000) * DAY), later
            )
            assert window.far == 0
        wrong = pd.Series(trained // 1_000)
        assert time_window(reference, wrong, trained).far == 1_000


@given(st.integers(1, 40), st.integers(2, 40), st.integers(0, 40))
def test_chance_beyond_the_range_is_that_of_two_of_the_spacings(n: int, m: int, k: int) -> None:
    """A beta-binomial: the range of m values leaves out two of the m + 1 spacings."""
    expected = stats.betabinom(n, 2, m - 1).sf(k - 1)
    assert RangeChance(n, m).p_value(k / n) == pytest.approx(expected, abs=1e-9)


def test_chance_beyond_the_range_holds_for_heavy_tails() -> None:
    rng = np.random.default_rng(43)
    limit = RangeChance(500, 1_000).limit(0.01)
    over = 0
    for _ in range(2_000):
        a, b = rng.standard_t(2, 1_000), rng.standard_t(2, 500)
        over += ((b < a.min()) | (b > a.max())).mean() > limit
    assert over <= 35  # at most 1 % and its own chance


def test_chance_of_a_constant_is_fishers() -> None:
    chance = all_equal_chance(40, 60, 8)
    table = [[8, 0], [40, 20]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    assert chance.p_value(1.0) == pytest.approx(expected)
    assert chance.p_value(0.0) == 1


def test_unchanged_columns_seldom_warn_and_do_not_fail_on_data_quality() -> None:
    statuses: Counter[str] = Counter()
    for seed, name in enumerate(("normal", "lognormal", "t with 2 degrees", "mostly zero")):
        for n, m in ((200, 1_000), (1_000, 1_000), (1_000, 10_000), (20_000, 1_000)):
            drawn = columns(SHAPES[name], SHAPES[name], n, m, 12, seed)
            statuses += drawn.statuses
    assert statuses["fail"] <= 1
    assert statuses["warn"] <= 6


def test_blank_texts_are_missing_and_others_unreadable() -> None:
    numbers = read_numbers(pd.Series(["1", "", "NA", "x", None, " null "], dtype=object))
    assert (numbers.values.tolist(), numbers.missing, numbers.unreadable) == ([1.0], 4, 1)
    assert numbers.example == "x"
    times = read_times(pd.Series(["2024-01-01", "", None, "x"], dtype=object))
    assert (times.values[0], times.missing, times.unreadable) == (INSTANT, 2, 1)
    assert number_reference("x", pd.Series([1.0, math.inf])).infinite == 1


def of_window(results: pd.DataFrame, check: str) -> tuple[float, str]:
    """Score and status of a check of all rows."""
    row = results.loc[(check, "")]
    return row["score"], row["status"]


def test_a_fall_of_the_volume_is_found_once_there_are_four_windows(desk: Any) -> None:
    for week in range(5):
        results, window = judged(desk, desk.draw(400 + 40 * week, seed=50 + week), week)
        assert ("volume", "") not in results.index
        assert window.drift_status in ("ok", "warn")
    results, window = judged(desk, desk.draw(250, seed=55), 5)
    assert of_window(results, "volume") == (pytest.approx(250 / 500), "ok")  # median of 440 to 560
    results, window = judged(desk, desk.draw(60, seed=56), 6)
    score, status = of_window(results, "volume")
    assert (score, status) == (pytest.approx(60 / 480), "fail")
    message = results.loc[("volume", ""), "message"]
    assert message == "60 predictions; 480 is the median of 5 earlier windows"
    assert window.drift_status == "fail"
    empty = desk.monitoring.window(desk.evaluate(desk.week(7))["window"])
    assert (empty.rows, empty.status) == (0, "fail")


def test_traffic_that_varies_that_much_is_no_fall(desk: Any) -> None:
    for week, rows in enumerate((500, 500, 80, 600, 70, 500)):
        judged(desk, desk.draw(rows, seed=60 + week), week)
    results, _ = judged(desk, desk.draw(75, seed=66), 6)
    assert of_window(results, "volume") == (pytest.approx(75 / 500), "ok")


def test_a_window_that_ends_in_silence_is_stale_unless_that_is_usual(desk: Any) -> None:
    def silent_from_day(day: int, week: int) -> tuple[float, str]:
        frame = desk.draw(400, seed=70 + week)
        ids_at = desk.week(week)
        desk.log(frame, ids_at, days=day)
        window = desk.evaluate(ids_at)["window"]
        return of_window(by_check(desk.monitoring.results(window)), "freshness")

    for week in range(5):
        score, status = silent_from_day(5, week)  # it rests on Saturdays and Sundays
        assert (score, status) == (pytest.approx(2 / 7, abs=1e-5), "ok")
    assert silent_from_day(5, 5)[1] == "ok"
    assert silent_from_day(2, 6) == (pytest.approx(5 / 7, abs=1e-5), "fail")


def test_event_times_in_the_future_are_found_when_they_are_received(desk: Any) -> None:
    received = pd.Timestamp(desk.week(0)) + pd.Timedelta(days=3)
    desk.clock.advance(received - pd.Timestamp(desk.store.now()))
    desk.log(desk.draw(900, seed=80), desk.week(0), days=2)  # before their receipt
    desk.log(desk.draw(100, seed=81), desk.week(52))  # a year ahead
    results = desk.monitoring.results(desk.evaluate(desk.week(0))["window"])
    indexed = by_check(results)
    assert of_window(indexed, "future_events") == (pytest.approx(0.1), "fail")
    assert "100 predictions are dated after their receipt" in indexed["message"].to_list()
    later = desk.evaluate(desk.week(52))["window"]
    indexed = by_check(desk.monitoring.results(later))
    assert of_window(indexed, "future_events") == (1, "fail")
    assert desk.monitoring.window(later).drift_status == "fail"


def test_a_batch_that_was_sent_twice_is_repeated_rows(desk: Any) -> None:
    frame = desk.draw(500, seed=82)
    results, window = judged(desk, pd.concat([frame, frame], ignore_index=True))
    score, status = of_window(results, "duplicate_rows")
    assert (score, status) == (pytest.approx(0.5), "fail")
    assert results.loc[("duplicate_rows", ""), "message"] == "50.0 % of the rows repeat another one"
    assert window.drift_status == "fail"
    results, _ = judged(desk, desk.draw(800, seed=83), 1)
    assert of_window(results, "duplicate_rows") == (0, "ok")


def test_columns_that_the_signature_lacks_and_inputs_that_are_gone_are_named(desk: Any) -> None:
    frame = desk.draw(500, seed=84).drop(columns=["temp"]).assign(colour="red", unused=None)
    results, window = judged(desk, frame)
    assert of_window(results, "unexpected_columns")[1] == "warn"
    assert results.loc[("unexpected_columns", ""), "message"] == "the model has no input colour"
    assert of_window(results, "absent_inputs") == (pytest.approx(1 / 7), "warn")
    assert results.loc[("absent_inputs", ""), "message"] == "no row has temp"
    assert window.status == "error"


def test_enough_traffic_does_not_make_a_window_ok_that_could_not_be_judged(desk: Any) -> None:
    results, window = judged(desk, desk.draw(60, seed=85))
    assert of_window(results, "absent_inputs") == (0, "ok")
    assert window.drift_status == "insufficient"


@given(st.lists(st.integers(0, 6), min_size=2, max_size=60), st.integers(1, 60))
def test_repeated_rows_in_a_draw_are_those_of_many_draws(values: list[int], size: int) -> None:
    frame = pd.DataFrame({"x": np.array(values) / 2, "c": [f"c{v % 3}" for v in values]})
    repeated = repeated_rows(frame, ["c", "x"])
    assert share_in_draw(repeated, len(values)) == pytest.approx(1 - len(set(values)) / len(values))
    size = min(size, len(values))
    rng = np.random.default_rng(1)
    drawn = [len(set(rng.choice(values, size, replace=False).tolist())) for _ in range(300)]
    assert share_in_draw(repeated, size) == pytest.approx(1 - np.mean(drawn) / size, abs=0.08)


@pytest.mark.parametrize(("n", "m"), [(200, 1_000), (5_000, 1_000), (1_000, 10_000)])
def test_more_rows_that_repeat_by_chance_are_no_rise(n: int, m: int) -> None:
    def repeats(rng: np.random.Generator, rows: int) -> Any:
        frame = pd.DataFrame({"a": rng.integers(0, 40, rows), "b": rng.poisson(3, rows)})
        return repeated_rows(frame, ["a", "b"])

    rises = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        before, after = repeats(rng, m), repeats(rng, n)
        size = min(n, m)
        rises.append(share_in_draw(after, size) - share_in_draw(before, size))
    assert max(rises) < 0.05 * 1.5
    assert abs(float(np.mean(rises))) < 0.015


def test_repeated_rows_see_missing_values_and_signed_zeros_as_equal() -> None:
    frame = pd.DataFrame({"x": [0.0, -0.0, np.nan, np.nan, 1.0], "c": ["a", "a", None, None, "a"]})
    assert repeated_rows(frame, ["x", "c"]).groups == ((2, 2),)
    assert repeated_rows(frame, []).groups == ()


def test_a_limit_of_a_window_is_a_setting(desk: Any) -> None:
    config = desk.monitoring.monitor("late", limits={"duplicate_rows": {"fail": 0.9}}).config
    assert config.limits == {"duplicate_rows": {"fail": 0.9}}
    frame = desk.draw(500, seed=86)
    results, _ = judged(desk, pd.concat([frame, frame], ignore_index=True))
    assert of_window(results, "duplicate_rows")[1] == "warn"


def test_a_rule_on_the_volume_fires(desk: Any) -> None:
    from pilothouse.monitoring.alert_rules import AlertRuleSpec

    rule = AlertRuleSpec("traffic", "data_quality", "volume", "below", 0.3, for_windows=1)
    desk.monitoring.add_rule("late", rule)
    for week in range(5):
        judged(desk, desk.draw(400, seed=90 + week), week)
    assert desk.monitoring.alerts("firing").empty
    judged(desk, desk.draw(40, seed=95), 5)
    assert desk.monitoring.alerts("firing")["name"].tolist() == ["traffic"]
