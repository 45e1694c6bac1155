"""A full or read-only disk, a damaged page, a second server or worker: each is said in words."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from harness.programs import free_port
from pilothouse.http.server import Server
from pilothouse.kit.io_errors import to_unavailable
from pilothouse.kit.processes import find
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store
from pilothouse.workspace import Workspace, open_workspace

PATIENCE_S = 60.0


def sqlite_error(act: Callable[[sqlite3.Connection], object], file: Path) -> sqlite3.Error:
    with closing(sqlite3.connect(file)) as connection:
        try:
            act(connection)
        except sqlite3.Error as error:
            return error
    raise AssertionError("nothing was wrong")


def fill(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA max_page_count = 2")
    connection.execute("CREATE TABLE a (b)")
    connection.execute("INSERT INTO a VALUES (zeroblob(100000))")


def write_to_what_is_read_only(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = 1")
    connection.execute("CREATE TABLE a (b)")


def test_what_sqlite_says_becomes_words(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database at all, whatever it is called" * 100)
    errors = {
        "the disk is full": sqlite_error(fill, tmp_path / "a.db"),
        "read-only": sqlite_error(write_to_what_is_read_only, tmp_path / "b.db"),
        "is damaged": sqlite_error(lambda c: c.execute("SELECT * FROM a"), damaged),
    }
    for message, error in errors.items():
        for wrapped in (error, OperationalError("SELECT 1", {}, error)):
            translated = to_unavailable(wrapped)
            assert translated is not None
            assert message in translated.message
            assert translated.hint


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "read-only"),
        (errno.EIO, "failed to read or write"),
        (errno.EMFILE, "too many files"),
    ],
)
def test_what_the_disk_says_becomes_words(number: int, message: str) -> None:
    translated = to_unavailable(OSError(number, "no"))
    assert translated is not None
    assert message in translated.message


def test_anything_else_is_not_explained_away() -> None:
    assert to_unavailable(ValueError("no")) is None
    assert to_unavailable(OSError(errno.ENOENT, "no")) is None


@pytest.fixture
def caller(workspace: Workspace) -> Callable[..., httpx.Response]:
    """Ask a server in this process; its database is damaged by the test."""
    server = Server(workspace.store)

    async def send(method: str, path: str, **body: object) -> httpx.Response:
        transport = httpx.ASGITransport(server)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, json=body or None)

    def ask(method: str, path: str, **body: object) -> httpx.Response:
        return asyncio.run(send(method, path, **body))

    return ask


def break_reads(store: Store) -> None:
    """Every statement fails as it does on a damaged page."""
    broken = sqlite3.DatabaseError("database disk image is malformed")
    broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT

    def fail(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, broken)

    event.listen(store.engine, "before_cursor_execute", fail)


def test_management_and_protocol_say_that_the_database_is_damaged(
    caller: Callable[..., httpx.Response], workspace: Workspace
) -> None:
    assert caller("GET", "/api/models").status_code == 200
    break_reads(workspace.store)
    answer = caller("GET", "/api/models")
    assert answer.status_code == 503
    assert "the database is damaged" in answer.json()["error"]
    assert "backup" in answer.json()["hint"]
    mlflow = caller("POST", "/api/2.0/mlflow/experiments/search", max_results=5)
    assert mlflow.status_code == 503
    assert "the database is damaged" in mlflow.json()["message"]


def command(name: str, folder: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "pilothouse.cli", name, "--workspace", str(folder), *options]


@pytest.mark.parametrize("name", ["server", "worker"])
def test_a_second_one_on_a_workspace_is_refused_in_words(tmp_path: Path, name: str) -> None:
    open_workspace(settings=Settings(workspace=tmp_path, actor="ada")).store.engine.dispose()

    def line() -> list[str]:
        return command(name, tmp_path, *(["--port", str(free_port())] if name == "server" else []))

    first = subprocess.Popen(line(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE_S
        while find(tmp_path / "run", name) is None:
            assert time.monotonic() < end
            time.sleep(0.05)
        second = subprocess.run(line(), capture_output=True, text=True, timeout=PATIENCE_S)
        assert second.returncode in (5, 6)
        assert f"this workspace has a {name} already" in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        first.terminate()
        first.wait(PATIENCE_S)


def test_of_two_servers_started_at_once_one_is_refused(tmp_path: Path) -> None:
    open_workspace(settings=Settings(workspace=tmp_path, actor="ada")).store.engine.dispose()
    both = [
        subprocess.Popen(
            command("server", tmp_path, "--port", str(free_port())),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        end = time.monotonic() + PATIENCE_S
        while all(process.poll() is None for process in both):
            assert time.monotonic() < end, "both run"
            time.sleep(0.05)
        [refused] = [process for process in both if process.poll() is not None]
        assert refused.stderr is not None
        assert "this workspace has a server already" in refused.stderr.read()
    finally:
        for process in both:
            process.terminate()
            process.wait(PATIENCE_S)
            assert process.stderr is not None
            process.stderr.close()
