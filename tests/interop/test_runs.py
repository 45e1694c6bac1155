"""Experiments and runs over the protocol, and as our own verbs see them."""

from __future__ import annotations

import pytest

from harness.tracking_calls import Caller
from pilothouse.workspace import Workspace

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)

BAD = "INVALID_PARAMETER_VALUE"


def test_an_experiment_lives_is_deleted_and_restored(caller: Caller) -> None:
    number = caller.experiment("flights")
    caller.post("experiments/set-experiment-tag", experiment_id=number, key="a", value="b")
    told = caller.get("experiments/get", experiment_id=number)["experiment"]
    assert told["artifact_location"] == f"mlflow-artifacts:/{number}"
    assert told["tags"] == [{"key": "a", "value": "b"}]
    status, code, message = caller.refused("POST", "experiments/create", json={"name": "flights"})
    assert (status, code) == (400, "RESOURCE_ALREADY_EXISTS")
    assert message.startswith("Experiment(name=flights) already exists.")
    caller.post("experiments/delete", experiment_id=number)
    assert caller.get("experiments/get", experiment_id=number)["experiment"]["lifecycle_stage"] == (
        "deleted"
    )
    assert caller.refused("POST", "runs/create", json={"experiment_id": number}) == (
        400,
        BAD,
        f"The experiment {number} must be in the 'active' state. Current state is deleted.",
    )
    assert caller.refused("POST", "experiments/delete", json={"experiment_id": number})[0] == 404
    caller.post("experiments/restore", experiment_id=number)
    caller.post("experiments/update", experiment_id=number, new_name="flights 2")
    assert caller.get("experiments/get-by-name", experiment_name="flights 2")


def test_a_run_is_told_in_the_protocols_form(caller: Caller) -> None:
    number = caller.experiment()
    tags = [{"key": "mlflow.user", "value": "ada"}]
    made = caller.post(
        "runs/create",
        experiment_id=number,
        user_id="ada",
        run_name="first",
        start_time=1_700_000_000_000,
        tags=tags,
    )["run"]
    run = made["info"]["run_id"]
    assert made["info"] == {
        "run_uuid": run,
        "run_id": run,
        "experiment_id": number,
        "run_name": "first",
        "user_id": "ada",
        "status": "RUNNING",
        "start_time": 1_700_000_000_000,
        "artifact_uri": f"mlflow-artifacts:/{number}/{run}/artifacts",
        "lifecycle_stage": "active",
    }
    assert made["data"] == {"tags": [{"key": "mlflow.runName", "value": "first"}, *tags]}
    ended = caller.post("runs/update", run_id=run, status="FINISHED", end_time=1_700_000_001_000)
    assert ended["run_info"]["status"] == "FINISHED"
    assert ended["run_info"]["end_time"] == 1_700_000_001_000


def test_our_own_verbs_see_what_was_logged(caller: Caller, ours: Workspace) -> None:
    parent = caller.run(caller.experiment("theirs"))
    child = caller.run("1", tags=[{"key": "mlflow.parentRunId", "value": parent}])
    caller.post("runs/log-metric", run_id=child, key="auc", value=0.7, timestamp=5, step=1)
    caller.post("runs/log-parameter", run_id=child, key="depth", value="3")
    caller.post("runs/set-tag", run_id=child, key="mlflow.note.content", value="good")
    caller.post("runs/update", run_id=child, status="KILLED", end_time=9)
    seen = ours.experiments.run(child)
    assert (seen.experiment, seen.parent_id, seen.status) == ("theirs", parent, "cancelled")
    assert (seen.values, seen.params, seen.note) == ({"auc": 0.7}, {"depth": "3"}, "good")
    assert [each.id for each in ours.experiments.run(parent).children] == [child]


def test_our_own_runs_are_seen_over_the_protocol(caller: Caller, ours: Workspace) -> None:
    parent = ours.experiments.start("native", "mine", source="train.py")
    child = ours.experiments.start("native", parent=parent)
    ours.experiments.log_metrics(child, {"auc": 0.9}, step=2)
    told = caller.get("runs/get", run_id=child)["run"]
    assert told["info"]["user_id"] == "ada"
    assert {tag["key"]: tag["value"] for tag in told["data"]["tags"]}["mlflow.parentRunId"] == (
        parent
    )
    assert told["data"]["metrics"][0]["value"] == 0.9
    found = caller.post(
        "runs/search",
        experiment_ids=[told["info"]["experiment_id"]],
        filter=f"tags.mlflow.parentRunId = '{parent}'",
    )
    assert [each["info"]["run_id"] for each in found["runs"]] == [child]


def test_metrics_keep_nan_and_infinities_and_the_same_point_once(caller: Caller) -> None:
    run = caller.run()
    for value, step in (("NaN", 1), ("Infinity", 2), ("-Infinity", 3), (0.5, 0), (0.5, 0)):
        caller.post("runs/log-metric", run_id=run, key="m", value=value, timestamp=1, step=step)
    told = caller.get("metrics/get-history", run_id=run, metric_key="m")["metrics"]
    assert [(point["step"], point["value"]) for point in told] == [
        (0, 0.5),
        (1, "NaN"),
        (2, "Infinity"),
        (3, "-Infinity"),
    ]
    [latest] = caller.get("runs/get", run_id=run)["run"]["data"]["metrics"]
    assert latest == {"key": "m", "value": "-Infinity", "timestamp": 1, "step": 3}


def test_histories_come_in_pages_in_bulk_and_thinned(caller: Caller) -> None:
    run = caller.run()
    points = [{"key": "m", "value": i / 7, "timestamp": i, "step": i} for i in range(1000)]
    caller.post("runs/log-batch", run_id=run, metrics=points)
    first = caller.get("metrics/get-history", run_id=run, metric_key="m", max_results=600)
    rest = caller.get(
        "metrics/get-history",
        run_id=run,
        metric_key="m",
        max_results=600,
        page_token=first["next_page_token"],
    )
    assert first["metrics"] + rest["metrics"] == points
    assert "next_page_token" not in rest
    bulk = caller.get("metrics/get-history-bulk", run_id=[run], metric_key="m", max_results=3)
    assert bulk["metrics"] == [point | {"run_id": run} for point in points[:3]]
    thin = caller.get(
        "metrics/get-history-bulk-interval",
        run_ids=[run],
        metric_key="m",
        start_step=100,
        end_step=900,
        max_results=5,
    )
    assert [point["step"] for point in thin["metrics"]] == [100, 300, 500, 700, 900]


def test_a_parameter_is_written_once(caller: Caller) -> None:
    run = caller.run()
    caller.post("runs/log-parameter", run_id=run, key="p", value="1")
    caller.post("runs/log-parameter", run_id=run, key="p", value="1")
    fields = {"run_id": run, "key": "p", "value": "2"}
    assert caller.refused("POST", "runs/log-parameter", json=fields) == (
        400,
        BAD,
        "Changing param values is not allowed. Param with key='p' was already logged with "
        f"value='1' for run ID='{run}'. Attempted logging new value '2'.",
    )
    params = [{"key": "q", "value": "3"}, {"key": "p", "value": "2"}]
    status, _, message = caller.refused(
        "POST", "runs/log-batch", json={"run_id": run, "params": params}
    )
    assert status == 400
    assert "[{'key': 'p', 'old_value': '1', 'new_value': '2'}]" in message
    kept = caller.get("runs/get", run_id=run)["run"]["data"]["params"]
    assert kept == [{"key": "p", "value": "1"}], "a batch is kept whole or not at all"


@pytest.mark.parametrize(
    ("noun", "count", "most"), [("metrics", 1001, 1000), ("params", 101, 100), ("tags", 101, 100)]
)
def test_a_batch_has_a_size(caller: Caller, noun: str, count: int, most: int) -> None:
    row = {"key": "k", "value": 1 if noun == "metrics" else "1", "timestamp": 1}
    rows = [row | {"key": f"k{i}"} for i in range(count)]
    fields = {"run_id": caller.run(), noun: rows}
    assert caller.refused("POST", "runs/log-batch", json=fields)[2] == (
        f"A batch logging request can contain at most {most} {noun}. Got {count} {noun}. "
        f"Please split up {noun} across multiple requests and try again."
    )


def test_a_deleted_run_takes_nothing_until_it_is_restored(caller: Caller) -> None:
    run = caller.run()
    caller.post("runs/delete", run_id=run)
    fields = {"run_id": run, "key": "m", "value": 1, "timestamp": 1}
    words = f"The run {run} must be in the 'active' state. Current state is deleted."
    assert caller.refused("POST", "runs/log-metric", json=fields) == (400, BAD, words)
    for path in ("runs/set-tag", "runs/log-parameter"):
        fields = {"run_id": run, "key": "t", "value": "1"}
        assert caller.refused("POST", path, json=fields) == (400, BAD, words)
    assert "runs" not in caller.post("runs/search", experiment_ids=["0"])
    gone = caller.post("runs/search", experiment_ids=["0"], run_view_type="DELETED_ONLY")
    assert [each["info"]["run_id"] for each in gone["runs"]] == [run]
    caller.post("runs/restore", run_id=run)
    caller.post("runs/set-tag", run_id=run, key="t", value="1")
    caller.post("runs/delete-tag", run_id=run, key="t")
    status, _, words = caller.refused("POST", "runs/delete-tag", json={"run_id": run, "key": "t"})
    assert (status, words) == (404, f"No tag with name: t in run with id {run}")


def test_inputs_and_outputs_of_a_run(caller: Caller) -> None:
    run = caller.run()
    dataset = {
        "name": "flights",
        "digest": "abc",
        "source_type": "local",
        "source": "{}",
        "schema": '{"columns": []}',
        "profile": '{"num_rows": 3}',
    }
    tags = [{"key": "mlflow.data.context", "value": "training"}]
    model = caller.post("logged-models", experiment_id="0", name="lr", source_run_id=run)
    number = model["model"]["info"]["model_id"]
    inputs = {"datasets": [{"tags": tags, "dataset": dataset}], "models": [{"model_id": number}]}
    caller.post("runs/log-inputs", run_id=run, **inputs)
    caller.post("runs/outputs", run_id=run, models=[{"model_id": number, "step": 3}])
    told = caller.get("runs/get", run_id=run)["run"]
    assert told["inputs"] == {
        "dataset_inputs": [{"tags": tags, "dataset": dataset}],
        "model_inputs": [{"model_id": number}],
    }
    assert told["outputs"] == {"model_outputs": [{"model_id": number, "step": 3}]}
    for claim in ("dataset.name = 'flights'", "datasets.context ILIKE 'TRAIN%'"):
        assert len(caller.post("runs/search", experiment_ids=["0"], filter=claim)["runs"]) == 1


def test_a_logged_model_is_an_entity_of_its_own(caller: Caller) -> None:
    run = caller.run()
    made = caller.post(
        "logged-models",
        experiment_id="0",
        name="lr",
        source_run_id=run,
        params=[{"key": "c", "value": "1"}],
        tags=[{"key": "x", "value": "y"}],
    )["model"]
    number = made["info"]["model_id"]
    assert made["info"]["status"] == "LOGGED_MODEL_PENDING"
    assert made["info"]["artifact_uri"] == f"mlflow-artifacts:/0/models/{number}/artifacts"
    point = {"key": "auc", "value": 0.7, "timestamp": 5, "step": 1, "model_id": number}
    dataset = {"dataset_name": "flights", "dataset_digest": "abc"}
    caller.post("runs/log-batch", run_id=run, metrics=[point | dataset])
    caller.patch(f"logged-models/{number}", model_id=number, status="LOGGED_MODEL_READY")
    caller.patch(f"logged-models/{number}/tags", tags=[{"key": "k", "value": "v"}])
    told = caller.get(f"logged-models/{number}")["model"]
    assert told["info"]["status"] == "LOGGED_MODEL_READY"
    assert told["data"]["metrics"] == [point | dataset | {"run_id": run}]
    on = [{"dataset_name": "flights"}]
    for claim, datasets, found in (
        ("metrics.auc > 0.5 AND params.c = '1'", on, 1),
        ("metrics.auc > 0.5", [{"dataset_name": "other"}], 0),
        ("name LIKE 'l%' AND tags.k = 'v'", [], 1),
    ):
        fields = {"experiment_ids": ["0"], "filter": claim, "datasets": datasets}
        assert len(caller.post("logged-models/search", **fields).get("models", [])) == found
    caller.send("DELETE", f"logged-models/{number}/tags/k")
    assert caller.send("DELETE", f"logged-models/{number}").status_code == 200
    assert caller.send("GET", f"logged-models/{number}").status_code == 404
