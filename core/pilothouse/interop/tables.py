"""The rows of other systems' protocols: who is told of what, and what was brought from where."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index
from sqlmodel import Field

from pilothouse.storage.tables import Json, Seal, Table, Utc


class Webhook(Table, table=True):
    """An address that wants to hear of events in the registry."""

    __tablename__ = "interop_webhook"
    seal: ClassVar[Seal | None] = Seal()

    id: str = Field(primary_key=True)
    name: str
    url: str
    description: str = ""
    secret: str | None = None
    status: str
    events: list[dict[str, Any]] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=Utc)
    updated_at: datetime = Field(sa_type=Utc)


class Delivery(Table, table=True):
    """One event on its way to one webhook, kept until it has arrived or was given up."""

    __tablename__ = "interop_delivery"
    __table_args__ = (Index(None, "status", "next_at"),)

    id: str = Field(primary_key=True)
    webhook_id: str = Field(foreign_key="interop_webhook.id", index=True)
    entity: str
    action: str
    payload: str
    status: str
    attempts: int = 0
    created_at: datetime = Field(sa_type=Utc)
    next_at: datetime = Field(sa_type=Utc)
    ended_at: datetime | None = Field(default=None, sa_type=Utc)
    code: int | None = None
    error: str = ""


class Imported(Table, table=True):
    """Something of another system that is here already: where from, what it was, what it became.

    `state` tells how far it came ("whole" when nothing is left to do), so that an import that was
    stopped goes on, and one that is done again does nothing twice.
    """

    __tablename__ = "interop_imported"

    source: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    external_id: str = Field(primary_key=True)
    local_id: str
    state: str
    digest: str = ""
    imported_at: datetime = Field(sa_type=Utc)


class WatchedFolder(Table, table=True):
    """A folder of another tracker that is looked at again and again.

    `args` are those of its imports; `state` tells what lay in it when the last one was submitted,
    and `problem` why nothing was.
    """

    __tablename__ = "interop_watched_folder"

    folder: str = Field(primary_key=True)
    args: dict[str, Any] = Field(sa_type=Json)
    every_seconds: int
    enabled: bool = True
    state: str = ""
    problem: str = ""
    job: str = ""
    imported_at: datetime | None = Field(default=None, sa_type=Utc)
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
