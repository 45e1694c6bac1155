"""A workspace of an earlier revision is brought up to date with everything that is in it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from sqlmodel import text

from pilothouse.kit.settings import Settings
from pilothouse.storage import migrate, open_store
from pilothouse.workspace import open_workspace

WRITTEN = (
    "INSERT INTO experiments_experiment (id, name, note, created_at, created_by) "
    "VALUES (7, 'flights', '', 1, 'ada')",
    "INSERT INTO registry_model (name, note, created_at, created_by) VALUES ('late', '', 1, 'ada')",
)


def test_the_first_revisions_rows_are_there_after_the_second(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path, actor="ada")
    store = open_store(settings)
    with store.write() as session:
        config = migrate._config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "0001")
    with store.write() as session:
        for statement in WRITTEN:
            session.execute(text(statement))
    store.engine.dispose()
    workspace = open_workspace(settings=settings)
    assert migrate.schema_state(workspace.store).current
    assert workspace.experiments.experiments()["name"].tolist() == ["flights"]
    assert workspace.registry.models()["name"].tolist() == ["late"]
    workspace.store.engine.dispose()
