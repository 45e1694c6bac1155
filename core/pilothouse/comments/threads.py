"""Writing, editing and removing comments; the audit log keeps what stood there before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, delete, select

from pilothouse.activity import record
from pilothouse.comments.mentions import mentioned
from pilothouse.comments.objects import require_object
from pilothouse.comments.tables import Comment, CommentMention
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Refused
from pilothouse.kit.ids import uuid7
from pilothouse.people.persons import active_people, require_person
from pilothouse.storage import Store

MAX_LENGTH = 10_000
ACT = "a comment is written"


@dataclass(frozen=True)
class CommentInfo:
    """A comment as Markdown; a removed one has no text any more."""

    id: str
    kind: str
    ref: str
    text: str
    author: str
    created_at: datetime
    edited_at: datetime | None
    removed_at: datetime | None
    mentions: tuple[str, ...]


def add(session: Session, store: Store, kind: str, ref: str, text: str) -> CommentInfo:
    """Write a comment on an object. Raises NotFound, Invalid without a text, PersonNeeded."""
    person = require_person(session, store, ACT)
    require_object(session, kind, ref)
    _check_text(text)
    now = store.now()
    row = Comment(
        id=uuid7(to_ms(now)), kind=kind, ref=ref, text=text, author=person.name, created_at=now
    )
    session.add(row)
    session.flush()
    _write_mentions(session, row)
    record(session, store, "commented", kind, ref, after={"comment": row.id, "text": text})
    return _info(session, row)


def edit(session: Session, store: Store, comment_id: str, text: str) -> CommentInfo:
    """Change the text of an own comment. Raises NotFound, Refused for that of somebody else."""
    row = _own(session, store, comment_id)
    _check_text(text)
    before, row.text, row.edited_at = row.text, text, store.now()
    session.add(row)
    session.flush()
    _write_mentions(session, row)
    record(
        session,
        store,
        "edited comment",
        row.kind,
        row.ref,
        before={"comment": row.id, "text": before},
        after={"comment": row.id, "text": text},
    )
    return _info(session, row)


def remove(session: Session, store: Store, comment_id: str, reason: str = "") -> None:
    """Remove an own comment; that there was one stays. Raises NotFound, Refused, Conflict."""
    row = _own(session, store, comment_id)
    before, row.text, row.removed_at = row.text, "", store.now()
    session.add(row)
    session.flush()
    _write_mentions(session, row)
    record(
        session,
        store,
        "removed comment",
        row.kind,
        row.ref,
        before={"comment": row.id, "text": before},
        reason=reason,
    )


def comments_on(session: Session, kind: str, ref: str) -> list[CommentInfo]:
    """The comments on an object, oldest first, removed ones without their text."""
    query = select(Comment).where(Comment.kind == kind, Comment.ref == ref)
    return [
        _info(session, row)
        for row in session.exec(query.order_by(col(Comment.created_at), col(Comment.id)))
    ]


def _own(session: Session, store: Store, comment_id: str) -> Comment:
    person = require_person(session, store, ACT)
    row = session.get(Comment, comment_id)
    if row is None:
        raise NotFound(f"no comment {comment_id!r}.")
    if row.author != person.name:
        raise Refused(f"this comment is {row.author}'s; only its author changes it.")
    if row.removed_at is not None:
        raise Conflict("this comment was removed.")
    return row


def _check_text(text: str) -> None:
    if not text.strip():
        raise Invalid("a comment needs a text.", fields={"text": "needed"})
    if len(text) > MAX_LENGTH:
        raise Invalid(
            f"a comment has at most {MAX_LENGTH:,} characters.", fields={"text": "too long"}
        )


def _write_mentions(session: Session, row: Comment) -> None:
    session.execute(delete(CommentMention).where(col(CommentMention.comment_id) == row.id))
    names = [person.name for person in active_people(session)]
    for name in mentioned(row.text, names):
        session.add(CommentMention(comment_id=row.id, person=name))
    session.flush()


def _info(session: Session, row: Comment) -> CommentInfo:
    query = select(CommentMention.person).where(CommentMention.comment_id == row.id)
    return CommentInfo(
        id=row.id,
        kind=row.kind,
        ref=row.ref,
        text=row.text,
        author=row.author,
        created_at=row.created_at,
        edited_at=row.edited_at,
        removed_at=row.removed_at,
        mentions=tuple(sorted(session.exec(query))),
    )
