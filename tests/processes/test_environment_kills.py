"""A worker that is killed in the middle of a build: the next one builds, and nothing is half."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from harness.package_index import make_wheel, serve_index
from harness.running_instance import wait_for, worker_alone
from pilothouse.environments import EnvironmentRequest, folders
from pilothouse.kit.settings import Settings
from pilothouse.workspace import open_workspace

PATIENCE_S = 90.0


@pytest.mark.timeout(400)
def test_a_build_that_is_killed_is_done_again_and_never_half(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    for name in ("alpha", "orjson"):
        make_wheel(wheels, name, "1.0", size=100_000)
    folder = tmp_path / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada"))
    environments = workspace.environments
    info = environments.request(EnvironmentRequest(requirements=("alpha",)), "churn@1")

    with serve_index(wheels) as index:
        index.released.clear()  # every wheel hangs, so that the build stays in its middle
        variables = {"UV_DEFAULT_INDEX": index.url}
        with worker_alone(folder, variables) as process:
            wait_for(lambda: bool(index.downloads), "the build has begun", PATIENCE_S)
            assert environments.environment(info.id).state == "building"
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert folders.names(workspace.store) == []
        assert environments.environment(info.id).state == "building"

        index.released.set()
        with worker_alone(folder, variables):
            wait_for(
                lambda: not environments.environment(info.id).in_progress, "it is built", PATIENCE_S
            )
            wait_for(
                lambda: workspace.jobs.job(str(info.job)).ended, "the job has ended", PATIENCE_S
            )

    after = environments.environment(info.id)
    job = workspace.jobs.job(str(info.job))
    assert (after.state, job.status) == ("built", "succeeded"), workspace.jobs.log(job.id)
    assert [step.attempts for step in workspace.jobs.steps(job.id)][1] == 2
    assert folders.is_whole(workspace.store, after.hash)
    assert list((folders.root(workspace.store) / folders.BUILDING).iterdir()) == []
    code = "import alpha; print(alpha.__version__)"
    program = environments.interpreter("churn@1")
    ended = subprocess.run([program, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "1.0\n"
    assert index.url not in workspace.jobs.log(job.id)
    workspace.store.engine.dispose()
