"""Schedules: cron expressions in UTC whose jobs are submitted when they are due."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.jobs.outbox import submit
from pilothouse.jobs.tables import JobSchedule
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.storage import Store


def next_time(cron: str, after: datetime) -> datetime:
    """The first instant after `after` that the expression names. Raises Invalid for a bad one."""
    from croniter import CroniterError, croniter

    try:
        found: datetime = croniter(cron, after).get_next(datetime)
    except (CroniterError, ValueError, KeyError) as bad:
        raise Invalid(
            f"{cron!r} is no cron expression: {bad}.",
            hint="Write five fields in UTC, such as '0 6 * * 1' for Mondays at 06:00.",
            fields={"cron": "five fields in UTC"},
        ) from bad
    return found


def submit_due(session: Session, store: Store) -> list[str]:
    """Submit each enabled schedule that is due, once for each time it names; the jobs' ids."""
    now = store.now()
    due = select(JobSchedule).where(col(JobSchedule.enabled), col(JobSchedule.next_at) <= now)
    return [_fire(session, store.acting_as("schedule"), row, now) for row in session.exec(due)]


def _fire(session: Session, store: Store, row: JobSchedule, now: datetime) -> str:
    """An outage is caught up by one job, not by one for each time that was missed."""
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


def require(session: Session, name: str) -> JobSchedule:
    """The schedule of that name, or NotFound."""
    row = session.exec(select(JobSchedule).where(JobSchedule.name == name)).first()
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
