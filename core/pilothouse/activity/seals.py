"""Seals: hashes of rows that carry decisions, kept in the log entry of the change that wrote them.

A table that declares a `seal` is watched: at the commit of a transaction that added, changed or
deleted rows of it, the hash of each such row is put into the newest entry of that transaction, and
the chain covers it. A row that was changed by any other way no longer has the hash of its seal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, inspect, tuple_
from sqlalchemy.orm import ORMExecuteState
from sqlalchemy.orm.attributes import get_history
from sqlmodel import Session, select

from pilothouse.kit.clock import EPOCH
from pilothouse.storage.tables import Table

HEX = 32  # digits of a hash: half of them, for there are many
PENDING = "rows to be sealed"
Key = tuple[Any, ...]
Seals = dict[str, dict[str, str | None]]  # table name, key as JSON, hash; None for a deleted row


def sealed_tables() -> list[type[Table]]:
    """Every table that declares a seal, by name."""
    classes = [mapper.class_ for mapper in Table._sa_registry.mappers]
    sealed = [table for table in classes if table.seal is not None]
    return sorted(sealed, key=lambda table: str(table.__tablename__))


def mark_rows(session: Session, table: type[Table], keys: Iterable[Key]) -> None:
    """Seal rows at this transaction's commit although no object of theirs was changed."""
    marked = set(keys)
    if marked:
        session.info.setdefault(PENDING, {}).setdefault(table, set()).update(marked)


def marked_rows(session: Session) -> dict[type[Table], set[Key]]:
    """A copy of what is marked so far."""
    marked: dict[type[Table], set[Key]] = session.info.get(PENDING, {})
    return {table: set(keys) for table, keys in marked.items()}


def mark_flushed_rows(session: Session) -> None:
    """Mark what a flush has written to sealed tables."""
    for row in (*session.new, *session.deleted):
        if isinstance(row, Table) and row.seal is not None:
            mark_rows(session, type(row), [_key(row)])
    for row in session.dirty:
        if isinstance(row, Table) and row.seal is not None and _has_changed(row):
            mark_rows(session, type(row), [_key(row)])


def mark_statement(state: ORMExecuteState) -> None:
    """Mark what a statement of its own adds, changes or deletes in a sealed table.

    It must not change a key: code that changes a key marks both rows, see `mark_rows`.
    """
    mapper = state.bind_mapper
    table = mapper.class_ if mapper is not None else None
    if table is None or not issubclass(table, Table) or table.seal is None:
        return

    names = key_columns(table)
    if state.is_insert:
        rows: list[Any] = list(state.parameters) if isinstance(state.parameters, list) else []
        keys = [tuple(row[name] for name in names) for row in rows if set(names) <= set(row)]
    else:
        columns = table.__table__.columns  # type: ignore[attr-defined]  # SQLModel gives it
        query = select(*[columns[name] for name in names])
        where: Any = getattr(state.statement, "whereclause", None)
        query = query if where is None else query.where(where)
        keys = [tuple(row) for row in state.session.connection().execute(query)]

    mark_rows(cast("Session", state.session), table, keys)


def take_pending(session: Session) -> Seals:
    """The seals of everything marked in this transaction, as the database has it now."""
    marked: dict[type[Table], set[Key]] = session.info.pop(PENDING, {})
    connection = session.connection()
    return {
        str(table.__tablename__): {
            key_text(key): _hash_group(connection, table, key) for key in keys
        }
        for table, keys in marked.items()
    }


def hash_table(
    connection: Connection, table: type[Table], where: ColumnElement[bool] | None = None
) -> dict[str, str]:
    """The hash of every row, or group of rows, of a table; with `where` of those it selects."""
    groups: dict[str, list[Mapping[Any, Any]]] = {}
    by = key_columns(table)
    columns = table.__table__.columns  # type: ignore[attr-defined]  # SQLModel gives it
    query = select(table.__table__).order_by(*[columns[name] for name in _primary(table)])  # type: ignore[attr-defined]
    query = query if where is None else query.where(where)
    for row in connection.execute(query).mappings():
        groups.setdefault(key_text(tuple(row[name] for name in by)), []).append(row)
    return {key: hash_rows(table, rows) for key, rows in groups.items()}


def existing_keys(session: Session, table: type[Table]) -> set[str]:
    """The keys of all rows, or groups of rows, that a table has, as they are written in seals."""
    columns = table.__table__.columns  # type: ignore[attr-defined]  # SQLModel gives it
    query = select(*[columns[name] for name in key_columns(table)]).distinct()
    return {key_text(tuple(row)) for row in session.connection().execute(query)}


def key_columns(table: type[Table]) -> tuple[str, ...]:
    """The columns that name a row, or a group of rows that are sealed as one."""
    assert table.seal is not None
    return table.seal.group_by or _primary(table)


def hash_rows(table: type[Table], rows: Iterable[Mapping[Any, Any]]) -> str:
    """The hash of what rows say in the sealed columns; missing values count for nothing."""
    assert table.seal is not None
    left_out, former = table.seal.excluded, table.seal.former_names
    plain = [
        {
            former.get(name, name): _plain(value)
            for name, value in row.items()
            if name not in left_out and value is not None
        }
        for row in rows
    ]
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HEX]


def key_text(key: Key) -> str:
    """A row's key as it is written in a seal."""
    return json.dumps([_plain(part) for part in key], ensure_ascii=False)


def _hash_group(connection: Connection, table: type[Table], key: Key) -> str | None:
    columns = table.__table__.columns  # type: ignore[attr-defined]  # SQLModel gives it
    by = tuple_(*[columns[name] for name in key_columns(table)])
    order = [columns[name] for name in _primary(table)]
    query = select(table.__table__).where(by == tuple_(*key)).order_by(*order)  # type: ignore[attr-defined]
    rows = connection.execute(query).mappings().all()
    return hash_rows(table, rows) if rows else None


def _primary(table: type[Table]) -> tuple[str, ...]:
    return tuple(column.name for column in inspect(table).primary_key)


def _key(row: Table) -> Key:
    return tuple(getattr(row, name) for name in key_columns(type(row)))


def _has_changed(row: Table) -> bool:
    assert row.seal is not None
    names = [column.key for column in inspect(type(row)).column_attrs]
    return any(
        get_history(row, name).has_changes() for name in names if name not in row.seal.excluded
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    return value.hex() if isinstance(value, bytes) else value
