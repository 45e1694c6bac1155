"""The rows of attention: what was dismissed. What needs a person is read from the other rooms."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field

from pilothouse.storage.tables import Seal, Table, Utc


class Dismissed(Table, table=True):
    """One occurrence of something that needed a person, until it occurs again."""

    __tablename__ = "attention_dismissed"

    kind: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    occurrence: str
    reason: str = ""
    at: datetime = Field(sa_type=Utc)
    by: str


class Assignment(Table, table=True):
    """Who looks after a promotion or an alert."""

    __tablename__ = "attention_assignment"
    seal: ClassVar[Seal | None] = Seal()

    kind: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    person: str = Field(index=True)
    assigned_at: datetime = Field(sa_type=Utc)
    assigned_by: str
