"""Deployments, one deployment in each view, its commands, and trying it."""

from __future__ import annotations

import pytest

from pilothouse.deployments.replicas import Places
from pilothouse.deployments.tables import Replica
from pilothouse_app.parts.try_it import curl


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


def buttons(page) -> list[str]:
    return [each.label for each in page.button]


def test_without_a_model_the_registry_comes_first(visit):
    page = visit("deployments")
    assert not page.exception
    assert "no model is registered yet" in shown(page)


def test_deployments_are_listed_with_their_state(tour):
    page = tour("deployments")
    assert not page.exception
    rows = page.dataframe[0].value
    assert list(rows["version"]) == ["late 1"]
    assert "No traffic" in shown(page)


def test_the_launch_says_what_will_happen(tour):
    page = tour("deployments")
    page.button(key="launch").click().run()
    assert "What will happen" in shown(page)
    assert page.button(key="launch_go").disabled


@pytest.mark.parametrize("view", ["Traffic", "Predictions", "Revisions", "Log", "Try it"])
def test_each_view_of_a_deployment_is_drawn(tour, view):
    page = tour("deployment", name="late", deployment_view=view)
    assert not page.exception
    assert not page.error
    assert {"Stop", "Roll back", "Swap version"} <= set(buttons(page))


def test_there_is_nothing_to_roll_back_to_at_first(tour, served):
    assert tour("deployment", name="late").button(key="roll_back").disabled
    served.deployments.swap("late", 2, "better")
    assert not tour("deployment", name="late").button(key="roll_back").disabled


def test_a_stopped_deployment_can_be_resumed(tour, served):
    served.deployments.stop("late", "enough")
    page = tour("deployment", name="late")
    assert "Resume" in buttons(page)
    assert "Stop" not in buttons(page)


def test_the_form_is_built_from_the_signature_with_the_example_in_it(tour):
    page = tour("deployment", name="late", deployment_view="Try it")
    assert page.number_input(key="try_late_temp").value == 12.5
    assert page.number_input(key="try_late_hour").value == 7
    assert page.selectbox(key="try_late_carrier").value == "DL"
    assert page.number_input(key="try_late_gust").value is None


def test_a_prediction_without_a_server_says_how_to_start_one(tour):
    page = tour("deployment", name="late", deployment_view="Try it")
    page.button(key="try_predict").click().run()
    assert "server" in page.error[0].value


def test_an_answer_is_shown_with_its_command(tour, served, monkeypatch):
    answer = {"prediction_id": "p-1", "label": 1, "score": 0.625, "version": 1}
    kind = type(served.deployments)
    monkeypatch.setattr(kind, "predict", lambda _self, _name, _records: [answer])
    page = tour("deployment", name="late", deployment_view="Try it")
    page.button(key="try_predict").click().run()
    assert {each.label: each.value for each in page.metric} | {"Score": "62.5 %"} == {
        each.label: each.value for each in page.metric
    }
    assert "dataframe_records" in page.code[0].value


def test_the_command_quotes_what_a_shell_would_read(tour):
    tour("deployments")
    assert "it'\\''s" in curl("late", {"name": "it's"})


def test_an_unknown_deployment_lists_the_known_ones(tour):
    assert "late" in tour("deployment", name="nothing").error[0].value
    assert "Which deployment?" in shown(tour("deployment"))


def test_a_crash_loop_shows_its_last_error_at_once(tour, served):
    with served.store.write() as session:
        session.add(
            Replica(
                deployment="late",
                number=1,
                ordinal=0,
                state="crash_loop",
                restarts=5,
                fast_crashes=5,
                last_exit="exit code 1",
            )
        )
    log = Places(served.store.run_folder, served.store.log_folder).log_file("late", 1, 0)
    log.parent.mkdir(parents=True)
    log.write_text("loading\nTraceback (most recent call last):\n  File x\nKeyError: 'gust'\n")
    page = tour("deployment", name="late", deployment_view="Revisions")
    assert not page.exception
    told = page.error[0].value
    assert "KeyError: 'gust'" in told
    assert "5 times" in told
    assert "exit code 1" in told


def test_a_version_that_answers_shows_no_error(tour, served):
    with served.store.write() as session:
        session.add(
            Replica(deployment="late", number=1, ordinal=0, state="ready", last_exit="exit code 1")
        )
    page = tour("deployment", name="late")
    assert not page.error
    assert not page.warning
