"""The rows of the activity log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from pilothouse.storage.tables import Json, Table, Utc


class ActivityEntry(Table, table=True):
    """One command: actor, verb and object, the values before and after, its link in the chain."""

    __tablename__ = "activity_entry"
    __table_args__ = (Index(None, "kind", "at"),)

    seq: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=Utc, index=True)
    actor: str
    verb: str = Field(index=True)
    kind: str
    ref: str
    name: str = ""
    before: dict[str, Any] | None = Field(default=None, sa_type=Json)
    after: dict[str, Any] | None = Field(default=None, sa_type=Json)
    reason: str = ""
    previous_hash: str
    hash: str = Field(unique=True)
    seals: dict[str, Any] | None = Field(default=None, sa_type=Json)
