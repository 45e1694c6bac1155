"""Commands on the rows of environments: request, rebuild, remove; each with its audit entry."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.environments import folders
from pilothouse.environments.request import EnvironmentRequest
from pilothouse.environments.tables import (
    BUILT,
    FAILED,
    IN_PROGRESS,
    WANTED,
    EnvironmentUse,
    ModelEnvironment,
)
from pilothouse.jobs import submit
from pilothouse.jobs.tables import ENDED, Job
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.storage import Store

KIND = "environment"  # in the audit log and in addresses
JOB = "build_environment"
# Subjects whose environments are in use now, such as those that a deployment serves.
Deployed = Callable[[Session], Collection[str]]


def require(session: Session, name: str) -> ModelEnvironment:
    """The environment with an id, or of a subject such as `churn@3`. Raises NotFound."""
    use = session.get(EnvironmentUse, name)
    row = session.get(ModelEnvironment, use.environment if use else name)
    while row is not None and row.same_as is not None:
        row = session.get(ModelEnvironment, row.same_as)
    if row is None:
        hint = "`pilothouse environments list` has every one."
        raise NotFound(f"no environment {name!r}.", hint=hint)
    return row


def uses_of(session: Session, environment: str) -> list[EnvironmentUse]:
    """Everything that runs in an environment, by name."""
    query = select(EnvironmentUse).where(EnvironmentUse.environment == environment)
    return list(session.exec(query.order_by(col(EnvironmentUse.subject))))


def job_has_ended(session: Session, job_id: str | None) -> bool:
    """Whether a job that would change a row does so no more."""
    job = session.get(Job, job_id) if job_id else None
    return job is None or job.status in ENDED


def request(
    session: Session, store: Store, requested: EnvironmentRequest, subject: str
) -> ModelEnvironment:
    """Note the request of an environment and submit its job; one that is there is shared.

    A job that is under way builds and checks for every subject that joins before it is built.
    """
    row = _existing_or_new(session, store, requested)
    if subject:
        _assign(session, store, row, subject)
        record(session, store, "requested", KIND, row.id, name=subject, after=_facts(row))

    if row.state == BUILT and row.hash and not folders.is_whole(store, row.hash):
        row.state = WANTED  # somebody removed the folder
    under_way = row.state in IN_PROGRESS and not job_has_ended(session, row.job)
    if not under_way and (subject or row.state != BUILT):
        _submit(session, store, row, subject)
    return row


def claim(
    session: Session, store: Store, requested: EnvironmentRequest, job_id: str
) -> ModelEnvironment:
    """Note the request of an environment for a job that builds it itself, as one of its steps.

    One that another job builds stays that job's: whoever comes second finds it built.
    """
    row = _existing_or_new(session, store, requested)
    if row.state == BUILT and row.hash and not folders.is_whole(store, row.hash):
        row.state = WANTED  # somebody removed the folder
    if row.state != BUILT and job_has_ended(session, row.job):
        row.state, row.failure, row.message, row.hint = WANTED, "", "", ""
        row.job, row.updated_at = job_id, store.now()
    session.add(row)
    session.flush()
    return row


def rebuild(
    session: Session, store: Store, name: str, deployed: Deployed, reason: str
) -> ModelEnvironment:
    """Resolve and build an environment anew. Raises Conflict while it is in use or under way."""
    row = require(session, name)
    _refuse_under_way(session, row)
    if row.hash is None or folders.is_whole(store, row.hash):
        # One whose folder is gone may be built again, for whatever a deployment needs it.
        _refuse_deployed(session, row, deployed, "be built anew")
    record(session, store, "rebuilt", KIND, row.id, before=_facts(row), reason=reason)
    for use in uses_of(session, row.id):
        use.state, use.failure, use.message, use.hint = WANTED, "", "", ""
        session.add(use)
    row.state = WANTED
    _submit(session, store, row, "", rebuild=True)
    return row


def remove(
    session: Session, store: Store, name: str, deployed: Deployed, reason: str
) -> ModelEnvironment:
    """Delete the rows of an environment. Raises Conflict while it is in use or under way."""
    row = require(session, name)
    _refuse_under_way(session, row)
    _refuse_deployed(session, row, deployed, "be removed")
    record(session, store, "removed", KIND, row.id, before=_facts(row), reason=reason)
    for use in uses_of(session, row.id):
        session.delete(use)
    session.flush()
    query = select(ModelEnvironment).where(ModelEnvironment.same_as == row.id)
    for other in session.exec(query):
        session.delete(other)
    session.flush()
    session.delete(row)
    return row


def _existing_or_new(
    session: Session, store: Store, requested: EnvironmentRequest
) -> ModelEnvironment:
    digest = requested.digest
    if session.get(ModelEnvironment, digest) is not None:
        return require(session, digest)
    row = ModelEnvironment(
        id=digest,
        kind=requested.kind,
        request=requested.to_json(),
        python=requested.minor,
        created_at=store.now(),
        created_by=store.actor,
        updated_at=store.now(),
    )
    session.add(row)
    session.flush()
    record(session, store, "created", KIND, digest, after=_facts(row))
    return row


def _assign(session: Session, store: Store, row: ModelEnvironment, subject: str) -> None:
    """The subject runs in this environment from now on, and has to answer its example there."""
    use = session.get(EnvironmentUse, subject)
    if use is None:
        use = EnvironmentUse(subject=subject, environment=row.id, created_at=store.now())
    use.environment, use.state, use.job, use.checked_at = row.id, WANTED, None, None
    use.failure, use.message, use.hint = "", "", ""
    session.add(use)
    session.flush()


def _submit(
    session: Session, store: Store, row: ModelEnvironment, subject: str, *, rebuild: bool = False
) -> None:
    for_whom = subject or next((use.subject for use in uses_of(session, row.id)), "")
    title = f"Environment of {for_whom}" if for_whom else f"Environment {row.id}"
    row.job = submit(
        session,
        store,
        JOB,
        {"environment": row.id, "rebuild": rebuild},
        title=title,
        subject=(KIND, row.id),
    )
    if row.state != BUILT or rebuild:
        row.state, row.failure, row.message, row.hint = WANTED, "", "", ""
    row.updated_at = store.now()
    session.add(row)
    session.flush()


def _refuse_under_way(session: Session, row: ModelEnvironment) -> None:
    if not job_has_ended(session, row.job):
        raise Conflict(
            f"the environment {row.id} is being built.",
            hint=f"Wait for its job, or cancel it: pilothouse jobs cancel {row.job}",
        )


def _refuse_deployed(
    session: Session, row: ModelEnvironment, deployed: Deployed, what: str
) -> None:
    serving = sorted({use.subject for use in uses_of(session, row.id)} & set(deployed(session)))
    if serving:
        raise Conflict(
            f"the environment {row.id} cannot {what}: {', '.join(serving)} is deployed.",
            hint="Deploy another version, or remove the deployment, first.",
        )


def _facts(row: ModelEnvironment) -> dict[str, Any]:
    return {"kind": row.kind, "python": row.python, "requirements": row.request["requirements"]}


def is_lost(session: Session, row: ModelEnvironment) -> bool:
    """Whether the job of an environment ended without an end of its own: cancelled, or killed."""
    return row.state in IN_PROGRESS and job_has_ended(session, row.job)


def fail(row: ModelEnvironment, kind: str, message: str, hint: str) -> None:
    """Put an environment into the failed state."""
    row.state, row.failure, row.message, row.hint = FAILED, kind, message, hint
