"""Runs of pipelines: their rows, what came of each step, and forks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.jobs.logs import log_path
from pilothouse.jobs.tables import CANCELLED, FAILED, RUNNING, SUCCEEDED, Job
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.kit.ids import run_id
from pilothouse.pipelines.definitions import registration
from pilothouse.pipelines.definitions.definition import Definition, read_parameters
from pilothouse.pipelines.definitions.definition_info import (
    PENDING,
    REUSED,
    PipelineInfo,
    PipelineRunInfo,
    StepRunInfo,
)
from pilothouse.pipelines.tables import PipelineRun, PipelineStepRun
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("run", "pipeline", "version", "status", "parameters", "forked_from"),
    *("key", "requested_by", "created_at", "ended_at"),
)
DONE = (SUCCEEDED, REUSED)


@dataclass(frozen=True)
class RunPlan:
    """What a run does: the definition, the parameters, and the outputs of steps not done anew."""

    run: str
    definition: Definition
    parameters: Mapping[str, Any]
    reused: Mapping[str, Mapping[str, Any]]


def require(session: Session, run: str) -> PipelineRun:
    """The row of a run. Raises NotFound."""
    row = session.get(PipelineRun, run)
    if row is None:
        raise NotFound(f"no run {run!r} of a pipeline.")
    return row


def open_run(
    store: Store, job_id: str, pipeline: str, version: int | None, parameters: Mapping[str, Any]
) -> RunPlan:
    """What the job does. Its row is written now when a schedule or a retry asked for the job.

    A repeated call finds the row, so that a job that is resumed does what it began.
    """
    with store.write() as session:
        row = session.get(PipelineRun, job_id)
        if row is None:
            row = _begin_run(session, store, job_id, pipeline, version, parameters)
        definition = registration.definition_of_version(session, row.pipeline, row.version)
        reused = {
            step.step: step.outputs or {}
            for step in _steps(session, row.id)
            if step.status == REUSED
        }
        return RunPlan(row.id, definition, row.parameters, reused)


def step_plan(store: Store, run: str) -> tuple[RunPlan, dict[str, Mapping[str, Any]]]:
    """What a run does, and the outputs of its steps so far. Raises NotFound."""
    with store.read() as session:
        row = require(session, run)
        definition = registration.definition_of_version(session, row.pipeline, row.version)
        return RunPlan(run, definition, row.parameters, {}), outputs_of_run(session, run)


def _begin_run(
    session: Session,
    store: Store,
    job_id: str,
    pipeline: str,
    version: int | None,
    parameters: Mapping[str, Any],
) -> PipelineRun:
    job = session.get(Job, job_id)
    if job is not None and (again := _row_of_retry(session, job)) is not None:
        row, first = again
        session.add(row)
        session.flush()
        _copy_finished_steps(session, first, job_id)
        return row

    began = job.created_at if job is not None else store.now()
    row = _row(session, job_id, pipeline, version, parameters, began, store.actor)
    session.add(row)
    session.flush()
    return row


def _row(
    session: Session,
    job_id: str,
    pipeline: str,
    version: int | None,
    parameters: Mapping[str, Any],
    created_at: datetime,
    actor: str,
) -> PipelineRun:
    """The row of a job's run, not added yet. Raises NotFound, Invalid."""
    info = registration.require_version(session, pipeline, version)
    values = read_parameters(info.definition, parameters, created_at.date())
    return PipelineRun(
        id=job_id,
        job_id=job_id,
        pipeline=info.name,
        version=info.version,
        parameters=values,
        requested_by=actor,
        created_at=created_at,
    )


def _row_of_retry(session: Session, job: Job) -> tuple[PipelineRun, str] | None:
    """The row of a retry, not added yet, and the run it continues; None for another job."""
    first = session.get(PipelineRun, job.retry_of) if job.retry_of else None
    if first is None:
        return None
    copied = ("pipeline", "version", "parameters", "forked_from", "from_step")
    row = PipelineRun(
        id=job.id,
        job_id=job.id,
        requested_by=job.requested_by,
        created_at=job.created_at,
        **{name: getattr(first, name) for name in copied},
    )
    return row, first.id


def _begun_or_waiting(session: Session, run: str) -> PipelineRun:
    """The row of a run, or the one that its job will write when it begins. Raises NotFound."""
    row = session.get(PipelineRun, run)
    if row is not None:
        return row
    job = session.get(Job, run)
    if job is None or job.kind != registration.RUN_JOB:
        raise NotFound(f"no run {run!r} of a pipeline.")
    if (again := _row_of_retry(session, job)) is not None:
        return again[0]
    args = job.args
    values = args.get("parameters") or {}
    about = (args["pipeline"], args.get("version"), values)
    return _row(session, run, *about, job.created_at, job.requested_by)


def _copy_finished_steps(session: Session, first: str, run: str) -> None:
    """Copy what the engine keeps of the first attempt, so that the retry has it as its own."""
    for old in _steps(session, first):
        if old.status in DONE:
            columns = old.model_dump(exclude={"run_id"})
            session.add(PipelineStepRun(run_id=run, **columns))
    session.flush()


def begin_step(store: Store, run: str, step: str, inputs: Mapping[str, Any], job_id: str) -> None:
    """Note that a step begins; one that has succeeded stays as it is, for its job is resumed."""
    with store.write() as session:
        row = session.get(PipelineStepRun, (run, step))
        if row is not None and row.status in DONE and _is_resumed(session, row, job_id):
            return
        if row is None:
            row = PipelineStepRun(run_id=run, step=step, status=RUNNING, started_at=store.now())
        row.status, row.inputs, row.job_id = RUNNING, dict(inputs), job_id
        row.outputs, row.error, row.hint, row.ended_at = None, "", "", None
        row.started_at, row.log_end = store.now(), None
        row.log_start = _log_size(store, job_id)
        session.add(row)


def end_step(
    store: Store,
    run: str,
    step: str,
    status: str,
    *,
    outputs: Mapping[str, Any] | None = None,
    error: str = "",
    hint: str = "",
) -> None:
    """Note how a step ended; one that had succeeded before stays as it is."""
    with store.write() as session:
        row = session.get(PipelineStepRun, (run, step))
        if row is None or row.status in DONE:
            return
        row.status, row.ended_at = status, store.now()
        row.outputs = None if outputs is None else dict(outputs)
        row.error, row.hint = error, hint
        row.log_end = _log_size(store, row.job_id or run)
        session.add(row)


def outputs_of_run(session: Session, run: str) -> dict[str, Mapping[str, Any]]:
    """The outputs of the steps of a run that have succeeded, by their names."""
    return {row.step: row.outputs or {} for row in _steps(session, run) if row.status in DONE}


def run_of_key(
    session: Session,
    store: Store,
    pipeline: PipelineInfo,
    key: str,
    parameters: Mapping[str, Any],
) -> PipelineRun:
    """The run that another program calls by a key; it is made when its first step is asked for.

    Raises Conflict when the same key stands for another version.
    """
    query = select(PipelineRun).where(PipelineRun.pipeline == pipeline.name, PipelineRun.key == key)
    row = session.exec(query).first()
    if row is None:
        row = PipelineRun(
            id=run_id(),
            pipeline=pipeline.name,
            version=pipeline.version,
            parameters=read_parameters(pipeline.definition, parameters, store.now().date()),
            key=key,
            requested_by=store.actor,
            created_at=store.now(),
        )
        session.add(row)
        session.flush()
    if row.version != pipeline.version:
        raise Conflict(
            f"the run {key!r} is of {pipeline.name}@{row.version}, not of version "
            f"{pipeline.version}.",
            hint="Give each run a key of its own.",
        )
    return row


def fork(session: Session, store: Store, run: str, step: str, version: int | None = None) -> str:
    """Submit a run that takes the results of a run for all that does not come after a step.

    Raises Conflict when something that the step needs has not succeeded there, or is written
    otherwise in the version.
    """
    row = require(session, run)
    old = registration.definition_of_version(session, row.pipeline, row.version)
    pipeline = registration.require_version(session, row.pipeline, version or row.version)
    definition = pipeline.definition
    definition.step(step)
    done = {item.step: item for item in _steps(session, run) if item.status in DONE}
    redone = definition.after(step) | {step}
    before = {item.name: item for item in old.steps}
    reusable = [
        item.name
        for item in definition.steps
        if item.name in done and item.name not in redone and before.get(item.name) == item
    ]
    reused = [name for name in reusable if definition.before(name) <= set(reusable)]
    if missing := sorted(definition.before(step) - set(reused)):
        raise Conflict(
            f"{step} needs {', '.join(missing)}, of which this run has no result to take.",
            hint="Fork from an earlier step, or start a new run.",
        )
    names = {parameter.name for parameter in definition.parameters}
    kept_values = {name: value for name, value in row.parameters.items() if name in names}
    values = read_parameters(definition, kept_values, store.now().date())
    job = registration.submit_run(session, store, pipeline, values, forked_from=run, from_step=step)
    for name in reused:
        _take(session, done[name], job)
    return job


def _take(session: Session, row: PipelineStepRun, run: str) -> None:
    columns = row.model_dump(exclude={"run_id", "status", "source_run"})
    source = row.source_run or row.run_id
    session.add(PipelineStepRun(run_id=run, status=REUSED, source_run=source, **columns))
    session.flush()


def run_info(session: Session, run: str) -> PipelineRunInfo:
    """A run with its steps. Raises NotFound."""
    row = _begun_or_waiting(session, run)
    definition = registration.definition_of_version(session, row.pipeline, row.version)
    job = session.get(Job, row.job_id) if row.job_id else None
    rows = {item.step: item for item in _steps(session, run)}
    steps = tuple(
        _step_info(step.name, step.uses, rows.get(step.name)) for step in definition.steps
    )
    status = job.status if job is not None else status_of([step.status for step in steps])
    return PipelineRunInfo(
        id=row.id,
        definition=definition,
        version=row.version,
        status=status,
        parameters=row.parameters,
        key=row.key,
        job_id=row.job_id,
        forked_from=row.forked_from,
        from_step=row.from_step,
        requested_by=row.requested_by,
        created_at=row.created_at,
        steps=steps,
    )


def status_of(steps: Sequence[str]) -> str:
    """The status of a run without a job of its own, of those of its steps."""
    for status in (RUNNING, FAILED, CANCELLED):
        if status in steps:
            return status
    return SUCCEEDED if all(status in DONE for status in steps) else RUNNING


def frame(session: Session, pipeline: str, page: int, size: int) -> pd.DataFrame:
    """Runs, newest first: a frame of `COLUMNS`."""
    import pandas as pd

    query = select(PipelineRun).order_by(col(PipelineRun.created_at).desc(), col(PipelineRun.id))
    if pipeline:
        query = query.where(PipelineRun.pipeline == pipeline)
    rows = []
    for row in session.exec(query.limit(size).offset((page - 1) * size)):
        status, ended = _state(session, row)
        values = (row.parameters, row.forked_from, row.key, row.requested_by, row.created_at, ended)
        rows.append((row.id, row.pipeline, row.version, status, *values))
    result = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("created_at", "ended_at"):
        result[name] = pd.to_datetime(result[name], utc=True)
    return result


def _state(session: Session, row: PipelineRun) -> tuple[str, Any]:
    if row.job_id and (job := session.get(Job, row.job_id)) is not None:
        return job.status, job.ended_at
    info = run_info(session, row.id)
    ended = [step.ended_at for step in info.steps if step.ended_at is not None]
    is_over = info.status in (SUCCEEDED, FAILED, CANCELLED)
    return info.status, max(ended) if ended and is_over else None


def step_log(store: Store, run: str, step: str, max_bytes: int) -> str:
    """What a step wrote to the log of its job, at most its last bytes. Raises NotFound, Invalid."""
    with store.read() as session:
        row = _begun_or_waiting(session, run)
        registration.definition_of_version(session, row.pipeline, row.version).step(step)
        done = session.get(PipelineStepRun, (run, step))
    if done is None or done.job_id is None:
        return ""
    path = log_path(store, done.job_id)
    if not path.exists():
        return ""
    end = path.stat().st_size if done.log_end is None else done.log_end
    start = max(done.log_start, end - max_bytes)
    with path.open("rb") as source:
        source.seek(start)
        return source.read(max(0, end - start)).decode("utf-8", errors="replace")


def _steps(session: Session, run: str) -> list[PipelineStepRun]:
    return list(session.exec(select(PipelineStepRun).where(PipelineStepRun.run_id == run)))


def _step_info(name: str, uses: str, row: PipelineStepRun | None) -> StepRunInfo:
    if row is None:
        return StepRunInfo(name, uses, PENDING, {}, None, "", "", None, None, None, None)
    return StepRunInfo(
        name,
        uses,
        row.status,
        row.inputs,
        row.outputs,
        row.error,
        row.hint,
        row.source_run,
        row.job_id,
        row.started_at,
        row.ended_at,
    )


def _is_resumed(session: Session, row: PipelineStepRun, job_id: str) -> bool:
    """Whether this job, or the attempt that it continues, did the step before.

    In a run that another program leads, the same step may be asked for again by another job.
    """
    return job_id in (row.job_id, require(session, row.run_id).job_id)


def _log_size(store: Store, job_id: str) -> int:
    path = log_path(store, job_id)
    return path.stat().st_size if path.exists() else 0
