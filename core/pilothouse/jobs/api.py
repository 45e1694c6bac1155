"""The Python API of jobs and schedules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, func, select

from pilothouse.activity import record
from pilothouse.jobs import schedules
from pilothouse.jobs.backends import BackendInfo, describe_backends
from pilothouse.jobs.logs import read_log
from pilothouse.jobs.outbox import submit
from pilothouse.jobs.tables import CANCELLED, ENDED, FAILED, QUEUED, Job, JobSchedule, JobStep
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

JOB_COLUMNS = (
    "id",
    "kind",
    "title",
    "status",
    "progress",
    "message",
    "subject_kind",
    "subject_ref",
    "requested_by",
    "created_at",
    "started_at",
    "ended_at",
    "error",
)
SCHEDULE_COLUMNS = ("name", "cron", "kind", "title", "enabled", "next_at", "last_at", "last_job")


@dataclass(frozen=True)
class StepInfo:
    """One step of a job."""

    seq: int
    name: str
    status: str
    attempts: int
    message: str
    started_at: datetime
    ended_at: datetime | None

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None


@dataclass(frozen=True)
class JobInfo:
    """The present state of a job."""

    id: str
    kind: str
    title: str
    args: dict[str, Any]
    status: str
    progress: float
    message: str
    result: dict[str, Any] | None
    error: str
    hint: str
    remedy: dict[str, Any] | None
    subject_kind: str
    subject_ref: str
    requested_by: str
    retry_of: str | None
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED


class Jobs(Service):
    """The durable work of a workspace."""

    def backends(self) -> list[BackendInfo]:
        """Where the parts of trainings, searches and batch predictions may run, and what lacks."""
        return describe_backends(self._store.settings)

    def submit(
        self,
        kind: str,
        args: Mapping[str, Any],
        *,
        title: str,
        subject: tuple[str, str] | None = None,
        job_id: str | None = None,
    ) -> str:
        """Submit a job and return its id; a worker runs it, now or as soon as one is started."""
        with self._store.write() as session:
            return submit(
                session, self._store, kind, args, title=title, subject=subject, job_id=job_id
            )

    def jobs(
        self,
        *,
        status: str | None = None,
        kind: str | None = None,
        subject_ref: str | None = None,
        page: int = 1,
        size: int = 50,
    ) -> pd.DataFrame:
        """Jobs, newest first: a frame of `JOB_COLUMNS`."""
        import pandas as pd

        query = _matching(
            select(*[getattr(Job, c) for c in JOB_COLUMNS]), status, kind, subject_ref
        )
        query = query.order_by(col(Job.created_at).desc()).limit(size).offset((page - 1) * size)
        with self._store.read() as session:
            rows = [tuple(row) for row in session.execute(query)]
        return pd.DataFrame(rows, columns=list(JOB_COLUMNS))

    def count(self, *, status: str | None = None, kind: str | None = None) -> int:
        """How many jobs match."""
        query = _matching(select(func.count()).select_from(Job), status, kind, None)
        with self._store.read() as session:
            return int(session.execute(query).scalar_one())

    def active(self) -> list[JobInfo]:
        """Jobs that wait or run, oldest first."""
        query = select(Job).where(col(Job.status).not_in(ENDED)).order_by(col(Job.created_at))
        with self._store.read() as session:
            return [_info(job) for job in session.exec(query)]

    def job(self, job_id: str) -> JobInfo:
        """One job. Raises NotFound."""
        with self._store.read() as session:
            return _info(_require(session, job_id))

    def steps(self, job_id: str) -> list[StepInfo]:
        """The steps a job has begun, in order."""
        query = select(JobStep).where(JobStep.job_id == job_id).order_by(col(JobStep.seq))
        with self._store.read() as session:
            return [
                StepInfo(s.seq, s.name, s.status, s.attempts, s.message, s.started_at, s.ended_at)
                for s in session.exec(query)
            ]

    def log(self, job_id: str, lines: int = 200) -> str:
        """The last lines of a job's log."""
        return read_log(self._store, job_id, lines)

    def cancel(self, job_id: str, reason: str = "") -> None:
        """Cancel a queued job at once, a running one at its next step.

        Raises NotFound, or Conflict when the job has ended.
        """
        with self._store.write() as session:
            job = _require(session, job_id)
            if job.status in ENDED:
                raise Conflict(f"the job {job.title!r} has ended already: {job.status}.")
            job.cancel_requested = True
            if job.status == QUEUED:
                job.status, job.ended_at = CANCELLED, self._store.now()
            session.add(job)
            record(session, self._store, "cancelled", "job", job_id, name=job.title, reason=reason)

    def retry(self, job_id: str, reason: str = "") -> str:
        """Run a failed or cancelled job again from its first unfinished step; the new job's id.

        Raises NotFound, or Conflict for a job in another state.
        """
        with self._store.write() as session:
            job = _require(session, job_id)
            if job.status not in (FAILED, CANCELLED):
                raise Conflict(
                    f"the job {job.title!r} is {job.status}.",
                    hint="Only failed or cancelled jobs are retried.",
                )
            about = (job.subject_kind, job.subject_ref)
            again = submit(
                session,
                self._store,
                job.kind,
                job.args,
                title=job.title,
                subject=about,
                retry_of=job_id,
            )
            record(session, self._store, "retried", "job", job_id, name=job.title, reason=reason)
            return again

    def schedules(self) -> pd.DataFrame:
        """Schedules by name: name, cron, kind, title, enabled, next_at, last_at, last_job."""
        import pandas as pd

        query = select(*[getattr(JobSchedule, c) for c in SCHEDULE_COLUMNS]).order_by(
            col(JobSchedule.name)
        )
        with self._store.read() as session:
            rows = [tuple(row) for row in session.execute(query)]
        return pd.DataFrame(rows, columns=list(SCHEDULE_COLUMNS))

    def add_schedule(
        self,
        name: str,
        cron: str,
        kind: str,
        args: Mapping[str, Any],
        *,
        title: str,
        subject: tuple[str, str] = ("", ""),
    ) -> None:
        """Submit a job at each time a cron expression (UTC) names. Conflict for a name twice."""
        plan = schedules.ScheduleSpec(name, cron, kind, args, title, subject)
        with self._store.write() as session:
            schedules.add(session, self._store, plan)

    def pause_schedule(self, name: str, reason: str = "") -> None:
        """Pause a schedule: no job is submitted until it is resumed. Raises NotFound."""
        with self._store.write() as session:
            schedules.switch(session, self._store, name, enabled=False, reason=reason)

    def resume_schedule(self, name: str, reason: str = "") -> None:
        """Resume a paused schedule, from now on. Raises NotFound."""
        with self._store.write() as session:
            schedules.switch(session, self._store, name, enabled=True, reason=reason)

    def remove_schedule(self, name: str, reason: str = "") -> None:
        """Delete a schedule; its jobs are kept. Raises NotFound."""
        with self._store.write() as session:
            session.delete(schedules.require(session, name))
            record(session, self._store, "removed", "schedule", name, reason=reason)


def _matching(query: Any, status: str | None, kind: str | None, subject_ref: str | None) -> Any:
    if status:
        query = query.where(Job.status == status)
    if kind:
        query = query.where(Job.kind == kind)
    if subject_ref:
        query = query.where(Job.subject_ref == subject_ref)
    return query


def _require(session: Session, job_id: str) -> Job:
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound(f"no job {job_id!r}.")
    return job


def _info(job: Job) -> JobInfo:
    return JobInfo(**{name: getattr(job, name) for name in JobInfo.__dataclass_fields__})
