"""The rows of people."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field

from pilothouse.storage.tables import Json, Seal, Table, Utc


class Person(Table, table=True):
    """Somebody who decides here, under the name that the activity log has.

    A person who has left is not deleted but no longer active: decisions keep their author.
    """

    __tablename__ = "people_person"
    seal: ClassVar[Seal | None] = Seal()

    name: str = Field(primary_key=True)
    email: str = ""
    active: bool = True
    rights: list[str] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=Utc)
    created_by: str


class AccountChoice(Table, table=True):
    """The person that an account of the operating system acts as on the command line."""

    __tablename__ = "people_account_choice"

    account: str = Field(primary_key=True)
    person: str = Field(foreign_key="people_person.name")
    chosen_at: datetime = Field(sa_type=Utc)
