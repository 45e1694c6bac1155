"""The unit of work: all or nothing, one writer at a time, readers that see one instant."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select, text

from pilothouse.jobs.tables import Job, JobStep
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store, Utc, open_store
from pilothouse.storage import store as storing
from pilothouse.storage.store import make_engine

AT = datetime(2026, 3, 1, tzinfo=UTC)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


def job(number: int, at: datetime = AT) -> Job:
    return Job(id=f"job{number}", kind="k", title="t", requested_by="ada", created_at=at)


def jobs(session: Session) -> list[str]:
    return sorted(session.exec(select(Job.id)))


@pytest.fixture
def impatient(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The same workspace, opened by a program that waits for its turn a moment only."""
    monkeypatch.setattr(storing, "BUSY_MS", 50)
    opened = open_store(store.settings)
    yield opened
    opened.engine.dispose()


def test_what_is_written_together_is_kept_together(store: Store) -> None:
    with store.write() as session:
        session.add_all([job(1), job(2)])
    with store.read() as session:
        assert jobs(session) == ["job1", "job2"]


def test_an_error_takes_everything_back(store: Store) -> None:
    def write_and_fail() -> None:
        with store.write() as session:
            session.add(job(1))
            session.flush()
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        write_and_fail()
    with store.read() as session:
        assert jobs(session) == []


def test_what_is_written_through_a_reader_is_not_kept(store: Store) -> None:
    with store.read() as session:
        session.add(job(1))
        session.flush()
    with store.read() as session:
        assert jobs(session) == []


def test_a_reader_sees_one_instant(store: Store) -> None:
    with store.read() as reader:
        assert jobs(reader) == []
        with store.write() as writer:
            writer.add(job(1))
        assert jobs(reader) == []
    with store.read() as reader:
        assert jobs(reader) == ["job1"]


@pytest.mark.parametrize(("durable", "level"), [(False, 1), (True, 2)])
def test_a_durable_write_waits_for_the_disk(store: Store, durable: bool, level: int) -> None:
    with store.write(durable=durable) as session:
        assert session.execute(text("PRAGMA synchronous")).scalar() == level


def test_foreign_keys_hold(store: Store) -> None:
    def write_orphan() -> None:
        with store.write() as session:
            session.add(JobStep(job_id="nobody", seq=1, name="s", status="r", started_at=AT))

    with pytest.raises(IntegrityError):
        write_orphan()


def test_a_row_outlives_its_transaction(store: Store) -> None:
    with store.write() as session:
        row = job(1)
        session.add(row)
    assert row.title == "t"


def test_eight_writers_at_once_wait_for_each_other(store: Store) -> None:
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            for number in range(15):
                with store.write(durable=number % 5 == 0) as session:
                    count = len(jobs(session))
                    session.add(job(writer * 100 + number))
                    session.flush()
                    assert len(jobs(session)) == count + 1
        except BaseException as broken:  # a thread's failure must fail the test
            failures.append(broken)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with store.read() as session:
        assert len(jobs(session)) == 8 * 15


def test_programs_that_first_open_a_file_at_once_all_get_in(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    together = threading.Barrier(6)

    def open_each() -> None:
        for number in range(40):
            engine = make_engine(f"sqlite:///{tmp_path / str(number)}.db")
            together.wait(20)
            try:
                with engine.connect() as connection:
                    connection.execute(text("SELECT * FROM sqlite_master"))
            except sa.exc.OperationalError as locked:
                failures.append(locked)
            engine.dispose()

    threads = [threading.Thread(target=open_each) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_writer_that_gets_no_turn_is_told_in_words(store: Store, impatient: Store) -> None:
    def write() -> None:
        with impatient.write() as session:
            session.add(job(2))

    with store.write() as session:
        session.add(job(1))
        session.flush()
        with pytest.raises(Unavailable, match="writing to this workspace"):
            write()
        with impatient.read() as reader:
            assert jobs(reader) == []


def test_somebody_else_acts_on_the_same_store(store: Store) -> None:
    other = store.acting_as("grace")
    assert (store.actor, other.actor) == ("ada", "grace")
    assert replace(other, actor="ada") == store


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be written") as refused:
        open_store(Settings(workspace=tmp_path / "file" / "workspace"))
    assert "--workspace" in refused.value.hint


def test_an_unknown_database_is_invalid_and_its_password_is_not_repeated() -> None:
    with pytest.raises(Invalid, match="'mysql'") as unknown:
        make_engine("mysql://ada:secret@localhost/db")
    assert "secret" not in str(unknown.value)


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=OFFSETS))
def test_an_instant_is_kept_to_the_microsecond_in_utc(at: datetime) -> None:
    dialect = sa.create_engine("sqlite://").dialect
    stored = Utc().process_bind_param(at, dialect)
    back = Utc().process_result_value(stored, dialect)
    assert isinstance(stored, int)
    assert back == at
    assert back.tzinfo is UTC


def test_instants_are_kept_as_numbers_that_sort_like_them(store: Store) -> None:
    east = timezone(timedelta(hours=9))
    later = datetime(2026, 3, 1, 8, 59, 59, 999_999, tzinfo=east)
    with store.write() as session:
        session.add_all([job(1, AT), job(2, later)])
    with store.read() as session:
        assert list(session.exec(select(Job.id).order_by(Job.created_at))) == ["job2", "job1"]
        raw = session.execute(text("SELECT created_at FROM jobs_job WHERE id = 'job1'")).scalar()
        assert raw == 1_772_323_200_000_000


def test_a_naive_time_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="naive"):
        Utc().process_bind_param(datetime(2026, 3, 1), store.engine.dialect)


def test_json_none_is_null_and_can_be_asked_for(store: Store) -> None:
    with store.write() as session:
        session.add(job(1))
        done = job(2)
        done.result = {"größe": [1, None]}
        session.add(done)
    with store.read() as session:
        open_ones = select(Job.id).where(Job.result.is_(None))  # type: ignore[union-attr]
        assert list(session.exec(open_ones)) == ["job1"]
        assert session.get_one(Job, "job2").result == {"größe": [1, None]}


def test_every_write_of_anybody_changes_the_version(store: Store) -> None:
    before = store.version()
    assert before
    assert store.version() == before
    with store.read() as session:
        session.execute(text("SELECT count(*) FROM experiments_run"))
    assert store.version() == before
    other = open_store(store.settings)
    versions, seen_there = {before}, {other.version()}
    for writer in (store, other, store):
        with writer.write() as session:
            session.execute(text("CREATE TABLE IF NOT EXISTS t (x)"))
            session.execute(text("INSERT INTO t VALUES (1)"))
        versions.add(store.version())
        seen_there.add(other.version())
    assert len(versions) == len(seen_there) == 4
    other.engine.dispose()
    assert other.version() not in seen_there
    other.engine.dispose()


WRITE_TOO = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    database.execute("BEGIN IMMEDIATE")
    print("written")
except sqlite3.OperationalError as busy:
    print(busy)
"""


def test_asking_for_the_version_lets_nobody_else_write(store: Store) -> None:
    """SQLite's locks belong to the process: closing a file of the database would drop them."""
    with store.write() as session:
        session.execute(text("CREATE TABLE t (x)"))
        store.version()
        command = [sys.executable, "-c", WRITE_TOO, str(store.folder / "pilothouse.db")]
        completed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "database is locked"


def test_the_database_is_in_wal_mode(store: Store) -> None:
    raw = sqlite3.connect(store.folder / "pilothouse.db")
    assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()


def test_no_pattern_can_keep_the_database_busy(store: Store) -> None:
    with store.read() as session:
        query = text("SELECT :value REGEXP :pattern")
        result = session.execute(query, {"value": "a" * 5_000, "pattern": "(a*)*(a|a)*b"}).scalar()
    assert result == 0
