"""Schedules: cron expressions in UTC whose jobs are submitted when they are due."""

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

FIELDS = 5


def next_time(cron: str, after: datetime) -> datetime:
    """The first instant after `after` that the expression names. Raises Invalid for a bad one."""
    from croniter import CroniterError, croniter

    try:
        if len(cron.split()) != FIELDS:  # croniter would take a sixth for seconds
            raise ValueError(f"there are not {FIELDS} fields")
        instant: datetime = croniter(cron, after).get_next(datetime)
    except (CroniterError, ValueError, KeyError) as bad:
        raise Invalid(
            f"{cron!r} is no cron expression: {bad}.",
            hint="Write five fields in UTC, such as '0 6 * * 1' for Mondays at 06:00.",
            fields={"cron": "five fields in UTC"},
        ) from bad
    return instant


@dataclass(frozen=True)
class ScheduleSpec:
    """What is submitted again and again, and when: five fields of cron in UTC."""

    name: str
    cron: str
    kind: str
    args: Mapping[str, Any]
    title: str
    subject: tuple[str, str] = ("", "")


def add(session: Session, store: Store, plan: ScheduleSpec) -> None:
    """Begin with a schedule. Raises Invalid without a name, Conflict for a name twice."""
    if not plan.name.strip():
        raise Invalid("a schedule needs a name.", fields={"name": "needed"})
    if find(session, plan.name) is not None:
        raise Conflict(f"a schedule named {plan.name!r} exists already.")
    now = store.now()
    row = JobSchedule(
        name=plan.name,
        cron=plan.cron,
        kind=plan.kind,
        title=plan.title,
        args=dict(plan.args),
        subject_kind=plan.subject[0],
        subject_ref=plan.subject[1],
        next_at=next_time(plan.cron, now),
        created_by=store.actor,
        created_at=now,
    )
    session.add(row)
    session.flush()
    about = {"cron": plan.cron, "kind": plan.kind}
    record(session, store, "scheduled", "schedule", plan.name, after=about)


def submit_due(session: Session, store: Store) -> list[str]:
    """Submit each enabled schedule that is due, once for each time it names; the jobs' ids."""
    now = store.now()
    due = select(JobSchedule).where(col(JobSchedule.enabled), col(JobSchedule.next_at) <= now)
    return [_fire(session, store.acting_as(SCHEDULE), row, now) for row in session.exec(due)]


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
