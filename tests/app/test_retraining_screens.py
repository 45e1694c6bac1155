"""The retraining view of a deployment: policy, form, the request that waits, decisions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.jobs.tables import Job
from pilothouse.kit.clock import FixedClock
from pilothouse.pipelines.automatic_retraining import consider
from pilothouse.pipelines.backtest_results import summarise
from pilothouse.workspace import Workspace


def shown(page) -> str:
    return "\n".join(str(element.value) for element in page.markdown)


def policy_dialog() -> None:
    from pilothouse_app.features.pipelines.retraining import change_policy

    change_policy("late")


def backtest_dialog() -> None:
    from pilothouse_app.features.pipelines.backtests import run_backtest

    run_backtest("late")


def view(tour):
    page = tour("deployment", name="late", deployment_view="Retraining")
    assert not page.exception
    return page


@pytest.fixture
def asked(served: Workspace, clock: FixedClock) -> Workspace:
    """A retraining of "late" that waits for a person's answer."""
    served.pipelines.set_retraining_policy(
        "late", mode="propose", min_rows=10, triggers={"schedule": {"days": 7}}
    )
    clock.advance(timedelta(days=400))
    assert consider(served.store, "late") is None
    return served


def test_the_defaults_are_listed(tour, served):
    text = shown(view(tour))
    assert "Start by itself" in text
    assert "the last 8 weeks" in text
    assert "**Alert**" in text
    assert "No trigger has asked for a retraining yet" in text


def test_the_policy_is_changed_in_its_form(tour, served):
    page = AppTest.from_function(policy_dialog, default_timeout=30).run()
    assert not page.exception
    page.multiselect(key="policy_triggers").set_value(["alert", "drift"]).run()
    page.number_input(key="policy_drift_windows").set_value(6)
    page.selectbox(key="policy_rows").set_value("all").run()
    page.number_input(key="policy_cooldown").set_value(14.0)
    page.number_input(key="policy_half_life").set_value(30.0)
    page.number_input(key="policy_budget").set_value(2)
    page.text_input(key="policy_reason").set_value("labels come late")
    page.button(key="policy_go").click().run()
    assert not page.exception
    policy = served.pipelines.retraining_policy("late")
    assert policy.triggers == {"alert": {}, "drift": {"windows": 6, "share": 0.5}}
    assert (policy.rows, policy.weeks, policy.cooldown_days) == ("all", 8, 14.0)
    assert (policy.half_life_days, policy.monthly_budget, policy.mode) == (30.0, 2, "auto")


def test_a_request_is_answered_with_one_button(tour, asked):
    page = view(tour)
    assert "7 days have passed since the last training" in shown(page)
    page.button(key="retraining_approve").click().run()
    jobs = asked.jobs.jobs(kind="retrain")
    assert len(jobs) == 1
    page = view(tour)
    assert "retraining_approve" not in {button.key for button in page.button}
    assert page.dataframe[-1].value["why"].tolist() == ["ada decided"]


def test_a_request_is_withdrawn_when_the_policy_is_switched_off(tour, asked):
    asked.pipelines.set_retraining_policy("late", mode="off")
    page = view(tour)
    assert "retraining_approve" not in {button.key for button in page.button}
    assert page.dataframe[-1].value["outcome"].tolist() == ["Withdrawn"]


def test_what_held_a_retraining_back_is_listed(tour, asked, clock):
    clock.advance(timedelta(hours=1))
    assert consider(asked.store, "late") is None
    rows = view(tour).dataframe[-1].value
    assert rows["why"].tolist() == ["a person has been asked already", ""]
    assert rows["trigger"].tolist() == ["Schedule", "Schedule"]


def test_a_request_is_listed_under_needs_a_person(tour, asked):
    page = tour("attention", attention_kind="Retraining")
    assert not page.exception
    assert list(page.dataframe[0].value["title"]) == ["Retrain late?"]


def result_of_a_backtest() -> dict[str, Any]:
    """What a job answers: two windows under one policy."""
    week = 7 * 86_400_000

    def windows(values: list[float]) -> list[dict[str, Any]]:
        return [
            {
                "start": n * week,
                "end": (n + 1) * week,
                "rows": 100,
                "labelled": 90,
                "value": value,
                "champion": "late@1",
            }
            for n, value in enumerate(values)
        ]

    retraining = {
        "at": week, "trigger": "schedule", "reason": "7 days have passed", "rows": 500,
        "champion": 0.6, "challenger": 0.7, "promoted": True, "cpu_seconds": 1.5, "message": "",
    }  # fmt: skip
    about = {"metric": "roc_auc", "title": "ROC AUC", "better": "higher", "held": {}}
    results = [
        {"policy": "never", "settings": None, "windows": windows([0.6, 0.5]),
         "retrainings": [], **about},
        {"policy": "weekly", "settings": {}, "windows": windows([0.6, 0.7]),
         "retrainings": [retraining], **about},
    ]  # fmt: skip
    return summarise(None, None, deployment="late", results=results)  # type: ignore[arg-type]


def test_a_backtest_is_started_from_its_form(tour, served, monkeypatch):
    page = AppTest.from_function(backtest_dialog, default_timeout=30).run()
    assert "trained elsewhere" in page.info[0].value  # nothing is offered that would be refused
    assert "backtest_go" not in {button.key for button in page.button}
    monkeypatch.setattr("pilothouse.pipelines.retraining.check_replayable", lambda *_: None)
    page.run()
    assert not page.exception
    page.button(key="backtest_go").click().run()
    job = served.jobs.job(served.pipelines.backtests("late")["job"][0])
    assert set(job.args["policies"]) == {"performance", "every four weeks"}
    assert job.args["policies"]["performance"]["weeks"] == 8


def test_a_backtest_is_a_chart_and_a_table(tour, served):
    with served.store.write() as session:
        session.add(
            Job(
                id="b1", kind="backtest_retraining", title="Backtest", status="succeeded",
                args={"policies": {"weekly": {}}}, result=result_of_a_backtest(),
                subject_kind="deployment", subject_ref="late", requested_by="ada",
                created_at=served.store.now(),
            )
        )  # fmt: skip
    page = view(tour)
    rows = page.dataframe[-1].value
    assert rows["policy"].tolist() == ["never", "weekly"]
    assert rows["gain"].tolist() == ["", "+0.1000"]
    assert rows["gain_per_retraining"].tolist()[1] == pytest.approx(0.1)
    assert "ROC AUC by window under each policy" in shown(page)
    page = tour("job", id="b1")
    assert not page.exception
