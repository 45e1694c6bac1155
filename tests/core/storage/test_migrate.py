"""The schema moves when a workspace is opened: once, under a lock, never backwards."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock
from sqlalchemy import inspect
from sqlmodel import text

from pilothouse.kit.errors import Refused, Unavailable
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store, migrate, open_store
from pilothouse.workspace import open_workspace

NEWCOMER = Path(__file__).parent / "newcomer.py"


def stamp(store: Store, revision: str) -> None:
    with store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})


def test_opening_brings_the_schema_to_the_head_that_alembic_knows(store: Store) -> None:
    state = migrate.schema_state(store)
    assert state.current
    assert state.head == migrate.HEAD == _alembic_head()


def _alembic_head() -> str | None:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(migrate._config()).get_current_head()


def test_two_programs_that_open_a_new_workspace_at_once_migrate_it_once(tmp_path: Path) -> None:
    folder, start = tmp_path / "workspace", str(time.time() + 2.0)
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    programs = [
        subprocess.Popen(
            [sys.executable, str(NEWCOMER), str(folder), start, name, "20"],
            stderr=subprocess.PIPE,
            env=env,
        )
        for name in ("ada", "grace")
    ]
    outputs = [program.communicate(timeout=60)[1].decode() for program in programs]
    assert [program.returncode for program in programs] == [0, 0], outputs
    workspace = open_workspace(folder)
    assert workspace.activity.count() == 40
    assert workspace.activity.verify().intact
    workspace.store.engine.dispose()


def test_a_newer_schema_is_refused_in_words(store: Store) -> None:
    stamp(store, "9999")
    with pytest.raises(Refused, match="schema 9999") as newer:
        open_workspace(settings=store.settings)
    assert "newer Pilothouse" in newer.value.hint


def test_a_program_that_waits_too_long_for_the_lock_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.05)
    store = open_store(Settings(workspace=tmp_path))
    with (
        FileLock(store.run_folder / "migrate.lock"),
        pytest.raises(Unavailable, match="migrating this workspace"),
    ):
        migrate.migrate(store)
    migrate.migrate(store)
    assert migrate.schema_state(store).current
    store.engine.dispose()


def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(Settings(workspace=tmp_path))
    (tmp_path / "scripts" / "versions").mkdir(parents=True)
    for name in ("env.py", "versions/0001_first_voyage.py"):
        (tmp_path / "scripts" / name).write_text((migrate.SCRIPTS / name).read_text())
    (tmp_path / "scripts" / "versions" / "0002.py").write_text(
        "revision = '0002'\ndown_revision = '0001'\n"
        "def upgrade():\n    raise RuntimeError('half way')\n"
    )
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "SCRIPTS", tmp_path / "scripts")
        patched.setattr(migrate, "HEAD", "0002")
        with pytest.raises(RuntimeError, match="half way"):
            migrate.migrate(store)
    assert inspect(store.engine).get_table_names() == []
    migrate.migrate(store)
    assert migrate.schema_state(store).current
    store.engine.dispose()


def test_a_workspace_may_lie_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "50% größer [neu] & 'mehr'"
    workspace = open_workspace(odd)
    assert migrate.schema_state(workspace.store).current
    digest = workspace.store.artifacts.put_bytes(b"data")
    assert workspace.store.artifacts.read(digest) == b"data"
    assert list(workspace.store.artifacts.digests()) == [digest]
    workspace.store.engine.dispose()


def test_the_head_is_the_newest_script_and_there_is_one() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory.from_config(migrate._config()).get_heads() == [migrate.HEAD]
