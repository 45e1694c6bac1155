"""Watched folders: what a training adds appears while it runs, and nothing is read twice."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from harness import event_files
from pilothouse.interop.importing import still_written, watches
from pilothouse.interop.importing.importer import import_job
from pilothouse.interop.importing.watches import FolderWatcher
from pilothouse.jobs import Progress
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.workspace import Workspace


def grow(path: Path, steps: range) -> None:
    """Append points of now to an event file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        for step in steps:
            scalar = event_files.scalar("loss", 1.0 / (step + 1))
            file.write(event_files.event(step, scalar, at=time.time()))


def looked(workspace: Workspace, folder: Path) -> int:
    """Look once and do the imports that were submitted; how many these were."""
    jobs = FolderWatcher(workspace.store).look(str(folder))
    for number in jobs:
        with workspace.store.read() as session:
            args = dict(session.get_one(Job, number).args)
        result = import_job(workspace.store, Progress(workspace.store, None), **args)
        with workspace.store.write() as session:
            row = session.get_one(Job, number)
            row.status, row.result = "succeeded", result
            session.add(row)
    return len(jobs)


def test_a_run_grows_here_and_ends_when_nothing_is_written(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = tmp_path / "logs", tmp_path / "logs" / "first" / "events.out.tfevents.1"
    folder.mkdir()
    workspace.imports.watch(str(folder), prefix="live")
    assert looked(workspace, folder) == 0
    [watch] = workspace.imports.watches()
    assert watch.problem == "nothing of another tracker is in it yet"

    grow(file, range(20))
    assert looked(workspace, folder) == 1
    assert looked(workspace, folder) == 0, "nothing changed"
    [run] = workspace.experiments.runs()["id"]
    assert workspace.experiments.run(run).status == "running"
    grow(file, range(20, 50))
    (folder / "bad").mkdir()
    (folder / "bad" / "events.out.tfevents.2").write_bytes(b"no event" * 9)
    assert looked(workspace, folder) == 1
    history = workspace.experiments.history([run], ["loss"])
    assert history["step"].tolist() == list(range(50))

    monkeypatch.setattr(still_written, "QUIET_SECONDS", -1.0)
    monkeypatch.setattr(watches, "QUIET_SECONDS", -10.0)
    assert looked(workspace, folder) == 1
    assert looked(workspace, folder) == 0
    assert workspace.experiments.run(run).status == "finished"
    assert len(workspace.experiments.history([run], ["loss"])) == 50
    [watch] = workspace.imports.watches()
    assert (watch.problem, watch.imported_at is not None, watch.prefix) == ("", True, "live")


def test_a_look_writes_nothing_and_waits_for_an_import(
    workspace: Workspace, tmp_path: Path
) -> None:
    grow(tmp_path / "logs" / "events.out.tfevents.1", range(3))
    folder = str(tmp_path / "logs")
    workspace.imports.watch(folder, every_seconds=5)
    watcher = FolderWatcher(workspace.store)
    [_] = watcher.tick()
    os.utime(tmp_path / "logs" / "events.out.tfevents.1")
    assert watcher.tick() == [], "it is not due"
    assert watcher.look(folder) == [], "the import before has not ended"
    entries = workspace.activity.entries()
    assert watcher.look(folder) == []
    assert len(workspace.activity.entries()) == len(entries)


def test_a_watch_is_paused_resumed_and_removed(workspace: Workspace, tmp_path: Path) -> None:
    grow(tmp_path / "logs" / "events.out.tfevents.1", range(3))
    folder, imports = str(tmp_path / "logs"), workspace.imports
    imports.watch(folder)
    imports.pause_watch(folder, "a long training")
    assert FolderWatcher(workspace.store).tick() == []
    assert imports.watches()[0].paused
    imports.resume_watch(folder)
    assert len(FolderWatcher(workspace.store).tick()) == 1
    with pytest.raises(Conflict, match="watched already"):
        imports.watch(folder)
    imports.remove_watch(folder)
    assert imports.watches() == []
    with pytest.raises(NotFound, match="is not watched"):
        imports.pause_watch(folder)
    verbs = workspace.activity.entries()["verb"].tolist()
    assert {"watched", "paused watching", "resumed watching", "stopped watching"} <= set(verbs)
    with pytest.raises(Invalid, match="only folders are watched"):
        imports.watch(str(tmp_path / "logs" / "events.out.tfevents.1"))
    with pytest.raises(Invalid, match="between 5 and"):
        imports.watch(folder, every_seconds=1)


def test_a_folder_that_goes_is_said_so(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    workspace.imports.watch(str(folder))
    folder.rmdir()
    assert looked(workspace, folder) == 0
    assert workspace.imports.watches()[0].problem == "there is no such folder now"
