"""MLflow: a tracking database with its files, which MLflow opens and which imports again here."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select
from sqlmodel import Session, col

from pilothouse.data.tables import DatasetVersion
from pilothouse.experiments.details import ArtifactInfo, RunInfo
from pilothouse.experiments.tables import Experiment, File, LoggedModel, Run, RunModel
from pilothouse.interop.exporting.plan import ExportPlan, Files
from pilothouse.interop.mlflow import (
    experiments,
    logged_models,
    run_serialisation,
    version_serialisation,
)
from pilothouse.interop.run_exports.formats import run_formats
from pilothouse.interop.run_exports.mlflow_database import MlflowDatabase
from pilothouse.interop.run_exports.run_source import RunSource, RunTotals
from pilothouse.registry.tables import Model, ModelVersion, ModelVersionOrigin

DATABASE, ROOT = "mlflow.db", "mlruns"
STEPS = """It is a tracking store of MLflow 3.0 or newer. Unpack it, and in its folder:

    mlflow server --backend-store-uri sqlite:///mlflow.db

A newer MLflow brings the database to its own schema when it opens it. The paths of files are
relative to this folder: MLflow finds them when it is started here. `pilothouse import mlflow
mlflow.db` takes it back.
"""
MILLISECONDS = "Times to the microsecond: MLflow's are in milliseconds."
CARRIED = (
    "Runs with their ids, parameters, tags, notes, status and times; nested runs below their "
    "parents.",
    "Every point of every metric. MLflow's database has the largest number for an infinity.",
    "Files, datasets that runs read, and logged models with their metrics and files.",
    "Registered models with the versions that come from these runs, their stages and aliases.",
    "Seed, trainer, error and uncommitted changes, as tags that begin with `pilothouse.`.",
)


@run_formats.register("mlflow")
class MlflowFormat:
    """A SQLite database and a folder of files: newer releases of MLflow refuse a file store."""

    title = "MLflow"
    description = "A tracking store with files, logged models and registered versions."

    @staticmethod
    def left_out(totals: RunTotals) -> tuple[str, ...]:
        """The last three digits of times, and parents that were not chosen."""
        lines = [MILLISECONDS] if totals.points else []
        if totals.outside:
            lines.append(
                f"Parents that are not among the chosen runs (of {totals.outside:,}): MLflow shows "
                "these runs without one."
            )
        return tuple(lines)

    @staticmethod
    def plan(source: RunSource, folder: Path) -> ExportPlan:
        """The database is written run by run; files are taken from where they lie."""
        files: dict[str, Any] = {DATABASE: folder / DATABASE}
        with MlflowDatabase(folder / DATABASE) as database:
            _add_experiments(source, database)
            for run in source.runs():
                experiment = _add_run(source, database, run)
                location = f"{ROOT}/{experiment}/{run.id}/artifacts"
                files |= _files(source, location, run.artifacts)
                for key, points in source.histories(run.id):
                    database.add_history(run.id, key, points)
            files |= _add_logged_models(source, database)
            _add_models(source, database)
        notes = []
        if database.merged:
            notes.append(
                f"Points that differ from another in microseconds only ({database.merged:,}) are "
                "one with it in MLflow."
            )
        plan: Files = files
        return ExportPlan(plan, CARRIED, notes=tuple(notes), steps=STEPS)


def _add_experiments(source: RunSource, database: MlflowDatabase) -> None:
    with source.read() as session:
        numbers: set[int] = set()
        for part in run_serialisation.chunks(source.ids):
            query = select(col(Run.experiment_id)).where(col(Run.id).in_(part))
            numbers |= set(session.scalars(query))
        query_rows = select(Experiment).where(col(Experiment.id).in_(numbers))
        rows = session.scalars(query_rows.order_by(col(Experiment.id))).all()
        for row, answer in zip(rows, experiments.serialise(session, rows), strict=True):
            note = {run_serialisation.NOTE: row.note} if row.note else {}
            database.add_experiment(answer, f"{ROOT}/{row.id}", note)


def _add_run(source: RunSource, database: MlflowDatabase, run: RunInfo) -> str:
    """Write a run as our server answers it; the number of its experiment."""
    with source.read() as session:
        [answer] = run_serialisation.serialise(session, [session.get_one(Run, run.id)])
        inputs = _dataset_uses(session, run)
    experiment = str(answer["info"]["experiment_id"])
    facts = {"seed": run.seed, "trainer": run.trainer, "error": run.error, "dirty": run.dirty}
    tags = {f"pilothouse.{name}": str(fact) for name, fact in facts.items()
            if fact not in (None, "")}  # fmt: skip
    database.add_run(answer, f"{ROOT}/{experiment}/{run.id}/artifacts", tags)
    for use in inputs:
        database.add_dataset(run.id, int(experiment), use)
    return experiment


def _dataset_uses(session: Session, run: RunInfo) -> list[dict[str, Any]]:
    """The dataset versions that a run read, as MLflow describes datasets."""
    uses = []
    for one in run.inputs:
        name, _, number = one.dataset.partition("@")
        query = select(col(DatasetVersion.content_hash)).where(
            col(DatasetVersion.dataset) == name,
            col(DatasetVersion.version) == (int(number) if number.isdecimal() else -1),
        )
        digest = session.scalars(query).first() or one.dataset
        fields = {"name": one.dataset, "digest": digest[:36], "source_type": "pilothouse"}
        tags = [{"key": run_serialisation.CONTEXT, "value": one.role}]
        uses.append(
            {"dataset": fields | {"source": json.dumps({"uri": one.dataset})}, "tags": tags}
        )
    return uses


def _add_logged_models(source: RunSource, database: MlflowDatabase) -> dict[str, Path]:
    files: dict[str, Path] = {}
    with source.read() as session:
        for part in run_serialisation.chunks(source.ids):
            used = select(col(RunModel.model_id)).where(col(RunModel.run_id).in_(part))
            query = select(LoggedModel).where(
                or_(col(LoggedModel.run_id).in_(part), col(LoggedModel.id).in_(used)),
                col(LoggedModel.archived_at).is_(None),
            )
            rows = session.scalars(query.order_by(col(LoggedModel.id))).all()
            for answer in logged_models.serialise(session, rows):
                info = answer["info"]
                location = f"{ROOT}/{info['experiment_id']}/models/{info['model_id']}/artifacts"
                database.add_logged_model(answer, location)
                own = select(File).where(col(File.root) == info["model_id"])
                of_model = session.scalars(own.order_by(col(File.path))).all()
                files |= _files(source, location, of_model)
    return files


def _files(
    source: RunSource, location: str, files: Sequence[ArtifactInfo | File]
) -> dict[str, Path]:
    """The files of a run or a logged model by where they come to lie."""
    there = ((file.path, source.file(file.digest)) for file in files)
    return {source.place(location, name): path for name, path in there if path is not None}


def _add_models(source: RunSource, database: MlflowDatabase) -> None:
    """Registered models with the versions that come from the runs."""
    with source.read() as session:
        versions = _versions_of(session, source.ids)
        answers: dict[str, list[Any]] = defaultdict(list)
        for answer in version_serialisation.versions(session, versions):
            answers[answer["name"]].append(answer)
        models = [session.get_one(Model, name) for name in sorted(answers)]
        for model in version_serialisation.models(session, models):
            database.add_model(model, answers[model["name"]])


def _versions_of(session: Session, runs: Sequence[str]) -> list[ModelVersion]:
    keys: set[tuple[str, int]] = set()
    for part in run_serialisation.chunks(runs):
        for table, owner in (
            (ModelVersion, ModelVersion.run_id),
            (ModelVersionOrigin, ModelVersionOrigin.run),
        ):
            query = select(col(table.model), col(table.version)).where(col(owner).in_(part))
            keys |= {(model, version) for model, version in session.execute(query)}
    return [session.get_one(ModelVersion, key) for key in sorted(keys)]
