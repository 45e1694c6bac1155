"""Lineage out: OpenLineage events of jobs and runs that have ended, with datasets and models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, func, select

from pilothouse.data.tables import DatasetVersion
from pilothouse.experiments import tables as runs
from pilothouse.experiments.tables import Experiment, Run, RunInput
from pilothouse.interop.events.cloud_events import source_of
from pilothouse.interop.events.flow_context import FlowContext
from pilothouse.interop.events.flows import START, flows
from pilothouse.interop.events.messages import IncomingMessage, PreviewedMessage
from pilothouse.interop.events.open_lineage import (
    ABORT,
    COMPLETE,
    FAIL,
    LineageDataset,
    LineageRun,
    events_of,
)
from pilothouse.interop.events.sender import OutgoingBatch, Sender, previews
from pilothouse.jobs import tables as jobs
from pilothouse.jobs.tables import Job
from pilothouse.kit.clock import EPOCH
from pilothouse.kit.parameters import Params
from pilothouse.registry.tables import ModelVersion
from pilothouse.storage import Store

MICROSECOND = timedelta(microseconds=1)
SETTLED = timedelta(seconds=2)  # an end is committed so soon after its instant
REF = re.compile(r"(.+)@([1-9]\d{0,8})")
FEW = 5
ENDS = {
    jobs.SUCCEEDED: COMPLETE,
    jobs.FAILED: FAIL,
    jobs.CANCELLED: ABORT,
    runs.FINISHED: COMPLETE,
}


@flows.register("lineage")
class LineageOut:
    """Trainings, evaluations, pipelines and other jobs, and runs that clients logged."""

    title = "OpenLineage out"
    description = "What was trained, evaluated or loaded from which data, as OpenLineage events."
    direction = "out"
    of_deployment = "none"
    parameters = (START,)

    @staticmethod
    def check(session: Session, deployment: str, options: Params) -> None:
        """There is nothing to refuse."""

    @staticmethod
    def begin(session: Session, store: Store, deployment: str, options: Params) -> int:
        """What ends from now on, or everything."""
        return _us(store.now()) if options.text("start") == "newest" else 0

    @staticmethod
    def open(context: FlowContext) -> Sender:
        """Connect to the receiver."""
        return Sender(context, EndedWork(context.store))

    @staticmethod
    def judge(
        store: Store, deployment: str, options: Params, messages: list[IncomingMessage]
    ) -> list[PreviewedMessage]:
        """The newest events as they would be sent."""
        return previews(EndedWork(store).newest(FEW))


class EndedWork:
    """Jobs and runs that have ended and read or made something, by the instant of their end."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._namespace = source_of(store.settings.public_url, store.folder.name)

    def after(self, cursor: int, most: int) -> OutgoingBatch:
        """The next events; those of one instant stay together."""
        start, end = _at(cursor), self._store.now() - SETTLED
        with self._store.read() as session:
            instants = sorted(
                at for row in (Job, Run) for at in _ends(session, row, start, end, most)
            )
            if not instants:
                return OutgoingBatch((), cursor)
            last = instants[min(most, len(instants)) - 1]
            work = list(_work(session, start, last))
        messages = [event for run in work for event in events_of(run, self._namespace)]
        return OutgoingBatch(messages, _us(last))

    def waiting(self, cursor: int) -> int | None:
        """How many jobs and runs have ended since; not all of them are sent."""
        start = _at(cursor)
        with self._store.read() as session:
            counts = [
                session.exec(
                    select(func.count()).select_from(row).where(col(row.ended_at) > start)
                ).one()
                for row in (Job, Run)
            ]
        return sum(counts)

    def newest(self, most: int) -> Any:
        """The events of what ended last."""
        with self._store.read() as session:
            work = sorted(_work(session, EPOCH, self._store.now()), key=lambda run: run.ended_at)
        return [event for run in work[-most:] for event in events_of(run, self._namespace)]


def _ends(
    session: Session, row: type[Job] | type[Run], start: datetime, end: datetime, most: int
) -> Sequence[datetime]:
    at = col(row.ended_at)
    query = select(at).where(at > start, at <= end).order_by(at).limit(most)
    return [instant for instant in session.exec(query) if instant is not None]


def _work(session: Session, start: datetime, last: datetime) -> Iterator[LineageRun]:
    """What ended after an instant until another one; what has no data at all is left out."""
    for made in (_jobs(session, start, last), _runs(session, start, last)):
        for run in made:
            if run.inputs or run.outputs:
                yield run


def _jobs(session: Session, start: datetime, last: datetime) -> Iterator[LineageRun]:
    at = col(Job.ended_at)
    query = select(Job).where(at > start, at <= last, col(Job.status).in_(jobs.ENDED))
    for job in session.exec(query.order_by(at)).all():
        own = list(session.exec(select(Run.id).where(Run.job_id == job.id)))
        inputs = {*_inputs(session, own), *_refs(job.args)}
        made = _datasets(session, set(_refs(job.result)) - inputs)
        assert job.ended_at is not None  # it was asked for
        yield LineageRun(
            id=job.id,
            kind="job",
            name=job.kind,
            started_at=job.started_at or job.created_at,
            ended_at=job.ended_at,
            end=ENDS[job.status],
            error=job.error,
            inputs=_datasets(session, inputs),
            outputs=[*made, *_versions(session, own)],
        )


def _runs(session: Session, start: datetime, last: datetime) -> Iterator[LineageRun]:
    """Runs that no job has made: those of clients."""
    at = col(Run.ended_at)
    query = select(Run, Experiment.name).join(
        Experiment, col(Experiment.id) == col(Run.experiment_id)
    )
    query = query.where(at > start, at <= last, col(Run.job_id).is_(None)).order_by(at)
    for run, experiment in session.exec(query).all():
        if run.status not in runs.ENDED or run.ended_at is None:
            continue
        yield LineageRun(
            id=run.id,
            kind="run",
            name=experiment,
            started_at=run.started_at or run.created_at,
            ended_at=run.ended_at,
            end=ENDS[run.status],
            error=run.error,
            inputs=_datasets(session, set(_inputs(session, [run.id]))),
            outputs=_versions(session, [run.id]),
        )


def _inputs(session: Session, own: Sequence[str]) -> Sequence[str]:
    query = select(RunInput.dataset).where(col(RunInput.run_id).in_(own))
    return session.exec(query.distinct()).all() if own else ()


def _versions(session: Session, own: Sequence[str]) -> list[LineageDataset]:
    """The model versions that runs were registered as."""
    query = select(ModelVersion.model, ModelVersion.version)
    query = query.where(col(ModelVersion.run_id).in_(own)).order_by(ModelVersion.model)
    rows = session.exec(query).all() if own else ()
    return [LineageDataset(f"models/{model}", str(version)) for model, version in rows]


def _refs(value: Any) -> Iterator[str]:
    """What may be the ref of a dataset version in the arguments or the result of a job."""
    if isinstance(value, str):
        if REF.fullmatch(value):
            yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _refs(part)
    elif isinstance(value, list):
        for part in value:
            yield from _refs(part)


def _datasets(session: Session, refs: set[str]) -> list[LineageDataset]:
    """Those of some refs that are dataset versions, with their columns."""
    chosen = []
    for ref in sorted(refs):
        match = REF.fullmatch(ref)
        if match is None:
            continue
        query = select(DatasetVersion).where(
            DatasetVersion.dataset == match[1], DatasetVersion.version == int(match[2])
        )
        row = session.exec(query).first()
        if row is not None:
            columns = [(str(c["name"]), str(c.get("type", ""))) for c in row.columns_json]
            chosen.append(LineageDataset(f"datasets/{row.dataset}", str(row.version), columns))
    return chosen


def _us(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


def _at(us: int) -> datetime:
    return EPOCH + us * MICROSECOND
