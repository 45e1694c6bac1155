"""From the red tile on Home to the column that caused an alert, its report and a retraining."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from pilothouse.monitoring.alert_rules import AlertRuleSpec

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]
MAX_CLICKS, REPORT_MS = 6, 120_000
COUNT_CLICKS = """addEventListener('click', event => {
  if (event.isTrusted) sessionStorage.clicks = Number(sessionStorage.clicks ?? 0) + 1;
}, true)"""


@pytest.fixture
def firing(voyage: Any) -> Iterator[str]:
    """An alert on the newest window, whose model is worse; one bad window is enough for it."""
    monitoring = voyage.workspace.monitoring
    newest = monitoring.windows("flights-late").iloc[-1]
    impatient = AlertRuleSpec(
        name="one bad week",
        signal="performance",
        check="primary",
        condition="worse_than_tolerated",
        threshold=1.0,
        for_windows=1,
        severity="critical",
    )
    rule = monitoring.add_rule("flights-late", impatient)
    monitoring.monitor("flights-late", min_rows=199)  # other settings make it due
    monitoring.evaluate("flights-late", newest["start"], newest["end"])
    alerts = monitoring.alerts("firing")
    yield str(alerts[alerts["name"] == "one bad week"]["id"].item())
    monitoring.pause_rule(rule)
    monitoring.monitor("flights-late", min_rows=200)


def test_six_clicks_from_the_red_tile_to_the_retraining(
    visitor: Any, voyage: Any, firing: str
) -> None:
    monitoring, jobs = voyage.workspace.monitoring, voyage.workspace.jobs
    alerts = monitoring.alerts()
    still_open = alerts[alerts["state"] != "resolved"]
    alert = monitoring.alert(firing)
    explanation = monitoring.explain(alert.id)
    visitor.page.add_init_script(COUNT_CLICKS)
    visitor.open("/")

    visitor.page.get_by_role("link", name=f"Open alerts: {len(still_open)}").click()
    if len(still_open) > 1:
        visitor.titled("Monitoring")
        visitor.table("Alerts").open(0)  # those that fire come first
    visitor.titled(re.compile(alert.deployment))
    assert visitor.param("id") == alert.id

    cause = explanation.columns[0].column
    expect(visitor.page.get_by_text(explanation.sentences[0])).to_be_visible()
    expect(visitor.page.get_by_text(explanation.sentences[1])).to_be_visible()
    assert visitor.table("Columns by harm").rows()[0]["Column"] == cause
    chart = f"Shares of {cause} in the reference and in this window"
    expect(visitor.named(chart)).to_be_visible()
    assert visitor.faults() == []

    visitor.press("Drift report")
    visitor.titled("Drift report")
    report = visitor.page.frame_locator("iframe").locator("body")
    expect(report).to_contain_text("Drift", timeout=REPORT_MS)  # a job makes it
    visitor.page.go_back()
    visitor.titled(re.compile(alert.deployment))

    visitor.press("Retrain")
    dialog = visitor.dialog("Retrain")
    dialog.get_by_role("textbox", name="Reason").fill(f"{cause} has changed")
    visitor.press("Retrain", within=dialog)
    visitor.toast("Retraining started")
    expect(visitor.page).to_have_url(re.compile(r"/job\?id="))
    clicks = int(visitor.page.evaluate("sessionStorage.clicks")) + 1  # and one press on Back
    assert clicks <= MAX_CLICKS

    assert jobs.job(visitor.param("id")).kind == "retrain"
    acknowledged = monitoring.alert(alert.id)
    assert acknowledged.state == "acknowledged"
    assert monitoring.alert_events(alert.id)["note"].iloc[-1] == f"{cause} has changed"
    jobs.cancel(visitor.param("id"))  # other journeys count what waits for a decision


def test_the_page_of_an_alert_has_no_barriers(visitor: Any, voyage: Any) -> None:
    alert = str(voyage.workspace.monitoring.alerts()["id"].iloc[0])
    visitor.open(f"/alert?id={alert}")
    assert visitor.barriers() == []
    visitor.open("/")
    assert visitor.barriers() == []
