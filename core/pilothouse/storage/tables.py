"""The base of every table: its own registry and metadata, so a reload defines none twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Dialect, MetaData
from sqlalchemy.orm import registry
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
Json = JSON


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


class Table(SQLModel, registry=_registry):
    """Base of every table of the workspace."""

    metadata: ClassVar[MetaData] = _registry.metadata
