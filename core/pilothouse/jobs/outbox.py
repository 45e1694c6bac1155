"""The outbox: a job is a row written in the same transaction as the command that asks for it.

The worker finds the row and hands it to DBOS under the same id, so that a crash between the two
neither loses the job nor starts it twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import NotFound
from pilothouse.kit.ids import run_id
from pilothouse.storage import Store


def submit(
    session: Session,
    store: Store,
    kind: str,
    args: Mapping[str, Any],
    *,
    title: str,
    subject: tuple[str, str] | None = None,
    job_id: str | None = None,
    retry_of: str | None = None,
) -> str:
    """Submit a job in the caller's transaction and return its id.

    A `job_id` that exists already submits nothing, so a repeated call is harmless.
    """
    identity = job_id or run_id()
    if session.get(Job, identity) is not None:
        return identity

    about = subject or ("", "")
    job = Job(
        id=identity,
        kind=kind,
        title=title,
        args=dict(args),
        subject_kind=about[0],
        subject_ref=about[1],
        requested_by=store.actor,
        retry_of=retry_of,
        created_at=store.now(),
    )

    session.add(job)
    session.flush()
    record(session, store, "submitted", "job", identity, name=title, after={"kind": kind})
    return identity


def require_result(session: Session, job_id: str, kind: str, noun: str) -> dict[str, Any]:
    """What a job of a kind has returned; `noun` is what people call one, such as "a replay".

    Raises NotFound for a job of another kind, and for one that has no result yet.
    """
    row = session.get(Job, job_id)
    if row is None or row.kind != kind or row.result is None:
        raise NotFound(
            f"there is no result of {noun} {job_id!r}.",
            hint="Wait until it has succeeded: `pilothouse jobs wait JOB`.",
        )
    return row.result
