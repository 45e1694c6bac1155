"""The rows of comments."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Index
from sqlmodel import Field

from pilothouse.storage.tables import Seal, Table, Utc


class Comment(Table, table=True):
    """What a person wrote about an object; a removed one keeps its row without its text."""

    __tablename__ = "comments_comment"
    seal: ClassVar[Seal | None] = Seal()
    __table_args__ = (Index(None, "kind", "ref"),)

    id: str = Field(primary_key=True)
    kind: str
    ref: str
    text: str
    author: str
    created_at: datetime = Field(sa_type=Utc)
    edited_at: datetime | None = Field(default=None, sa_type=Utc)
    removed_at: datetime | None = Field(default=None, sa_type=Utc)


class CommentMention(Table, table=True):
    """A person whose name stands in a comment behind an at sign."""

    __tablename__ = "comments_mention"

    comment_id: str = Field(primary_key=True, foreign_key="comments_comment.id")
    person: str = Field(primary_key=True, index=True)
