"""Judging windows: from the log to stored results, again as labels come, by version."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.monitoring import evaluate
from pilothouse.monitoring.digest_text import digest_text
from pilothouse.monitoring.evaluate import due_job
from pilothouse.monitoring.evaluated_settings import evaluated_config, reference_source
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.stored_references import Answered
from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.windows import WindowScheme


def status_of(desk: Any, window: str, check: str, column: str = "") -> str:
    results = desk.monitoring.results(window)
    chosen = (results["check"] == check) & (results["column"] == column)
    return results[chosen & (results["signal"] != "estimated_performance")]["status"].item()


def test_a_window_like_the_reference_is_ok_with_every_number_explained(desk: Any) -> None:
    frame = desk.draw(3_000, seed=10)
    desk.log(frame, desk.week(0))
    answer = desk.evaluate(desk.week(0))
    assert answer["status"] == "ok"
    assert (answer["rows"], answer["labelled"], answer["revision"]) == (3_000, 3_000, 1)
    assert answer["metrics"]["roc_auc"] == pytest.approx(
        roc_auc_score(frame["late"], frame["score"])
    )
    assert answer["fired"] == []
    results = desk.monitoring.results(answer["window"])
    service = results["signal"] == "service"  # no request was received in this week
    assert set(results[service]["status"]) == {"insufficient"}
    results = results[~service]
    assert set(results["status"]) <= {"ok", "warn"}
    judged = results[results["check"] != "label_coverage"]
    explained = ["method", "direction", "threshold", "n_reference", "n_current", "score"]
    assert judged[explained].notna().all().all()
    assert (judged["n_current"] > 0).all()
    assert set(results["signal"]) == {
        *("feature_drift", "prediction_drift", "data_quality"),
        *("performance", "estimated_performance"),
    }


def test_every_input_is_watched_and_times_but_for_their_drift(desk: Any) -> None:
    frame = desk.draw(1_000, seed=11)
    frame["planned"] += pd.Timedelta(days=400)
    desk.log(frame, desk.week(0))
    window = desk.evaluate(desk.week(0))["window"]
    ranking = desk.monitoring.drift_ranking(window)
    assert set(ranking["column"]) == {
        *("temp", "hour", "carrier", "weekend", "fixed", "gust", "planned")
    }
    results = desk.monitoring.results(window)
    of_times = results[results["column"] == "planned"]
    assert set(of_times["check"]) == {"missing", "type_change", "out_of_range"}
    assert set(of_times["status"]) == {"ok"}
    assert desk.monitoring.window(window).status == "ok"


def test_judging_the_same_rows_again_changes_nothing(desk: Any, workspace: Any) -> None:
    desk.log(desk.draw(1_000, seed=12), desk.week(0))
    first = desk.evaluate(desk.week(0))
    entries = workspace.activity.count()
    assert desk.evaluate(desk.week(0)) == first
    assert workspace.activity.count() == entries


def test_a_window_is_judged_again_when_the_traffic_before_it_has_changed(desk: Any) -> None:
    for number in range(6):
        desk.log(desk.draw(600, seed=90 + number), desk.week(number))
        first = desk.evaluate(desk.week(number))
    assert desk.evaluate(desk.week(5))["revision"] == 1
    desk.log(desk.draw(100, seed=99), desk.week(2))
    desk.evaluate(desk.week(2))
    again = desk.evaluate(desk.week(5))
    assert (again["window"], again["revision"]) == (first["window"], 2)


def test_a_window_keeps_the_reference_it_was_compared_with(desk: Any) -> None:
    desk.log(desk.draw(800, seed=14), desk.week(0))
    window = desk.evaluate(desk.week(0))["window"]
    before = desk.monitoring.documents(window)
    assert before.reference
    with desk.store.write() as session:
        answered = Answered("late", "late", 1)
        reference = answered.reference(session)
        used = session.get_one(Window, window).reference
        assert used == reference.digest
        # Another evaluation of the version replaces the reference of later windows.
        empty = desk.store.artifacts.put_bytes(b"{}")
        answered.store_reference(
            session, source="other", digest=empty, rows=1, created_at=desk.store.now()
        )
    assert desk.monitoring.documents(window) == before
    desk.clock.advance(timedelta(minutes=1))
    desk.monitoring.monitor("late", min_rows=500, reference="previous_windows")
    page = desk.monitoring.window_page(window).decode()
    assert "Settings that this window was evaluated by; the monitor was changed on" in page
    with desk.store.read() as session:
        profile = json.loads(desk.store.artifacts.read(session.get_one(Window, window).profile))
    present = desk.monitoring.monitor_info("late").config
    evaluated = evaluated_config(profile, present)
    assert (evaluated.min_rows, evaluated.reference) == (200, "held_out")
    assert evaluated_config({}, present) == present  # a window from before says nothing
    assert reference_source(profile) not in ("", "served")


def test_a_window_is_judged_again_as_labels_come(desk: Any) -> None:
    frame = desk.draw(2_000, seed=13)
    ids = desk.log(frame.drop(columns="late"), desk.week(0))
    before = desk.evaluate(desk.week(0))
    assert before["status"] == "insufficient"
    assert status_of(desk, before["window"], "roc_auc") == "insufficient"
    assert desk.monitoring.window(before["window"]).drift_status in ("ok", "warn")

    desk.label(ids[:1_500], frame["late"].tolist()[:1_500], desk.week(1))
    after = desk.evaluate(desk.week(0))
    assert after["window"] == before["window"]
    assert (after["revision"], after["labelled"]) == (2, 1_500)
    info = desk.monitoring.window(after["window"])
    assert info.coverage == 0.75
    assert info.metrics["roc_auc"] == after["metrics"]["roc_auc"]
    assert status_of(desk, after["window"], "roc_auc") == "ok"


def test_a_corrected_label_counts_as_corrected(desk: Any) -> None:
    frame = desk.draw(1_000, seed=14)
    ids = desk.log(frame, desk.week(0))
    first = desk.evaluate(desk.week(0))
    desk.clock.advance(timedelta(hours=1))
    desk.label(ids, [1 - label for label in frame["late"]], desk.week(1))
    second = desk.evaluate(desk.week(0))
    assert second["metrics"]["roc_auc"] == pytest.approx(1 - first["metrics"]["roc_auc"])


def test_late_labels_of_other_windows_do_not_count(desk: Any) -> None:
    desk.log(desk.draw(500, seed=15), desk.week(0))
    desk.log(desk.draw(700, seed=16), desk.week(1))
    assert desk.evaluate(desk.week(0))["rows"] == 500
    assert desk.evaluate(desk.week(1))["labelled"] == 700


def test_every_logged_row_is_counted_in_exactly_one_window(desk: Any) -> None:
    for week in range(3):
        desk.log(desk.draw(400, seed=week), desk.week(week) + timedelta(days=3))
    spans = WindowScheme("day").windows_between(desk.week(0), desk.week(4))
    assert sum(desk.evaluate(s.start, s.end - s.start)["rows"] for s in spans) == 1_200


def test_too_few_rows_are_insufficient_never_ok(desk: Any) -> None:
    desk.log(desk.draw(50, seed=17), desk.week(0))
    answer = desk.evaluate(desk.week(0))
    results = desk.monitoring.results(answer["window"])
    assert answer["status"] == "insufficient"
    assert set(results["status"]) == {"insufficient", "ok"}
    assert set(results[results["status"] == "ok"]["check"]) == {
        *("label_coverage", "absent_inputs", "unexpected_columns", "freshness", "future_events")
    }
    assert results[results["check"] == "psi"]["score"].isna().all()


def test_an_empty_window_is_insufficient_of_the_version_that_serves(desk: Any) -> None:
    answer = desk.evaluate(desk.week(0))
    assert (answer["rows"], answer["status"]) == (0, "insufficient")
    info = desk.monitoring.window(answer["window"])
    assert info.version_ref == "late@1"
    assert info.drifted_share is None
    assert info.coverage is None
    assert set(desk.monitoring.results(answer["window"])["status"]) == {"insufficient"}


def test_one_bad_column_is_a_change_of_type_of_that_column(desk: Any) -> None:
    frame = desk.draw(800, seed=18).astype({"temp": object})
    frame["temp"] = "warm"
    desk.log(frame, desk.week(0))
    window = desk.evaluate(desk.week(0))["window"]
    results = desk.monitoring.results(window)
    bad = results[results["status"] == "fail"]
    assert bad[["column", "check"]].to_numpy().tolist() == [["temp", "type_change"]]
    assert "'warm'" in bad["message"].item()
    assert status_of(desk, window, "missing", "temp") == "ok"
    assert status_of(desk, window, "psi", "temp") == "insufficient"
    assert status_of(desk, window, "psi", "hour") == "ok"
    assert desk.monitoring.window(window).status == "warn"


def test_a_column_that_is_gone_is_an_error_of_that_column(desk: Any) -> None:
    desk.log(desk.draw(800, seed=19).drop(columns="carrier"), desk.week(0))
    results = desk.monitoring.results(desk.evaluate(desk.week(0))["window"])
    bad = results[results["status"] == "error"]
    assert bad["column"].tolist() == ["carrier"]
    assert bad["message"].item() == "the window's rows have no such column"


def test_a_column_without_a_single_value_is_not_judged_but_its_missing_rate_fails(
    desk: Any,
) -> None:
    frame = desk.draw(800, seed=20).assign(gust=np.nan)
    desk.log(frame, desk.week(0))
    window = desk.evaluate(desk.week(0))["window"]
    assert status_of(desk, window, "psi", "gust") == "insufficient"
    assert status_of(desk, window, "missing", "gust") == "fail"


def test_a_planted_shift_is_found_where_it_was_planted(desk: Any) -> None:
    frame = desk.draw(2_000, seed=21)
    frame["temp"] += 8
    frame.loc[: len(frame) // 4, "carrier"] = "ZZ"
    desk.log(frame, desk.week(0))
    window = desk.evaluate(desk.week(0))["window"]
    failed = desk.monitoring.results(window).query("status == 'fail'")
    assert set(failed["column"]) == {"temp", "carrier"}
    assert status_of(desk, window, "unseen", "carrier") == "fail"
    assert desk.monitoring.window(window).drifted == 2
    assert desk.monitoring.window(window).drift_status == "warn"


def test_a_worse_model_fails_on_performance_and_not_on_drift(desk: Any) -> None:
    desk.log(desk.draw(4_000, seed=22, skill=0.0), desk.week(0))
    info = desk.monitoring.window(desk.evaluate(desk.week(0))["window"])
    assert (info.performance_status, info.status) == ("fail", "fail")
    assert info.drift_status != "fail"


def test_two_versions_in_one_week_are_judged_apart(desk: Any) -> None:
    desk.log(desk.draw(900, seed=23), desk.week(0))
    desk.as_version(2).log(desk.draw(600, seed=24), desk.week(0))
    answer = desk.evaluate(desk.week(0))
    windows = desk.monitoring.windows("late").set_index("version")
    assert windows["rows"].to_dict() == {1: 900, 2: 600}
    assert answer["window"] == windows["id"][1]
    assert sorted(answer["windows"]) == sorted(windows["id"])


def test_the_reference_is_profiled_once_for_a_version(desk: Any, monkeypatch: Any) -> None:
    from pilothouse.monitoring import baselines

    desk.log(desk.draw(500, seed=25), desk.week(0))
    desk.log(desk.draw(500, seed=26), desk.week(1))
    desk.evaluate(desk.week(0))
    monkeypatch.setattr(baselines, "_profiles", {})
    monkeypatch.setattr(baselines, "_store", None)
    assert desk.evaluate(desk.week(1))["rows"] == 500


def test_who_is_not_monitored_is_not_judged(desk: Any) -> None:
    with pytest.raises(NotFound, match="no deployment 'nobody'"):
        desk.monitoring.evaluate("nobody", desk.week(0), desk.week(1))
    with pytest.raises(Invalid):
        desk.monitoring.evaluate("late", desk.week(1), desk.week(1))


def test_due_are_ended_windows_with_anything_new(desk: Any) -> None:
    def now_due() -> list[int]:
        spans = due_job(desk.store, None, "late", to_ms(desk.week(3)))
        return [(start - to_ms(desk.week(0))) // (7 * 24 * 3600 * 1000) for start, _ in spans]

    assert now_due() == []
    ids = desk.log(desk.draw(300, seed=27).drop(columns="late"), desk.week(0))
    desk.log(desk.draw(300, seed=28), desk.week(2))
    desk.log(desk.draw(300, seed=29), desk.week(3))
    assert now_due() == [0, 1, 2]
    for week in (0, 1, 2):
        desk.evaluate(desk.week(week))
    assert now_due() == []
    desk.clock.advance(timedelta(days=1))
    desk.label(ids, [0] * 300, desk.week(1))
    assert now_due() == [0]


def test_labels_of_any_spelling_mean_the_same() -> None:
    from pilothouse.models.signature import Signature
    from pilothouse.monitoring.window_data import truth

    signature = Signature((), "late", (False, True), True)
    labels = pd.Series([True, False, 1, 0.0, "true", "0", None], dtype=object)
    assert truth(labels, signature)[:-1].tolist() == [1, 0, 1, 0, 1, 0]
    assert np.isnan(truth(labels, signature)[-1])
    worded = Signature((), "late", ("no", "yes"), "yes")
    assert truth(pd.Series(["yes", "no"]), worded).tolist() == [1, 0]


def test_a_feature_with_the_name_of_a_fact_keeps_apart_from_it(desk: Any) -> None:
    from pilothouse.models.signature import Signature, SignatureField
    from pilothouse.monitoring.window_data import LABEL, rows_of

    signature = Signature((SignatureField("score", "number"),), "late", (0, 1), 1)
    frame = pd.DataFrame({"score": [0.1], "feature.score": [42.0], LABEL: [1]})
    rows = rows_of(frame, signature, ["score"])
    assert rows.features["score"].tolist() == [42.0]
    assert rows.outputs["score"].tolist() == [0.1]


def test_a_new_field_with_its_default_changes_no_digest() -> None:
    @dataclass(frozen=True)
    class Before:
        rows: int
        names: tuple[str, ...] = ()

    @dataclass(frozen=True)
    class After:
        added: float | None
        rows: int
        names: tuple[str, ...] = ()
        limit: float = 0.5
        more: dict[str, Any] = field(default_factory=dict)

    assert digest_text(Before(3)) == "{'rows': 3}"
    assert digest_text(After(None, 3)) == "{'added': None, 'rows': 3}"
    assert digest_text([Before(3, ("a",))]) == "[{'names': ['a'], 'rows': 3}]"
    assert digest_text(After(None, 3, limit=0.6)) != digest_text(After(None, 3))


def test_an_upgrade_alone_makes_no_revision(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.log(desk.draw(400, seed=1), desk.week(0))
    with monkeypatch.context() as before:
        inputs = evaluate._Inputs
        every = MonitorConfig().judging
        before.setattr(inputs, "digest", lambda self: self.former_digest(every))
        window = desk.evaluate(desk.week(0))["window"]
    assert desk.evaluate(desk.week(0))["revision"] == 1
    desk.monitoring.monitor("late", min_rows=201)
    assert desk.evaluate(desk.week(0))["revision"] == 2
    assert desk.evaluate(desk.week(0))["revision"] == 2
    assert desk.monitoring.window(window).revision == 2
