"""The rows of reviews."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, text
from sqlmodel import Field

from pilothouse.storage.tables import OF_ARTIFACT, Json, Seal, Table, Utc


class Review(Table, table=True):
    """A meeting: its agenda as it was at the start; one at a time is open.

    `since` is the end of the review before, from which on changes are of interest. `minutes` is
    the digest of what was written at the end.
    """

    __tablename__ = "reviews_review"
    seal: ClassVar[Seal | None] = Seal()
    __table_args__ = (
        Index(
            "ix_reviews_review_one_open",
            "open",
            unique=True,
            sqlite_where=text("open"),
            postgresql_where=text("open"),
        ),
    )

    id: str = Field(primary_key=True)
    title: str
    people: list[str] = Field(sa_type=Json)
    agenda: list[dict[str, Any]] = Field(sa_type=Json)
    since: datetime | None = Field(default=None, sa_type=Utc)
    started_at: datetime = Field(sa_type=Utc)
    started_by: str
    open: bool = True
    ended_at: datetime | None = Field(default=None, sa_type=Utc)
    ended_by: str = ""
    minutes: str | None = Field(default=None, sa_column_kwargs=OF_ARTIFACT)


class ReviewNote(Table, table=True):
    """What was said of an item of the agenda; notes are only ever added."""

    __tablename__ = "reviews_note"
    seal: ClassVar[Seal | None] = Seal()

    id: str = Field(primary_key=True)
    review: str = Field(foreign_key="reviews_review.id", index=True)
    item: str
    text: str
    at: datetime = Field(sa_type=Utc)
    by: str
