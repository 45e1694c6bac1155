"""Opening: one folder, the same rooms for everybody, nothing lost by opening again."""

from __future__ import annotations

from pathlib import Path

import pytest

import pilothouse
from pilothouse.kit.clock import SystemClock
from pilothouse.kit.errors import Unavailable
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

ROOMS = ["data", "experiments", "training", "registry", "deployments", "monitoring", "pipelines"]


def test_a_folder_becomes_a_workspace(tmp_path: Path) -> None:
    workspace = pilothouse.open_workspace(tmp_path / "new", actor="ada")
    assert workspace.folder == tmp_path / "new"
    assert workspace.store.actor == "ada"
    assert isinstance(workspace.store.clock, SystemClock)
    assert str(tmp_path / "new") in repr(workspace)
    assert sorted(path.name for path in workspace.folder.iterdir() if path.is_dir()) == [
        "artifacts",
        "logs",
        "run",
    ]
    workspace.store.engine.dispose()


def test_what_was_written_is_there_when_it_is_opened_again(workspace: Workspace) -> None:
    job_id = workspace.jobs.submit("train", {}, title="Train")
    again = open_workspace(settings=workspace.store.settings)
    assert again.jobs.job(job_id).title == "Train"
    again.store.engine.dispose()


def test_a_path_and_an_actor_go_before_the_settings(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path / "a", actor="ada")
    workspace = open_workspace(tmp_path / "b", actor="grace", settings=settings)
    assert (workspace.folder, workspace.store.actor) == (tmp_path / "b", "grace")
    assert workspace.store.settings.workspace == tmp_path / "b"
    workspace.store.engine.dispose()


def test_somebody_else_acts_in_the_same_workspace(workspace: Workspace) -> None:
    other = workspace.acting_as("grace")
    other.jobs.submit("train", {}, title="Train")
    assert workspace.jobs.jobs().iloc[0]["requested_by"] == "grace"
    assert workspace.store.actor == "ada"


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be written"):
        open_workspace(tmp_path / "file" / "workspace")


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_opens(workspace: Workspace, room: str) -> None:
    assert getattr(workspace, room) is getattr(workspace, room)
