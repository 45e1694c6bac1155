"""A worker that starts while jobs wait: all of them run, however the threads fall."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from harness.running_instance import worker_alone
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

WAITING = 5
PATIENCE_S = 180.0


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A small folder of another tracker, which an import reads in a moment."""
    folder = tmp_path / "mlruns" / "1"
    folder.mkdir(parents=True)
    (folder / "meta.yaml").write_text(
        "artifact_location: ''\nexperiment_id: '1'\nlifecycle_stage: active\nname: flights\n"
    )
    return folder.parent


def ended(workspace: Workspace, process: subprocess.Popen[bytes], jobs: list[str]) -> list[str]:
    """How each job ended, and why when it failed."""
    end = time.monotonic() + PATIENCE_S
    while not all(workspace.jobs.job(job).ended for job in jobs):
        assert process.poll() is None, "the worker is gone"
        assert time.monotonic() < end, "the jobs do not end"
        time.sleep(0.05)
    infos = [workspace.jobs.job(job) for job in jobs]
    return [f"{info.status} {info.error}".strip() for info in infos]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "starts", [2, pytest.param(20, marks=(pytest.mark.proof, pytest.mark.long))]
)
def test_starts_of_a_worker_with_five_waiting_jobs_fail_none(
    tmp_path: Path, history: Path, starts: int
) -> None:
    folder = tmp_path / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada"))
    outcomes: list[str] = []
    for _ in range(starts):
        args = {"source": str(history)}
        jobs = [workspace.jobs.submit("import_history", args, title="x") for _ in range(WAITING)]
        with worker_alone(folder) as process:
            outcomes += ended(workspace, process, jobs)
    workspace.store.engine.dispose()
    assert outcomes == ["succeeded"] * (starts * WAITING)
