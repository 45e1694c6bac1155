"""Windows that are due when events have wrong dates, and windows of rows with wild numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.serving import SIGNATURE
from pilothouse.activity import Activity
from pilothouse.deployments.gateway.labels import write_labels
from pilothouse.deployments.label_file import read_label_file
from pilothouse.deployments.label_report import compare
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.tables import Deployment
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import NotFound
from pilothouse.monitoring import evaluate
from pilothouse.monitoring.due_windows import MAX_EMPTY
from pilothouse.monitoring.evaluate import due_job

SIXTIES, LAST_DAY = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 12, 20, tzinfo=UTC)


def starts(desk: Any, until: datetime) -> list[int]:
    return [start for start, _ in due_job(desk.store, None, "late", to_ms(until))]


def test_one_event_of_another_century_does_not_cost_its_decades(desk: Any) -> None:
    desk.log(desk.draw(1, seed=1), SIXTIES)
    desk.log(desk.draw(50, seed=2), desk.week(0))
    due = starts(desk, desk.week(3))
    assert len(due) <= 3 + 2 * MAX_EMPTY
    assert due[-1] == to_ms(desk.week(0))


def test_an_event_of_the_far_future_waits_for_its_time(desk: Any) -> None:
    for number, at in enumerate((desk.week(0), LAST_DAY)):
        one: dict[str, list[Any]] = {"prediction_id": [str(number)], "model": ["late"]}
        one |= {"version": [1], "latency_ms": [1.0], "score": [0.5]}
        one["received_at"] = [pd.Timestamp(desk.store.now())]
        event = pd.Series([at]).astype("datetime64[ms, UTC]")  # as the log keeps it
        desk._write("predictions", pd.DataFrame(one).assign(event_at=event), at)
    assert starts(desk, desk.week(3)) == [to_ms(desk.week(0))]


def test_a_file_of_labels_makes_the_windows_of_its_predictions_due(desk: Any) -> None:
    ids = desk.log(desk.draw(300, seed=27).drop(columns="late"), desk.week(0))
    desk.log(desk.draw(300, seed=28), desk.week(1))
    for week in (0, 1):
        desk.evaluate(desk.week(week))
    assert starts(desk, desk.week(2)) == []
    rows = "".join(f"{id},1\n" for id in ids[:5])
    content = f"id,label\n{rows}nobody,1\n".encode()
    read = read_label_file(content, "x.csv", SIGNATURE, to_ms(desk.week(1)))
    report, new = compare(desk.store.folder, "late", SIGNATURE, read)
    write_labels(log.journal_folder(desk.store.folder, "late"), new)
    assert (report.matched, report.unmatched) == (5, ("nobody",))
    assert starts(desk, desk.week(2)) == [to_ms(desk.week(0))]


def test_short_silences_are_judged(desk: Any) -> None:
    for week in (0, 3):
        desk.log(desk.draw(50, seed=week), desk.week(week))
    assert starts(desk, desk.week(5)) == [to_ms(desk.week(week)) for week in range(4)]


def test_a_running_deployment_that_falls_silent_is_judged(desk: Any) -> None:
    desk.clock.advance(desk.week(1) - desk.clock.now())
    desk.log(desk.draw(50, seed=1), desk.week(0))  # received as they happen
    assert starts(desk, desk.week(3)) == [to_ms(desk.week(week)) for week in range(3)]
    assert len(starts(desk, desk.week(40))) == 1 + MAX_EMPTY
    with desk.store.write() as session:
        session.get_one(Deployment, "late").desired_state = "stopped"
    assert starts(desk, desk.week(3)) == [to_ms(desk.week(0))]


def test_old_data_that_are_replayed_have_no_silence_after_them(desk: Any) -> None:
    desk.clock.advance(desk.week(30) - desk.clock.now())
    desk.log(desk.draw(50, seed=1), desk.week(0))
    assert starts(desk, desk.week(3)) == [to_ms(desk.week(0))]


@pytest.mark.parametrize("value", [1e308, -1e308, 1e-320])
def test_wild_numbers_are_judged_without_a_warning(desk: Any, value: float) -> None:
    rows: pd.DataFrame = desk.draw(300, seed=3)
    for name in ("fixed", "gust"):
        rows.loc[:100, name] = value
    desk.log(rows, desk.week(0))
    window = desk.evaluate(desk.week(0))["window"]
    scores = desk.monitoring.results(window)["score"].to_numpy(float)
    assert not np.isinf(scores).any()


def test_labels_that_arrive_during_an_evaluation_make_the_window_due_again(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = desk.log(desk.draw(300, seed=4), desk.week(0), labelled=0.0)
    judge = evaluate.evaluate_window

    def slow_judge(*args: Any) -> Any:
        desk.clock.advance(timedelta(minutes=1))
        desk.label(ids[:100], [1, 0] * 50, desk.week(0))
        desk.clock.advance(timedelta(minutes=1))
        return judge(*args)

    monkeypatch.setattr(evaluate, "evaluate_window", slow_judge)
    window = desk.evaluate(desk.week(0))
    assert window["labelled"] == 0
    assert starts(desk, desk.week(1)) == [to_ms(desk.week(0))]
    monkeypatch.setattr(evaluate, "evaluate_window", judge)
    assert desk.evaluate(desk.week(0))["labelled"] == 100
    assert starts(desk, desk.week(1)) == []


def test_a_window_judged_again_without_a_change_is_not_due_for_ever(desk: Any) -> None:
    ids = desk.log(desk.draw(300, seed=5), desk.week(0), labelled=0.0)
    desk.label(ids[:100], [1, 0] * 50, desk.week(0))
    desk.evaluate(desk.week(0))
    desk.clock.advance(timedelta(hours=1))
    desk.label(ids[:100], [1, 0] * 50, desk.week(0))  # the same again
    assert starts(desk, desk.week(1)) == [to_ms(desk.week(0))]
    revision = desk.evaluate(desk.week(0))["revision"]
    assert (revision, starts(desk, desk.week(1))) == (1, [])


def test_a_removed_window_is_gone_until_it_is_evaluated_by_hand(desk: Any) -> None:
    desk.log(desk.draw(300, seed=6), desk.week(0))
    desk.log(desk.draw(300, seed=7), desk.week(1))
    first, second = (desk.evaluate(desk.week(n))["window"] for n in (0, 1))
    desk.monitoring.remove_window(first, "wrong event times")
    assert list(desk.monitoring.windows("late")["id"]) == [second]
    assert set(desk.monitoring.trend("late", "roc_auc")["window"]) == {second}
    with pytest.raises(NotFound):
        desk.monitoring.window(first)
    entry = Activity(desk.store).entries().iloc[0]
    assert (entry["verb"], entry["reason"]) == ("removed", "wrong event times")
    desk.clock.advance(timedelta(hours=1))
    desk.log(desk.draw(10, seed=8), desk.week(0))
    assert starts(desk, desk.week(2)) == []
    desk.evaluate(desk.week(0))  # as a job that was queued before it was removed
    assert list(desk.monitoring.windows("late")["id"]) == [second]
    assert desk.monitoring.evaluate("late", desk.week(0), desk.week(1)) == first
    assert list(desk.monitoring.windows("late")["id"]) == [first, second]


def test_files_without_news_are_not_read_again(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = log.readable_tables

    def listed(files: Any, tree: str, query: Any) -> Any:
        files = list(files)
        read.extend(f"{tree} {file.parent.name}" for file in files)
        return whole(files, tree, query)

    for week in (0, 1):
        desk.log(desk.draw(70, seed=week), desk.week(week))
        desk.evaluate(desk.week(week))
    with desk.store.write() as session:
        session.get_one(Deployment, "late").desired_state = "stopped"  # silence is looked for
    desk.clock.advance(timedelta(hours=1))
    assert starts(desk, desk.week(2)) == []  # and notes that nothing is new until now
    monkeypatch.setattr(log, "readable_tables", listed)
    assert starts(desk, desk.week(2)) == []
    assert read == []

    ids = desk.log(desk.draw(5, seed=9), desk.week(1), days=1, labelled=0.0)
    assert starts(desk, desk.week(2)) == [to_ms(desk.week(1))]
    assert {part.split()[1] for part in read} == {"date=2013-03-11"}
    desk.evaluate(desk.week(1))
    desk.clock.advance(timedelta(hours=1))
    assert starts(desk, desk.week(2)) == []
    desk.label(ids[:1], [1], desk.week(0))  # of any date
    assert starts(desk, desk.week(2)) == [to_ms(desk.week(1))]
