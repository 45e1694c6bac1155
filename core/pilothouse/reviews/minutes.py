"""Minutes of a review: per item what was decided by whom and why, with figures and notes.

What was decided is read from the audit log: the entries about an object while the review was held.
So minutes cannot say anything that did not happen, and nobody has to write them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, or_, select

from pilothouse.activity.actors import AUTOMATIC
from pilothouse.activity.tables import ActivityEntry
from pilothouse.registry.gates import Verdict
from pilothouse.registry.info import promotion_info
from pilothouse.registry.tables import PENDING, Promotion
from pilothouse.reviews import meetings
from pilothouse.reviews.meetings import AgendaItem, ReviewInfo

OPEN = "left open"
# Entries that say where something was spoken of, and not what was decided.
_NO_DECISIONS = (
    *("noted", "commented", "edited comment", "removed comment", "assigned", "proposed"),
)


@dataclass(frozen=True)
class Remark:
    """What somebody did or said: the verb of the audit log, or "said"."""

    at: datetime
    by: str
    verb: str
    text: str


@dataclass(frozen=True)
class ItemMinutes:
    """One item of the agenda with what became of it; `verdicts` are those of a promotion.

    It `waits` when nobody acted, or when a promotion needs more votes.
    """

    item: AgendaItem
    decisions: tuple[Remark, ...]
    notes: tuple[Remark, ...]
    waits: bool
    verdicts: tuple[Verdict, ...] = ()
    evidence: str = ""

    @property
    def outcome(self) -> str:
        """The last thing that was decided; or that it was left open."""
        return OPEN if self.waits else self.decisions[-1].verb


@dataclass(frozen=True)
class Minutes:
    """A review and everything that came of it.

    `changes` counts what people and the program did between the review before and this one, by
    verb and kind, without routine entries.
    """

    review: ReviewInfo
    points: tuple[ItemMinutes, ...]
    changes: tuple[tuple[str, int], ...]

    @property
    def decided(self) -> int:
        """How many items were decided."""
        return sum(point.outcome != OPEN for point in self.points)


def minutes_of(session: Session, review_id: str, now: datetime) -> Minutes:
    """The minutes of a review up to its end, or up to now while it is held. Raises NotFound."""
    review = meetings.require(session, review_id)
    until = review.ended_at or now
    notes = meetings.notes(session, review_id)

    points = []
    for item in review.agenda:
        remarks = [Remark(n.at, n.by, "said", n.text) for n in notes.get(item.id, ())]
        row = session.get(Promotion, item.ref) if item.kind == "promotion" else None
        verdicts, evidence = _promotion_facts(row)
        decided = tuple(_decisions(session, item, row, (review.started_at, until)))
        waits = not decided or (row is not None and not _is_decided(row, until))
        points.append(ItemMinutes(item, decided, tuple(remarks), waits, verdicts, evidence))

    return Minutes(review, tuple(points), _changes(session, review))


def _decisions(
    session: Session, item: AgendaItem, row: Promotion | None, span: tuple[datetime, datetime]
) -> Iterator[Remark]:
    """What people did about an item; `row` is its promotion, where it is one."""
    since, until = span
    query = select(ActivityEntry).where(
        col(ActivityEntry.at) >= since,
        col(ActivityEntry.at) <= until,
        col(ActivityEntry.actor).not_in(AUTOMATIC),
        col(ActivityEntry.verb).not_in(_NO_DECISIONS),
        _about(item, row),
    )
    for entry in session.exec(query.order_by(col(ActivityEntry.seq))):
        yield Remark(entry.at, entry.actor, _verb(entry), entry.reason)


def _verb(entry: ActivityEntry) -> str:
    """What was done; of a vote, which it was."""
    vote = (entry.after or {}).get("vote", "")
    return f"{entry.verb} to {vote}" if entry.verb == "voted" and vote else entry.verb


def _about(item: AgendaItem, row: Promotion | None) -> ColumnElement[bool]:
    """Entries about an item: those of its object, and of a promotion the move that it led to."""
    own = and_(col(ActivityEntry.kind) == item.kind, col(ActivityEntry.ref) == item.ref)
    if row is None:
        return own
    moved = and_(
        col(ActivityEntry.kind) == "version",
        col(ActivityEntry.ref) == f"{row.model}@{row.version}",
        col(ActivityEntry.verb) == "promoted",
    )
    return or_(own, moved)


def _is_decided(row: Promotion, until: datetime) -> bool:
    return row.status != PENDING and row.decided_at is not None and row.decided_at <= until


def _promotion_facts(row: Promotion | None) -> tuple[tuple[Verdict, ...], str]:
    if row is None:
        return (), ""
    info = promotion_info(row)
    return info.newest_verdicts, info.decision_evidence_hash or info.evidence_hash


def _changes(session: Session, review: ReviewInfo) -> tuple[tuple[str, int], ...]:
    """What changed between the last review and this one; nothing before the first."""
    if review.since is None:
        return ()
    query = select(ActivityEntry.kind, ActivityEntry.verb).where(
        col(ActivityEntry.at) > review.since,
        col(ActivityEntry.at) < review.started_at,
        ~and_(col(ActivityEntry.kind) == "window", col(ActivityEntry.verb) == "evaluated"),
        ~and_(col(ActivityEntry.kind) == "job", col(ActivityEntry.actor).in_(AUTOMATIC)),
        col(ActivityEntry.kind) != "review",
    )
    counts = Counter(f"{kind} {verb}" for kind, verb in session.exec(query))
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
