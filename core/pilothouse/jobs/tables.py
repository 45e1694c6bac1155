"""The rows of durable work. DBOS keeps its own beside them, in a database of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from pilothouse.storage.tables import Json, Seal, Table, Utc

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = (
    "queued",
    "running",
    "succeeded",
    "failed",
    "cancelled",
)
ENDED = (SUCCEEDED, FAILED, CANCELLED)


class Job(Table, table=True):
    """One piece of durable work; its id is also its workflow's id in DBOS."""

    __tablename__ = "jobs_job"

    id: str = Field(primary_key=True)
    kind: str = Field(index=True)
    title: str
    args: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    status: str = Field(default=QUEUED, index=True)
    progress: float = 0.0
    message: str = ""
    result: dict[str, Any] | None = Field(default=None, sa_type=Json)
    error: str = ""
    hint: str = ""
    # The way on that its error offers, by `kind`; a screen that knows the kind shows it.
    remedy: dict[str, Any] | None = Field(default=None, sa_type=Json)
    subject_kind: str = ""
    subject_ref: str = Field(default="", index=True)
    requested_by: str
    retry_of: str | None = None
    cancel_requested: bool = False
    created_at: datetime = Field(sa_type=Utc, index=True)
    started_at: datetime | None = Field(default=None, sa_type=Utc)
    ended_at: datetime | None = Field(default=None, sa_type=Utc)


class JobStep(Table, table=True):
    """One step of a job: what a killed worker's successor does not do again."""

    __tablename__ = "jobs_step"
    __table_args__ = (UniqueConstraint("job_id", "seq"),)

    id: int | None = Field(default=None, primary_key=True)
    job_id: str = Field(foreign_key="jobs_job.id", index=True)
    seq: int
    name: str
    status: str
    attempts: int = 1
    message: str = ""
    started_at: datetime = Field(sa_type=Utc)
    ended_at: datetime | None = Field(default=None, sa_type=Utc)


class JobSchedule(Table, table=True):
    """A job that is submitted again and again, by a cron expression in UTC."""

    __tablename__ = "jobs_schedule"
    seal: ClassVar[Seal | None] = Seal(excluded=("next_at", "last_at", "last_job"))

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    cron: str
    kind: str
    title: str
    args: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    subject_kind: str = ""
    subject_ref: str = ""
    enabled: bool = True
    next_at: datetime = Field(sa_type=Utc, index=True)
    last_at: datetime | None = Field(default=None, sa_type=Utc)
    last_job: str | None = None
    created_by: str
    created_at: datetime = Field(sa_type=Utc)
