"""A workspace of an earlier revision is brought up to date with everything that is in it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from sqlmodel import text

from pilothouse.jobs.tables import Job
from pilothouse.kit.settings import Settings
from pilothouse.storage import migrate, open_store
from pilothouse.workspace import Workspace, open_workspace

WRITTEN = (
    "INSERT INTO experiments_experiment (id, name, note, created_at, created_by) "
    "VALUES (7, 'flights', '', 1, 'ada')",
    "INSERT INTO registry_model (name, note, created_at, created_by) VALUES ('late', '', 1, 'ada')",
)


def upgraded(folder: Path, revision: str, statements: tuple[str, ...]) -> Workspace:
    """A workspace that had these rows at a revision, opened with the newest."""
    settings = Settings(workspace=folder, actor="ada")
    store = open_store(settings)
    with store.write() as session:
        config = migrate._config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, revision)
    with store.write() as session:
        for statement in statements:
            session.execute(text(statement.replace(":", r"\:")))
    store.engine.dispose()
    return open_workspace(settings=settings)


def test_the_first_revisions_rows_are_there_after_the_second(tmp_path: Path) -> None:
    workspace = upgraded(tmp_path, "0001", WRITTEN)
    assert migrate.schema_state(workspace.store).current
    assert workspace.experiments.experiments()["name"].tolist() == ["flights"]
    assert workspace.registry.models()["name"].tolist() == ["late"]
    workspace.store.engine.dispose()


SQL_SOURCE = (
    "INSERT INTO data_dataset (name, created_at, created_by) VALUES ('towns', 1, 'ada')",
    "INSERT INTO data_sql_source (dataset, url, statement, secret, max_rows, max_seconds, about, "
    "changed_at, changed_by) VALUES ('towns', 'sqlite:////data/shop.db', 'select 1 as a', "
    "'env:KEY', 500, 30.0, '{\"licence\": \"CC0\"}', 1, 'ada')",
    "INSERT INTO jobs_job (id, kind, title, args, status, progress, message, error, hint, "
    "subject_kind, subject_ref, requested_by, cancel_requested, created_at) VALUES ('j', "
    '\'register_sql\', \'Register towns\', \'{"name": "towns", "about": {}, "query": '
    '{"url": "sqlite:////data/shop.db", "statement": "select 1 as a", "secret": "", '
    "\"max_rows\": 9, \"max_seconds\": 3.0}}', 'failed', 0, '', '', '', '', '', 'ada', 0, 1)",
)


def test_databases_that_datasets_came_from_are_sources_of_the_kind_sql(tmp_path: Path) -> None:
    workspace = upgraded(tmp_path, "0067", SQL_SOURCE)
    source = workspace.data.source("towns")
    assert source is not None
    assert (source.kind, source.place, source.about) == (
        "sql",
        "sqlite shop.db",
        {"licence": "CC0"},
    )
    assert source.settings["query"] == "select 1 as a"
    assert (source.settings["secret"], source.settings["max_rows"]) == ("env:KEY", 500)
    with workspace.store.read() as session:
        job = session.get_one(Job, "j")
    assert job.kind == "register_source"
    assert job.args["settings"]["query"] == "select 1 as a"
    workspace.store.engine.dispose()


RUN, OTHER, MODEL = "a" * 32, "b" * 32, "m-" + "c" * 32
REGISTERED = (
    WRITTEN[0],
    *(
        "INSERT INTO experiments_run (id, experiment_id, name, status, created_at, user, source, "
        f"note, error) VALUES ('{run}', 7, 'r', '{status}', 1, 'ada', '', '', '')"
        for run, status in ((RUN, "finished"), (OTHER, "running"))
    ),
    WRITTEN[1],
    *(
        "INSERT INTO registry_version (model, number, run_id, import_source, digest, signature, "
        "input_example, metrics, dataset, held_out, stage, note, created_at, created_by) VALUES "
        f"('late', {number}, {run}, '{source}', '{'d' * 64}', '{{}}', '[]', '{{}}', '', '', "
        "'none', '', 1, 'ada')"
        for number, run, source in (
            (1, f"'{RUN}'", ""),
            (2, f"'{OTHER}'", "MLflow"),
            (3, "NULL", "MLflow"),
        )
    ),
    *(
        "INSERT INTO registry_version_origin (model, number, source, location, run, run_link, "
        f"logged_model) VALUES ('late', {number}, '{source}', '', '', '', '{model}')"
        for number, source, model in (
            (2, f"runs:/{OTHER}/deep/model", ""),
            (3, f"models:/{MODEL}", MODEL),
        )
    ),
)


def test_versions_that_were_there_hold_what_they_rest_on(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path, actor="ada")
    store = open_store(settings)
    with store.write() as session:
        config = migrate._config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "0008")
    with store.write() as session:
        for statement in REGISTERED:
            session.execute(text(statement))
    store.engine.dispose()
    workspace = open_workspace(settings=settings)
    with workspace.store.read() as session:
        query = text("SELECT owner, version, folder, closed FROM experiments_hold ORDER BY version")
        rows = [tuple(row) for row in session.execute(query)]
    assert rows == [
        (RUN, "late@1", "model", 1),
        (OTHER, "late@2", "deep/model", 0),
        (MODEL, "late@3", "", 1),
    ]
    workspace.store.engine.dispose()
