"""Alerts over real windows: pending, firing, acknowledged, resolved; every step on record."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.monitoring.alert_rules import AlertRuleSpec
from pilothouse.monitoring.tables import Alert

ROWS = 1_500


def week(desk: Any, number: int, *, good: bool, **how: Any) -> dict[str, Any]:
    """Log and judge one week whose scores are worth something or nothing."""
    frame = desk.draw(ROWS, seed=100 + number, skill=1.0 if good else 0.0)
    desk.log(frame, desk.week(number), **how)
    desk.clock.advance(timedelta(minutes=1))
    return desk.evaluate(desk.week(number))


def only_alert(desk: Any) -> Any:
    alerts = desk.monitoring.alerts()
    assert len(alerts) == 1
    return desk.monitoring.alert(alerts["id"].item())


def test_a_new_monitor_has_the_default_rules(desk: Any) -> None:
    rules = desk.monitoring.rules("late").set_index("name")
    assert set(rules.index) == {"performance", "drift", "absent inputs", "type change"}
    assert rules.loc[
        "performance", ["condition", "threshold", "for_windows", "action"]
    ].tolist() == [*("worse_than_tolerated", 1.0, 2, "retrain")]
    assert rules.loc["drift", "action"] == "none"


def test_a_week_and_a_day_are_not_two_windows_in_a_row(desk: Any) -> None:
    for number in range(2):
        week(desk, number, good=False)
    firing = only_alert(desk)
    assert firing.state == "firing"
    desk.monitoring.monitor("late", period="day")
    desk.log(desk.draw(ROWS * 7, seed=1, skill=0.0), desk.week(2))
    day = timedelta(days=1)
    assert desk.evaluate(desk.week(2), day)["fired"] == []
    assert desk.monitoring.alert(firing.id).state == "resolved"
    notes = desk.monitoring.alert_events(firing.id)["note"].tolist()
    assert notes[-1] == "its windows no longer count, as the monitor's are others now"
    assert len(desk.evaluate(desk.week(2) + day, day)["fired"]) == 1


def test_two_bad_weeks_fire_and_two_good_ones_resolve(desk: Any, workspace: Any) -> None:
    assert week(desk, 0, good=True)["fired"] == []
    assert week(desk, 1, good=False)["fired"] == []
    pending = only_alert(desk)
    assert (pending.state, pending.fired_at, pending.breaches) == ("pending", None, 1)

    fired = week(desk, 2, good=False)
    alert = only_alert(desk)
    assert fired["fired"] == fired["retrain"] == [alert.id]
    assert (alert.state, alert.severity, alert.breaches) == ("firing", "critical", 2)
    assert alert.fired_window == fired["window"]
    assert alert.score is not None
    assert alert.limit is not None
    assert alert.score < alert.limit
    assert "ROC AUC was" in alert.message
    assert "2013-03-18" in alert.message

    week(desk, 3, good=True)
    assert only_alert(desk).state == "firing"
    week(desk, 4, good=True)
    resolved = only_alert(desk)
    assert (resolved.state, resolved.resolved_by) == ("resolved", "monitor")

    events = desk.monitoring.alert_events(alert.id)
    assert events["after"].tolist() == ["pending", "firing", "resolved"]
    assert events["window_id"].notna().all()
    entries = workspace.activity.entries(kind="alert", ref=alert.id)
    assert entries["verb"].tolist() == ["resolved", "fired", "opened"]


def test_an_alert_ends_when_the_windows_it_rested_on_are_removed(desk: Any) -> None:
    week(desk, 0, good=True)
    first, second = (week(desk, number, good=False)["window"] for number in (1, 2))
    assert only_alert(desk).state == "firing"
    desk.monitoring.remove_window(second, "wrong event times")
    alert = only_alert(desk)
    assert (alert.state, alert.resolved_by) == ("resolved", desk.store.actor)
    assert "was removed" in desk.monitoring.alert_events(alert.id)["note"].iloc[-1]
    desk.monitoring.remove_window(first, "wrong event times")
    week(desk, 3, good=False)
    assert sorted(desk.monitoring.alerts()["state"]) == ["pending", "resolved"]


def test_one_bad_week_alone_never_fires(desk: Any) -> None:
    week(desk, 0, good=False)
    week(desk, 1, good=True)
    assert desk.monitoring.alerts().empty
    assert desk.monitoring.alerts("resolved").empty
    alert = desk.monitoring.alert(desk.monitoring.alerts("never_fired")["id"].item())
    assert (alert.state, alert.fired_at) == ("resolved", None)


def test_a_third_bad_week_is_the_same_alert(desk: Any) -> None:
    for number in range(3):
        week(desk, number, good=False)
    alert = only_alert(desk)
    assert alert.breaches == 3
    assert len(desk.monitoring.alert_events(alert.id)) == 2
    assert week(desk, 3, good=False)["fired"] == []


def test_a_repeated_step_names_the_alert_again_so_that_a_kill_loses_nothing(desk: Any) -> None:
    week(desk, 0, good=False)
    fired = week(desk, 1, good=False)
    assert fired["fired"]
    assert desk.evaluate(desk.week(1)) == fired


def test_insufficient_weeks_neither_fire_nor_resolve(desk: Any) -> None:
    week(desk, 0, good=False)
    week(desk, 1, good=False)
    for number in (2, 3, 4):
        week(desk, number, good=True, labelled=0.1)
    assert only_alert(desk).state == "firing"


def test_labels_that_come_late_fire_where_they_belong(desk: Any) -> None:
    frame = desk.draw(ROWS, seed=200, skill=0.0)
    ids = desk.log(frame.drop(columns="late"), desk.week(0))
    assert desk.evaluate(desk.week(0))["fired"] == []
    week(desk, 1, good=False)
    assert only_alert(desk).state == "pending"
    desk.label(ids, frame["late"].tolist(), desk.week(1))
    again = desk.evaluate(desk.week(0))
    alert = only_alert(desk)
    assert again["fired"] == [alert.id]
    assert alert.first_window == again["window"]


def test_acknowledged_stays_open_and_resolves_when_clear(desk: Any) -> None:
    week(desk, 0, good=False)
    with pytest.raises(Conflict, match="pending"):
        desk.monitoring.acknowledge(only_alert(desk).id)
    week(desk, 1, good=False)
    alert = only_alert(desk)
    desk.monitoring.acknowledge(alert.id, "looking into it")
    assert only_alert(desk).acknowledged_by == "ada"
    week(desk, 2, good=False)
    assert only_alert(desk).state == "acknowledged"
    week(desk, 3, good=True)
    week(desk, 4, good=True)
    assert only_alert(desk).state == "resolved"
    assert "looking into it" in desk.monitoring.alert_events(alert.id)["note"].tolist()


def test_resolved_by_hand_counts_only_later_windows(desk: Any) -> None:
    week(desk, 0, good=False)
    week(desk, 1, good=False)
    first = only_alert(desk)
    desk.monitoring.resolve(first.id, "known storm")
    assert week(desk, 2, good=False)["fired"] == []
    assert set(desk.monitoring.alerts()["state"]) == {"resolved", "pending"}
    assert week(desk, 3, good=False)["fired"] != []
    with pytest.raises(Conflict, match="resolved already"):
        desk.monitoring.resolve(first.id)


def test_a_second_episode_is_a_second_alert(desk: Any) -> None:
    for number, good in enumerate([False, False, True, True, False, False]):
        week(desk, number, good=good)
    alerts = desk.monitoring.alerts()
    assert alerts["state"].tolist() == ["firing", "resolved"]
    assert alerts["fired_at"].notna().all()


def test_a_rule_has_one_open_alert_whatever_happens(desk: Any) -> None:
    week(desk, 0, good=False)
    with desk.store.read() as session:
        alert = session.get(Alert, only_alert(desk).id)
    twin = {name: getattr(alert, name) for name in Alert.model_fields} | {"id": "another"}
    with pytest.raises(IntegrityError), desk.store.write() as session:
        session.add(Alert(**twin))


def test_drifted_columns_fire_the_drift_rule_without_an_action(desk: Any) -> None:
    fired = {}
    for number in range(2):
        frame = desk.draw(ROWS, seed=300 + number)
        frame[["temp", "gust"]] += 30
        frame["hour"] = 23
        frame["carrier"] = "ZZ"
        desk.log(frame, desk.week(number))
        fired = desk.evaluate(desk.week(number))
    alert = only_alert(desk)
    assert alert.name == "drift"
    assert (fired["fired"], fired["retrain"]) == ([alert.id], [])
    assert desk.monitoring.window(fired["window"]).drift_status == "fail"


def test_a_rule_on_columns_by_glob_names_the_worst(desk: Any) -> None:
    rule = AlertRuleSpec(
        "hours", "feature_drift", "psi", "above", 0.2, column="h*", for_windows=1, clear_windows=1
    )
    desk.monitoring.add_rule("late", rule)
    frame = desk.draw(ROWS, seed=400).assign(hour=22)
    desk.log(frame, desk.week(0))
    desk.evaluate(desk.week(0))
    alert = only_alert(desk)
    assert (alert.name, alert.state) == ("hours", "firing")
    assert alert.message.startswith("PSI of hour was")


def test_a_paused_rule_ends_its_alert_and_watches_no_more(desk: Any) -> None:
    week(desk, 0, good=False)
    rules = desk.monitoring.rules("late").set_index("name")["id"]
    desk.monitoring.pause_rule(rules["performance"], "no pager tonight")
    assert desk.monitoring.alerts("never_fired")["state"].tolist() == ["resolved"]
    week(desk, 1, good=False)
    assert desk.monitoring.alerts().empty
    desk.monitoring.resume_rule(rules["performance"])
    assert week(desk, 2, good=False)["fired"] != []


def test_a_changed_rule_holds_from_the_next_window(desk: Any) -> None:
    rule = desk.monitoring.rules("late").set_index("name")["id"]["performance"]
    changed = desk.monitoring.change_rule(rule, "too slow", for_windows=1)
    assert changed.rule.for_windows == 1
    assert week(desk, 0, good=False)["fired"] != []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"condition": "beyond"}, "condition"),
        ({"signal": "vibes"}, "signal"),
        ({"for_windows": 0}, "for_windows"),
        ({"clear_threshold": 0.9}, "clear_threshold"),
        ({"name": " "}, "name"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_at_its_field(
    desk: Any, wrong: dict[str, Any], field: str
) -> None:
    good = AlertRuleSpec("mine", "feature_drift", "psi", "above", 0.2)
    with pytest.raises(Invalid) as refused:
        desk.monitoring.add_rule("late", dataclasses.replace(good, **wrong))
    assert set(refused.value.fields) == {field}


def test_a_name_is_taken_once_and_what_is_not_there_is_said_so(desk: Any) -> None:
    with pytest.raises(Conflict):
        desk.monitoring.add_rule(
            "late", AlertRuleSpec("drift", "feature_drift", "psi", "above", 0.2)
        )
    with pytest.raises(NotFound):
        desk.monitoring.alert("none")
    with pytest.raises(NotFound):
        desk.monitoring.pause_rule("none")
    with pytest.raises(NotFound):
        desk.monitoring.add_rule("nobody", AlertRuleSpec("x", "feature_drift", "psi", "above", 0.2))
