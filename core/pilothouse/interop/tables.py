"""The rows of other systems' protocols: who is told of what, and what was brought from where."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, LargeBinary, text
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


class EventConnection(Table, table=True):
    """What flows between this workspace and a topic, a file or an address; secrets by reference."""

    __tablename__ = "interop_event_connection"
    seal: ClassVar[Seal | None] = Seal()
    __table_args__ = (
        Index(
            "ix_interop_event_connection_one_name",
            "name",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    name: str
    flow: str
    system: str
    deployment: str
    settings: dict[str, Any] = Field(sa_type=Json)
    options: dict[str, Any] = Field(sa_type=Json)
    enabled: bool = True
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    changed_at: datetime = Field(sa_type=Utc)
    removed_at: datetime | None = Field(default=None, sa_type=Utc)


class EventState(Table, table=True):
    """How a connection does: whether it works, its last error, and what it has counted."""

    __tablename__ = "interop_event_state"

    connection_id: str = Field(primary_key=True, foreign_key="interop_event_connection.id")
    state: str
    error: str = ""
    failures: int = 0
    messages: int = Field(default=0, sa_type=BigInteger)
    taken: int = Field(default=0, sa_type=BigInteger)
    set_aside: int = Field(default=0, sa_type=BigInteger)
    lag: int | None = Field(default=None, sa_type=BigInteger)
    last_at: datetime | None = Field(default=None, sa_type=Utc)
    changed_at: datetime = Field(sa_type=Utc)


class EventPosition(Table, table=True):
    """The next position to read: of a partition, or of our own log for what goes out."""

    __tablename__ = "interop_event_position"

    connection_id: str = Field(primary_key=True, foreign_key="interop_event_connection.id")
    topic: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    position: int = Field(sa_type=BigInteger)


class WaitingLabels(Table, table=True):
    """Labels that were read in the transaction of this row and are not in the journal yet."""

    __tablename__ = "interop_event_labels"

    id: str = Field(primary_key=True)
    connection_id: str = Field(foreign_key="interop_event_connection.id", index=True)
    deployment: str
    stamp: int = Field(sa_type=BigInteger)
    labels: dict[str, Any] = Field(sa_type=Json)


class SetAsideMessage(Table, table=True):
    """A message that could not be used: where it stood, why, and what it held."""

    __tablename__ = "interop_event_message"
    __table_args__ = (Index(None, "connection_id", "status"),)

    id: str = Field(primary_key=True)
    connection_id: str = Field(foreign_key="interop_event_connection.id")
    topic: str
    partition: int
    position: int = Field(sa_type=BigInteger)
    key: str
    payload: bytes | None = Field(default=None, sa_type=LargeBinary)
    size: int
    sent_at: datetime | None = Field(default=None, sa_type=Utc)
    reason: str
    status: str
    set_aside_at: datetime = Field(sa_type=Utc)
    ended_at: datetime | None = Field(default=None, sa_type=Utc)
    ended_by: str = ""


class Erasure(Table, table=True):
    """An erasure of an entity from the whole workspace, by its job; the certificate says the rest.

    `progress` counts what was erased where no other row keeps the count: it is resumed from there.
    """

    __tablename__ = "interop_erasure"
    seal: ClassVar[Seal | None] = Seal(excluded=("progress",))

    id: str = Field(primary_key=True)
    reason: str
    by: str
    began_at: datetime = Field(sa_type=Utc)
    progress: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    completed_at: datetime | None = Field(default=None, sa_type=Utc)
    certificate: dict[str, Any] | None = Field(default=None, sa_type=Json)
