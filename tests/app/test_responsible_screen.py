"""The page of responsible use: groups, thresholds, explanations and what-if of a version."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pilothouse.explanations.api import Explanations
from pilothouse.explanations.row_results import WhatIfAnswer
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Unavailable
from pilothouse.registry import measurements
from pilothouse.registry.evidence import MeasurementFact

COLUMN = {"column": "temp", "value": 12.5, "contribution": 0.2, "error": 0.01, "typical": 9.0}
EXPLANATION = {
    "model": "late", "version": 1, "source": "the example", "prediction": 0,
    "output": {"name": "score", "title": "Probability of 1", "unit": "", "label": 1},
    "base": 0.1, "answer": 0.3, "columns": [COLUMN], "background": "50 of 1,000 held-out rows",
    "answered": 400,
}  # fmt: skip
CHANGES = {
    "model": "late", "version": 1, "source": "the example", "goal": "not 0",
    "columns": ["temp"], "reached": True, "distance": 1.5, "prediction": 0, "prediction_after": 1,
    "changes": [{"column": "temp", "before": 12.5, "after": 20.0, "distance": 1.5}],
    "background": "1,000 of 1,000 held-out rows", "answered": 90,
}  # fmt: skip


def shown(page: Any) -> str:
    parts = [*page.markdown, *page.warning, *page.success, *page.info, *page.error]
    return "\n".join(str(part.value) for part in parts)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A model that says 1 from 15 degrees on."""
    asked: list[Any] = []

    def answer(_self: Any, _model: str, _version: int, record: Any) -> WhatIfAnswer:
        asked.append(dict(record))
        score = 0.9 if record["temp"] >= 15 else 0.2
        return WhatIfAnswer(int(score >= 0.5), {"score": score})

    monkeypatch.setattr(Explanations, "what_if", answer)
    return asked


def end_job(served: Any, kind: str, result: Any) -> None:
    with served.store.write() as session:
        for job in served.jobs.active():
            if job.kind == kind:
                row = session.get_one(Job, job.id)
                row.status, row.result, row.ended_at = "succeeded", result, served.store.now()


def test_without_a_version_it_names_the_next_step(visit: Any) -> None:
    page = visit("responsible")
    assert not page.exception
    assert "Which version?" in shown(page)


def test_groups_are_compared_and_thresholds_say_that_they_are_not_applied(
    tour: Any, served: Any
) -> None:
    page = tour("responsible", ref="late@1")
    assert not page.exception
    text = shown(page)
    assert "No column is declared sensitive" in text
    page.selectbox(key="responsible_column").select("carrier").run()
    text = shown(page)
    assert "Largest difference" in text
    assert "Nothing of this is applied" in text
    page.button(key="responsible_keep").click().run()
    assert not page.exception
    kinds = served.registry.measurements("late", 1)["kind"].tolist()
    assert kinds == ["group_thresholds"]


def test_thresholds_of_ones_own_are_counted(tour: Any) -> None:
    page = tour("responsible", ref="late@1", responsible_column="carrier")
    page.selectbox(key="responsible_column").select("carrier").run()
    page.segmented_control(key="responsible_thresholds").set_value("own").run()
    assert not page.exception
    before = page.table[0].value.set_index("Group").loc["AA", "False pos."]
    page.slider(key="responsible_own_late@1_carrier_AA").set_value(0.9).run()
    after = page.table[0].value.set_index("Group").loc["AA", "False pos."]
    assert int(after) < int(before)


def test_explanations_are_started_and_drawn(tour: Any, served: Any) -> None:
    page = tour("responsible", ref="late@1", responsible_view="Explanations")
    assert shown(page).count("Not computed yet") == 2
    page.button(key="responsible_permutation_importance").click().run()
    assert [job.kind for job in served.jobs.active()] == ["explain_version"]
    info = served.registry.version("late", 1)
    curve = {"column": "temp", "values": [1.0, 2.0], "means": {"score": [0.1, 0.2]},
             "rows": [[0.1, 0.3]]}  # fmt: skip
    outputs = [{"name": "score", "title": "Probability of 1", "unit": "", "label": 1}]
    falls = [{"column": "temp", "mean": 0.1, "std": 0.01, "falls": [0.1]}]
    with served.store.write() as session:
        for kind, params, figures in (
            ("permutation_importance", {"metric": ""},
             {"metric": "roc_auc", "value": 0.7, "columns": falls}),
            ("partial_dependence", {"columns": []}, {"outputs": outputs, "columns": [curve]}),
        ):  # fmt: skip
            fact = MeasurementFact(kind, params, figures, "1,000 held-out rows")
            measurements.record_measurement(session, served.store, info, fact)
    page = tour("responsible", ref="late@1", responsible_view="Explanations")
    assert not page.exception
    assert "Not computed yet" not in shown(page)
    assert "not what causes what" in shown(page)


def test_a_changed_value_is_answered_and_one_outside_is_marked(tour: Any, answers: Any) -> None:
    page = tour("responsible", ref="late@1", responsible_view="What if")
    assert not page.exception
    assert page.metric[0].value == "0"
    key = next(one.key for one in page.slider if one.key.endswith("_temp"))
    page.slider(key=key).set_value(20.0).run()
    assert page.metric[0].value == "1"
    assert "was 12.5" in shown(page)
    assert "not seen" not in shown(page)
    page.toggle[0].set_value(True).run()
    page.slider(key=key).set_value(40.0).run()
    assert "not seen in training: -5 to 30" in shown(page)
    assert len(answers) == 3  # each record once


def test_what_moves_an_answer_and_what_flips_it(tour: Any, served: Any, answers: Any) -> None:
    page = tour("responsible", ref="late@1", responsible_view="What if")
    explain = next(one for one in page.button if one.label == "Explain")
    explain.click().run()
    assert [job.kind for job in served.jobs.active()] == ["explain_row"]
    end_job(served, "explain_row", json.loads(json.dumps(EXPLANATION)))
    page.run()
    assert not page.exception
    assert "the mean answer to 50 of 1,000 held-out rows" in shown(page)

    page.segmented_control(key="responsible_panel").set_value("counterfactual").run()
    next(one for one in page.button if one.label == "Search").click().run()
    end_job(served, "find_counterfactual", json.loads(json.dumps(CHANGES)))
    page.run()
    assert "the model answers **1**" in shown(page)
    next(one for one in page.button if one.label == "Take these values").click().run()
    assert page.metric[0].value == "1"

    with served.store.write() as session:
        for job in served.jobs.jobs(kind="find_counterfactual")["id"]:
            row = session.get_one(Job, job)
            row.result = {**CHANGES, "reached": False, "changes": [], "distance": None}
    page.run()
    assert "No change of these columns was found" in shown(page)


def test_a_logged_prediction_is_chosen_from_the_log(tour: Any, served: Any, answers: Any) -> None:
    known = served.deployments.predictions("late", limit=1)["prediction_id"].iloc[0]
    page = tour(
        "responsible", ref="late@1", responsible_view="What if",
        responsible_row="Logged prediction", responsible_prediction=known,
    )  # fmt: skip
    assert not page.exception
    assert f"prediction {known} of late" in shown(page)
    assert page.metric[0].value in ("0", "1")


def test_a_model_that_cannot_answer_says_why(tour: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise Unavailable("the model process ended before it was ready.")

    monkeypatch.setattr(Explanations, "what_if", refuse)
    page = tour("responsible", ref="late@1", responsible_view="What if")
    assert not page.exception
    assert "ended before it was ready" in shown(page)
