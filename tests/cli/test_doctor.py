"""The doctor: exit 1 and words for whatever is broken, exit 0 for what is sound."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pilothouse.workspace import Workspace, open_workspace

Call = Callable[..., Any]


def sql(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "pilothouse.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def artifact(folder: Path) -> Path:
    return next(path for path in (folder / "artifacts").rglob("*") if path.is_file())


def damage(folder: Path) -> None:
    artifact(folder).write_bytes(b"other bytes")


def lose(folder: Path) -> None:
    artifact(folder).unlink()


def tamper(folder: Path) -> None:
    sql(folder, "UPDATE activity_entry SET reason = 'nothing happened' WHERE seq = 1")


def drop(folder: Path) -> None:
    sql(folder, "DELETE FROM activity_entry WHERE seq = 1")


def age(folder: Path) -> None:
    sql(folder, "UPDATE alembic_version SET version_num = '9999'")


def scramble(folder: Path) -> None:
    with (folder / "pilothouse.db").open("r+b") as file:
        for page in range(4096, file.seek(0, 2), 4096):
            file.seek(page)
            file.write(b"\xff" * 500)


def overwrite(folder: Path) -> None:
    (folder / "pilothouse.db").write_bytes(b"not a database, whatever it is called" * 200)


def vanish(folder: Path) -> None:
    (folder / "pilothouse.db").unlink()


def muddle(folder: Path) -> None:
    (folder / "workflows.db").write_bytes(b"not a database, whatever it is called" * 200)


@pytest.fixture
def sound(folder: Path) -> Path:
    """A closed workspace with a run that has a file."""
    opened = open_workspace(folder, actor="ada")
    run = opened.experiments.start("flights")
    opened.experiments.log_artifact(run, "note.txt", b"as it was")
    opened.experiments.finish(run)
    with opened.store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    opened.store.engine.dispose()
    return folder


def examined(call: Call) -> tuple[int, dict[str, Any]]:
    said = call("doctor", "--json")
    assert said.err == ""
    return said.code, json.loads(said.out)


def test_a_sound_workspace(call: Call, sound: Path) -> None:
    code, report = examined(call)
    assert (code, report["ok"]) == (0, True)
    assert set(report["checks"]) == {
        "database",
        "schema",
        "workflows",
        "activity",
        "artifacts",
        "processes",
    }
    assert report["versions"]["pilothouse"]


@pytest.mark.parametrize(
    ("hurt", "check", "words"),
    [
        (damage, "artifacts", "1 damaged"),
        (lose, "artifacts", "1 missing"),
        (tamper, "activity", "entry 1 was changed"),
        (drop, "activity", "entry 1 is missing"),
        (age, "schema", "9999"),
        (scramble, "database", "malformed"),
        (overwrite, "database", "not a database"),
        (vanish, "database", "no workspace"),
        (muddle, "workflows", "not a database"),
    ],
)
def test_what_is_broken_is_said(
    call: Call, sound: Path, hurt: Callable[[Path], None], check: str, words: str
) -> None:
    hurt(sound)
    code, report = examined(call)
    assert (code, report["ok"]) == (1, False)
    assert not report["checks"][check]["ok"]
    assert words in report["checks"][check]["words"]
    said = call("doctor")
    assert said.code == 1
    assert f"BAD  {check}" in said.out


def test_it_looks_and_changes_nothing(call: Call, folder: Path) -> None:
    assert examined(call)[0] == 1
    assert not folder.exists()


def test_it_may_look_while_the_workspace_is_in_use(call: Call, workspace: Workspace) -> None:
    with workspace.store.write():
        assert examined(call)[0] == 0
