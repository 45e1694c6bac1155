"""The person that an account of the operating system acts as on the command line."""

from __future__ import annotations

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.kit.errors import Refused
from pilothouse.kit.settings import account
from pilothouse.people import persons
from pilothouse.people.persons import PersonInfo
from pilothouse.people.tables import AccountChoice
from pilothouse.storage import Store


def choose(session: Session, store: Store, name: str) -> PersonInfo:
    """Act as this person from now on, on the command line of this account.

    In a workspace without people the person is added. Raises NotFound, Refused when not active.
    """
    person = persons.find(session, name)
    if person is None and not persons.people(session):
        person = persons.add(session, store, name)
    person = person or persons.require(session, name)
    if not person.active:
        raise Refused(f"{name} is no longer active here.")

    own = account()
    before = session.get(AccountChoice, own)
    previous = before.person if before is not None else None
    session.merge(AccountChoice(account=own, person=name, chosen_at=store.now()))
    session.flush()
    record(
        session,
        store.acting_as(name),
        "chose",
        "person",
        name,
        before={"account": own, "person": previous},
        after={"account": own, "person": name},
    )
    return person


def chosen(session: Session) -> PersonInfo | None:
    """The active person that this account acts as; None when nobody was chosen."""
    row = session.get(AccountChoice, account())
    person = None if row is None else persons.find(session, row.person)
    return person if person is not None and person.active else None
