"""DBOS starts on whatever SQLite a supported Python runs on."""

from __future__ import annotations

import sqlite3
import time

import pytest
from sqlalchemy import create_engine, text

from pilothouse.jobs import sqlite_compat
from pilothouse.jobs.sqlite_compat import engine_options


def test_an_old_sqlite_learns_the_time_with_its_fraction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_compat, "KNOWS_SUBSEC", (99,))
    engine = create_engine("sqlite://", **engine_options("sqlite://"))
    before = time.time()
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE t (at REAL NOT NULL DEFAULT (unixepoch('subsec')))"))
        connection.execute(text("INSERT INTO t DEFAULT VALUES"))
        at = connection.execute(text("SELECT at FROM t")).scalar_one()
    engine.dispose()
    assert before <= at <= time.time()


def test_a_newer_sqlite_and_postgresql_are_left_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert engine_options("postgresql+psycopg://host/db") == {}
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 42, 0))
    assert engine_options("sqlite:///file.db") == {}
