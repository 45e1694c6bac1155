"""People as the registry of a workspace knows them, and who may take a decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.activity.actors import is_automatic
from pilothouse.kit.errors import Conflict, Invalid, NotFound, PersonNeeded, Refused
from pilothouse.people.rights import ALWAYS_HELD, EDIT_POLICIES, RIGHTS, checked
from pilothouse.people.tables import Person
from pilothouse.storage import Store

MAX_NAME = 60
MAX_EMAIL = 200


@dataclass(frozen=True)
class PersonInfo:
    """A person: the name that decisions are signed with, and the rights given to it."""

    name: str
    email: str
    active: bool
    rights: tuple[str, ...]
    created_at: datetime
    created_by: str

    @property
    def initials(self) -> str:
        """The first letters of the first and the last word of the name."""
        return initials(self.name)


def initials(name: str) -> str:
    """The first letters of the first and the last word of a name."""
    parts = name.split()
    return "".join(part[0] for part in (parts[:1] + parts[1:][-1:])).upper()


def people(session: Session) -> list[PersonInfo]:
    """Everybody, by name, those who are not active too."""
    rows = session.exec(select(Person).order_by(col(Person.name)))
    return [_info(row) for row in rows]


def active_people(session: Session) -> list[PersonInfo]:
    """Those who decide here, by name."""
    return [person for person in people(session) if person.active]


def find(session: Session, name: str) -> PersonInfo | None:
    """A person by name; None when there is none."""
    row = session.get(Person, name)
    return None if row is None else _info(row)


def require(session: Session, name: str) -> PersonInfo:
    """A person by name. Raises NotFound."""
    return _info(_row(session, name))


def holders(active: Sequence[PersonInfo], right: str) -> frozenset[str]:
    """Who of the active people has a right: one person alone has every one."""
    if len(active) == 1:
        return frozenset(person.name for person in active)
    return frozenset(person.name for person in active if right in person.rights)


def refuse_unnamed(store: Store, act: str) -> None:
    """Refuse an act for which nobody gave a name, before anything is done for it.

    Raises PersonNeeded, and Refused for a part of the program that acts by itself.
    """
    if is_automatic(store.actor):
        raise Refused(
            f"{act} by a person, not by {store.actor}.",
            hint="Give a name with --actor or PILOTHOUSE_ACTOR.",
        )
    if not store.is_person:
        raise PersonNeeded(
            f"{act} by a person, and nobody is chosen.",
            hint="Choose a name once with `pilothouse people choose NAME`, or give one with "
            "--actor, PILOTHOUSE_ACTOR or open_workspace(actor=...).",
        )


def require_person(session: Session, store: Store, act: str) -> PersonInfo:
    """The person who takes a decision now; `act` says which, such as "a promotion is decided".

    The first named person of a workspace is added with every right. Raises PersonNeeded when
    nobody is chosen, NotFound for an unknown name, Refused for a part of the program that acts by
    itself and for a person who is not active.
    """
    refuse_unnamed(store, act)
    person = find(session, store.actor)
    if person is None:
        if session.exec(select(Person).limit(1)).first() is not None:
            raise NotFound(
                f"no person named {store.actor!r}.",
                hint=f'Add one with `pilothouse people add "{store.actor}"`, or choose another.',
            )
        return add(session, store, store.actor)
    if not person.active:
        raise Refused(f"{person.name} is no longer active here and decides nothing.")
    return person


def require_right(session: Session, store: Store, right: str, act: str) -> PersonInfo:
    """The person who takes a decision that needs a right.

    Raises as `require_person` does, and Refused when the right was not given.
    """
    person = require_person(session, store, act)
    allowed = holders(active_people(session), right)
    if person.name not in allowed:
        raise Refused(
            f"{person.name} does not have the right {right!r}.",
            hint=f"Those who have it: {', '.join(sorted(allowed)) or 'nobody'}.",
        )
    return person


def add(
    session: Session,
    store: Store,
    name: str,
    email: str = "",
    rights: Sequence[str] | None = None,
) -> PersonInfo:
    """Add a person. The first has every right; the others those that were given, or none.

    Raises Conflict when somebody has the name, Invalid for what cannot be one, Refused when rights
    are given by somebody who may not.
    """
    _check_name(name)
    _check_email(email)
    existing = people(session)
    taken = next((p.name for p in existing if p.name.casefold() == name.casefold()), "")
    if taken:
        raise Conflict(f"there is a person named {taken!r} already.")

    initial = checked(RIGHTS if not existing else rights or ())
    signer = store if store.is_person else store.acting_as(name)
    if existing and initial:
        require_right(session, signer, EDIT_POLICIES, "rights are given")
    row = Person(
        name=name,
        email=email,
        rights=initial,
        created_at=store.now(),
        created_by=signer.actor,
    )
    session.add(row)
    session.flush()
    record(session, signer, "added", "person", name, after=_values(row))
    return _info(row)


def change(
    session: Session,
    store: Store,
    name: str,
    *,
    email: str | None = None,
    active: bool | None = None,
    rights: Sequence[str] | None = None,
    reason: str = "",
) -> PersonInfo:
    """Change a person; what is None stays. Own e-mail needs no right, everything else does.

    Raises NotFound, Invalid, Refused without the right, Conflict when nobody would be left who may
    approve or give rights.
    """
    row = _row(session, name)
    own_email = name == store.actor and active is None and rights is None
    if own_email:
        require_person(session, store, "people are changed")
    else:
        require_right(session, store, EDIT_POLICIES, "people are changed")

    before = _values(row)
    if email is not None:
        _check_email(email)
        row.email = email
    row.active = row.active if active is None else active
    row.rights = row.rights if rights is None else checked(rights)
    session.add(row)
    session.flush()

    _check_holders(session)
    if (after := _values(row)) != before:
        record(session, store, "changed", "person", name, before=before, after=after, reason=reason)
    return _info(row)


def _check_holders(session: Session) -> None:
    active = active_people(session)
    if not active:
        raise Conflict("nobody would be left who decides here.", hint="Add another person first.")
    for right in ALWAYS_HELD:
        if not holders(active, right):
            raise Conflict(
                f"nobody would be left with the right {right!r}.",
                hint="Give it to another person first.",
            )


def _check_name(name: str) -> None:
    problem = ""
    if not name.strip():
        problem = "a name is needed"
    elif name != " ".join(name.split()) or not name.isprintable():
        problem = "has spaces at its ends or in a row, or signs that cannot be printed"
    elif len(name) > MAX_NAME:
        problem = f"has {len(name)} characters, and {MAX_NAME} are allowed"
    elif not name[0].isalnum():
        problem = "does not begin with a letter or a digit"
    elif is_automatic(name.casefold()):
        problem = "is the name of a part of the program"
    if problem:
        raise Invalid(f"a person cannot be called {name!r}: {problem}.", fields={"name": problem})


def _check_email(email: str) -> None:
    local, sign, host = email.partition("@")
    valid = bool(local and sign and host) and len(email) <= MAX_EMAIL
    if email and not (valid and email.isprintable() and " " not in email):
        raise Invalid(f"{email!r} is not an e-mail address.", fields={"email": "no address"})


def _row(session: Session, name: str) -> Person:
    row = session.get(Person, name)
    if row is None:
        raise NotFound(f"no person named {name!r}.", hint="See `pilothouse people list`.")
    return row


def _values(row: Person) -> dict[str, Any]:
    return {"email": row.email, "active": row.active, "rights": list(row.rights)}


def _info(row: Person) -> PersonInfo:
    return PersonInfo(
        row.name, row.email, row.active, tuple(row.rights), row.created_at, row.created_by
    )
