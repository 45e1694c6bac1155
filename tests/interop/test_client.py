"""The real MLflow client, unchanged, against a real server process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.open_gates import open_gates
from harness.webhook_receiver import Receiver
from pilothouse.workspace import Workspace

# What the client warns its users of is not ours to judge.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_fluent_api_logs_here(mlflow: Any, ours: Workspace, tmp_path: Path) -> None:
    mlflow.set_experiment("demo")
    (tmp_path / "notes.txt").write_text("noted")
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "deep.bin").write_bytes(b"\0\1")
    with mlflow.start_run(run_name="first", tags={"team": "red"}) as run:
        mlflow.log_param("depth", 3)
        mlflow.log_params({"kind": "tree", "seed": 7})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"auc": 0.9, "nan": float("nan"), "inf": float("inf")})
        mlflow.set_tag("stage", "trial")
        mlflow.log_artifact("notes.txt")
        mlflow.log_artifacts("folder", artifact_path="all")
        mlflow.log_dict({"a": [1, 2]}, "config/a.json")
        mlflow.log_text("<b>bold</b>", "page.html")
        with mlflow.start_run(nested=True, run_name="inner") as inner:
            mlflow.log_metric("auc", 0.8)
    seen = ours.experiments.run(run.info.run_id)
    assert (seen.name, seen.experiment, seen.status) == ("first", "demo", "finished")
    assert seen.params == {"depth": "3", "kind": "tree", "seed": "7"}
    assert (seen.metrics["loss"].count, seen.values["loss"], seen.values["auc"]) == (5, 0.2, 0.9)
    assert seen.tags["team"] == "red"
    assert ours.experiments.artifact(run.info.run_id, "all/inner/deep.bin") == b"\0\1"
    assert {file.path for file in seen.artifacts} == {
        *("notes.txt", "all/inner/deep.bin", "config/a.json", "page.html"),
    }
    assert ours.experiments.run(inner.info.run_id).parent_id == run.info.run_id
    assert mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/config/a.json") == {"a": [1, 2]}
    where = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="all")
    assert (Path(where) / "inner" / "deep.bin").read_bytes() == b"\0\1"


def test_runs_are_searched_as_a_frame(mlflow: Any) -> None:
    mlflow.set_experiment("search")
    for auc in (0.5, 0.7, 0.9):
        with mlflow.start_run():
            mlflow.log_metric("auc", auc)
            mlflow.log_param("kind", "tree" if auc > 0.6 else "linear")
    frame = mlflow.search_runs(
        experiment_names=["search"],
        filter_string="metrics.auc > 0.6 and params.kind = 'tree'",
        order_by=["metrics.auc DESC"],
    )
    assert frame["metrics.auc"].tolist() == [0.9, 0.7]
    assert frame["status"].tolist() == ["FINISHED", "FINISHED"]


def test_a_failed_run_is_failed(mlflow: Any, ours: Workspace) -> None:
    with pytest.raises(ValueError, match="broke"), mlflow.start_run() as run:
        raise ValueError("it broke")
    assert ours.experiments.run(run.info.run_id).status == "failed"


def test_a_run_is_taken_up_again(mlflow: Any) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("m", 1.0)
    with mlflow.start_run(run_id=run.info.run_id):
        mlflow.log_metric("m", 2.0, step=1)
    again = mlflow.get_run(run.info.run_id)
    assert (again.info.status, again.data.metrics["m"]) == ("FINISHED", 2.0)


def test_batches_histories_and_the_logging_that_does_not_wait(mlflow: Any, client: Any) -> None:
    from mlflow.entities import Metric, Param, RunTag

    run = client.create_run("0").info.run_id
    points = [Metric("m", i / 3, 1000 + i, i) for i in range(1000)]
    client.log_batch(run, metrics=points[:800], params=[Param("p", "1")], tags=[RunTag("t", "1")])
    client.log_batch(run, metrics=points[800:], synchronous=False).wait()
    history = client.get_metric_history(run, "m")
    assert [(point.step, point.value) for point in history] == [(i, i / 3) for i in range(1000)]
    assert client.get_run(run).data.metrics == {"m": 999 / 3}


def test_refusals_reach_the_client_as_its_own_errors(mlflow: Any, client: Any) -> None:
    from mlflow.exceptions import MlflowException, RestException

    run = client.create_run("0").info.run_id
    client.log_param(run, "p", 1)
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_param(run, "p", 2)
    with pytest.raises(RestException, match="not found") as missing:
        client.get_run("f" * 32)
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert client.get_experiment_by_name("nope") is None
    with pytest.raises(MlflowException, match="Invalid attribute key"):
        client.search_runs(["0"], "attributes.nope = 'x'")


def test_experiments_and_runs_are_deleted_and_restored(mlflow: Any, client: Any) -> None:
    number = client.create_experiment("mortal", tags={"a": "b"})
    run = client.create_run(number).info.run_id
    client.delete_run(run)
    assert client.search_runs([number]) == []
    client.restore_run(run)
    client.delete_experiment(number)
    assert client.get_experiment(number).lifecycle_stage == "deleted"
    client.restore_experiment(number)
    client.rename_experiment(number, "immortal")
    [found] = client.search_experiments(filter_string="tags.a = 'b'")
    assert (found.name, found.lifecycle_stage) == ("immortal", "active")
    assert len(client.search_runs([number])) == 1


def test_datasets_are_inputs(mlflow: Any, client: Any) -> None:
    import pandas as pd

    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]})
    dataset = mlflow.data.from_pandas(frame, name="tiny", targets="y")
    with mlflow.start_run() as run:
        mlflow.log_input(dataset, context="training")
    [used] = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("tiny", dataset.digest)
    assert used.tags[0].value == "training"
    assert len(client.search_runs(["0"], "dataset.name = 'tiny'")) == 1


def test_a_model_is_logged_registered_pointed_at_and_loaded(
    mlflow: Any, client: Any, ours: Workspace, tmp_path: Path
) -> None:
    class Doubles(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: list[float]) -> list[float]:
            return [2 * value for value in model_input]

    mlflow.set_experiment("models")
    with mlflow.start_run() as run:
        mlflow.log_metric("auc", 0.9)
        logged = mlflow.pyfunc.log_model(
            name="doubles", python_model=Doubles(), pip_requirements=[], input_example=[1.0]
        )
    assert mlflow.get_logged_model(logged.model_id).status == "READY"
    first = mlflow.register_model(logged.model_uri, "doubles", tags={"team": "red"})
    second = mlflow.register_model(f"runs:/{run.info.run_id}/doubles", "doubles")
    assert (first.version, second.version) in (("1", "2"), (1, 2))
    open_gates(ours, "doubles", 1, 2)
    client.set_registered_model_alias("doubles", "best", "1")
    client.set_registered_model_alias("doubles", "champion", "2")
    client.transition_model_version_stage("doubles", "1", "Staging")
    for uri in (
        *("models:/doubles/1", "models:/doubles@best", "models:/doubles@champion"),
        *("models:/doubles/Staging", f"runs:/{run.info.run_id}/doubles", logged.model_uri),
    ):
        assert mlflow.pyfunc.load_model(uri).predict([1.0, 2.0]) == [2.0, 4.0], uri
    seen = ours.registry.version("doubles", "best")
    assert (seen.stage, seen.run_id, seen.metrics) == ("staging", run.info.run_id, {"auc": 0.9})
    assert seen.import_source.startswith("MLflow: ")
    assert b"MLmodel" in ours.store.artifacts.read(seen.digest)
    champion = ours.registry.champion("doubles")
    assert champion is not None
    assert champion.version == 2
    assert set(ours.registry.history("doubles")["after"]) == {"production", "staging"}


def test_the_registry_as_the_client_knows_it(mlflow: Any, client: Any, ours: Workspace) -> None:
    run = client.create_run("0").info.run_id
    client.create_registered_model("m", tags={"a": "b"}, description="first")
    for _ in range(3):
        client.create_model_version("m", f"runs:/{run}/model", run_id=run)
    open_gates(ours, "m", 1, 2, 3)
    client.transition_model_version_stage("m", "1", "Production")
    client.transition_model_version_stage("m", "2", "Production", archive_existing_versions=True)
    stages = {v.version: v.current_stage for v in client.search_model_versions("name = 'm'")}
    assert {int(number): stage for number, stage in stages.items()} == {
        1: "Archived",
        2: "Production",
        3: "None",
    }
    assert [int(v.version) for v in client.get_latest_versions("m", ["Production"])] == [2]
    client.set_model_version_tag("m", "3", "k", "v")
    client.update_model_version("m", "3", description="third")
    third = client.get_model_version("m", "3")
    assert (third.tags, third.description) == ({"k": "v"}, "third")
    client.set_registered_model_alias("m", "best", "3")
    assert int(client.get_model_version_by_alias("m", "best").version) == 3
    client.rename_registered_model("m", "renamed")
    [model] = client.search_registered_models("name LIKE 'ren%'")
    assert (model.name, model.tags, model.description) == ("renamed", {"a": "b"}, "first")
    assert {k: int(v) for k, v in model.aliases.items()} == {"best": 3, "champion": 2}
    assert [each.name for each in client.search_registered_models()] == ["renamed"]
    client.delete_registered_model_alias("renamed", "best")
    client.delete_model_version("renamed", "3")
    again = client.create_model_version("renamed", f"runs:/{run}/model", run_id=run)
    assert int(again.version) == 4, "the number of a deleted version is not given again"
    client.delete_registered_model("renamed")
    assert client.search_registered_models() == []


def rows(count: int = 120) -> tuple[Any, Any]:
    """Features and a target that hangs on them."""
    import numpy as np
    import pandas as pd

    draw = np.random.default_rng(7)
    features = pd.DataFrame({name: draw.normal(size=count) for name in ("a", "b", "c")})
    return features, (features["a"] + draw.normal(0, 0.3, count) > 0).astype(int)


def test_a_grid_search_logs_itself(mlflow: Any, client: Any, ours: Workspace) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    features, target = rows()
    mlflow.set_experiment("tuned")
    mlflow.sklearn.autolog(max_tuning_runs=4)
    try:
        with mlflow.start_run(run_name="search") as run:
            GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=3).fit(features, target)
    finally:
        mlflow.sklearn.autolog(disable=True)
    seen = ours.experiments.run(run.info.run_id)
    assert {"best_C", "cv", "estimator"} <= seen.params.keys()
    assert seen.values["best_cv_score"] > 0.5
    assert "cv_results.csv" in {file.path for file in seen.artifacts}
    number = mlflow.get_experiment_by_name("tuned").experiment_id
    trials = client.search_runs([number], f"tags.mlflow.parentRunId = '{run.info.run_id}'")
    assert sorted(trial.data.params["C"] for trial in trials) == ["0.1", "1.0", "10.0"]
    assert {ours.experiments.run(t.info.run_id).parent_id for t in trials} == {run.info.run_id}
    assert client.get_run(run.info.run_id).outputs.model_outputs
    [dataset] = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert dataset.tags[0].value == "train"


def test_sklearn_models_with_a_signature_are_found_and_loaded(
    mlflow: Any, client: Any, ours: Workspace
) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.models import infer_signature
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    features, target = rows()
    mlflow.set_experiment("signed")
    linear = LogisticRegression().fit(features, target)
    forest = RandomForestClassifier(5, max_depth=2, random_state=7).fit(features, target)
    signature = infer_signature(features, linear.predict(features))
    with mlflow.start_run() as run:
        mlflow.log_metric("auc", 0.9)
        mlflow.sklearn.log_model(
            linear,
            name="linear",
            signature=signature,
            input_example=features.head(2),
            registered_model_name="signed",
        )
        with pytest.raises(MlflowException, match="skops_trusted_types"):  # the client's own rule
            mlflow.sklearn.log_model(forest, name="forest", signature=signature)
        trusted = ["sklearn.tree._tree.Tree"]
        mlflow.sklearn.log_model(
            forest,
            name="trusted",
            signature=signature,
            skops_trusted_types=trusted,
            pip_requirements=["scikit-learn", "skops"],
        )
    open_gates(ours, "signed", 1)
    client.set_registered_model_alias("signed", "best", "1")
    client.transition_model_version_stage("signed", "1", "Production")
    uris = ["models:/signed@best", "models:/signed/1", "models:/signed/Production"]
    for uri in (*uris, f"runs:/{run.info.run_id}/linear"):
        model = mlflow.sklearn.load_model(uri)
        assert (model.predict(features) == linear.predict(features)).all(), uri
        assert mlflow.models.get_model_info(uri).signature == signature
    again = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/trusted")
    assert (again.predict(features) == forest.predict(features)).all()
    found = mlflow.search_logged_models(
        experiment_ids=[run.info.experiment_id],
        filter_string="name != 'forest' AND metrics.auc > 0.5",
        order_by=[{"field_name": "name", "ascending": True}],
        output_format="list",
    )
    assert [model.name for model in found] == ["linear", "trusted"]
    client.delete_logged_model(found[1].model_id)
    left = mlflow.search_logged_models(experiment_ids=[run.info.experiment_id])
    assert sorted(left["name"]) == ["forest", "linear"]
    champion = ours.registry.champion("signed")
    assert champion is not None
    assert champion.run_id == run.info.run_id


@pytest.fixture
def hearing(mlflow: Any, inner_url: str) -> Any:
    """A client of the server whose webhooks may call this machine."""
    return mlflow.MlflowClient(tracking_uri=inner_url, registry_uri=inner_url)


def test_webhooks_hear_of_the_registry_with_a_signature_that_holds(
    hearing: Any, receiver: Receiver, inner_served: tuple[Workspace, str]
) -> None:
    from mlflow.webhooks.delivery import _generate_hmac_signature

    every = [
        *("registered_model.created", "model_version.created", "model_version_tag.set"),
        *("model_version_tag.deleted", "model_version_alias.created"),
        "model_version_alias.deleted",
    ]
    hook = hearing.create_webhook("ops", receiver.url, every, description="d", secret="hush")
    assert (hook.status, hook.secret, [str(event) for event in hook.events]) == (
        *("ACTIVE", None),
        every,
    )
    assert hearing.test_webhook(hook.webhook_id, event="model_version.created").success
    assert json.loads(receiver.next().body)["data"]["name"] == "example_model"
    run = hearing.create_run("0").info.run_id
    hearing.create_registered_model("m", tags={"a": "b"})
    hearing.create_model_version("m", f"runs:/{run}/model", run_id=run)
    hearing.set_model_version_tag("m", "1", "k", "v")
    hearing.delete_model_version_tag("m", "1", "k")
    hearing.set_registered_model_alias("m", "best", "1")
    hearing.delete_registered_model_alias("m", "best")
    inner_served[0].registry.set_alias("m", "ours", 1)
    came = [receiver.next() for _ in range(7)]
    for each in came:
        headers = each.headers
        delivery, at = headers["X-MLflow-Delivery-Id"], headers["X-MLflow-Timestamp"]
        expected = _generate_hmac_signature("hush", delivery, at, each.body.decode())
        assert headers["X-MLflow-Signature"] == expected
    bodies = [json.loads(each.body) for each in came]
    assert sorted(f"{body['entity']}.{body['action']}" for body in bodies) == sorted(
        [*every, "model_version_alias.created"]
    )
    assert {body["data"]["alias"] for body in bodies if "alias" in body["data"]} == {"best", "ours"}
    hearing.update_webhook(hook.webhook_id, status="DISABLED", events=["model_version.created"])
    [listed] = hearing.list_webhooks()
    assert (listed.status, [str(event) for event in listed.events]) == (
        *("DISABLED", ["model_version.created"]),
    )
    hearing.create_registered_model("unheard")
    hearing.delete_webhook(hook.webhook_id)
    assert list(hearing.list_webhooks()) == []
    assert receiver.waiting == 0


def test_a_webhook_to_an_inner_address_is_an_error_of_the_client(client: Any) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="non-public IP address") as refused:
        client.create_webhook("ops", "http://127.0.0.1:1/", ["registered_model.created"])
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
