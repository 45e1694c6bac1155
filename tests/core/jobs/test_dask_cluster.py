"""Heavy work on a real Dask cluster of two worker processes, beside child processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pilothouse.jobs import dask_cluster
from pilothouse.jobs.dask_cluster import DaskCluster
from pilothouse.jobs.executor import Executor, Interrupted
from pilothouse.jobs.process_pool import ChildProcesses
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

pytest.importorskip("distributed", reason="the extra dask is not installed")
CLUSTER = Path(__file__).parents[2] / "harness" / "local_cluster.py"
WHOLE = (0.0, 1.0)
FUNCTIONS = "harness.dask_functions"
TRAIN = "pilothouse.training.job_functions:train_one"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    paths = os.pathsep.join(path for path in sys.path if path)  # those of pytest, for the workers
    with subprocess.Popen(
        [sys.executable, str(CLUSTER)],
        env=os.environ | {"PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()  # it ends itself and its workers


@pytest.fixture
def cluster(address: str) -> Iterator[DaskCluster]:
    opened = DaskCluster(address)
    yield opened
    opened.close()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.05)


def call(executor: Executor, workspace: Workspace, name: str, **args: Any) -> Any:
    return executor.compute(workspace.store, "a-job", f"{FUNCTIONS}:{name}", WHOLE, args)


def test_both_workers_take_part_and_errors_come_through(
    cluster: DaskCluster, workspace: Workspace
) -> None:
    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(call, cluster, workspace, "process_id", seconds=1) for _ in "ab"]
        results = [one.result() for one in calls]
    assert len({result["pid"] for result in results}) == 2
    assert {result["actor"] for result in results} == {"ada"}
    with pytest.raises(Invalid) as refused:
        call(cluster, workspace, "refuse")
    assert (refused.value.hint, refused.value.fields) == ("Add it.", {"column": "needed"})
    assert refused.value.remedy == {"kind": "wait"}


def test_a_training_has_the_same_result_as_in_a_child_process(
    cluster: DaskCluster, workspace: Workspace
) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=400), "area": rng.choice(["n", "s"], 400)})
    frame["price"] = frame["x"] + rng.normal(0, 1, 400)
    workspace.data.register("homes", frame)
    spec = TrainingSpec(
        "homes@1", "price", trainer="ridge", folds=2, evaluation="held_out"
    ).to_json()
    local = ChildProcesses(1)
    try:
        results = [
            executor.compute(workspace.store, job, TRAIN, WHOLE, {"spec": spec, "job_id": job})
            for executor, job in ((local, "a" * 32), (cluster, "b" * 32))
        ]
    finally:
        local.close()
    own, remote = results
    for result in results:
        assert result["metrics"].pop("fit_seconds") > 0
    assert remote["metrics"] == own["metrics"]
    assert remote["value"] == own["value"]
    params = [workspace.experiments.run(result["run"]).params for result in results]
    assert params[0] == params[1]


def test_work_that_nobody_waits_for_ends_at_its_next_report(
    address: str, workspace: Workspace
) -> None:
    given_up = DaskCluster(address)
    raised: list[type[BaseException]] = []

    def wait() -> None:
        try:
            call(given_up, workspace, "report_on", label="lost")
        except BaseException as ended:
            raised.append(type(ended))

    waiting = threading.Thread(target=wait)
    waiting.start()
    until((workspace.folder / "lost-began").exists)
    given_up.close()
    waiting.join(timeout=30)
    assert raised == [Interrupted]
    until((workspace.folder / "lost-ended").exists)


def test_a_scheduler_that_is_not_there_is_named(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 0.5)
    with pytest.raises(Unavailable, match=r"the Dask scheduler at tcp://127\.0\.0\.1:9"):
        call(DaskCluster("tcp://127.0.0.1:9"), workspace, "process_id", seconds=0)
