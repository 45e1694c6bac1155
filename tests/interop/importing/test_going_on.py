"""Imports as jobs and commands: stopped, killed, cancelled, they go on where they were."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from seen import seen
from sqlmodel import text

from harness.running_instance import wait_for
from pilothouse.interop.importing import importer
from pilothouse.jobs import JobContext, Progress, workflows
from pilothouse.jobs.functions import resolve_function
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Cancelled, Conflict, NotFound
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

RUNS, POINTS = 250, 20
LONG_RUNS, LONG_POINTS = 20, 400


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file store with many runs, half of them below another one."""
    root = tmp_path_factory.mktemp("many") / "mlruns"
    (root / "1").mkdir(parents=True)
    (root / "1" / "meta.yaml").write_text("experiment_id: '1'\nname: many\ncreation_time: 1\n")
    for number in range(RUNS):
        run = f"{number:032x}"
        folder = root / "1" / run
        for part in ("metrics", "params", "tags", "artifacts"):
            (folder / part).mkdir(parents=True)
        (folder / "meta.yaml").write_text(
            f"run_id: '{run}'\nrun_name: r{number}\nstatus: 3\n"
            f"start_time: {number + 1}\nend_time: {number + 2}\n"
        )
        points = LONG_POINTS if number < LONG_RUNS else POINTS
        lines = (f"{at} {at / 7} {at}\n" for at in range(1, points + 1))
        (folder / "metrics" / "loss").write_text("".join(lines))
        (folder / "params" / "seed").write_text(str(number))
        (folder / "artifacts" / "note.txt").write_text(f"note {number % 10}")
        if number % 2:
            (folder / "tags" / "mlflow.parentRunId").write_text(f"{RUNS - number - 1:032x}")
    return root


@pytest.fixture(scope="module")
def whole(many: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an import that nobody disturbs makes of it."""
    folder = tmp_path_factory.mktemp("whole") / "workspace"
    opened = open_workspace(settings=Settings(workspace=folder, actor="ada"))
    assert opened.imports.run(str(many)).imported["runs"] == RUNS
    found = seen(opened)
    opened.store.engine.dispose()
    return found


def come(workspace: Workspace) -> int:
    """How many runs have come whole."""
    with workspace.store.read() as session:
        query = text("SELECT count(*) FROM interop_imported WHERE kind = 'run' AND state = 'whole'")
        return int(session.execute(query).scalar_one())


def test_two_imports_at_once_make_an_experiment_once(
    workspace: Workspace, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up, looked = importer._existing_experiment, []

    def look_up_slowly(*args: Any) -> int | None:
        before = look_up(*args)
        looked.append(before)
        if len(looked) == 1:  # the other one makes it between this look and the transaction
            workspace.imports.run(str(many))
        return before

    monkeypatch.setattr(importer, "_existing_experiment", look_up_slowly)
    report = workspace.imports.run(str(many))
    assert looked[0] is None
    assert report.already_imported["runs"] == RUNS
    with workspace.store.read() as session:
        assert session.execute(text("SELECT count(*) FROM experiments_run")).scalar_one() == RUNS


@pytest.mark.proof
def test_killed_in_the_middle_it_goes_on(
    workspace: Workspace, many: Path, whole: dict[str, Any]
) -> None:
    command = [sys.executable, "-m", "pilothouse.cli", "import", "mlflow", str(many)]
    command += ["--workspace", str(workspace.folder), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wait_for(lambda: come(workspace) >= 5, "some runs have come")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    first = come(workspace)
    assert 5 <= first < RUNS, "it was killed in the middle"
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert report["brought"]["runs"] == RUNS - first
    assert report["known"]["runs"] == first
    assert seen(workspace) == whole
    assert f"of {RUNS}" in done.stderr


def test_stopped_within_a_long_run_it_goes_on(
    workspace: Workspace,
    many: Path,
    whole: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importer, "MAX_POINTS", 100)
    monkeypatch.setattr("pilothouse.interop.importing.mlflow.metric_files.BATCH", 100)
    monkeypatch.setattr(importer, "PROGRESS_INTERVAL_S", 0.0)
    left, stops = 0, 0

    def stop(_share: float, _words: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Cancelled("enough.")

    few = tmp_path / "few" / "1"
    few.mkdir(parents=True)
    shutil.copy(many / "1" / "meta.yaml", few)
    for number in range(LONG_RUNS):
        shutil.copytree(many / "1" / f"{number:032x}", few / f"{number:032x}")
    for attempt in range(200):
        left = 5 + 7 * attempt
        try:
            workspace.imports.run(str(few.parent), on_progress=stop)
            break
        except Cancelled:
            stops += 1
    assert stops > 3
    found = seen(workspace)["runs"]
    assert len(found) == LONG_RUNS
    assert {n: run["history"] for n, run in found.items()} == {
        n: whole["runs"][n]["history"] for n in found
    }


def in_this_process(workspace: Workspace, job: str) -> dict[str, Any]:
    """What the worker does with a job, without a worker."""

    def compute(
        store: Any, job_id: str, target: str, span: tuple[float, float], args: dict[str, Any]
    ) -> Any:
        return resolve_function(target)(
            store, Progress(store, job_id, start=span[0], end=span[1]), **args
        )

    def step(_name: str, act: Callable[[], Any]) -> Any:
        return act()

    info = workspace.jobs.job(job)
    run = JobContext(workspace.store, job, step, compute)
    result: dict[str, Any] = workflows.get(info.kind).run(run, **info.args)
    with workspace.store.write() as session:
        row = session.get(Job, job)
        assert row is not None
        row.status, row.result = "succeeded", result
    return result


def test_as_a_job_it_reports(workspace: Workspace, many: Path) -> None:
    job = workspace.imports.start(str(many), prefix="old")
    with pytest.raises(Conflict, match="imported already"):
        workspace.imports.start(str(many))
    with pytest.raises(Conflict, match="there is no report"):
        workspace.imports.report(job)
    in_this_process(workspace, job)
    report = workspace.imports.report(job)
    assert report.imported["runs"] == RUNS
    assert list(workspace.experiments.experiments()["name"]) == ["old/many"]
    assert workspace.jobs.job(job).title == "Import many0/mlruns"
    with pytest.raises(NotFound, match="no import"):
        workspace.imports.report("nothing")
    again = workspace.imports.start(str(many))
    assert again != job


def test_a_cancelled_job_stops_and_keeps_what_came(workspace: Workspace, many: Path) -> None:
    job = workspace.imports.start(str(many))
    workspace.jobs.cancel(job)
    with pytest.raises(Cancelled):
        in_this_process(workspace, job)
    assert come(workspace) < RUNS


def test_what_is_no_source_never_becomes_a_job(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        workspace.imports.start(str(tmp_path / "nothing"))
    assert workspace.jobs.count() == 0


def test_the_import_is_in_the_log_once(workspace: Workspace, many: Path) -> None:
    workspace.imports.run(str(many))
    workspace.imports.run(str(many))
    entries = workspace.activity.entries(kind="experiment")
    assert sorted(entries["verb"]) == ["created", "imported"]
    assert workspace.activity.verify().intact
