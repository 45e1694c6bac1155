"""Why an alert was raised: what changed, since when, whether it hurts, what came before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from pilothouse.activity import record
from pilothouse.kit.errors import NotFound
from pilothouse.monitoring.alert_rules import AlertRuleSpec
from pilothouse.monitoring.checks import PRIMARY, RECENT_PERFORMANCE
from pilothouse.monitoring.column_changes import BeforeAfter, figures
from pilothouse.monitoring.explain import breach_run
from pilothouse.monitoring.explanation import ColumnCause, MetricChange
from pilothouse.monitoring.explanation_text import (
    _with_few_labels,
    figure_text,
    sentences,
    share_text,
    span_phrase,
)
from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.timeline import TIMELINE
from pilothouse.monitoring.upstream_events import events_between

ROWS = 1_500
WEEK = timedelta(days=7)


def week(desk: Any, number: int, *, missing: bool = False, skill: float = 1.0) -> str:
    """Log and evaluate a week; a third of the hours may be missing, the scores worth nothing."""
    frame = desk.draw(ROWS, seed=100 + number, skill=skill)
    if missing:
        frame["hour"] = frame["hour"].astype("float64").where(np.arange(ROWS) % 3 > 0)
    desk.log(frame, desk.week(number))
    desk.clock.advance(timedelta(minutes=1))
    return str(desk.evaluate(desk.week(number))["window"])


def log_event(desk: Any, at: datetime, verb: str, kind: str, ref: str, **about: Any) -> None:
    """An entry of the activity log at an instant."""
    desk.clock.advance(at - desk.clock.now())
    with desk.store.write() as session:
        record(session, desk.store, verb, kind, ref, **about)


@pytest.fixture
def story(desk: Any) -> tuple[Any, str]:
    """Two good weeks, an unimportant event, another version deployed, and three bad weeks."""
    for number in range(2):
        week(desk, number)
    log_event(desk, desk.week(-9), "swapped", "deployment", "late", after={"version": "late@1"})
    log_event(desk, desk.week(1), "swapped", "deployment", "other", after={"version": "other@3"})
    log_event(desk, desk.week(1), "labelled", "deployment", "late")
    two_days_before = desk.week(2) - timedelta(days=2)
    log_event(
        desk, two_days_before, "rolled back", "deployment", "late", after={"version": "late@1"}
    )
    log_event(desk, desk.week(9), "swapped", "deployment", "late", after={"version": "late@2"})
    windows = [week(desk, number, missing=True, skill=0.0) for number in (2, 3, 4)]
    return desk, windows[-1]


def test_an_alert_is_explained_by_its_newest_breach(story: Any) -> None:
    desk, window = story
    alerts = desk.monitoring.alerts().set_index("name")
    explanation = desk.monitoring.explain(str(alerts.loc["performance", "id"]))
    assert explanation.window == window
    assert explanation == desk.monitoring.explain_window(window)
    assert explanation.since == desk.week(2)

    cause = explanation.columns[0]
    assert (cause.column, cause.check, cause.status) == ("hour", "missing", "fail")
    assert (cause.since, cause.windows) == (desk.week(2), 3)
    assert cause.changed_share == pytest.approx(1 / 3, abs=0.05)
    assert cause.harm == pytest.approx(cause.changed_share * 0.2)
    assert cause.figures[0] == BeforeAfter("missing", 0.0, pytest.approx(1 / 3), "share")

    metric = explanation.metric
    assert metric.metric == "roc_auc"
    assert metric.since == desk.week(2)
    assert metric.low < metric.value < metric.high < metric.reference
    assert metric.high - metric.low == pytest.approx(2 * 1.96 * 0.015, rel=0.3)


def test_only_events_of_the_deployment_shortly_before_the_change_count(story: Any) -> None:
    desk, window = story
    events = desk.monitoring.explain_window(window).events
    assert [(event.kind, event.at) for event in events] == [
        ("deployment", desk.week(2) - timedelta(days=2))
    ]


def test_two_sentences_say_it(story: Any) -> None:
    desk, window = story
    explanation = desk.monitoring.explain_window(window)
    metric = explanation.metric
    assert explanation.sentences == (
        "Since the week of 18 March 2013 the model is worse than expected: "
        f"ROC AUC {metric.value:.4f}, {metric.reference:.4f} expected.",
        "33 % of the rows have no hour, 0 % before; "
        "the deployment was rolled back (late@1) on 16 March 2013.",
    )


def test_a_slow_decline_is_explained_by_the_last_windows_together(desk: Any) -> None:
    rule = AlertRuleSpec(
        "decline", RECENT_PERFORMANCE, PRIMARY, "worse_than_tolerated", 0.1, for_windows=1
    )
    desk.monitoring.add_rule("late", rule)
    for number in range(5):
        week(desk, number, skill=0.58)
    alert = desk.monitoring.alerts("firing").set_index("name").loc["decline", "id"]
    explanation = desk.monitoring.explain(str(alert))
    metric, recent = explanation.metric, explanation.metric.recent
    trend = desk.monitoring.trend("late", PRIMARY, signal=RECENT_PERFORMANCE)
    assert (metric.since, recent.windows, recent.since) == (None, 5, desk.week(0))
    assert (recent.value, explanation.since) == (trend["score"].iloc[-1], desk.week(0))
    assert recent.low < recent.value < recent.high < metric.reference
    assert explanation.sentences[0] == (
        "Over the last 5 windows together, from the week of 4 March 2013 on, the model is worse "
        f"than expected: ROC AUC {recent.value:.4f}, {metric.reference:.4f} expected; none of them "
        "shows it alone."
    )
    assert not desk.monitoring.explain_window(week(desk, 5)).metric.recent


def test_a_good_week_says_that_nothing_hurts(desk: Any) -> None:
    explanation = desk.monitoring.explain_window(week(desk, 0))
    assert explanation.columns == ()
    assert explanation.metric.since is None
    assert explanation.sentences[0].startswith("The model is as good as expected: ROC AUC 0.")
    assert explanation.sentences[1] == (
        "No column changed by more than chance gives; no deployment or data change came before it."
    )


def test_with_few_labels_the_value_so_far_is_no_verdict(desk: Any) -> None:
    desk.log(desk.draw(ROWS, seed=1), desk.week(0), labelled=0.1)
    window = str(desk.evaluate(desk.week(0))["window"])
    explanation = desk.monitoring.explain_window(window)
    sentence = explanation.sentences[0]
    assert sentence.startswith("ROC AUC is estimated at 0.")
    assert sentence.endswith("expected; labels have come for 150 of 1,500 rows.")

    metric = replace(explanation.metric, estimated=None)
    few, none = (
        Window(rows=ROWS, labelled=labelled)  # type: ignore[call-arg]  # the rest plays no part
        for labelled in (150, 0)
    )
    assert _with_few_labels(few, metric).startswith(
        "Too few rows have a label to say how good the model is: 150 of 1,500 (ROC AUC 0."
    )
    assert _with_few_labels(none, replace(metric, value=None)) == (
        "Too few rows have a label to say how good the model is: 0 of 1,500."
    )


def test_an_estimate_takes_the_place_of_labels(desk: Any) -> None:
    desk.log(desk.draw(ROWS, seed=1).drop(columns="late"), desk.week(0))
    window = str(desk.evaluate(desk.week(0))["window"])
    metric = desk.monitoring.explain_window(window).metric
    text = _with_few_labels(
        Window(rows=ROWS, labelled=0),  # type: ignore[call-arg]  # the rest plays no part
        replace(metric, estimated=0.61, reference=0.67),
    )
    assert text == (
        "ROC AUC is estimated at 0.6100, 0.6700 expected; labels have come for 0 of 1,500 rows."
    )


def test_another_version_that_answers_is_an_event_in_event_time(desk: Any) -> None:
    for number in range(2):
        week(desk, number)
    desk = desk.as_version(2)
    explanation = desk.monitoring.explain_window(week(desk, 2, missing=True))
    assert [event.text for event in explanation.events] == ["version 2 began to answer"]
    assert explanation.events[0].at == desk.week(2)


def test_data_counts_when_the_model_was_trained_on_it(desk: Any) -> None:
    from pilothouse.experiments.tables import RunInput

    with desk.store.write() as session:
        session.add(RunInput(run_id=f"{1:032x}", dataset="trips@1", role="training"))
    for number in range(2):
        week(desk, number)
    before = desk.week(2) - timedelta(hours=3)
    log_event(desk, before, "registered", "dataset", "trips@2")
    log_event(desk, before, "registered", "dataset", "elsewhere@2")
    explanation = desk.monitoring.explain_window(week(desk, 2, missing=True))
    assert [event.ref for event in explanation.events] == ["trips@2"]
    assert explanation.sentences[1].endswith(
        "a version of the data was registered (trips@2) on 17 March 2013."
    )


def test_a_name_with_an_underscore_is_no_pattern(desk: Any) -> None:
    for ref in ("late_trips@2", "lateXtrips@2"):
        log_event(desk, desk.week(1), "promoted", "version", ref)
    with desk.store.read() as session:
        events = events_between(session, "late", "late_trips", desk.week(0), desk.week(2))
    assert [event.ref for event in events] == ["late_trips@2"]


def test_the_timeline_joins_events_and_alerts_on_the_windows_time(story: Any) -> None:
    desk, _ = story
    for number in (5, 6):
        week(desk, number)
    frame = desk.monitoring.timeline("late")
    assert tuple(frame.columns) == TIMELINE
    assert frame["at"].is_monotonic_increasing
    rows = frame[["at", "kind", "text"]].values.tolist()
    assert rows == [
        [desk.week(2) - timedelta(days=2), "deployment", "the deployment was rolled back (late@1)"],
        [desk.week(3), "alert", "Performance firing"],
        [desk.week(6), "cleared", "Performance resolved"],
    ]
    assert desk.monitoring.timeline("another").empty


def test_what_is_not_there_is_not_explained(desk: Any) -> None:
    for explain in (desk.monitoring.explain, desk.monitoring.explain_window):
        with pytest.raises(NotFound):
            explain("nothing")


@pytest.mark.parametrize(
    ("statuses", "run"),
    [
        (["fail"], (0, 1)),
        (["fail", "ok", "warn", "fail"], (2, 2)),
        (["ok", "fail", "insufficient", None, "fail"], (1, 2)),
        (["fail", "error", "fail"], (0, 3)),
        (["insufficient", "fail"], (1, 1)),
    ],
)
def test_a_run_of_breaches_begins_after_the_last_good_window(
    statuses: list[Any], run: tuple[int, int]
) -> None:
    assert breach_run(statuses) == run


def numbers(**changes: Any) -> dict[str, Any]:
    about = {"kind": "number", "reference": [50, 50], "current": [50, 50]}
    about |= {"labels": ["< 3", "> 3"], "mean": {"reference": 3.0, "current": 3.0}, "spread": 100}
    about["missing"] = {"reference": [0, 100], "current": [0, 100]}
    return about | changes


def test_the_figures_are_the_missing_rows_the_mean_and_the_value_that_gained_most() -> None:
    moved = numbers(current=[20, 80], mean={"reference": 3.0, "current": 4.5})
    assert figures(moved) == (
        BeforeAfter("mean", 3.0, 4.5, "number"),
        BeforeAfter("values", 0.5, 0.8, "share", "> 3"),
    )
    half = numbers(current=[25, 25], missing={"reference": [0, 100], "current": [50, 100]})
    assert figures(half)[0] == BeforeAfter("missing", 0.0, 0.5, "share")
    assert figures(half)[0].title == "Missing"
    gone = numbers(current=[0, 0], missing={"reference": [0, 100], "current": [100, 100]})
    assert figures(gone) == (BeforeAfter("missing", 0.0, 1.0, "share"),)
    assert figures(numbers()) == ()


def test_figures_and_windows_read_like_a_sentence() -> None:
    assert figure_text("temp", BeforeAfter("mean", 1016.2, 1027.3, "number")) == (
        "the mean of temp is 1,027, 1,016 before"
    )
    value = BeforeAfter("values", 0.0, 0.305, "share", "ZZ")
    assert figure_text("carrier", value) == "30 % of the values of carrier are ZZ, 0 % before"
    assert [share_text(share) for share in (0, 0.004, 0.13, 0.996, 1)] == [
        *("0 %", "0.4 %", "13 %", "99.6 %", "100 %")
    ]
    start = datetime(2013, 4, 1, tzinfo=UTC)
    spans = [span_phrase(start, timedelta(days=days)) for days in (1, 7, 30)]
    assert spans == ["1 April 2013", "the week of 1 April 2013", "April 2013"]


@pytest.mark.parametrize(
    ("harm", "explains"), [(0.002, False), (0.019, False), (0.021, True), (None, True)]
)
def test_a_column_that_costs_little_is_not_called_the_cause(
    harm: float | None, explains: bool
) -> None:
    start = datetime(2013, 9, 16, tzinfo=UTC)
    window = Window(start=start, end=start + WEEK, rows=6_500, labelled=6_400)
    metric = MetricChange(
        "roc_auc", "ROC AUC", "fail", 0.59, 0.57, 0.61, 0.67, since=start, windows=2
    )
    figure = BeforeAfter("values", 0.03, 0.04, "share", "SFO")
    column = ColumnCause("dest", "warn", "psi", 0.1, 0.02, harm, start, 2, (figure,))
    _, cause = sentences(window, metric, [column], [], start)
    said = "No change of an input explains it (that of dest costs the most, at most 0.0"
    assert cause.startswith(said) is not explains
    assert "4 % of the values of dest are SFO, 3 % before" in cause
