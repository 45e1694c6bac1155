"""Evaluations of versions: what each was worth on a dataset version, and which run has the rest.

They are evidence: only `record_evaluation` writes them, and the runs that they name stay as they
are. A client that logs metrics to a run makes no evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.activity.actors import RETRAINING
from pilothouse.experiments import late_writes
from pilothouse.experiments.tables import Run, RunArtifact
from pilothouse.models.answers import REFERENCE_PATH
from pilothouse.registry import versions
from pilothouse.registry.tables import VersionEvaluation
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

WHOLE_RUN = ""  # the folder of every file of a run
COLUMNS = (
    "run_id",
    "dataset",
    "label",
    "rows",
    "held_out",
    "metrics",
    "created_at",
    "created_by",
)


@dataclass(frozen=True)
class EvaluationInfo:
    """One evaluation of a version: the rows that it was measured on, and its metrics.

    Without a `label` the rows have none and there are no metrics: they are a reference only.
    """

    run_id: str
    model: str
    version: int
    dataset: str
    label: str
    held_out: str
    rows: int
    metrics: Mapping[str, float]
    created_at: datetime
    created_by: str

    @property
    def ref(self) -> str:
        """The evaluated version: model@version."""
        return f"{self.model}@{self.version}"


@dataclass(frozen=True)
class EvaluationResult:
    """What an evaluation measured; `reference` is the digest of the run's reference file."""

    run_id: str
    dataset: str
    label: str
    held_out: str
    rows: int
    metrics: Mapping[str, float]
    reference: str


def record_evaluation(
    session: Session, store: Store, model: str, version: int, result: EvaluationResult
) -> EvaluationInfo:
    """Record an evaluation of a version; one that is recorded stays as it is. Raises NotFound."""
    if (existing := session.get(VersionEvaluation, result.run_id)) is not None:
        return _info(existing)

    versions.require(session, model, version)
    row = VersionEvaluation(
        **{**vars(result), "metrics": dict(result.metrics)},
        model=model,
        version=version,
        created_at=store.now(),
        created_by=store.actor,
    )
    session.add(row)
    session.flush()
    ref = f"{model}@{version}"
    late_writes.hold_sources(session, ref, [(result.run_id, WHOLE_RUN)])
    about = {"run": result.run_id, "dataset": result.dataset, "label": result.label}
    record(session, store, "evaluated", "version", ref, after=about)
    return _info(row)


def evaluations(session: Session, model: str, version: int) -> list[EvaluationInfo]:
    """The evaluations of a version, newest first. Raises NotFound without the version."""
    versions.require(session, model, version)
    query = (
        select(VersionEvaluation)
        .where(VersionEvaluation.model == model, VersionEvaluation.version == version)
        .order_by(col(VersionEvaluation.created_at).desc(), col(VersionEvaluation.run_id))
    )
    return [_info(row) for row in session.exec(query)]


def newest_measured(session: Session, model: str, version: int) -> EvaluationInfo | None:
    """The newest evaluation of a version that has metrics, or None."""
    return next((info for info in evaluations(session, model, version) if info.metrics), None)


def of_job(session: Session, job: str) -> EvaluationInfo | None:
    """What the evaluation of a job recorded, or None while there is nothing."""
    query = (
        select(VersionEvaluation)
        .join(Run, col(Run.id) == col(VersionEvaluation.run_id))
        .where(Run.job_id == job)
    )
    row = session.exec(query).first()
    return None if row is None else _info(row)


def evaluation_frame(session: Session, model: str, version: int) -> pd.DataFrame:
    """One row an evaluation, newest first: `COLUMNS`."""
    import pandas as pd

    rows = [
        [getattr(info, name) for name in COLUMNS] for info in evaluations(session, model, version)
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.assign(created_at=pd.to_datetime(frame["created_at"], utc=True))


def reference_of(session: Session, model: str, version: int) -> tuple[str, str] | None:
    """The run and the path of the rows that a version's windows are compared with.

    They are the held-out rows of the training here, else the rows of the newest evaluation, else
    what the run of another program brought; None when there are none. An evaluation that a
    retraining made is taken when there is no other one. Raises NotFound without the version.
    """
    row = versions.require(session, model, version)
    own = row.run_id if row.run_id and _has_reference(session, row.run_id) else None
    if own and not row.import_source:
        return own, REFERENCE_PATH
    evaluated = _newest_reference(session, model, version)
    run = evaluated.run_id if evaluated is not None else own
    return None if run is None else (run, REFERENCE_PATH)


def _newest_reference(session: Session, model: str, version: int) -> EvaluationInfo | None:
    """The newest evaluation that was asked for, else the newest one."""
    made = evaluations(session, model, version)
    # A retraining evaluates the champion on the rows that an alert was about. Compared with these,
    # the windows after them would look as they should.
    asked_for = [info for info in made if info.created_by != RETRAINING]
    return next(iter(asked_for or made), None)


def _has_reference(session: Session, run: str) -> bool:
    return session.get(RunArtifact, (run, REFERENCE_PATH)) is not None


def on_same_rows(
    session: Session, candidate: tuple[str, int], champion: tuple[str, int]
) -> tuple[EvaluationInfo, EvaluationInfo] | None:
    """The newest evaluations of two versions on the same rows of data neither was trained on."""
    trained_on = {versions.require(session, *pair).dataset for pair in (candidate, champion)}
    of_champion = {info.held_out: info for info in reversed(evaluations(session, *champion))}
    for info in evaluations(session, *candidate):
        if info.held_out in of_champion and info.dataset not in trained_on:
            return info, of_champion[info.held_out]
    return None


def _info(row: VersionEvaluation) -> EvaluationInfo:
    return EvaluationInfo(
        **{name: getattr(row, name) for name in EvaluationInfo.__dataclass_fields__}
    )
