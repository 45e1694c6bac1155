"""Monitoring: windows, drift, alerts, rules, reports."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from harness.task_windows import CASES, NAME, begin, draw
from pilothouse.monitoring.notifications.channels import ChannelSpec
from pilothouse.monitoring.notifications.silences import SilenceSpec
from pilothouse.monitoring.skew.skew_report import (
    ColumnShift,
    ColumnSkew,
    FirstRequests,
    ServedValues,
    SkewReport,
    ValueAges,
)
from pilothouse.monitoring.window_selection import ALL, WindowSelection
from pilothouse.monitoring.windows import WindowScheme, span_text
from pilothouse.workspace import Workspace
from pilothouse_app.components.formats import DASH, share
from pilothouse_app.components.table import table_key
from pilothouse_app.features.monitoring.alerts import alert_sentence


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


def buttons(page) -> list[str]:
    return [each.label for each in page.button]


def tick(page: AppTest, table: str, row: str) -> None:
    """Tick the only row of a table."""
    key = table_key(table, [row])
    page.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    page.run()


@pytest.fixture
def window(served: Workspace) -> str:
    return str(served.monitoring.windows("late")["id"].iloc[-1])


@pytest.fixture
def alert(served: Workspace) -> str:
    return str(served.monitoring.alerts("firing")["id"].iloc[0])


def test_without_a_deployment_there_is_nothing_to_monitor(visit):
    page = visit("monitoring")
    assert not page.exception
    assert "Nothing is monitored yet" in shown(page)


def test_the_overview_has_the_newest_figures_and_four_courses(tour):
    page = tour("monitoring")
    assert not page.exception
    figures = {each.label: each.value for each in page.metric}
    assert figures["Newest window"] == "18 Mar"
    assert figures["Drifted columns"] == "1 of 4"
    assert len(page.get("plotly_chart")) == 4


@pytest.mark.parametrize("view", ["Drift", "Windows", "Alerts", "Rules", "Settings"])
def test_each_view_is_drawn(tour, view):
    page = tour("monitoring", monitoring_view=view)
    assert not page.exception
    assert not page.error
    assert page.dataframe


def test_skew_is_measured_and_drawn(tour, served, window, monkeypatch):
    page = tour("monitoring", monitoring_view="Skew")
    assert "The skew has not been measured" in shown(page)
    assert "No skew was measured in this window" in shown(
        tour("window", id=window, window_view="Skew")
    )
    page = AppTest.from_function(skew_dialog, default_timeout=30).run()
    page.selectbox(key="skew_key").set_value("prediction_id").run()
    page.button(key="skew_go").click().run()
    assert not page.exception
    [job] = [job for job in served.jobs.active() if job.kind == "measure_skew"]
    assert job.args["key"] == "prediction_id"
    served.jobs.cancel(job.id)

    temp = ColumnSkew(
        "temp", 400, 100, 3, 1, 9.0, 90.0, 0, "x1000?",
        ({"prediction_id": "p1", "at": "2026-03-01T10:00:00+00:00", "served": 9, "expected": 1},),
    )  # fmt: skip
    columns = (temp, ColumnSkew("hour", 400, 0))
    ages = ValueAges(400, 60.0, 900.0)
    values = ServedValues("feature store drivers, service s", "", 500, 400, columns, ages)
    shift = ColumnShift("hour", "warn", "psi", 0.2, 0.25, 0.0, 0.5, "", ("half is missing",))
    first = FirstRequests("flights@1", "", 2_000, 6_000, (shift,))
    report = SkewReport("late", "late", 1, datetime(2026, 3, 1, 9, tzinfo=UTC), values, first)
    monkeypatch.setattr(type(served.monitoring), "skew", lambda *_: report)
    monkeypatch.setattr(type(served.monitoring), "window_skew", lambda *_: values)
    page = tour("monitoring", monitoring_view="Skew")
    assert not page.exception
    served_values, examples, requests = (frame.value for frame in page.dataframe)
    assert served_values.loc[0, ["differ", "median", "advice"]].tolist() == [
        *(f"{share(0.25)} (100)", "9"),
        "x1000? Send it in the unit that the model was trained with.",
    ]
    assert examples.loc[0, ["served", "expected"]].tolist() == ["9", "1"]
    assert requests.loc[0, ["missing", "findings"]].tolist() == [
        *(f"{share(0.0)}, {share(0.5)}", "half is missing"),
    ]
    page = tour("window", id=window, window_view="Skew")
    assert not page.exception
    assert len(page.dataframe) == 2


def test_segments_and_fairness_are_declared_and_drawn(tour, served, window):
    assert "No segments and no groups are declared" in shown(
        tour("monitoring", monitoring_view="Segments")
    )
    page = AppTest.from_function(settings_dialog, default_timeout=30).run()
    page.multiselect(key="settings_segment_columns").set_value(["carrier", "temp"]).run()
    page.multiselect(key="settings_fairness_columns").set_value(["carrier"]).run()
    page.button(key="settings_go").click().run()
    config = served.monitoring.monitor_info("late").config
    assert (config.segment_columns, config.fairness_columns) == (("carrier", "temp"), ("carrier",))
    info = served.monitoring.window(window)
    served.monitoring.evaluate("late", info.start, info.end)
    page = tour("window", id=window, window_view="Segments")
    segments, fairness = (frame.value for frame in page.dataframe)
    assert {"carrier = AA", "carrier = DL", "carrier = UA"} <= set(segments["column"])
    assert {"Selection rate, difference", "Selection rate, ratio"} <= set(fairness["check"])
    page = tour("monitoring", monitoring_view="Segments")
    assert not page.exception
    assert len(page.get("plotly_chart")) >= 3
    page = tour("monitoring", monitoring_view="Rules")
    page.button(key="rule_add").click().run()
    assert "ROC AUC of any segment" in page.selectbox(key="rule_what").options


def test_rules_are_exported_for_prometheus_and_grafana(tour):
    page = tour("monitoring", monitoring_view="Rules")
    for key, label in (
        ("prometheus", "Rules for Prometheus"),
        ("grafana", "Dashboard for Grafana"),
    ):
        assert page.download_button(key=f"rule_export_{key}").label == label


def check_dialog() -> None:
    """The dialog open at every run, as a browser keeps it open."""
    from pilothouse_app.features.monitoring.custom import edit_check

    edit_check("late")


def test_a_custom_check_is_tried_saved_and_removed(tour, served):
    page = tour("monitoring", monitoring_view="Checks")
    assert "No custom checks" in shown(page)
    page = AppTest.from_function(check_dialog, default_timeout=60).run()
    page.text_input(key="check_name").set_value("unlabelled").run()
    page.button(key="check_try").click().run()
    assert not page.exception
    assert "of 400 rows" in shown(page)
    page.button(key="check_go").click().run()
    spec = served.monitoring.check("late", "unlabelled").spec
    assert (spec.language, spec.warn, spec.fail) == ("sql", 0.1, 0.2)
    page = tour("monitoring", monitoring_view="Checks")
    assert page.dataframe[0].value["title"].tolist() == ["unlabelled"]


def test_the_column_that_moved_leads_the_ranking(tour, window):
    page = tour("window", id=window)
    assert not page.exception
    assert page.dataframe[0].value["title"].iloc[0] == "temp"
    assert page.get("plotly_chart")


@pytest.mark.parametrize("view", ["Performance", "Segments", "Requests", "Results", "Reports"])
def test_each_view_of_a_window_is_drawn(tour, window, view):
    page = tour("window", id=window, window_view=view)
    assert not page.exception
    assert not page.error


@pytest.mark.parametrize("path", ["window", "monitoring"])
def test_a_page_is_downloaded_and_made_only_then(tour, window, served, monkeypatch, path):
    def refuse(*_args):
        raise AssertionError("the page was made before anybody asked for it")

    for name in ("window_page", "period_page"):
        monkeypatch.setattr(type(served.monitoring), name, refuse)
    page = tour(path, id=window) if path == "window" else tour(path, monitoring_view="Windows")
    assert not page.exception
    (button,) = page.get("download_button")
    assert button.label == "Download page"


def test_the_downloaded_pages_are_those_of_the_screen(served, window):
    windows = served.monitoring.windows("late")
    start, end = windows["start"].min(), windows["end"].max()
    span = span_text(*windows[["start", "end"]].iloc[-1])
    assert f"<h1>late, {span}</h1>".encode() in served.monitoring.window_page(window)
    page = served.monitoring.period_page("late", start.to_pydatetime(), end.to_pydatetime())
    assert f"<h1>late, {span_text(start, end)}</h1>".encode() in page


def test_results_are_filtered_by_the_address(tour, window):
    page = tour("window", id=window, window_view="Results", window_signal="Performance")
    assert "ROC AUC" in list(page.dataframe[0].value["check"])
    assert "PSI" not in list(page.dataframe[0].value["check"])


def test_alerts_are_filtered_by_the_address(tour):
    page = tour("monitoring", monitoring_view="Alerts", alerts_state="Acknowledged")
    assert "No alerts match" in shown(page)


def test_the_inbox_says_who_handles_an_alert_and_what_mutes_it(tour, served, alert):
    served.monitoring.acknowledge(alert, "seen")
    rows = tour("monitoring", monitoring_view="Alerts").dataframe[0].value
    assert "acknowledged by ada" in list(rows["note"])
    until = served.store.now() + timedelta(hours=1)
    served.notifications.add_silence(SilenceSpec("sensor", until))
    page = tour("monitoring", monitoring_view="Alerts", alerts_state="Muted")
    assert "Silenced by ada: sensor" in list(page.dataframe[0].value["note"])
    page = tour("alert", id=alert)
    (info,) = page.info
    assert info.value.replace("\\", "") == "Silenced by ada: sensor. Until 1 Mar 2026, 13:00 UTC."


def test_a_silence_begins_with_the_alert_and_asks_for_a_reason(tour, served, alert):
    page = tour("alert", id=alert)
    page.button(key="silence_add").click().run()
    assert not page.exception
    fields = [page.text_input(key=f"silence_{name}").value for name in ("deployment", "rule")]
    assert fields == ["late", served.monitoring.alert(alert).name]
    assert page.button(key="silence_go").disabled


def test_a_channel_is_tested_and_its_deliveries_are_listed(tour, served, alert):
    page = tour("monitoring", monitoring_view="Notifications")
    assert "Nobody is notified yet" in shown(page)
    page.button(key="no_channels_action").click().run()
    assert page.button(key="channel_go").disabled
    address = "json://alerts.example.org/secret-token"
    channel = served.notifications.add_channel(ChannelSpec("on-call", address))

    page = tour("monitoring", monitoring_view="Notifications")
    tick(page, "channels", channel)
    assert {"Send a test", "Edit", "Pause", "Remove"} <= set(buttons(page))
    page.button(key="channel_test").click().run()
    assert not page.exception
    assert list(page.dataframe[-1].value["title"]) == ["[test] Pilothouse"]
    assert not any("secret-token" in frame.value.to_string() for frame in page.dataframe)
    page.button(key="channel_edit").click().run()
    assert page.text_input(key="channel_address").value == ""
    assert page.text_input(key="channel_name").value == "on-call"


def test_without_apprise_the_form_says_what_to_install(tour, monkeypatch):
    monkeypatch.setattr("pilothouse.monitoring.notifications.channels.find_spec", lambda _: None)
    page = tour("monitoring", monitoring_view="Notifications")
    page.button(key="no_channels_action").click().run()
    assert "pilothouse[notify]" in page.error[0].value.replace("\\", "")
    assert "channel_go" not in {button.key for button in page.button}


def test_silences_that_hold_are_listed_and_can_be_ended(tour, served):
    until = served.store.now() + timedelta(hours=1)
    silence = served.notifications.add_silence(SilenceSpec("sensor", until, deployment="late"))
    page = tour("monitoring", monitoring_view="Notifications")
    tick(page, "silences", silence)
    assert list(page.dataframe[0].value["reason"]) == ["sensor"]
    page.button(key="silence_end").click().run()
    assert "notified at once" in shown(page)


def test_a_firing_alert_can_be_acknowledged_and_resolved(tour, served, alert):
    page = tour("alert", id=alert)
    assert not page.exception
    assert {"Acknowledge", "Resolve"} <= set(buttons(page))
    assert "share of drifted columns was" in shown(page)
    served.monitoring.acknowledge(alert, "seen")
    assert "Acknowledge" not in buttons(tour("alert", id=alert))
    served.monitoring.resolve(alert, "done")
    assert "Resolve" not in buttons(tour("alert", id=alert))


def test_an_alert_says_what_changed_and_shows_it(tour, served, alert):
    page = tour("alert", id=alert)
    explanation = served.monitoring.explain(alert)
    text = shown(page).replace("\\", "")
    for sentence in explanation.sentences:
        assert sentence in text
    ranked = page.dataframe[0].value
    assert ranked["title"].iloc[0] == explanation.columns[0].column == "temp"
    assert re.search(r"Mean: \d+\.\d+ → 2\d\.\d+", text)
    assert "No deployment, data version, promotion or retraining." in shown(page)
    assert len(page.get("plotly_chart")) == 2  # both distributions, and the timeline
    assert "Drift report" in buttons(page)


def retrain_dialog(alert: str) -> None:
    """The dialog open at every run, as a browser keeps it open."""
    from pilothouse_app.features.pipelines import start

    start._retrain("late", alert)


def test_a_retraining_acknowledges_the_alert_that_asked_for_it(tour, served, alert, monkeypatch):
    monkeypatch.setattr(type(served.pipelines), "reason_not_retrained", lambda *_: "")
    monkeypatch.setattr("pilothouse_app.features.pipelines.start.go", lambda _to: None)
    page = AppTest.from_function(retrain_dialog, args=(alert,), default_timeout=30).run()
    assert page.checkbox(key="retrain_acknowledges").value
    page.text_input(key="retrain_why").set_value("temp has changed").run()
    page.button(key="retrain_go").click().run()
    assert not page.exception
    assert served.monitoring.alert(alert).state == "acknowledged"
    assert served.monitoring.alert_events(alert)["note"].iloc[-1] == "temp has changed"
    assert list(served.jobs.jobs()["kind"]) == ["retrain"]


def test_the_page_of_an_alert_outlives_its_windows(tour, served, alert):
    served.monitoring.resolve(alert, "done")
    first = served.monitoring.alert(alert).first_window
    served.monitoring.remove_window(first, "wrong event times")
    assert served.monitoring.alert(alert).last_window != first
    page = tour("alert", id=alert)
    assert not page.exception
    assert not page.error
    assert page.get("plotly_chart")
    served.monitoring.remove_window(served.monitoring.alert(alert).last_window, "wrong too")
    page = tour("alert", id=alert)
    assert not page.error
    assert "was removed" in shown(page)


def test_a_rule_in_the_address_can_be_paused(tour, served):
    rule = str(served.monitoring.rules("late")["id"].iloc[0])
    page = tour("monitoring", rule=rule)
    assert not page.exception
    assert "Pause" in buttons(page)


def test_a_report_shows_its_making_then_its_page(tour, served, window, monkeypatch):
    report = served.monitoring.request_report(window)
    page = tour("report", id=report)
    assert not page.exception
    assert "appears here" in shown(page)
    kind = type(served.monitoring)
    ready = served.monitoring.report(report)
    made = {**ready.__dict__, "digest": "d" * 64, "status": "ready", "bytes": 4_500_000}
    monkeypatch.setattr(kind, "report", lambda _self, _report: type(ready)(**made))
    page = tour("report", id=report)
    assert not page.exception
    assert "4.5 MB" in shown(page)


def test_removing_a_window_asks_for_a_reason(tour, window):
    page = tour("window", id=window)
    page.button(key="window_remove").click().run()
    assert "comes back only when it is evaluated manually" in shown(page)
    assert page.button(key="confirm_go").disabled


def test_evaluation_is_a_job(tour, served):
    tour("monitoring").button(key="evaluate").click().run()
    assert list(served.jobs.jobs()["kind"]) == ["evaluate_windows"]


@pytest.mark.parametrize("path", ["window", "alert", "report"])
def test_a_page_without_an_object_asks_which(tour, path):
    assert f"Which {path}?" in shown(tour(path))
    assert tour(path, id="nothing").error


@pytest.mark.parametrize(
    ("days", "words"), [(7, "25 Feb to 3 Mar 2013"), (1, "25 Feb 2013"), (3, "25 to 27 Feb 2013")]
)
def test_a_window_is_named_by_its_days(days, words):
    start = datetime(2013, 2, 25, tzinfo=UTC)
    assert span_text(start, start + timedelta(days=days)) == words


def test_raw_keys_become_words():
    assert alert_sentence("roc_auc was 0.6") == "ROC AUC was 0.6"


def test_a_deployment_that_nobody_monitors_can_be_monitored(tour, served):
    served.deployments.launch("other", "late", 2, "to compare")
    page = tour("monitoring", monitoring_deployment="other")
    assert not page.exception
    page.button(key="not_monitored_action").click().run()
    assert served.monitoring.monitor_info("other").config.period == "week"


@pytest.mark.parametrize("task", [name for name in CASES if name != "ranking"])
def test_windows_of_every_task_are_drawn(tour, served, clock, task):
    deployed = begin(served.store, clock, task)
    deployed.give_run(draw(task, 1))
    window = deployed.week(0, draw(task, 2))["window"]
    for view in ("Overview", "Drift", "Windows", "Settings"):
        page = tour("monitoring", monitoring_deployment=NAME, monitoring_view=view)
        assert not page.exception, view
        assert not page.error, view
    for view in ("Drift", "Performance", "Results"):
        page = tour("window", id=window, window_view=view)
        assert not page.exception, view
        assert not page.error, view
    home = tour("")
    assert not home.exception
    assert not home.error


def test_a_window_of_numbers_has_its_unit_tolerances_and_charts(tour, served, clock):
    deployed = begin(served.store, clock, "regression")
    deployed.give_run(draw("regression", 1))
    window = deployed.week(0, draw("regression", 2))["window"]
    page = tour("window", id=window, window_view="Performance")
    assert {each.label: each.value for each in page.metric}["Mean absolute error"].endswith("USD")
    rows = page.dataframe[0].value.set_index("title")
    assert rows.loc["Mean absolute error", ["better", "tolerance"]].tolist() == [
        *("lower", "25 % of the reference")
    ]
    assert rows.loc["R²", "better"] == "higher"
    assert len(page.get("plotly_chart")) >= 3
    assert "held-out rows" in shown(page)


def test_a_window_shows_estimates_and_how_far_off_they_are(tour, served, clock):
    deployed = begin(served.store, clock, "regression")
    deployed.give_run(draw("regression", 1))
    window = deployed.week(0, draw("regression", 2))["window"]
    page = tour("window", id=window, window_view="Performance")
    rows = page.dataframe[1].value.set_index("title")
    assert rows.index.tolist() == ["Mean absolute error", "Root mean squared error"]
    assert rows["score"].str.endswith("USD").all()
    assert (rows["observed"] != DASH).all()
    assert rows["gap"].str.match(r"[+-]\d").all()
    assert "by DLE" in shown(page)

    unlabelled = deployed.week(1, draw("regression", 3), labelled=False)["window"]
    page = tour("window", id=unlabelled, window_view="Performance")
    tile = next(each for each in page.metric if each.label == "Mean absolute error")
    assert tile.value.endswith("USD")
    rows = page.dataframe[1].value
    assert rows["gap"].tolist() == ["", ""]


def test_the_first_answers_as_a_reference_are_said_to_be_it(tour, served, clock):
    deployed = begin(served.store, clock, "regression")
    window = deployed.week(0, draw("regression", 2))["window"]
    page = tour("window", id=window, window_view="Performance")
    assert "its reference is the first 2,000 predictions" in shown(page)


def skew_dialog() -> None:
    """The dialog open at every run."""
    from pilothouse_app.features.monitoring.skew import measure

    measure("late")


def settings_dialog() -> None:
    """The dialog open at every run, as a browser keeps it open."""
    from pilothouse_app.features.monitoring.settings import change_settings

    change_settings("late")


def test_settings_are_changed_in_a_form(tour, served):
    page = AppTest.from_function(settings_dialog, default_timeout=30).run()
    page.number_input(key="settings_min_rows").set_value(321).run()
    page.number_input(key="settings_tolerance_accuracy").set_value(0.2).run()
    page.selectbox(key="settings_period").set_value("hour")
    page.selectbox(key="settings_zone").set_value("Europe/Paris")
    page.number_input(key="settings_evaluate_after").set_value(2.0).run()
    page.button(key="settings_go").click().run()
    assert not page.exception
    config = served.monitoring.monitor_info("late").config
    assert (config.min_rows, config.tolerances) == (321, {"accuracy": 0.2})
    assert (config.scheme, config.evaluate_after) == (WindowScheme("hour", "Europe/Paris"), 2)
    assert config.give_up_after is None
    assert "Hour (Europe/Paris)" in shown(tour("monitoring", monitoring_view="Settings"))


def counts(page: AppTest) -> dict[str, list[int]]:
    rows = next(each.value for each in page.dataframe if "tried" in each.value)
    return {row["title"]: [row["now"], row["tried"]] for row in rows.to_dict("records")}


def replay_field(page: AppTest, kind: str, part: str):
    """The field of a replay by a part of its key, which also holds the value in force."""
    return next(each for each in getattr(page, kind) if each.key and part in each.key)


def test_settings_are_tried_on_history_and_used(tour, served):
    page = tour("monitoring", monitoring_view="Settings")
    assert not page.exception
    assert not page.error
    assert page.button(key="replay_use").disabled
    before = counts(page)
    assert before["Alerts that fired"][0] == before["Alerts that fired"][1] == 1
    rule = served.monitoring.alert(served.monitoring.alerts("firing")["id"].iloc[0]).name
    replay_field(page, "toggle", f"replay_{rule}").set_value(False).run()
    replay_field(page, "number_input", "replay_min_rows").set_value(333).run()
    assert not page.exception
    assert counts(page)["Alerts that fired"] == [1, 0]
    assert len(served.monitoring.alerts("firing")) == 1

    page.button(key="replay_use").click().run()
    assert not page.exception
    assert "evaluated from now on" in shown(page)


def use_settings() -> None:
    from pilothouse_app.features.monitoring.replay import use

    rules = [
        {"name": "drift", "threshold": 0.3, "clear_threshold": 0.24, "for_windows": 1},
        {"name": "performance", "enabled": False},
    ]
    use("late", {"min_rows": 333}, rules, "tried on history")


def test_what_was_tried_is_what_is_used(tour, served):
    page = AppTest.from_function(use_settings, default_timeout=30).run()
    assert not page.exception
    assert served.monitoring.monitor_info("late").config.min_rows == 333
    rules = served.monitoring.rules("late").set_index("name")
    assert rules.loc["drift", ["threshold", "clear_threshold", "for_windows"]].tolist() == [
        *(0.3, 0.24, 1)
    ]
    assert not rules.loc["performance", "enabled"]


def test_a_long_history_is_drawn_and_listed_in_parts(tour, served, monkeypatch):
    monkeypatch.setattr("pilothouse_app.features.monitoring.selection.MOST", 1)
    monkeypatch.setattr("pilothouse_app.screens.monitoring.PAGE", 1)
    total = served.monitoring.window_count("late")
    assert total > 1
    asked = []
    read = served.monitoring.__class__.trend
    monkeypatch.setattr(
        served.monitoring.__class__,
        "trend",
        lambda self, *of, selection=ALL, **how: (
            asked.append(selection) or read(self, *of, selection=selection, **how)
        ),
    )
    page = tour("monitoring", monitoring_view="Drift")
    assert not page.exception
    assert set(asked) == {WindowSelection(1)}
    page = tour("monitoring", monitoring_view="Drift", monitoring_part="Whole time")
    assert not page.exception
    assert asked[-1].worst_of == "month"
    page = tour("monitoring", monitoring_view="Windows")
    assert len(page.dataframe[0].value) == 1
    page = tour("monitoring", monitoring_view="Windows", monitoring_page="2")
    assert page.dataframe[0].value["span"].tolist() != []


def test_windows_of_a_number_of_predictions_are_chosen_in_the_form(tour, served):
    page = AppTest.from_function(settings_dialog, default_timeout=30).run()
    page.selectbox(key="settings_period").set_value("prediction").run()
    assert not page.exception
    assert [each.key for each in page.number_input if "window" in str(each.key)] == [
        "settings_window_size"
    ]
    page.number_input(key="settings_window_size").set_value(500).run()
    page.button(key="settings_go").click().run()
    config = served.monitoring.monitor_info("late").config
    assert (config.period, config.window_length, config.window_step) == ("prediction", 500, 500)
    assert "500 predictions" in shown(tour("monitoring", monitoring_view="Settings"))
