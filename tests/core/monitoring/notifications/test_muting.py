"""Silences and inhibition: the alert moves, its notification waits, and the reason can be read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.monitoring.notifications.silences import SilenceSpec

ESTIMATE = "estimated_performance"


def silence(ward: Any, hours: float = 3, **matchers: str) -> str:
    until = ward.clock.now() + timedelta(hours=hours)
    return str(ward.notifications.add_silence(SilenceSpec("maintenance", until, **matchers)))


def test_a_silence_holds_until_its_end_and_then_the_alert_is_notified(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel()
    silence(ward, rule="a*")
    ward.window(performance="fail")
    assert ward.state("auc") == "firing"  # the alert itself moves
    view = ward.notifications.view(ward.alert("auc"))
    assert (view.muted, view.reason) == ("silenced", "silenced by ada: maintenance")
    assert view.until == ward.clock.now() + timedelta(hours=3, seconds=-1)
    ward.later(hours=2.9)
    assert ward.deliver() == []
    ward.later(hours=0.1)
    assert ward.deliver() == ["[warning] churn: auc fires"]
    assert ward.deliver() == []


def test_a_silence_holds_repeats_and_they_follow_it(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel(repeat_hours=1)
    ward.window(performance="fail")
    ward.deliver()
    silence(ward)
    ward.later(hours=2)
    assert ward.deliver() == []
    ward.later(hours=1)
    assert ward.deliver() == ["[warning] churn: auc still fires"]


@pytest.mark.parametrize(
    ("matchers", "is_muted"),
    [
        ({}, True),
        ({"deployment": "ch*"}, True),
        ({"deployment": "fraud"}, False),
        ({"rule": "drift"}, False),
        ({"severity": "warning"}, True),
        ({"severity": "critical"}, False),
        ({"deployment": "churn", "rule": "auc", "severity": "critical"}, False),
    ],
)
def test_a_silence_mutes_what_all_its_matchers_match(
    ward: Any, matchers: dict[str, str], is_muted: bool
) -> None:
    ward.rule("auc", "performance")
    ward.channel()
    silence(ward, **matchers)
    ward.window(performance="fail")
    assert (ward.deliver() == []) == is_muted


def test_a_silence_is_ended_early_by_a_person_and_recorded(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel()
    first = silence(ward)
    ward.window(performance="fail")
    assert ward.notifications.silences()["title"].tolist() == ["*: *"]
    ward.notifications.end_silence(first, "done earlier")
    assert ward.deliver() == ["[warning] churn: auc fires"]
    assert ward.notifications.silences().empty
    assert ward.notifications.silences(ended=True)["ended_by"].tolist() == ["ada"]
    verbs = ward.workspace.activity.entries(kind="silence")["verb"].tolist()
    assert verbs == ["ended", "added"]
    with pytest.raises(Conflict, match="ended already"):
        ward.notifications.end_silence(first)
    with pytest.raises(NotFound):
        ward.notifications.end_silence("absent")


def test_a_silence_needs_a_reason_and_an_end_to_come(ward: Any) -> None:
    with pytest.raises(Invalid) as refused:
        ward.notifications.add_silence(SilenceSpec("", ward.clock.now(), rule=" "))
    assert set(refused.value.fields) == {"reason", "until", "rule"}


def test_a_silenced_end_is_notified_after_the_silence(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.channel()
    ward.window(performance="fail")
    ward.deliver()
    silence(ward)
    ward.window(performance="ok")
    assert ward.deliver() == []
    ward.later(hours=3)
    assert ward.deliver() == ["[resolved] churn: auc is resolved"]


def test_one_cause_is_one_notification(ward: Any) -> None:
    ward.rule("auc", "performance", severity="critical")
    ward.rule("columns", "feature_drift")
    ward.channel()
    ward.window(performance="fail", feature_drift="fail")
    assert ward.deliver() == ["[critical] churn: auc fires"]
    assert "Same cause: columns" in ward.outbox[0].body
    view = ward.notifications.view(ward.alert("columns"))
    assert view.muted == "inhibited"
    assert view.reason == "one cause: the alert auc is about the same windows"
    assert ward.state("columns") == "firing"


def test_a_cause_mutes_nothing_where_nobody_hears_of_it(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.rule("columns", "feature_drift", severity="critical")
    ward.channel("on-call", severities=("critical",))
    ward.channel("team", severities=("warning", "critical"))
    ward.window(performance="fail", feature_drift="fail")
    assert sorted(ward.deliver()) == [
        "[critical] churn: columns fires",
        "[warning] churn: auc fires",
    ]
    sent = {r.title: ward.notifications.channel(r.channel_id).name for r in ward.outbox}
    assert sent["[critical] churn: columns fires"] == "on-call"
    assert sent["[warning] churn: auc fires"] == "team"


def test_a_cause_that_is_silenced_is_heard_of_after_the_silence(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.rule("columns", "feature_drift")
    ward.channel()
    silence(ward, rule="auc")
    ward.window(performance="fail", feature_drift="fail")
    assert ward.deliver() == []
    ward.later(hours=3)
    assert ward.deliver() == ["[warning] churn: auc fires"]


def test_one_absent_input_explains_no_drift_of_the_others(ward: Any) -> None:
    ward.rule("columns", "feature_drift")
    ward.rule("inputs", "data_quality", check="absent_inputs", threshold=0.0)
    ward.channel()
    ward.window(data_quality="warn", feature_drift="fail")
    assert ward.deliver() == ["[warning] churn: 2 alerts fire"]


@pytest.mark.parametrize("rows", [0, 1000])
def test_broken_data_that_no_rule_watches_do_not_hide_a_new_alert(ward: Any, rows: int) -> None:
    ward.rule("columns", "feature_drift", for_windows=2)
    ward.channel()
    ward.window(feature_drift="fail")
    ward.window(rows=rows, feature_drift="fail", schema="ok" if not rows else "fail")
    assert ward.notifications.view(ward.alert("columns")).muted == "inhibited"
    assert ward.deliver() == ["[warning] churn: columns fires"]


def test_drift_that_outlasts_its_cause_is_notified(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.rule("columns", "feature_drift")
    ward.channel(severities=("info", "warning"))
    ward.window(performance="fail", feature_drift="fail")
    ward.deliver()
    ward.window(performance="ok", feature_drift="fail")
    both = ["[info] churn: columns fires", "[resolved] churn: auc is resolved"]
    assert sorted(ward.deliver()) == both


def test_performance_of_other_windows_mutes_no_drift(ward: Any) -> None:
    ward.rule("auc", "performance")
    ward.rule("columns", "feature_drift")
    ward.channel()
    ward.window(performance="fail")
    ward.deliver()
    ward.window(feature_drift="fail")
    assert ward.deliver() == ["[warning] churn: columns fires"]


@pytest.mark.parametrize("broken", ["no rows", "schema"])
def test_missing_or_broken_data_mute_drift(ward: Any, broken: str) -> None:
    ward.rule("columns", "feature_drift")
    ward.channel(repeat_hours=1)
    ward.window(feature_drift="fail")
    ward.deliver()
    ward.window(rows=0) if broken == "no rows" else ward.window(schema="fail")
    ward.later(hours=2)
    assert ward.deliver() == []
    view = ward.notifications.view(ward.alert("columns"))
    assert view.muted == "inhibited"
    assert ("no rows came" if broken == "no rows" else "the schema is broken") in view.reason
    ward.window(feature_drift="fail")
    assert ward.deliver() == ["[warning] churn: columns still fires"]


@pytest.mark.parametrize("check", ["absent_inputs", "type_change"])
def test_an_alert_on_a_broken_schema_mutes_drift(ward: Any, check: str) -> None:
    ward.rule("columns", "feature_drift")
    ward.rule("inputs", "data_quality", check=check)
    ward.channel()
    ward.window(data_quality="fail", feature_drift="fail")
    assert ward.deliver() == ["[warning] churn: inputs fires"]
    assert "Same cause: columns" in ward.outbox[0].body
    assert ward.notifications.view(ward.alert("columns")).muted == "inhibited"
    ward.window(data_quality="ok", feature_drift="fail")
    assert sorted(ward.deliver()) == [
        *("[resolved] churn: inputs is resolved", "[warning] churn: columns fires")
    ]


def test_other_checks_of_data_quality_mute_no_drift(ward: Any) -> None:
    ward.rule("columns", "feature_drift")
    ward.rule("gaps", "data_quality", check="missing")
    ward.channel()
    ward.window(data_quality="fail", feature_drift="fail")
    assert ward.deliver() == ["[warning] churn: 2 alerts fire"]


def test_labels_mute_the_estimate_of_the_same_window(ward: Any) -> None:
    ward.rule("estimate", ESTIMATE)
    ward.channel()
    ward.window(**{ESTIMATE: "fail", "performance": "ok"})
    assert ward.deliver() == []  # the rule reads what the labels show
    ward.window(**{ESTIMATE: "fail", "performance": "fail"})
    assert ward.deliver() == []
    assert "labels have come" in ward.notifications.view(ward.alert("estimate")).reason
    ward.window(**{ESTIMATE: "fail", "performance": "insufficient"})
    assert ward.deliver() == ["[warning] churn: estimate fires"]


def test_drift_without_a_loss_informs_and_wakes_nobody(ward: Any) -> None:
    ward.rule("columns", "feature_drift", severity="critical")
    ward.channel("default")
    ward.channel("everything", severities=("info",))
    ward.window(feature_drift="fail", performance="ok")
    assert ward.deliver() == ["[info] churn: columns fires"]
    assert "the rule says critical; no loss of performance is known" in ward.outbox[0].body
    ward.window(**{"feature_drift": "fail", ESTIMATE: "fail"})
    assert ward.deliver() == ["[critical] churn: columns fires"]  # now it hurts: by the estimate


def test_information_that_becomes_critical_is_sent_again(ward: Any) -> None:
    ward.rule("columns", "feature_drift", severity="critical")
    ward.channel("everything", severities=("info", "warning", "critical"))
    ward.window(feature_drift="fail", performance="ok")
    assert ward.deliver() == ["[info] churn: columns fires"]
    ward.window(**{"feature_drift": "fail", ESTIMATE: "fail"})
    assert ward.deliver() == ["[critical] churn: columns is more severe now"]
    assert ward.outbox[-1].kind == "escalated"
    ward.window(feature_drift="fail", performance="ok")
    ward.window(**{"feature_drift": "fail", ESTIMATE: "fail"})
    assert ward.deliver() == []  # it has been sent as critical


def test_an_alert_that_never_fired_is_not_listed_as_resolved(ward: Any) -> None:
    ward.rule("auc", "performance", for_windows=2)
    ward.window(performance="fail")
    assert ward.notifications.inbox()["state"].tolist() == ["pending"]
    ward.window(performance="ok")
    assert ward.workspace.monitoring.alerts("never_fired")["state"].tolist() == ["resolved"]
    assert ward.notifications.inbox().empty
    assert ward.notifications.inbox("resolved").empty


def test_the_inbox_reads_the_newest_alerts_that_have_ended(ward: Any) -> None:
    ward.rule("auc", "performance")
    for _ in range(3):
        ward.window(performance="fail")
        ward.window(performance="ok")
    ward.window(performance="fail")
    inbox = ward.notifications.inbox(resolved=2)
    assert inbox["show"].tolist() == ["open", "resolved", "resolved"]
    ended = ward.workspace.monitoring.alerts("resolved")
    assert inbox["id"].tolist()[1:] == ended["id"].tolist()[:2]
    assert len(ward.notifications.inbox("resolved")) == 3
    assert len(ward.notifications.inbox("open", resolved=0)) == 1


def test_the_inbox_is_by_deployment_with_the_most_severe_first(ward: Any) -> None:
    ward.rule("columns", "feature_drift")
    ward.rule("auc", "performance", severity="critical")
    ward.rule("missing", "data_quality")
    ward.window(performance="fail", feature_drift="fail", data_quality="fail")
    ward.window(data_quality="ok")
    ward.window(performance="fail", feature_drift="fail", data_quality="fail")
    inbox = ward.notifications.inbox()
    pairs = list(inbox[["name", "show"]].itertuples(index=False, name=None))
    assert pairs == [
        ("auc", "open"), ("missing", "open"), ("columns", "muted"), ("missing", "resolved")
    ]  # fmt: skip
    ward.workspace.monitoring.acknowledge(ward.alert("auc"))
    acknowledged = ward.notifications.inbox("acknowledged", deployment="churn")
    assert acknowledged["acknowledged_by"].tolist() == ["ada"]
    assert ward.notifications.inbox("muted")["name"].tolist() == ["columns"]
    assert ward.notifications.inbox(deployment="fraud").empty
    with pytest.raises(Invalid, match="no part"):
        ward.notifications.inbox("loud")
