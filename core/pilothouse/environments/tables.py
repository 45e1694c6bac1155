"""Tables of environments: what was requested and built, and which model versions use it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlmodel import Field

from pilothouse.storage.tables import Json, Table, Utc

WANTED, RESOLVING, BUILDING, BUILT = "wanted", "resolving", "building", "built"
CHECKING, READY, FAILED, REMOVED = "checking", "ready", "failed", "removed"
STATES = (WANTED, RESOLVING, BUILDING, BUILT, CHECKING, READY, FAILED, REMOVED)
IN_PROGRESS = (WANTED, RESOLVING, BUILDING)  # of an environment, while its job has not ended


class ModelEnvironment(Table, table=True):
    """An environment: its request, the lock it was resolved to, and how far its build is.

    `id` is a digest of the request. `hash` is one of lock, Python and platform and names the
    folder; of several requests with one hash the first has the folder, and `same_as` of the others
    names it. Neither addresses of package indexes nor credentials are in any column.
    """

    __tablename__ = "environments_environment"

    id: str = Field(primary_key=True)
    hash: str | None = Field(default=None, unique=True)
    same_as: str | None = Field(default=None, foreign_key="environments_environment.id", index=True)
    kind: str
    request: dict[str, Any] = Field(sa_type=Json)
    python: str
    platform: str = ""
    interpreter: str = ""  # of an environment that is not built: the program that is run
    lock: str = ""
    packages: int = 0
    bytes: int = Field(default=0, sa_type=BigInteger)
    own_bytes: int = Field(default=0, sa_type=BigInteger)  # what is not hard-linked from elsewhere
    state: str = Field(default=WANTED, index=True)
    failure: str = ""
    message: str = ""
    hint: str = ""
    notes: list[str] = Field(default_factory=list, sa_type=Json)
    job: str | None = None
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    updated_at: datetime = Field(sa_type=Utc)
    built_at: datetime | None = Field(default=None, sa_type=Utc)
    used_at: datetime | None = Field(default=None, sa_type=Utc)


class EnvironmentUse(Table, table=True):
    """What runs in an environment, such as `churn@3`, and whether it answered its example there."""

    __tablename__ = "environments_use"

    subject: str = Field(primary_key=True)
    environment: str = Field(foreign_key="environments_environment.id", index=True)
    state: str = WANTED
    failure: str = ""
    message: str = ""
    hint: str = ""
    job: str | None = None  # the job that checks it
    created_at: datetime = Field(sa_type=Utc)
    checked_at: datetime | None = Field(default=None, sa_type=Utc)
