"""What a workspace holds, in the form in which `story.py` tells what MLflow holds."""

from __future__ import annotations

import math
from typing import Any

from sqlmodel import col, select

from pilothouse.experiments.tables import (
    Experiment,
    ExperimentTag,
    File,
    LoggedModel,
    Run,
    RunArtifact,
)
from pilothouse.interop.mlflow import logged_models, run_serialisation, version_serialisation
from pilothouse.kit.clock import to_ms
from pilothouse.registry.tables import Model, ModelVersion
from pilothouse.workspace import Workspace

Json = dict[str, Any]
LARGEST = 1.7976931348623157e308


def seen(workspace: Workspace) -> Json:
    """Experiments, runs with histories and files, logged models, registered models."""
    with workspace.store.read() as session:
        experiments = session.scalars(select(Experiment)).all()
        names = {each.id: each.name for each in experiments}
        tags = session.scalars(select(ExperimentTag)).all()
        runs = session.scalars(select(Run)).all()
        models = session.scalars(select(LoggedModel)).all()
        described = run_serialisation.serialise(session, runs)
        histories = workspace.experiments.history([run.id for run in runs])
        return {
            "experiments": {
                each.name: {
                    "tags": {tag.key: tag.value for tag in tags if tag.experiment_id == each.id},
                    "lifecycle": "active" if each.archived_at is None else "deleted",
                    "created": to_ms(each.created_at),
                }
                for each in experiments
            },
            "runs": {
                row.id: _run(session, row, told, names, histories[histories["run"] == row.id])
                for row, told in zip(runs, described, strict=True)
            },
            "logged_models": {
                told["info"]["model_id"]: _model(session, told, names)
                for told in logged_models.serialise(session, models)
            },
            "models": {
                told["name"]: _registered(session, told)
                for told in version_serialisation.models(
                    session, session.scalars(select(Model)).all()
                )
            },
        }


def _run(session: Any, row: Run, told: Json, names: Any, history: Any) -> Json:
    info, data = told["info"], told["data"]
    files = session.scalars(select(RunArtifact).where(RunArtifact.run_id == row.id)).all()
    return {
        "experiment": names[row.experiment_id],
        "name": row.name,
        "user": row.user,
        "status": info["status"],
        "start": info["start_time"],
        "end": info.get("end_time"),
        "lifecycle": info["lifecycle_stage"],
        "params": _pairs(data.get("params", [])),
        "tags": _pairs(data["tags"]),
        "history": {
            key: sorted(
                [int(p.step), int(p.at.value // 1_000_000), repr(float(p.value))]
                for p in points.itertuples()
            )
            for key, points in history.groupby("key")
        },
        "datasets": [
            {**each["dataset"], "tags": _pairs(each.get("tags", []))}
            for each in told["inputs"].get("dataset_inputs", [])
        ],
        "outputs": [each["model_id"] for each in told["outputs"].get("model_outputs", [])],
        "files": {file.path: file.digest for file in files},
    }


def _model(session: Any, told: Json, names: Any) -> Json:
    info, data = told["info"], told["data"]
    files = session.scalars(select(File).where(File.root == info["model_id"])).all()
    tags = _pairs(info.get("tags", []))
    tags.pop("mlflow.modelVersions", None)
    return {
        "experiment": names[int(info["experiment_id"])],
        "name": info["name"],
        "status": info["status"].removeprefix("LOGGED_MODEL_"),
        "run": info["source_run_id"],
        "created": info["creation_timestamp_ms"],
        "params": _pairs(data.get("params", [])),
        "tags": tags,
        "figures": sorted(
            [
                point["key"],
                point["step"],
                point["timestamp"],
                repr(float(point["value"])),
                point.get("dataset_name", ""),
                point["run_id"],
            ]
            for point in data.get("metrics", [])
        ),
        "files": {file.path: file.digest for file in files},
    }


def _registered(session: Any, told: Json) -> Json:
    query = select(ModelVersion).where(col(ModelVersion.model) == told["name"])
    versions = version_serialisation.versions(session, session.scalars(query).all())
    return {
        "description": told.get("description", ""),
        "tags": _pairs(told.get("tags", [])),
        "created": told["creation_timestamp"],
        "aliases": {each["alias"]: int(each["version"]) for each in told.get("aliases", [])},
        "versions": {
            each["version"]: {
                "stage": each["current_stage"],
                "run": each["run_id"],
                "description": each["description"],
                "tags": _pairs(each.get("tags", [])),
                "created": each["creation_timestamp"],
            }
            for each in versions
        },
    }


def _pairs(rows: list[Json]) -> dict[str, str]:
    return {row["key"]: row["value"] for row in rows}


def expected(told: Json) -> Json:
    """What a workspace should hold of what MLflow told: the policy of an import, in one place."""
    runs = {number: _expected_run(run, number, told) for number, run in told["runs"].items()}
    experiments = {
        name: facts
        for name, facts in told["experiments"].items()
        if name != "Default" or any(run["experiment"] == name for run in runs.values())
    }
    return {
        "experiments": experiments,
        "runs": runs,
        "logged_models": told["logged_models"],
        "models": told["models"],
    }


def _expected_run(run: Json, number: str, told: Json) -> Json:
    history = {
        key: sorted([step, at, _infinite(value)] for step, at, value in points)
        for key, points in run["history"].items()
    }
    ended = run["end"] is not None or run["status"] in ("RUNNING", "SCHEDULED")
    tags = {"mlflow.runName": run["name"], **run["tags"]}
    return {
        **run,
        "history": history,
        "tags": tags,
        "end": run["end"] if ended else run["start"],
    }


def _infinite(value: str) -> str:
    """MLflow's SQL store writes an infinity as the largest number; here it is one again."""
    number = float(value)
    return repr(math.copysign(math.inf, number) if abs(number) == LARGEST else number)
