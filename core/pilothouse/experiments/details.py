"""Runs in full: everything that was recorded for them, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments.lifecycle import run_not_found
from pilothouse.experiments.metrics.kinds import metric_texts
from pilothouse.experiments.metrics.summary import MetricSummary
from pilothouse.experiments.recording import artifact_path, summary_of
from pilothouse.experiments.tables import (
    Experiment,
    Param,
    Run,
    RunArtifact,
    RunInput,
    RunMetric,
    RunTag,
    Source,
    SourceUse,
)
from pilothouse.kit.errors import NotFound
from pilothouse.kit.notebook_html import card, small_table

T = TypeVar("T")


@dataclass(frozen=True)
class ArtifactInfo:
    """A file of a run."""

    path: str
    digest: str
    size: int


@dataclass(frozen=True)
class InputInfo:
    """A dataset version that a run read."""

    dataset: str
    role: str


@dataclass(frozen=True)
class LoggedInput:
    """A dataset that another program logged for a run, by the name and digest it gave."""

    name: str
    digest: str
    role: str


@dataclass(frozen=True)
class ChildRun:
    """A run under a run: a trial of a search, a fold."""

    id: str
    name: str
    status: str


@dataclass(frozen=True, repr=False)
class RunInfo:
    """A run: how it was started and ended, and all that was recorded of it."""

    id: str
    name: str
    experiment: str
    status: str
    trainer: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    parent_id: str | None
    job_id: str | None
    user: str
    source: str
    commit: str | None
    dirty: bool | None
    seed: int | None
    note: str
    error: str
    archived_at: datetime | None
    params: dict[str, str]
    metrics: dict[str, MetricSummary]
    tags: dict[str, str]
    artifacts: tuple[ArtifactInfo, ...]
    inputs: tuple[InputInfo, ...]
    logged_inputs: tuple[LoggedInput, ...]
    children: tuple[ChildRun, ...]

    def __repr__(self) -> str:
        return f"<run {self.name} ({self.id}) of {self.experiment!r}, {self.status}>"

    def _repr_html_(self) -> str:
        """In a notebook: its facts, metrics and parameters."""
        facts = {
            "Experiment": self.experiment,
            "Status": self.status,
            "Started": self.started_at,
            "Seconds": self.duration_s,
            "By": self.user,
            "Source": self.source,
            "Error": self.error,
            "Id": self.id,
        }
        return card(
            f"Run {self.name}",
            facts,
            small_table(("Metric", "Last value"), metric_texts(self.values)),
            small_table(("Parameter", "Value"), self.params.items()),
        )

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end; None while it runs."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def values(self) -> dict[str, float]:
        """The last value of each metric."""
        return {key: summary.last for key, summary in self.metrics.items()}

    def has_artifact(self, path: str) -> bool:
        """Whether the run has a file of that path."""
        return any(artifact.path == path for artifact in self.artifacts)


def run(session: Session, run_id: str) -> RunInfo:
    """A run in full. Raises NotFound."""
    return runs(session, [run_id])[0]


def runs(session: Session, run_ids: Sequence[str]) -> tuple[RunInfo, ...]:
    """Several runs in full, in the order given. Raises NotFound for the first missing one."""
    query = (
        select(Run, col(Experiment.name))
        .join(Experiment, col(Experiment.id) == col(Run.experiment_id))
        .where(col(Run.id).in_(run_ids))
    )
    by_id = {row.id: (row, experiment) for row, experiment in session.execute(query)}
    for run_id in run_ids:
        if run_id not in by_id:
            raise run_not_found(run_id)

    parts: dict[str, Mapping[str, Any]] = {
        "params": _values_by_run(session, Param, run_ids),
        "metrics": _metrics(session, run_ids),
        "tags": _values_by_run(session, RunTag, run_ids),
        "artifacts": _artifacts(session, run_ids),
        "inputs": _inputs(session, run_ids),
        "logged_inputs": _logged_inputs(session, run_ids),
        "children": _children(session, run_ids),
    }
    return tuple(
        _info(*by_id[run_id], {name: of_run[run_id] for name, of_run in parts.items()})
        for run_id in run_ids
    )


def _info(row: Run, experiment: str, parts: dict[str, Any]) -> RunInfo:
    return RunInfo(
        id=row.id,
        name=row.name,
        experiment=experiment,
        status=row.status,
        trainer=row.trainer,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        parent_id=row.parent_id,
        job_id=row.job_id,
        user=row.user,
        source=row.source,
        commit=row.commit,
        dirty=row.dirty,
        seed=row.seed,
        note=row.note,
        error=row.error,
        archived_at=row.archived_at,
        **parts,
    )


def artifact(session: Session, run_id: str, path: str) -> ArtifactInfo:
    """A file of a run. Raises NotFound, naming the files there are."""
    artifact = session.get(RunArtifact, (run_id, artifact_path(path)))
    if artifact is not None:
        return ArtifactInfo(artifact.path, artifact.digest, artifact.size)
    paths = [one.path for one in _artifacts(session, [run_id])[run_id]] or ["none"]
    raise NotFound(f"run {run_id} has no file {path!r}", hint=f"Known: {', '.join(paths)}.")


def _values_by_run(
    session: Session, table: type[Param] | type[RunTag], run_ids: Sequence[str]
) -> dict[str, dict[str, str]]:
    owner, key = col(table.run_id), col(table.key)
    query = select(owner, key, col(table.value)).where(owner.in_(run_ids)).order_by(key)
    rows = ((run_id, (name, value)) for run_id, name, value in session.execute(query))
    return {run_id: dict(values) for run_id, values in _by_run(run_ids, rows).items()}


def _metrics(session: Session, run_ids: Sequence[str]) -> dict[str, dict[str, MetricSummary]]:
    owner = col(RunMetric.run_id)
    query = select(RunMetric).where(owner.in_(run_ids)).order_by(col(RunMetric.key))
    rows = ((row.run_id, (row.key, summary_of(vars(row)))) for row in session.scalars(query))
    return {run_id: dict(of_run) for run_id, of_run in _by_run(run_ids, rows).items()}


def _artifacts(session: Session, run_ids: Sequence[str]) -> dict[str, tuple[ArtifactInfo, ...]]:
    owner = col(RunArtifact.run_id)
    query = select(RunArtifact).where(owner.in_(run_ids)).order_by(col(RunArtifact.path))
    rows = ((a.run_id, ArtifactInfo(a.path, a.digest, a.size)) for a in session.scalars(query))
    return _by_run(run_ids, rows)


def _inputs(session: Session, run_ids: Sequence[str]) -> dict[str, tuple[InputInfo, ...]]:
    order = col(RunInput.role), col(RunInput.dataset)
    query = select(RunInput).where(col(RunInput.run_id).in_(run_ids)).order_by(*order)
    rows = ((one.run_id, InputInfo(one.dataset, one.role)) for one in session.scalars(query))
    return _by_run(run_ids, rows)


def _logged_inputs(session: Session, run_ids: Sequence[str]) -> dict[str, tuple[LoggedInput, ...]]:
    query = (
        select(col(SourceUse.run_id), col(Source.name), col(Source.digest), col(SourceUse.role))
        .join(Source, col(Source.id) == col(SourceUse.source_id))
        .where(col(SourceUse.run_id).in_(run_ids))
        .order_by(col(SourceUse.role), col(Source.name), col(Source.digest))
    )
    rows = ((run_id, LoggedInput(*logged)) for run_id, *logged in session.execute(query))
    return _by_run(run_ids, rows)


def _children(session: Session, run_ids: Sequence[str]) -> dict[str, tuple[ChildRun, ...]]:
    parent = col(Run.parent_id)
    query = (
        select(parent, col(Run.id), col(Run.name), col(Run.status))
        .where(parent.in_(run_ids), col(Run.archived_at).is_(None))
        .order_by(col(Run.created_at), col(Run.id))
    )
    rows = ((above, ChildRun(*child)) for above, *child in session.execute(query))
    return _by_run(run_ids, rows)


def _by_run(run_ids: Sequence[str], rows: Iterable[tuple[str, T]]) -> dict[str, tuple[T, ...]]:
    grouped: dict[str, list[T]] = {run_id: [] for run_id in run_ids}
    for run_id, row in rows:
        grouped[run_id].append(row)
    return {run_id: tuple(of_run) for run_id, of_run in grouped.items()}
