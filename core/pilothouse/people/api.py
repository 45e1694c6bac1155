"""The API of people, for screens, commands and notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from pilothouse.people import choices, persons
from pilothouse.people.persons import PersonInfo
from pilothouse.people.rights import checked
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("name", "email", "active", "rights", "created_at", "created_by")


class People(Service):
    """Who decides in a workspace. Names are not verified: there is no sign-in."""

    def people(self, *, inactive: bool = False) -> list[PersonInfo]:
        """Those who decide here, by name; with `inactive` those who have left too."""
        with self._store.read() as session:
            return persons.people(session) if inactive else persons.active_people(session)

    def frame(self, *, inactive: bool = False) -> pd.DataFrame:
        """The same as a frame of `COLUMNS`."""
        import pandas as pd

        rows = [
            {**asdict(person), "rights": ", ".join(person.rights)}
            for person in self.people(inactive=inactive)
        ]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def add(self, name: str, email: str = "", rights: Sequence[str] | None = None) -> PersonInfo:
        """Add a person. The first has every right; the others those that are given, or none.

        Raises Conflict when somebody has the name, Invalid for what cannot be one, Refused when
        rights are given by somebody who may not.
        """
        with self._store.write(durable=True) as session:
            return persons.add(session, self._store, name, email, rights)

    def change(
        self,
        name: str,
        *,
        email: str | None = None,
        active: bool | None = None,
        rights: Sequence[str] | None = None,
        reason: str = "",
    ) -> PersonInfo:
        """Change a person; what is None stays. Own e-mail needs no right, everything else does.

        Raises NotFound, Invalid, Refused without the right `edit_policies`, Conflict when nobody
        would be left who may approve or give rights.
        """
        checked_rights = None if rights is None else checked(rights)
        with self._store.write(durable=True) as session:
            return persons.change(
                session,
                self._store,
                name,
                email=email,
                active=active,
                rights=checked_rights,
                reason=reason,
            )

    def choose(self, name: str) -> PersonInfo:
        """Act as this person from now on, on the command line of this account.

        In a workspace without people the person is added. Raises NotFound, Refused when not active.
        """
        with self._store.write(durable=True) as session:
            return choices.choose(session, self._store, name)

    def chosen(self) -> PersonInfo | None:
        """The person that the command line of this account acts as; None when nobody is chosen."""
        with self._store.read() as session:
            return choices.chosen(session)

    def may(self, right: str) -> bool:
        """Whether the person who acts has a right. One person alone has every one."""
        with self._store.read() as session:
            active = persons.active_people(session)
            if not active:  # the first person who decides will have every right
                return self._store.is_person
            return self._store.is_person and self._store.actor in persons.holders(active, right)
