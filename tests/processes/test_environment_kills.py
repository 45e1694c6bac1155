"""A worker that is killed in the middle of a build: the next one builds, and nothing is half."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.package_index import make_wheel, serve_index
from pilothouse.environments import EnvironmentRequest, folders
from pilothouse.kit.settings import Settings
from pilothouse.workspace import open_workspace

PATIENCE_S = 90.0


@contextmanager
def worker(folder: Path, index: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "pilothouse.cli", "worker", "--workspace", str(folder)]
    process = subprocess.Popen(
        command,
        env=os.environ | {"UV_DEFAULT_INDEX": index},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


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
        with worker(folder, index.url) as process:
            until(lambda: bool(index.downloads), "the build has begun")
            assert environments.environment(info.id).state == "building"
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert folders.names(workspace.store) == []
        assert environments.environment(info.id).state == "building"

        index.released.set()
        with worker(folder, index.url):
            until(lambda: not environments.environment(info.id).in_progress, "it is built")
            until(lambda: workspace.jobs.job(str(info.job)).ended, "the job has ended")

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
