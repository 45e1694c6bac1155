"""A workspace's path may hold any letter: it opens its own databases, and no other's."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from pilothouse.kit.errors import Invalid
from pilothouse.kit.settings import Settings
from pilothouse.storage.urls import WORKFLOWS_FILE, as_text, database_url, sqlite_url
from pilothouse.workspace import open_workspace

NAMES = (
    "per%cent",
    "a%41b",
    "what?x=1",
    "no#fragment",
    "two words",
    'it\'s "quoted"',
    "überß-データ",
    "semi;colon&amp",
    "twice::over",
    "star*[a]",
)


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_the_database_in_its_own_folder(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a run keeps the uncommitted changes of the folder it starts in
    folder = tmp_path / name
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada"))
    workspace.experiments.start(name)
    digest = workspace.store.artifacts.put_bytes(b"bytes")
    assert workspace.store.artifacts.read(digest) == b"bytes"
    assert list(workspace.store.artifacts.digests()) == [digest]
    workspace.store.engine.dispose()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with closing(sqlite3.connect(folder / "pilothouse.db")) as database:
        [(experiment,)] = database.execute("SELECT name FROM experiments_experiment")
    assert experiment == name


@pytest.mark.parametrize(("one", "other"), [("a%41b", "aAb"), ("a?b", "a"), ("a#b", "a")])
def test_two_paths_that_a_url_confuses_are_two_workspaces(
    tmp_path: Path, one: str, other: str
) -> None:
    for name in (one, other):
        workspace = open_workspace(tmp_path / name, actor="ada")
        workspace.experiments.start(name)
        workspace.store.engine.dispose()
    for name in (one, other):
        workspace = open_workspace(tmp_path / name, actor="ada")
        assert workspace.experiments.experiments()["name"].tolist() == [name]
        workspace.store.engine.dispose()


@pytest.mark.parametrize("name", NAMES)
def test_the_url_of_the_database_of_workflows_survives_as_text(tmp_path: Path, name: str) -> None:
    file = tmp_path / name / WORKFLOWS_FILE
    text = as_text(database_url(Settings(workspace=file.parent), file))
    assert make_url(text).database == str(file)
    assert make_url(text) == sqlite_url(file)


def test_a_setting_that_is_no_url_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="database_url"):
        open_workspace(settings=Settings(workspace=tmp_path, database_url="no url"))
