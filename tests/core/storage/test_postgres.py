"""The same promises on PostgreSQL, on a server that the tests start under an ordinary user."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import select, text

from harness.postgres import postgresql, why_not
from pilothouse.activity import record, verify
from pilothouse.jobs.tables import Job
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store, Table
from pilothouse.workspace import Workspace, open_workspace


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a database that lasts for this module."""
    if missing := why_not():
        pytest.skip(missing)
    with postgresql() as url:
        yield url


@pytest.fixture
def ship(server: str, tmp_path: Path) -> Iterator[Workspace]:
    """A fresh workspace on that server."""
    settings = Settings(workspace=tmp_path, database_url=server, actor="ada")
    opened = open_workspace(settings=settings)
    yield opened
    with opened.store.write() as session:
        session.execute(text("DROP SCHEMA public CASCADE"))
        session.execute(text("CREATE SCHEMA public"))
    opened.store.engine.dispose()


def fail_after_recording(store: Store) -> None:
    with store.write() as session:
        record(session, store, "lost", "job", "x")
        raise RuntimeError("no")


def test_the_migrated_schema_is_the_one_that_the_tables_declare(ship: Workspace) -> None:
    import pilothouse.workspace.tables  # noqa: F401  # every room's tables

    with ship.store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_instants_and_json_come_back_as_they_were(ship: Workspace) -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
    with ship.store.write(durable=True) as session:
        session.add(Job(id="a", kind="k", title="t", requested_by="ada", created_at=at))
        done = Job(id="b", kind="k", title="t", requested_by="ada", created_at=at)
        done.result = {"größe": [1, None]}
        session.add(done)
    with ship.store.read() as session:
        assert session.get_one(Job, "a").created_at == at
        assert session.get_one(Job, "b").result == {"größe": [1, None]}
        no_result = select(Job.id).where(Job.result.is_(None))  # type: ignore[union-attr]
        assert list(session.exec(no_result)) == ["a"]


def test_a_transaction_that_was_taken_back_leaves_no_gap_in_the_log(ship: Workspace) -> None:
    with ship.store.write() as session:
        record(session, ship.store, "opened", "job", "x")
    with pytest.raises(RuntimeError, match="no"):
        fail_after_recording(ship.store)
    with ship.store.write() as session:
        record(session, ship.store, "closed", "job", "x")
    assert ship.activity.verify().message == "2 entries, unbroken"


def test_a_reader_sees_one_instant(ship: Workspace) -> None:
    with ship.store.read() as reader:
        assert list(reader.exec(select(Job.id))) == []
        job_id = ship.jobs.submit("train", {}, title="Train")
        assert list(reader.exec(select(Job.id))) == []
    with ship.store.read() as reader:
        assert list(reader.exec(select(Job.id))) == [job_id]


def test_writers_at_once_keep_the_chain(ship: Workspace) -> None:
    def write(name: str) -> None:
        own = ship.store.acting_as(name)
        for number in range(10):
            with own.write() as session:
                record(session, own, "visited", "job", f"{name}-{number}")

    threads = [threading.Thread(target=write, args=(f"person{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ship.store.read() as session:
        assert verify(session).message == "80 entries, unbroken"


def test_a_workspace_is_searched_and_counted(ship: Workspace) -> None:
    job_id = ship.jobs.submit("train", {"n": 1}, title="Train 100%")
    assert ship.jobs.count(status="queued") == 1
    assert ship.activity.count(search="100%") == 1
    ship.jobs.cancel(job_id)
    assert ship.activity.facets()["verb"] == ["cancelled", "submitted"]
