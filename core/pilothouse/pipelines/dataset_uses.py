"""What uses a dataset version, looked up in every room: the data room knows none of the others."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, or_, select

from pilothouse.data.lifecycle import Use
from pilothouse.data.tables import DatasetVersion
from pilothouse.experiments.tables import Run, RunInput
from pilothouse.jobs.tables import ENDED, Job, JobSchedule
from pilothouse.monitoring.monitor_config import DATASET
from pilothouse.monitoring.tables import Monitor
from pilothouse.registry.tables import ModelVersion


def dataset_uses(session: Session, ref: str) -> list[Use]:
    """Models, runs, other versions, waiting jobs, schedules and monitors that use a version."""
    return [
        *_models(session, ref),
        *_runs(session, ref),
        *_datasets(session, ref),
        *_jobs(session, ref),
        *_schedules(session, ref),
        *_monitors(session, ref),
    ]


def _models(session: Session, ref: str) -> list[Use]:
    query = select(ModelVersion.model, ModelVersion.version).where(ModelVersion.dataset == ref)
    names = [f"{model}@{number}" for model, number in session.exec(query)]
    return [Use("version", name, name, "trained on it") for name in names]


def _runs(session: Session, ref: str) -> list[Use]:
    query = (
        select(Run.id, Run.name, RunInput.role)
        .join(RunInput, col(RunInput.run_id) == col(Run.id))
        .where(RunInput.dataset == ref)
        .order_by(col(Run.created_at))
    )
    return [
        Use("run", run, name or run, f"read it for {role}")
        for run, name, role in session.exec(query)
    ]


def _monitors(session: Session, ref: str) -> list[Use]:
    query = select(Monitor.deployment).where(
        Monitor.reference == DATASET, Monitor.reference_dataset == ref
    )
    return [
        Use("deployment", name, name, "its windows are compared with it")
        for name in session.exec(query)
    ]


def _datasets(session: Session, ref: str) -> list[Use]:
    query = select(DatasetVersion.dataset, DatasetVersion.version, DatasetVersion.parent).where(
        or_(col(DatasetVersion.parent) == ref, col(DatasetVersion.superseded_by) == ref)
    )
    return [
        Use(
            "dataset",
            f"{name}@{number}",
            f"{name}@{number}",
            "made from it" if parent == ref else "superseded by it",
        )
        for name, number, parent in session.exec(query)
    ]


def _jobs(session: Session, ref: str) -> list[Use]:
    query = select(Job.id, Job.title, Job.args).where(col(Job.status).not_in(ENDED))
    return [
        Use("job", job, title, "will read it")
        for job, title, args in session.exec(query)
        if _mentions(args, ref)
    ]


def _schedules(session: Session, ref: str) -> list[Use]:
    query = select(JobSchedule.name, JobSchedule.args)
    return [
        Use("schedule", name, name, "reads it")
        for name, args in session.exec(query)
        if _mentions(args, ref)
    ]


def _mentions(value: Any, ref: str) -> bool:
    """Whether a reference is among the values of a job's arguments, however deep."""
    if isinstance(value, dict):
        return any(_mentions(part, ref) for part in value.values())
    if isinstance(value, list):
        return any(_mentions(part, ref) for part in value)
    return bool(value == ref)
