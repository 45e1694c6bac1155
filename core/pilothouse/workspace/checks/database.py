"""The database file: its pages, its indexes, the rows that other rows point at."""

from __future__ import annotations

from sqlalchemy import text

from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of


@checks.register("database")
def database(store: Store) -> CheckVerdict:
    """Every page and index of the database is whole, and no row points at one that is not there."""
    with store.engine.connect() as connection:
        if not store.is_sqlite:
            connection.execute(text("SELECT 1"))
            return CheckVerdict(True, store.engine.dialect.name)
        mode = str(connection.execute(text("PRAGMA journal_mode")).scalar())
        problems = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(20)"))]
        if problems == ["ok"]:
            problems = [
                f"row {row[1]} of {row[0]} points at a row of {row[2]} that is not there"
                for row in connection.execute(text("PRAGMA foreign_key_check"))
            ]
    return verdict_of(f"integrity_check ok, journal {mode}", problems)
