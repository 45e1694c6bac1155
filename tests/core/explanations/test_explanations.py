"""Explanations of real versions in their own model process: two classes, several, and a number."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.logged_days import log_days
from pilothouse.activity.api import Activity
from pilothouse.data import samples
from pilothouse.explanations import live_models
from pilothouse.explanations.row_goal import row_goal
from pilothouse.explanations.row_jobs import explain_row, find_counterfactual
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.kit.settings import Settings
from pilothouse.pipelines.version_measurement import measure_version
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace, open_workspace

LATE, AIRPORTS, MILES = "late", "airports", "miles"
CHOICES: Mapping[str, Any] = {"trainer": "logistic_regression", "folds": 2}
SPECS = {
    LATE: (samples.FLIGHT_LABEL, ("distance", "origin", "departure_minute"), CHOICES),
    AIRPORTS: ("origin", ("carrier", "distance"), CHOICES),
    MILES: ("distance", ("carrier", "origin"), {"trainer": "ridge", "folds": 2}),
}


def quiet(*_: Any) -> None:
    pass


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    patch = pytest.MonkeyPatch()
    patch.setattr("pilothouse.deployments.controller.trial.try_version", lambda *_: "")
    folder = tmp_path_factory.mktemp("explained") / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada", code_patch=False))
    flights = pd.read_parquet(samples.flights())
    flights = flights[flights["month"] < 4].iloc[::20]
    names = [samples.FLIGHT_TIME, *samples.FLIGHT_FEATURES, samples.FLIGHT_LABEL]
    workspace.data.register(
        "flights", flights[names], event_time=samples.FLIGHT_TIME, tags={"sensitive": "carrier"}
    )
    for model, (target, features, choices) in SPECS.items():
        spec = TrainingSpec("flights@1", target, features=features, **choices)
        workspace.registry.register(model, workspace.training.train_now(spec))
    yield workspace
    live_models.end_all()
    workspace.store.engine.dispose()
    patch.undo()


@pytest.fixture(scope="module")
def measured(explained: Workspace) -> Workspace:
    needs = [
        {"kind": "permutation_importance", "params": {"metric": ""}},
        {"kind": "partial_dependence", "params": {"columns": []}},
    ]
    progress: Any = quiet
    for model in (LATE, AIRPORTS):
        result = measure_version(explained.store, progress, model=model, version=1, needs=needs)
        assert result == {"measured": 2, "failed": {}}
    return explained


def example(workspace: Workspace, model: str) -> dict[str, Any]:
    return dict(workspace.registry.version(model, 1).input_example[0])


@pytest.mark.parametrize("model", list(SPECS))
def test_a_row_is_explained_whatever_the_model_answers(explained: Workspace, model: str) -> None:
    progress: Any = quiet
    record = example(explained, model)
    result = explain_row(
        explained.store, progress, model=model, version=1, record=record, output="", source="test"
    )
    total = sum(column["contribution"] for column in result["columns"])
    assert total == pytest.approx(result["answer"] - result["base"], abs=1e-9)
    assert {column["column"] for column in result["columns"]} == set(record)
    sizes = [abs(column["contribution"]) for column in result["columns"]]
    assert sizes == sorted(sizes, reverse=True)
    assert "held-out rows" in result["background"]
    answer = explained.explanations.what_if(model, 1, record)
    assert answer.prediction == result["prediction"]
    named = result["output"]["name"]
    assert answer.outputs[named] == pytest.approx(result["answer"])
    label = result["output"]["label"]
    assert label is None or model != AIRPORTS or label == answer.prediction


def test_a_counterfactual_is_answered_as_it_says(explained: Workspace) -> None:
    progress: Any = quiet
    about: dict[str, Any] = {"model": AIRPORTS, "version": 1, "source": "test"}
    record = example(explained, AIRPORTS)
    result = find_counterfactual(
        explained.store, progress, record=record, columns=["distance"], goal={}, **about
    )
    assert [change["column"] for change in result["changes"]] == ["distance"]
    changed = {**record, "distance": result["changes"][0]["after"]}
    answer = explained.explanations.what_if(AIRPORTS, 1, changed)
    assert answer.prediction == result["prediction_after"] != result["prediction"]

    bounded = find_counterfactual(
        explained.store, progress, model=MILES, version=1, record=example(explained, MILES),
        columns=[], goal={"at_least": 1e9}, source="test",
    )  # fmt: skip
    assert not bounded["reached"]
    assert bounded["changes"] == []


def test_a_goal_that_is_none_and_one_that_is_reached_are_refused(explained: Workspace) -> None:
    record = example(explained, AIRPORTS)
    with pytest.raises(Invalid, match="none of its classes"):
        explained.explanations.find_counterfactual(AIRPORTS, 1, record, answer="PAR")
    with pytest.raises(Invalid, match="how large or how small"):
        explained.explanations.find_counterfactual(MILES, 1, example(explained, MILES))
    with pytest.raises(Invalid, match="may change"):
        explained.explanations.find_counterfactual(AIRPORTS, 1, record, columns=["speed"])
    signature = explained.registry.version(AIRPORTS, 1).signature
    with pytest.raises(Conflict, match="already"):
        row_goal(signature, "JFK", answer="JFK")


def test_a_wrong_row_is_refused_before_a_job_begins(explained: Workspace) -> None:
    with pytest.raises(Invalid) as refused:
        explained.explanations.explain_row(LATE, 1, {"distance": "far", "origin": "JFK"})
    assert "distance" in refused.value.fields or "departure_minute" in refused.value.fields
    with pytest.raises(Invalid, match="no output"):
        explained.explanations.explain_row(LATE, 1, example(explained, LATE), output="none")


def test_a_logged_prediction_becomes_a_job_and_its_result_is_read(explained: Workspace) -> None:
    record = example(explained, LATE)
    now = pd.Timestamp(explained.store.now())
    row = {"prediction_id": "p-1", "model": LATE, "version": 1, "event_at": now,
           "received_at": now, "latency_ms": 1.0, "score": 0.25, **record}  # fmt: skip
    labels = pd.DataFrame({"prediction_id": ["p-1"], "label": [0], "label_at": [now],
                           "received_at": [now]})  # fmt: skip
    log_days(explained.folder, "shop", pd.DataFrame([row]), labels)
    explained.deployments.launch("shop", LATE, 1, "to be tried")
    logged = explained.explanations.logged_prediction("shop", "p-1")
    assert dict(logged.record) == record
    assert (logged.model, logged.version) == (LATE, 1)
    assert dict(logged.outputs) == {"score": 0.25}
    with pytest.raises(NotFound, match="no prediction"):
        explained.explanations.logged_prediction("shop", "nope")

    job = explained.explanations.explain_prediction("shop", "p-1")
    assert explained.explanations.explain_prediction("shop", "p-1") == job  # not doubled
    info = explained.jobs.job(job)
    assert (info.kind, info.subject_ref) == ("explain_row", "late@1")
    with pytest.raises(NotFound, match="no result"):
        explained.explanations.explanation(job)
    progress: Any = quiet
    result = explain_row(explained.store, progress, **info.args)
    with explained.store.write() as session:
        session.get_one(Job, job).result = json.loads(json.dumps(result))
    explanation = explained.explanations.explanation(job)
    assert explanation.source == "prediction p-1 of shop"
    assert explanation.columns[0].column in record
    rows = explained.explanations.row_results(LATE, 1)
    assert rows["job"].tolist() == [job]


def test_importance_and_dependence_are_stored_with_the_version(measured: Workspace) -> None:
    found = measured.explanations.importances(LATE, 1)
    assert found is not None
    assert found.figures["metric"] == "roc_auc"
    assert {column["column"] for column in found.figures["columns"]} == set(SPECS[LATE][1])
    assert found.figures["columns"][0]["mean"] > 0
    curves = measured.explanations.dependences(AIRPORTS, 1)
    assert curves is not None
    assert len(curves.figures["outputs"]) == 3
    for curve in curves.figures["columns"]:
        sums = np.sum(list(curve["means"].values()), axis=0)
        assert sums == pytest.approx(np.ones(len(curve["values"])))  # probabilities
    verbs = Activity(measured.store).entries()["verb"].tolist()
    assert "measured" in verbs


def test_an_explanation_is_asked_for_as_a_job(explained: Workspace) -> None:
    job = explained.explanations.explain(LATE, 1, "partial_dependence", columns=["distance"])
    again = explained.explanations.explain(LATE, 1, "partial_dependence", columns=["distance"])
    assert job == again
    assert explained.jobs.job(job).args["needs"][0]["params"] == {"columns": ["distance"]}
    with pytest.raises(Invalid, match="no explanation"):
        explained.explanations.explain(LATE, 1, "tea leaves")
    with pytest.raises(Invalid, match="no metric"):
        explained.explanations.explain(LATE, 1, "permutation_importance", metric="mae")


def test_groups_of_declared_columns_come_first_and_have_intervals(explained: Workspace) -> None:
    columns = explained.explanations.group_columns(LATE, 1)
    assert next(iter(columns.items())) == ("carrier", "marked as sensitive")
    assert columns["origin"] == ""
    frame = explained.explanations.groups(LATE, 1, "carrier")  # no input of the model
    rates = frame[frame["rate"] == "selection_rate"]
    assert (rates["low"] <= rates["mean"]).all()
    assert (rates["mean"] <= rates["high"]).all()
    quarters = explained.explanations.groups(LATE, 1, "distance")["group"].unique()
    assert len(quarters) == 4
    assert set(explained.explanations.groups(MILES, 1, "origin")["rate"]) == {"cost", "mean_error"}


def test_thresholds_by_group_are_recorded_with_the_version_and_its_card(
    explained: Workspace,
) -> None:
    report = explained.explanations.group_thresholds(LATE, 1, "origin", tolerance=0.1)
    assert set(report.thresholds) == {"EWR", "JFK", "LGA"}
    frame = explained.explanations.groups(LATE, 1, "origin").drop_duplicates("group")
    assert report.chosen_on + report.judged_on == frame["rows"].sum()
    own = explained.explanations.counts_at(LATE, 1, "origin", {})
    assert {count.threshold for count in own} == {report.own_threshold}
    with pytest.raises(Invalid, match="no group"):
        explained.explanations.counts_at(LATE, 1, "origin", {"PAR": 0.5})
    with pytest.raises(Conflict, match="no score"):
        explained.explanations.group_thresholds(AIRPORTS, 1, "carrier")
    with pytest.raises(Conflict, match="large enough"):
        explained.explanations.group_thresholds(LATE, 1, "dest")

    explained.explanations.record_group_thresholds(LATE, 1, "origin", tolerance=0.1)
    kinds = explained.registry.measurements(LATE, 1)["kind"].tolist()
    assert "group_thresholds" in kinds
    card = explained.registry.card(LATE, 1).markdown()
    assert "not applied to what is served" in card
    plain = json.dumps(report.to_json())
    assert json.loads(plain)["applied"] is False


def test_ranges_mark_what_was_not_seen(explained: Workspace) -> None:
    ranges = explained.explanations.input_ranges(LATE, 1)
    assert ranges["distance"].seen_in == "training"
    assert ranges["distance"].is_outside(1e9)
    assert not ranges["distance"].is_outside(None)
    assert ranges["origin"].is_outside("PAR")
    assert not ranges["origin"].is_outside("JFK")


def test_a_row_of_a_dataset_is_read_as_a_request_has_it(explained: Workspace) -> None:
    record = explained.explanations.dataset_record(LATE, 1, "flights@1", 3)
    assert set(record) == set(SPECS[LATE][1])
    assert all(not hasattr(value, "item") for value in record.values())
    with pytest.raises(Invalid, match="has no row"):
        explained.explanations.dataset_record(LATE, 1, "flights@1", 10**9)


def test_a_model_process_that_is_gone_is_started_again(explained: Workspace) -> None:
    record = example(explained, LATE)
    before = explained.explanations.what_if(LATE, 1, record)
    for model in live_models._running.values():
        assert model.process._process is not None
        model.process._process.kill()
    assert explained.explanations.what_if(LATE, 1, record) == before
