"""The base of every table: its own registry and metadata, so a reload defines none twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Dialect, MetaData
from sqlalchemy.orm import registry
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

from pilothouse.kit.clock import EPOCH

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


ARTIFACT = "artifact"
# For `Field(sa_column_kwargs=…)` of a column that names an artifact by its digest. A column that is
# only a fingerprint of something elsewhere has it not.
OF_ARTIFACT = {"info": {ARTIFACT: True}}


class Json(JSON):
    """A JSON value; None is SQL's NULL, so that a query can ask for it."""

    def __init__(self) -> None:
        super().__init__(none_as_null=True)


class Utc(TypeDecorator[datetime]):
    """An aware UTC instant, kept as whole microseconds since the epoch on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Microseconds of an aware instant; a naive one is a programming error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored: hand in an aware one")
        return (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """The aware instant that was stored."""
        return None if value is None else EPOCH + timedelta(microseconds=int(value))


_registry = registry(metadata=MetaData(naming_convention=NAMING))


@dataclass(frozen=True)
class Seal:
    """How rows of a table are sealed in the activity log, see `activity/seals.py`.

    `excluded` are columns that change without a command; `group_by` are the columns that group rows
    which are sealed as one, when that is not one row per key. `former_names` maps a renamed column
    to the name under which it is hashed, so that seals from before the renaming still hold.
    """

    excluded: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    former_names: Mapping[str, str] = field(default_factory=dict)


class Table(SQLModel, registry=_registry):
    """Base of every table of the workspace."""

    metadata: ClassVar[MetaData] = _registry.metadata
    seal: ClassVar[Seal | None] = None
