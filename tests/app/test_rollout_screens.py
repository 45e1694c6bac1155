"""Rollouts on a deployment's page: the wizard step by step, the one under way, those before."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.deployments.tables import Deployment, RolloutAnalysis
from pilothouse.workspace import Workspace

RESULTS = [
    {
        "criterion": "error_rate", "outcome": "failed", "message": "9 of 60 requests failed",
        "stable": 0.0, "candidate": 0.15, "low": 0.04, "high": None, "limit": 0.02,
        "has_data": True, "required": True, "dry_run": False,
    },
    {
        "criterion": "reward", "outcome": "inconclusive", "message": "no rewards yet",
        "has_data": False,
    },
]  # fmt: skip


def shown(page) -> str:
    tiles = [f"{tile.label} {tile.value}" for tile in page.metric]
    return "\n".join([*(str(each.value) for each in page.markdown), *tiles])


def wizard_script() -> None:
    """The wizard, open at every run."""
    from pilothouse_app.features.deployments.rollout_wizard import rollout_wizard

    rollout_wizard("late")


def go_on_script() -> None:
    """The dialog that lets a held rollout go on."""
    from pilothouse_app.features.deployments.rollout_view import go_on

    go_on("late")


@pytest.fixture(autouse=True)
def answering_now(served):
    """The deployment answers, as the controller would note it."""
    with served.store.write() as session:
        deployment = session.get_one(Deployment, "late")
        deployment.serving_version = deployment.version


@pytest.fixture
def rollouts(tour):
    return lambda: tour("deployment", name="late", deployment_view="Rollouts")


def looked_at(ws: Workspace) -> None:
    """A comparison that failed, as the worker records it."""
    rollout = ws.deployments.rollout("late")
    verdict = {"version": 2, "outcome": "failed", "message": "Errors", "results": RESULTS}
    with ws.store.write() as session:
        session.add(
            RolloutAnalysis(
                rollout=rollout.id,
                step=0,
                kind="comparison",
                at=ws.store.now(),
                traffic={},
                outcome="failed",
                verdicts=[verdict],
            )
        )


def test_without_a_rollout_the_page_says_what_one_is(rollouts, served):
    page = rollouts()
    assert not page.exception
    assert "No rollout yet" in shown(page)
    assert not page.button(key="roll_out").disabled


def test_without_another_version_nothing_is_offered(rollouts, served):
    served.registry.archive("late", 2, "withdrawn")
    page = rollouts()
    for key in ("roll_out", "swap"):
        assert page.button(key=key).disabled
        assert "no other version" in page.button(key=key).help
    assert "no_rollouts_action" not in {button.key for button in page.button}


def test_the_wizard_goes_from_the_version_to_the_start(tour, served):
    page = AppTest.from_function(wizard_script, default_timeout=30).run()
    assert not page.exception
    assert page.selectbox(key="rollout_version").value == 2
    page.button(key="rollout_next").click().run()
    page.text_input(key="rollout_canary_steps").set_value("10, 5").run()
    assert "growing percentages" in page.error[0].value
    assert page.button(key="rollout_next").disabled
    page.text_input(key="rollout_canary_steps").set_value("10; 40").run()
    assert not page.error
    page.button(key="rollout_next").click().run()
    assert "**Errors.**" in shown(page)
    page.toggle(key="analysis_defaults").set_value(False).run()
    page.number_input(key="analysis_requests").set_value(80).run()
    page.button(key="rollout_next").click().run()
    text = shown(page)
    assert "**40 % of the requests**: version 1: 60 %, version 2: 40 %" in text
    assert "No request came in the last hour" in text
    page.text_input(key="rollout_reason").set_value("a better model").run()
    page.button(key="rollout_start_go").click().run()
    rollout = served.deployments.active_rollout("late")
    assert rollout is not None
    assert (rollout.candidates, rollout.reason) == ((2,), "a better model")
    assert rollout.settings["steps"] == [10, 40]
    assert rollout.settings["analysis"]["min_requests"] == 80


def test_what_cannot_work_is_refused_in_the_first_step(tour, served):
    served.deployments.start_rollout("late", 2)
    page = AppTest.from_function(wizard_script, default_timeout=30).run()
    assert "is running" in page.error[0].value
    assert page.button(key="rollout_next").disabled


def test_a_rollout_under_way_is_shown_with_its_figures(rollouts, served):
    served.deployments.start_rollout("late", 2, "canary", {"steps": [10]}, "try it")
    looked_at(served)
    page = rollouts()
    assert not page.exception
    text = shown(page)
    assert "Canary of version 2 beside 1" in text
    assert "Nothing to compare: Reward" in text
    frames = [frame.value for frame in page.dataframe]
    results = next(frame for frame in frames if "interval" in frame)
    assert list(results["candidate"]) == ["15 %"]
    assert list(results["interval"]) == ["at least 4 %"]
    assert page.button(key="roll_out").disabled
    assert {"Hold", "Roll back", "Cancel"} <= {button.label for button in page.button}
    served.deployments.hold_rollout("late", "lunch")
    assert "Go on" in {button.label for button in rollouts().button}


def test_a_held_rollout_goes_on_with_a_reason(tour, served):
    served.deployments.start_rollout("late", 2)
    served.deployments.hold_rollout("late", "lunch")
    page = AppTest.from_function(go_on_script, default_timeout=30).run()
    assert "in which it was held" in shown(page)
    page.text_input(key="go_on_reason").set_value("back").run()
    page.button(key="go_on_go").click().run()
    assert served.deployments.rollout("late").state == "running"


def test_ended_rollouts_are_listed_with_their_reason(rollouts, served):
    served.deployments.start_rollout("late", 2)
    served.deployments.cancel_rollout("late", "not now")
    page = rollouts()
    assert not page.exception
    rows = page.dataframe[0].value
    assert list(rows["versions"]) == ["1 → 2"]
    assert list(rows["state"]) == [["Cancelled"]]
