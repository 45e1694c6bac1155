"""The database in which the engine of durable work keeps its own rows."""

from __future__ import annotations

import contextlib
import sqlite3

from pilothouse.storage import Store
from pilothouse.storage.urls import WORKFLOWS_FILE
from pilothouse.workspace.checks import CheckVerdict, checks


@checks.register("workflows")
def workflows(store: Store) -> CheckVerdict:
    """The database of durable workflows is whole."""
    file = store.folder / WORKFLOWS_FILE
    if store.settings.database_url:
        return CheckVerdict(True, "kept with the rest")
    if not file.exists():
        return CheckVerdict(True, "none yet")
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        result = str(connection.execute("PRAGMA quick_check").fetchone()[0])
    return CheckVerdict(result == "ok", f"quick_check {result}")
