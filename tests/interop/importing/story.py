"""A history as the real MLflow writes it, and everything it says of that history afterwards.

python story.py TRACKING_URI TOLD_JSON [prompts]

A process of its own, since a client keeps much of its first address.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

LONG = 1200
ODD = ((0, 1, "nan"), (1, 2, "inf"), (2, 3, "-inf"), (-5, 4, "0.5"), (7, 5, "1e-300"))


def write(mlflow: Any) -> None:
    """Nested runs, odd figures, datasets, a logged model, the registry, and what was deleted."""
    import pandas as pd
    from mlflow.entities import Metric

    client = mlflow.MlflowClient()
    client.create_experiment("team/search", tags={"owner": "ada", "mlflow.note.content": "why"})
    mlflow.set_experiment("team/search")
    dataset = mlflow.data.from_pandas(
        pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]}), name="tiny", targets="y"
    )

    class Doubles(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: list[float]) -> list[float]:
            return [2 * value for value in model_input]

    with mlflow.start_run(run_name="parent", tags={"team": "red"}, description="a note") as run:
        number = run.info.run_id
        mlflow.log_params({"kind": "tree", "depth": 3, "a/b": "x", "long": "v" * 5000, "é": "ü"})
        points = [Metric("loss", 1 / (i + 1), 1_700_000_000_000 + i, i) for i in range(LONG)]
        client.log_batch(number, metrics=points[:800])
        client.log_batch(number, metrics=points[800:])
        odd = [Metric("odd", float(value), at, step) for step, at, value in ODD]
        client.log_batch(number, metrics=[*odd, Metric("deep/er", 1.5, 4, 2)])
        mlflow.log_text("hello", "notes.txt")
        mlflow.log_dict({"a": 1}, "conf/a.json")
        mlflow.log_input(dataset, context="training", tags={"k": "v"})
        with mlflow.start_run(run_name="child", nested=True):
            mlflow.log_metric("loss", 0.1)
            with mlflow.start_run(run_name="grandchild", nested=True):
                mlflow.log_metric("loss", 0.05)
        logged = mlflow.pyfunc.log_model(
            name="doubles",
            python_model=Doubles(),
            pip_requirements=[],
            input_example=[1.0],
            params={"q": "1"},
            tags={"mt": "1"},
        )
        mlflow.log_metric("acc", 0.9, model_id=logged.model_id, dataset=dataset)
    register(mlflow, client, number, logged)


def register(mlflow: Any, client: Any, run: str, logged: Any) -> None:
    """Four versions of a model, one of them deleted."""
    mlflow.register_model(logged.model_uri, "doubles", tags={"vt": "1"})
    mlflow.register_model(f"runs:/{run}/doubles", "doubles")
    client.create_model_version("doubles", f"runs:/{run}/conf", run_id=run)
    client.delete_model_version("doubles", "3")
    client.create_model_version("doubles", f"runs:/{run}/conf", run_id=run, description="fourth")
    client.set_registered_model_tag("doubles", "rt", "1")
    client.update_registered_model("doubles", "about it")


def move(mlflow: Any, client: Any) -> None:
    """Stages and aliases of the versions, a model without any, and a prompt."""
    client.transition_model_version_stage("doubles", "1", "Production")
    client.transition_model_version_stage("doubles", "2", "Staging")
    client.transition_model_version_stage("doubles", "4", "Archived")
    client.set_registered_model_alias("doubles", "champion", "1")
    client.set_registered_model_alias("doubles", "best", "2")
    client.create_registered_model("empty")
    if "prompts" in sys.argv:
        mlflow.genai.register_prompt("greeting", "hello {{x}}")


def lives(client: Any) -> None:
    """Runs that failed, were killed, still run, or were deleted; and a deleted experiment."""
    number = client.get_experiment_by_name("team/search").experiment_id
    gone = client.create_run(number, run_name="gone").info.run_id
    client.log_metric(gone, "loss", 3.0)
    client.set_terminated(gone, "FAILED")
    client.delete_run(gone)
    killed = client.create_run(number, run_name="killed").info.run_id
    client.set_terminated(killed, "KILLED")
    client.create_run(number, run_name="live")
    old = client.create_experiment("old")
    client.create_run(old, run_name="of old")
    client.delete_experiment(old)


def told(mlflow: Any) -> dict[str, Any]:
    """What MLflow says of it all."""
    from mlflow.entities import ViewType

    client = mlflow.MlflowClient()
    experiments = client.search_experiments(view_type=ViewType.ALL)
    numbers = [each.experiment_id for each in experiments]
    names = {each.experiment_id: each.name for each in experiments}
    runs = client.search_runs(numbers, run_view_type=ViewType.ALL, max_results=1000)
    models = client.search_logged_models(numbers)
    return {
        "experiments": {
            each.name: {
                "tags": dict(each.tags),
                "lifecycle": each.lifecycle_stage,
                "created": each.creation_time,
            }
            for each in experiments
        },
        "runs": {run.info.run_id: of_run(mlflow, client, run, names) for run in runs},
        "logged_models": {each.model_id: of_model(mlflow, each, names) for each in models},
        "models": {each.name: of_registered(client, each) for each in registered(client)},
    }


def of_run(mlflow: Any, client: Any, run: Any, names: dict[str, str]) -> dict[str, Any]:
    """One run with its histories and files."""
    info, number = run.info, run.info.run_id
    return {
        "experiment": names[info.experiment_id],
        "name": info.run_name,
        "user": info.user_id,
        "status": info.status,
        "start": info.start_time,
        "end": info.end_time,
        "lifecycle": info.lifecycle_stage,
        "params": dict(run.data.params),
        "tags": dict(run.data.tags),
        "history": {
            key: sorted({(p.step, p.timestamp, repr(p.value)) for p in points})
            for key in run.data.metrics
            for points in [client.get_metric_history(number, key)]
        },
        "datasets": [
            {**each.dataset.to_dictionary(), "tags": {tag.key: tag.value for tag in each.tags}}
            for each in run.inputs.dataset_inputs
        ],
        "outputs": [each.model_id for each in run.outputs.model_outputs] if run.outputs else [],
        "files": files_at(mlflow, info.artifact_uri),
    }


def of_model(mlflow: Any, model: Any, names: dict[str, str]) -> dict[str, Any]:
    """One logged model with its figures and files."""
    return {
        "experiment": names[model.experiment_id],
        "name": model.name,
        "status": str(model.status),
        "run": model.source_run_id,
        "created": model.creation_timestamp,
        "params": dict(model.params),
        "tags": {key: value for key, value in model.tags.items() if key != "mlflow.modelVersions"},
        "figures": sorted(
            (m.key, m.step, m.timestamp, repr(m.value), m.dataset_name or "", m.run_id or "")
            for m in model.metrics or []
        ),
        "files": files_at(mlflow, model.artifact_location),
    }


def files_at(mlflow: Any, uri: str) -> dict[str, str]:
    """The files of a place with their SHA-256."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            place = Path(mlflow.artifacts.download_artifacts(uri, dst_path=folder))
        except (OSError, mlflow.exceptions.MlflowException):
            return {}
        return {
            str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in place.rglob("*")
            if path.is_file()
        }


def registered(client: Any) -> list[Any]:
    """The registered models that are no prompts."""
    return [m for m in client.search_registered_models() if "mlflow.prompt.is_prompt" not in m.tags]


def of_registered(client: Any, model: Any) -> dict[str, Any]:
    """One registered model with its versions."""
    found = client.search_model_versions(f"name = '{model.name}'")
    return {
        "description": model.description or "",
        "tags": dict(model.tags),
        "created": model.creation_timestamp,
        "aliases": {alias: int(number) for alias, number in model.aliases.items()},
        "versions": {
            str(each.version): {
                "stage": each.current_stage,
                "run": each.run_id,
                "description": each.description or "",
                "tags": dict(each.tags),
                "created": each.creation_timestamp,
            }
            for each in found
        },
    }


def main() -> None:
    """Write the history, then say what MLflow says of it.

    With `registers` it ends before versions move, with `moves` it goes on from there.
    """
    warnings.simplefilter("ignore")
    import mlflow

    mlflow.set_tracking_uri(sys.argv[1])
    mlflow.set_registry_uri(sys.argv[1])
    if "moves" not in sys.argv:
        write(mlflow)
    if "registers" in sys.argv:
        return
    client = mlflow.MlflowClient()
    move(mlflow, client)
    lives(client)
    Path(sys.argv[2]).write_text(json.dumps(told(mlflow)), encoding="utf-8")


if __name__ == "__main__":
    main()
