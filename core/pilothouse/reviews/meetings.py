"""A review from its start to its end: agenda, notes, minutes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.attention.items import Item, items
from pilothouse.kit.clock import from_ms, to_ms
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.people import require_person
from pilothouse.reviews.tables import Review, ReviewNote
from pilothouse.storage import Store

# What a person has to decide comes first, what merely went wrong last.
ORDER = ("promotion", "retraining", "alert", "deployment", "job")
HELD = "a review is held"
MAX_TITLE = 120
MAX_NOTE = 4_000


@dataclass(frozen=True)
class AgendaItem:
    """One thing to speak about: the address of an object, what it is and why it waits."""

    id: str
    kind: str
    ref: str
    title: str
    state: str
    message: str
    at: datetime

    @classmethod
    def of(cls, item: Item) -> AgendaItem:
        """What needs a person, as an item of the agenda."""
        return cls(item.id, item.kind, item.ref, item.title, item.state, item.message, item.at)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> AgendaItem:
        """A stored item."""
        return cls(**{**value, "at": from_ms(value["at"])})

    def to_json(self) -> dict[str, Any]:
        """Plain values; the instant in milliseconds."""
        return {**asdict(self), "at": to_ms(self.at)}


@dataclass(frozen=True)
class ReviewInfo:
    """A review: who is there, what it is about, and since when changes are of interest."""

    id: str
    title: str
    people: tuple[str, ...]
    agenda: tuple[AgendaItem, ...]
    since: datetime | None
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    ended_by: str
    minutes: str | None

    @property
    def open(self) -> bool:
        """Whether it is being held."""
        return self.ended_at is None

    def item(self, item_id: str) -> AgendaItem:
        """An item of the agenda. Raises NotFound."""
        item = next((item for item in self.agenda if item.id == item_id), None)
        if item is None:
            raise NotFound(f"the agenda has no item {item_id!r}.")
        return item


def agenda(session: Session, now: datetime) -> tuple[AgendaItem, ...]:
    """What waits for people now: decisions first, the newest of each kind first."""
    waiting = [item for item in items(session, now) if item.dismissal is None]
    position = {kind: number for number, kind in enumerate(ORDER)}
    ordered = sorted(waiting, key=lambda item: position.get(item.kind, len(ORDER)))
    return tuple(map(AgendaItem.of, ordered))


def start(session: Session, store: Store, title: str, people: tuple[str, ...]) -> ReviewInfo:
    """Begin a review of what waits now.

    Raises Conflict while another is open, Invalid for a title, PersonNeeded when nobody is chosen.
    """
    person = require_person(session, store, HELD)
    if not title.strip() or len(title) > MAX_TITLE:
        problem = f"needed, with at most {MAX_TITLE} characters"
        raise Invalid(f"a review needs a title: {problem}.", fields={"title": problem})
    if (current := open_review(session)) is not None:
        raise Conflict(
            f"the review {current.title!r} is open already.", hint="End it, or go on with it."
        )

    row = Review(
        id=uuid7(to_ms(store.now())),
        title=title.strip(),
        people=list(dict.fromkeys([person.name, *people])),
        agenda=[item.to_json() for item in agenda(session, store.now())],
        since=_end_of_the_last(session),
        started_at=store.now(),
        started_by=person.name,
    )
    session.add(row)
    session.flush()
    after = {"items": len(row.agenda), "people": row.people}
    record(session, store, "started", "review", row.id, name=row.title, after=after)
    return review_info(row)


def add_note(session: Session, store: Store, review_id: str, item: str, text: str) -> None:
    """Write down what was said of an item of the agenda.

    Raises NotFound, Conflict when the review has ended, Invalid for an empty or a very long note.
    """
    require_person(session, store, HELD)
    row = _require_open(session, review_id)
    subject = review_info(row).item(item)
    if not text.strip() or len(text) > MAX_NOTE:
        problem = f"needed, with at most {MAX_NOTE:,} characters"
        raise Invalid(f"a note needs text: {problem}.", fields={"text": problem})

    note = ReviewNote(
        id=uuid7(to_ms(store.now())),
        review=review_id,
        item=item,
        text=text.strip(),
        at=store.now(),
        by=store.actor,
    )
    session.add(note)
    record(
        session, store, "noted", subject.kind, subject.ref,
        name=subject.title, after={"review": review_id, "note": note.text},
    )  # fmt: skip


def end(session: Session, store: Store, review_id: str, minutes: bytes) -> ReviewInfo:
    """End a review; its minutes are kept, and their digest is in the audit log.

    Raises NotFound, Conflict when it has ended already.
    """
    require_person(session, store, HELD)
    row = _require_open(session, review_id)
    row.open = False
    row.ended_at, row.ended_by = store.now(), store.actor
    row.minutes = store.artifacts.put_bytes(minutes)
    session.add(row)
    record(
        session, store, "ended", "review", row.id, name=row.title, after={"minutes": row.minutes}
    )
    return review_info(row)


def open_review(session: Session) -> ReviewInfo | None:
    """The review that is being held; None when there is none."""
    row = session.exec(select(Review).where(col(Review.open))).first()
    return None if row is None else review_info(row)


def require(session: Session, review_id: str) -> ReviewInfo:
    """A review by its id. Raises NotFound."""
    return review_info(_row(session, review_id))


def reviews(session: Session) -> list[ReviewInfo]:
    """Every review, the newest first."""
    return [
        review_info(row)
        for row in session.exec(select(Review).order_by(col(Review.started_at).desc()))
    ]


def notes(session: Session, review_id: str) -> dict[str, list[ReviewNote]]:
    """What was said, by item of the agenda, in its order."""
    query = select(ReviewNote).where(ReviewNote.review == review_id)
    by_item: dict[str, list[ReviewNote]] = {}
    for note in session.exec(query.order_by(col(ReviewNote.id))):
        by_item.setdefault(note.item, []).append(note)
    return by_item


def review_info(row: Review) -> ReviewInfo:
    """The values of a review's row."""
    return ReviewInfo(
        id=row.id,
        title=row.title,
        people=tuple(row.people),
        agenda=tuple(map(AgendaItem.from_json, row.agenda)),
        since=row.since,
        started_at=row.started_at,
        started_by=row.started_by,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        minutes=row.minutes,
    )


def _end_of_the_last(session: Session) -> datetime | None:
    query = select(Review.ended_at).where(col(Review.ended_at).is_not(None))
    return session.exec(query.order_by(col(Review.ended_at).desc()).limit(1)).first()


def _require_open(session: Session, review_id: str) -> Review:
    row = _row(session, review_id)
    if not row.open:
        raise Conflict(f"the review {row.title!r} has ended; its minutes are written.")
    return row


def _row(session: Session, review_id: str) -> Review:
    row = session.get(Review, review_id)
    if row is None:
        raise NotFound(f"no review {review_id!r}.", hint="See `pilothouse reviews list`.")
    return row
