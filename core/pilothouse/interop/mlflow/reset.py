"""An empty workspace again, for programs that test a server; off unless the server allows it."""

from __future__ import annotations

from sqlalchemy import MetaData, text
from sqlmodel import Session

from pilothouse.interop.mlflow.experiments import ensure_default
from pilothouse.storage import Store

KEPT = "alembic_version"


def empty(session: Session, store: Store) -> None:
    """Delete every row of every table, and make the Default experiment 0."""
    connection = session.connection()
    there = MetaData()
    there.reflect(connection)
    for table in reversed(there.sorted_tables):
        if table.name != KEPT:
            connection.execute(table.delete())
    _start_numbers_again(session, store)
    session.expunge_all()
    ensure_default(session, store)


def _start_numbers_again(session: Session, store: Store) -> None:
    if store.is_sqlite:
        known = text("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")
        if session.execute(known).first():
            session.execute(text("DELETE FROM sqlite_sequence"))
