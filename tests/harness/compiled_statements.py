"""The SQL that a process of the tests has compiled once, for all the databases that it opens.

A process of Pilothouse opens one database and compiles each statement once. Tests open thousands of
databases, and compiled every statement for each of them: a tenth and more of their time.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy import Engine

from pilothouse.storage import store


def share() -> None:
    """Let all engines on SQLite have one dialect and one cache of compiled statements."""
    first = store.make_engine("sqlite://")
    first.connect().close()  # a dialect asks its first connection what SQLite can do

    def create_engine(*arguments: Any, **options: Any) -> Engine:
        engine = sqlalchemy.create_engine(*arguments, **options)
        if engine.dialect.name == "sqlite":
            engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
        return engine

    store.create_engine = create_engine
