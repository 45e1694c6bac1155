"""Assignments: who looks after a promotion or an alert."""

from __future__ import annotations

from sqlmodel import Session, select

from pilothouse.activity import record
from pilothouse.attention.tables import Assignment
from pilothouse.comments.objects import require_object
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.people import persons
from pilothouse.storage import Store

KINDS = ("promotion", "alert")


def assign(
    session: Session, store: Store, kind: str, ref: str, person: str, reason: str = ""
) -> None:
    """Give an object to a person; an empty name gives it to nobody.

    Raises Invalid for a kind that is not assigned, NotFound for an object and a person, Conflict
    for a person who is not active.
    """
    if kind not in KINDS:
        raise Invalid(
            f"a {kind!r} is not assigned.",
            hint=f"The kinds are {', '.join(KINDS)}.",
            fields={"kind": "unknown"},
        )
    require_object(session, kind, ref)
    if person and not persons.require(session, person).active:
        raise Conflict(f"{person} is no longer active here.")

    row = session.get(Assignment, (kind, ref))
    before = row.person if row is not None else ""
    if person == before:
        return
    if person:
        session.merge(
            Assignment(
                kind=kind,
                ref=ref,
                person=person,
                assigned_at=store.now(),
                assigned_by=store.actor,
            )
        )
    elif row is not None:
        session.delete(row)
    session.flush()
    record(
        session,
        store,
        "assigned",
        kind,
        ref,
        before={"person": before},
        after={"person": person},
        reason=reason,
    )


def assignee(session: Session, kind: str, ref: str) -> str:
    """Whose an object is; "" when it is nobody's."""
    row = session.get(Assignment, (kind, ref))
    return "" if row is None else row.person


def assignees(session: Session) -> dict[tuple[str, str], str]:
    """Every assignment by kind and ref."""
    return {(row.kind, row.ref): row.person for row in session.exec(select(Assignment))}
