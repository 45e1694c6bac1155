"""The log of a deployment: predictions by id, requests by outcome, replays; and filling Try it."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature, SignatureField
from pilothouse_app.features.deployments.record_source import pasted_values

FOUND = {
    "deployment": "late", "model": "late", "version": 2, "versions": [1], "rows": 50,
    "answered": 48, "changed": 6,
    "decisions": [{"before": "0", "after": "1", "rows": 6}],
    "differences": [
        {"output": "score", "mean": 0.01, "median": 0.02, "p95": 0.1, "largest": 0.3}
    ],
    "changes": [
        {
            "prediction_id": "id-1", "event_at": "2026-02-01T12:00:00+00:00", "version": 1,
            "before": "0", "after": "1", "difference": 0.3,
        }
    ],
}  # fmt: skip
SIGNATURE = Signature(
    (SignatureField("age", "number"), SignatureField("plan", "string", categories=("a", "b")))
)


def shown(page) -> str:
    tiles = [f"{tile.label} {tile.value}" for tile in page.metric]
    return "\n".join([*(str(each.value) for each in page.markdown), *tiles])


def replay_script() -> None:
    """The dialog that starts a replay."""
    from pilothouse_app.features.deployments.replay_view import start_replay

    start_replay("late")


@pytest.fixture
def log_of(tour):
    return lambda **more: tour("deployment", name="late", deployment_view="Predictions", **more)


def test_a_prediction_is_found_by_its_id(log_of, served):
    logged = served.deployments.predictions("late", limit=1)
    one = str(logged["prediction_id"].iloc[0])
    assert list(served.deployments.find_predictions("late", [one, "none"])["prediction_id"]) == [
        one
    ]
    page = log_of(log_id=one)
    assert not page.exception
    assert list(page.dataframe[0].value["prediction_id"]) == [one]
    assert "No predictions match" in shown(log_of(log_id="none"))


def test_requests_are_chosen_by_day_and_outcome(log_of, served):
    with pytest.raises(Invalid, match="no outcome"):
        served.deployments.requests("late", outcome="lost")
    assert served.deployments.requests("late", outcome="failed").empty
    page = log_of(log_view="Requests", log_outcome="failed")
    assert not page.exception
    assert "No requests match" in shown(page)


def test_without_a_replay_the_page_says_what_one_is(log_of):
    page = log_of(log_view="Replays")
    assert not page.exception
    assert "No replay yet" in shown(page)


def test_a_replay_is_asked_for_and_its_result_is_shown(tour, log_of, served):
    page = AppTest.from_function(replay_script, default_timeout=30).run()
    assert page.selectbox(key="replay_version").value == 2
    page.number_input(key="replay_limit").set_value(50).run()
    page.button(key="replay_start_go").click().run()
    (job,) = served.deployments.replays("late")["job"]
    page = log_of(log_view="Replays")
    assert list(page.dataframe[0].value["version"]) == [2]
    with served.store.write() as session:
        row = session.get_one(Job, job)
        row.status, row.result, row.ended_at = "succeeded", FOUND, served.store.now()
    page = log_of(log_view="Replays")
    assert not page.exception
    text = shown(page)
    assert "Another decision 12.5 %" in text
    assert "0 → 1: **6**" in text


@pytest.mark.parametrize(
    "content",
    [
        {"age": 41, "plan": "a"},
        [{"age": 41, "plan": "a"}, {"age": 1}],
        {"dataframe_records": [{"age": 41, "plan": "a"}]},
        {"inputs": {"age": [41], "plan": ["a"]}},
        {"inputs": [{"name": "age", "data": [41]}, {"name": "plan", "data": ["a"]}]},
    ],
)
def test_json_of_a_row_or_of_a_request_is_taken(content):
    assert pasted_values(SIGNATURE, json.dumps(content)) == ({"age": 41, "plan": "a"}, [])


def test_what_cannot_be_used_of_pasted_json_is_named():
    values, problems = pasted_values(SIGNATURE, '{"age": "old", "plan": "", "size": 3}')
    assert values == {"plan": None}
    assert problems == ["size is no input", "age cannot be 'old'"]
    for text in ("", "{", "[]", "3"):
        with pytest.raises(ValueError, match=r"no object|Expecting"):
            pasted_values(SIGNATURE, text)


def test_pasted_json_fills_the_inputs(tour):
    page = tour("deployment", name="late", deployment_view="Try it")
    page.text_area(key="try_late_1__json").set_value('{"temp": 3.5, "carrier": "UA", "x": 1}')
    page.button(key="try_late_1__use_json").click().run()
    assert not page.exception
    assert page.number_input(key="try_late_1_temp").value == 3.5
    assert page.selectbox(key="try_late_1_carrier").value == "UA"
    assert "2 values filled in" in shown(page)
    assert "x is no input" in shown(page)
