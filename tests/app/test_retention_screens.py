"""Retention on the page of a deployment: a rule with a reason, and pages without older rows."""

from __future__ import annotations

from datetime import timedelta

from streamlit.testing.v1 import AppTest

from pilothouse.deployments.log_rules.erasure import erase_rows
from pilothouse.deployments.log_rules.rules import LogRules
from pilothouse.pipelines.log_clean_up import clean_up


def shown(page) -> str:
    tiles = [f"{tile.label} {tile.value} {tile.delta}" for tile in page.metric]
    return "\n".join([*(str(each.value) for each in page.markdown), *tiles])


def dialog_script() -> None:
    """The dialog of retention."""
    from pilothouse_app.features.deployments.retention import change_retention

    change_retention("late")


def test_rows_are_kept_for_ever_until_a_rule_is_set(tour, served):
    page = tour("deployment", name="late", deployment_view="Predictions", log_view="Retention")
    assert not page.exception
    assert "Rows are kept For ever" in shown(page)
    assert page.button(key="retention_now").disabled
    dialog = AppTest.from_function(dialog_script, default_timeout=30).run()
    assert dialog.button(key="retention_go").disabled
    assert "kept for ever" in shown(dialog)
    dialog.number_input(key="retention_days").set_value(30)
    dialog.text_input(key="retention_reason").set_value("our policy").run()
    assert "older than 30 days" in shown(dialog)
    dialog.multiselect(key="retention_dropped").set_value(["temp"]).run()
    assert "temp" not in dialog.multiselect(key="retention_hashed").options
    dialog.multiselect(key="retention_hashed").set_value(["carrier"]).run()
    assert "neither monitored nor there for replays" in shown(dialog)
    assert "random sample" not in shown(dialog)
    dialog.number_input(key="retention_share").set_value(10.0).run()
    assert "During a rollout all are logged" in shown(dialog)
    dialog.button(key="retention_go").click().run()
    assert served.deployments.log_rules("late") == LogRules(30, ("temp",), ("carrier",), 0.1)
    page = tour("deployment", name="late", deployment_view="Predictions", log_view="Retention")
    assert "Requests logged 10 %" in shown(page)


def test_pages_say_which_rows_were_deleted(tour, served, clock):
    clock.advance(timedelta(days=10))
    served.deployments.set_log_rules("late", LogRules(1, ("temp",), ("carrier",)))
    served.monitoring.monitor("late", enabled=False)  # nothing waits for an evaluation
    removed = clean_up(served.store, lambda *_: None, deployment="late")
    assert removed["deleted"]["predictions"] > 0
    page = tour("deployment", name="late", deployment_view="Predictions")
    assert not page.exception
    assert "were deleted by retention" in shown(page)
    page = tour("deployment", name="late", deployment_view="Predictions", log_view="Retention")
    assert page.dataframe[0].value["predictions"].iloc[0] == removed["deleted"]["predictions"]
    assert not page.button(key="retention_now").disabled
    window = served.monitoring.windows("late")["id"].iloc[0]
    page = tour("window", id=window)
    assert not page.exception
    assert "Rows of this window were deleted by retention" in shown(page)
    assert page.button(key="window_report").disabled
    assert "temp is not logged; carrier is logged as hashes" in shown(page)


def erasure_script() -> None:
    """The dialog of an erasure."""
    from pilothouse_app.features.deployments.erasure import erase_entity

    erase_entity("late")


def test_an_entity_is_erased_after_its_rows_were_counted(tour, served):
    one = served.deployments.predictions("late")["prediction_id"].iloc[0]
    page = AppTest.from_function(erasure_script, default_timeout=30).run()
    assert page.button(key="erasure_count").disabled
    page.text_input(key="erasure_value").set_value("nobody")
    page.text_input(key="erasure_reason").set_value("asked for by law").run()
    page.button(key="erasure_count").click().run()
    assert "no prediction, label or reward" in shown(page)
    assert page.button(key="erasure_go").disabled
    page.text_input(key="erasure_value").set_value(one).run()
    assert page.button(key="erasure_go").disabled
    page.button(key="erasure_count").click().run()
    assert "**1 prediction**, 1 label and 0 rewards" in shown(page)
    page.button(key="erasure_go").click().run()
    job = served.jobs.active()[0]
    assert one not in str(job.args)
    erase_rows(served.store, lambda *_: None, **dict(job.args), job=job.id)
    page = tour("deployment", name="late", deployment_view="Predictions", log_view="Retention")
    assert not page.exception
    assert list(page.dataframe[0].value["what"]) == ["Erasure"]
    assert one not in set(served.deployments.predictions("late")["prediction_id"])
