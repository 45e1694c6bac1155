"""Schedules: jobs that are submitted at the times of a cron expression in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.activity.actors import SCHEDULE
from pilothouse.jobs.outbox import submit
from pilothouse.jobs.tables import JobSchedule
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.storage import Store

CRON_FIELDS = 5


def next_time(cron: str, after: datetime) -> datetime:
    """The first instant after `after` that the expression names. Raises Invalid for a bad one."""
    from croniter import CroniterError, croniter

    try:
        if len(cron.split()) != CRON_FIELDS:  # croniter would take a sixth for seconds
            raise ValueError(f"there are not {CRON_FIELDS} fields")
        instant: datetime = croniter(cron, after).get_next(datetime)
    except (CroniterError, ValueError, KeyError) as bad:
        raise Invalid(
            f"{cron!r} is not a cron expression: {bad}.",
            hint="Write five fields in UTC, such as '0 6 * * 1' for Mondays at 06:00.",
            fields={"cron": "five fields in UTC"},
        ) from bad
    return instant


@dataclass(frozen=True)
class ScheduleSpec:
    """A job and the times at which it is submitted: five fields of cron in UTC."""

    name: str
    cron: str
    kind: str
    args: Mapping[str, Any]
    title: str
    subject: tuple[str, str] = ("", "")


def add(session: Session, store: Store, spec: ScheduleSpec) -> None:
    """Add a schedule. Raises Invalid without a name, Conflict for a name that is taken."""
    if not spec.name.strip():
        raise Invalid("a schedule needs a name.", fields={"name": "needed"})
    if find(session, spec.name) is not None:
        raise Conflict(f"a schedule named {spec.name!r} exists already.")

    now = store.now()
    row = JobSchedule(
        name=spec.name,
        cron=spec.cron,
        kind=spec.kind,
        title=spec.title,
        args=dict(spec.args),
        subject_kind=spec.subject[0],
        subject_ref=spec.subject[1],
        next_at=next_time(spec.cron, now),
        created_by=store.actor,
        created_at=now,
    )

    session.add(row)
    session.flush()
    about = {"cron": spec.cron, "kind": spec.kind}
    record(session, store, "scheduled", "schedule", spec.name, after=about)


def submit_due(session: Session, store: Store) -> list[str]:
    """Submit a job for each enabled schedule that is due; the ids of the jobs."""
    now = store.now()
    due = select(JobSchedule).where(col(JobSchedule.enabled), col(JobSchedule.next_at) <= now)
    return [
        _submit_scheduled(session, store.acting_as(SCHEDULE), row, now) for row in session.exec(due)
    ]


def _submit_scheduled(session: Session, store: Store, row: JobSchedule, now: datetime) -> str:
    """Submit one job, also when several times were missed while no worker was running."""
    job = submit(
        session,
        store,
        row.kind,
        row.args,
        title=row.title,
        subject=(row.subject_kind, row.subject_ref),
        job_id=f"s{row.id}-{to_ms(row.next_at)}",
    )

    row.last_at, row.last_job = now, job
    row.next_at = next_time(row.cron, now)
    session.add(row)
    return job


def find(session: Session, name: str) -> JobSchedule | None:
    """The schedule of that name, if there is one."""
    return session.exec(select(JobSchedule).where(JobSchedule.name == name)).first()


def require(session: Session, name: str) -> JobSchedule:
    """The schedule of that name, or NotFound."""
    row = find(session, name)
    if row is None:
        raise NotFound(f"no schedule named {name!r}.")
    return row


def switch(session: Session, store: Store, name: str, *, enabled: bool, reason: str = "") -> None:
    """Pause or resume a schedule; a resumed one starts from now."""
    row = require(session, name)
    if row.enabled == enabled:
        return
    row.enabled = enabled
    if enabled:
        row.next_at = next_time(row.cron, store.now())
    session.add(row)
    verb = "resumed" if enabled else "paused"
    record(session, store, verb, "schedule", name, reason=reason)
