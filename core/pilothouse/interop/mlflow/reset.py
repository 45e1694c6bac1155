"""Emptying a workspace, for programs that test a server; off unless the server allows it."""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, Table, inspect, text
from sqlmodel import Session

from pilothouse.activity.chain import reset_anchor
from pilothouse.experiments.experiment_changes import ensure_default
from pilothouse.storage import Store

REVISION_TABLE = "alembic_version"
SEQUENCE_TABLE = "sqlite_sequence"
_cached_tables: dict[frozenset[str], list[Table]] = {}


def delete_everything(session: Session, store: Store) -> None:
    """Delete every row of every table, and make the Default experiment 0."""
    connection = session.connection()
    tables = _tables(connection)
    if store.is_sqlite:
        _delete(connection, tables)
    else:
        names = ", ".join(f'"{table.name}"' for table in tables)
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    session.expunge_all()
    reset_anchor(session)
    ensure_default(session, store)


def _tables(connection: Connection) -> list[Table]:
    """Every table that is there, referring ones first; reflected again when they change."""
    names = frozenset(inspect(connection).get_table_names())
    if names not in _cached_tables:
        there = MetaData()
        there.reflect(connection)
        _cached_tables[names] = [
            table for table in reversed(there.sorted_tables) if table.name != REVISION_TABLE
        ]
    return _cached_tables[names]


def _delete(connection: Connection, tables: list[Table]) -> None:
    for table in tables:
        connection.execute(table.delete())
    if inspect(connection).has_table(SEQUENCE_TABLE):
        connection.execute(text(f"DELETE FROM {SEQUENCE_TABLE}"))
