"""The store: one engine, one artifact folder, one clock, one actor; and the unit of work.

Domain code never commits. One click, request or step is one `with store.write() as session:`.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from pilothouse.kit.clock import Clock, SystemClock
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.kit.folders import private_database, workspace_folder
from pilothouse.kit.io_errors import is_busy, to_unavailable
from pilothouse.kit.regex_automaton import matches
from pilothouse.kit.settings import Settings, account
from pilothouse.storage.artifacts import Artifacts
from pilothouse.storage.urls import DATABASE_FILE, HINT, database_url, parsed

BUSY_MS = 30_000
# PERF: that much of the database is read in place (mmap), which halves the time of walks over an
# index; measured by tests/bench/table.py.
MAPPED_BYTES = 1 << 30
# PERF: pages of the write-ahead log (16 MB) before they are moved into the database: a page that
# many writes touch is moved once. With SQLite's default of 1,000 a batch of points took a twentieth
# longer; measured by tests/bench/ingest.py.
LOG_PAGES = 4_000
WRITE = "pilothouse_write"
WRITER = "pilothouse_store"  # in a session's info: the store that writes through it


class ChangeDetector:
    """Detects writes of any process, through a connection of its own that never writes.

    SQLite's `PRAGMA data_version` changes when another connection has committed. The files beside
    the database must not be opened for that: closing one drops the POSIX locks that SQLite holds.
    """

    def __init__(self, engine: Engine) -> None:
        self._database = str(engine.url.database)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened = 0
        event.listen(engine, "engine_disposed", lambda _engine: self.close())

    def version(self) -> str:
        """A token that every commit of any process changes, comparable in this process only."""
        with self._lock:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    self._database, timeout=BUSY_MS / 1000, check_same_thread=False
                )
                self._opened = time.monotonic_ns()
            number = self._connection.execute("PRAGMA data_version").fetchone()[0]
            return f"{self._opened}.{number}"

    def close(self) -> None:
        """Close the connection; the next call opens another one and returns a new token."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


@dataclass(frozen=True)
class Store:
    """Everything that a command or query needs to read and write a workspace."""

    folder: Path
    engine: Engine
    artifacts: Artifacts
    clock: Clock
    actor: str
    settings: Settings
    change_detector: ChangeDetector | None = None
    # Whether somebody gave the name; else it is that of the account, which decides nothing.
    is_person: bool = True

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Session]:
        """One transaction that commits at the end and rolls back on any error.

        `durable` waits for the disk: for decisions and activity that must survive a power cut.
        """
        engine = self._durable_writer if durable else self._writer
        info = {WRITER: self}
        with Session(engine, expire_on_commit=False, info=info) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent snapshot; nothing written through it is kept."""
        engine = self.engine
        if not self.is_sqlite:  # where each statement would see an instant of its own
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with Session(engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    def version(self) -> str:
        """A token that every write of any process changes.

        What was read after it is up to date for as long as it stays the same.
        """
        if self.change_detector is not None:
            return self.change_detector.version()
        with self.read() as session:
            return str(session.scalar(text("SELECT pg_current_snapshot()::text")))

    @cached_property
    def _writer(self) -> Engine:
        return self.engine.execution_options(**{WRITE: "yes"})

    @cached_property
    def _durable_writer(self) -> Engine:
        return self.engine.execution_options(**{WRITE: "durable"})

    def now(self) -> datetime:
        """The present instant of this workspace's clock."""
        return self.clock.now()

    def acting_as(self, actor: str) -> Store:
        """The same store, acting as another person or part of the program."""
        return replace(self, actor=actor, is_person=True)

    @property
    def run_folder(self) -> Path:
        """Where processes leave their addresses, sockets and locks."""
        return self.folder / "run"

    @property
    def log_folder(self) -> Path:
        """Where processes and jobs write their logs."""
        return self.folder / "logs"

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is an embedded file."""
        return self.engine.dialect.name == "sqlite"


def open_store(settings: Settings, clock: Clock | None = None) -> Store:
    """Open the folder's database and artifacts, without migrating.

    Raises Unavailable when the folder cannot be made or written.
    """
    folder = workspace_folder(settings)
    url = database_url(settings, folder / DATABASE_FILE)
    if not settings.database_url:  # SQLite creates -wal and -shm with the mode of this file
        private_database(folder / DATABASE_FILE)

    artifacts = Artifacts(settings.artifacts_url or str(folder / "artifacts"), folder / "cache")
    engine = make_engine(url)

    return Store(
        folder=folder,
        engine=engine,
        artifacts=artifacts,
        clock=clock or SystemClock(),
        actor=settings.actor or account(),
        settings=settings,
        change_detector=ChangeDetector(engine) if engine.dialect.name == "sqlite" else None,
        is_person=bool(settings.actor),
    )


def make_engine(url: URL | str) -> Engine:
    """An engine for SQLite (WAL, foreign keys, one writer that waits) or PostgreSQL."""
    options: dict[str, Any] = {"json_serializer": _to_json}
    url = parsed(url) if isinstance(url, str) else url
    if url.get_backend_name() == "sqlite":
        options["connect_args"] = {"check_same_thread": False, "timeout": BUSY_MS / 1000}
    elif url.get_backend_name() != "postgresql":
        raise Invalid(f"{url.get_backend_name()!r} is not a supported database.", hint=HINT)

    engine = create_engine(url, **options)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    return engine


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    # Replaces SQLAlchemy's REGEXP, which uses `re`: (a*)*b would backtrack exponentially.
    connection.create_function("regexp", 2, matches, deterministic=True)
    for pragma in (
        *(f"busy_timeout={BUSY_MS}", "synchronous=NORMAL", "foreign_keys=ON"),
        f"mmap_size={MAPPED_BYTES}",
        f"wal_autocheckpoint={LOG_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    _enter_wal(connection)


def _enter_wal(connection: Any) -> None:
    """Switch a new file to WAL; when two do it at once, SQLite refuses without waiting."""
    end = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as busy:
            if busy.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.005)


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a reader that turns writer would fail instead of waiting."""
    mode = connection.get_execution_options().get(WRITE)
    level = "FULL" if mode == "durable" else "NORMAL"
    # PERF: the pragma is a round trip, so it is sent only when the level of a connection changes.
    if connection.info.get(WRITE) != level:
        connection.exec_driver_sql(f"PRAGMA synchronous={level}")
        connection.info[WRITE] = level

    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if mode else "BEGIN")
    except OperationalError as busy:
        if not is_busy(busy):  # such as a full or a read-only disk
            raise to_unavailable(busy) or busy from busy
        raise Unavailable(
            f"another program has been writing to this workspace for {BUSY_MS // 1000} seconds.",
            hint="Try again; if it stays so, find the program that holds the database.",
        ) from busy
