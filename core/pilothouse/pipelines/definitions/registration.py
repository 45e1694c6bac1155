"""Commands on pipelines of people's own: register, ask for runs, remove; with audit entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.jobs import submit
from pilothouse.jobs.tables import ENDED, Job, JobSchedule
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.pipelines.definitions.definition import Definition
from pilothouse.pipelines.definitions.definition_info import PipelineInfo
from pilothouse.pipelines.tables import PipelineRun, PipelineVersion, RegisteredPipeline
from pilothouse.storage import Store

KIND = "pipeline"  # in the audit log and in addresses
RUN_JOB, STEP_JOB = "run_pipeline", "run_pipeline_step"


def register(
    session: Session, store: Store, definition: Definition, text: str, filename: str
) -> PipelineInfo:
    """Write a version of a pipeline; what the newest one is already stays as it is."""
    digest = store.artifacts.put_bytes(text.encode())
    row, now = session.get(RegisteredPipeline, definition.name), store.now()
    newest = _newest_version(session, definition.name)
    content = definition.to_json()
    is_same = newest is not None and (newest.digest, newest.definition) == (digest, content)
    if row is not None and newest is not None and is_same:
        return _info(session, newest, row.version, existed=True)

    number = newest.version + 1 if newest is not None else 1
    version = PipelineVersion(
        name=definition.name,
        version=number,
        filename=filename,
        digest=digest,
        definition=content,
        created_at=now,
        created_by=store.actor,
    )
    before = None if row is None else {"version": row.version}
    if row is None:
        row = RegisteredPipeline(
            name=definition.name,
            version=number,
            created_at=now,
            created_by=store.actor,
            updated_at=now,
        )
    row.version, row.updated_at = number, now
    session.add(version)
    session.add(row)
    session.flush()
    after = {"version": number, "digest": digest, "steps": len(definition.steps)}
    verb = "registered" if before is None else "changed"
    record(session, store, verb, KIND, definition.name, before=before, after=after)
    return _info(session, version, number)


def require(session: Session, name: str) -> RegisteredPipeline:
    """The pipeline of that name. Raises NotFound."""
    row = session.get(RegisteredPipeline, name)
    if row is None:
        raise NotFound(f"no pipeline {name!r}.", hint="`pilothouse pipelines list` has every one.")
    return row


def require_version(session: Session, name: str, version: int | None = None) -> PipelineInfo:
    """A version of a pipeline, by default the one that runs. Raises NotFound."""
    row = require(session, name)
    return _info(session, version_row(session, name, version or row.version), row.version)


def version_row(session: Session, name: str, version: int) -> PipelineVersion:
    """The row of a version, also of a pipeline that was removed. Raises NotFound."""
    row = session.get(PipelineVersion, (name, version))
    if row is None:
        raise NotFound(f"the pipeline {name} has no version {version}.")
    return row


def definition_of_version(session: Session, name: str, version: int) -> Definition:
    """What a version describes. Raises NotFound."""
    return Definition.from_json(version_row(session, name, version).definition)


def submit_run(
    session: Session,
    store: Store,
    pipeline: PipelineInfo,
    parameters: Mapping[str, Any],
    *,
    forked_from: str | None = None,
    from_step: str = "",
) -> str:
    """Submit a run with checked parameters; the run's id, which is its job's."""
    job = submit(
        session,
        store,
        RUN_JOB,
        {"pipeline": pipeline.name, "version": pipeline.version, "parameters": dict(parameters)},
        title=f"Run {pipeline.name}",
        subject=(KIND, pipeline.name),
    )
    session.add(
        PipelineRun(
            id=job,
            pipeline=pipeline.name,
            version=pipeline.version,
            parameters=dict(parameters),
            job_id=job,
            forked_from=forked_from,
            from_step=from_step,
            requested_by=store.actor,
            created_at=store.now(),
        )
    )
    session.flush()
    return job


def schedules_of(session: Session, name: str) -> list[JobSchedule]:
    """The schedules that run a pipeline."""
    rows = session.exec(select(JobSchedule).where(JobSchedule.kind == RUN_JOB))
    return [row for row in rows if row.args.get("pipeline") == name]


def remove(session: Session, store: Store, name: str, reason: str) -> None:
    """Delete a pipeline; its versions and runs are kept. Raises NotFound, Conflict while used."""
    row = require(session, name)
    if schedules := schedules_of(session, name):
        raise Conflict(
            f"the schedule {schedules[0].name!r} runs {name}.", hint="Remove the schedule first."
        )
    jobs = select(Job.id).where(
        col(Job.kind).in_((RUN_JOB, STEP_JOB)),
        Job.subject_ref == name,
        col(Job.status).not_in(ENDED),
    )
    if session.exec(jobs.limit(1)).first() is not None:
        raise Conflict(f"a run of {name} is under way.", hint="Wait for it, or cancel its job.")
    record(session, store, "removed", KIND, name, before={"version": row.version}, reason=reason)
    session.delete(row)


def _newest_version(session: Session, name: str) -> PipelineVersion | None:
    query = select(PipelineVersion).where(PipelineVersion.name == name)
    return session.exec(query.order_by(col(PipelineVersion.version).desc()).limit(1)).first()


def _info(
    session: Session, row: PipelineVersion, newest: int, *, existed: bool = False
) -> PipelineInfo:
    return PipelineInfo(
        Definition.from_json(row.definition),
        row.version,
        newest,
        row.filename,
        row.digest,
        row.created_at,
        row.created_by,
        tuple(schedule.name for schedule in schedules_of(session, row.name)),
        existed,
    )
