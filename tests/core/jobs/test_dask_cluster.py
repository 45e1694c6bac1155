"""Heavy work on a real Dask cluster of two worker processes, beside child processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.dask_functions import end_process, letter
from pilothouse.deployments import scoring
from pilothouse.deployments.block_scoring import score_blocks
from pilothouse.jobs import Progress, dask_cluster
from pilothouse.jobs.backends import spread_over
from pilothouse.jobs.backends.dask import DaskParts
from pilothouse.jobs.dask_cluster import DaskCluster
from pilothouse.jobs.executor import Executor, Interrupted
from pilothouse.jobs.joblib_runner import JoblibRunner, check_versions, installed
from pilothouse.jobs.process_pool import ChildProcesses
from pilothouse.kit.errors import Cancelled, Invalid, Unavailable
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


@pytest.fixture
def far(address: str, workspace: Workspace) -> Workspace:
    """The same workspace, with the address of the cluster."""
    settings = workspace.store.settings.model_copy(update={"dask_address": address})
    return Workspace(replace(workspace.store, settings=settings))


def outcome(workspace: Workspace, run: str) -> tuple[object, ...]:
    """All that a training measured and chose, to the last digit, but the time that it took."""
    info = workspace.experiments.run(run)
    values = {key: metric.last for key, metric in info.metrics.items() if key != "fit_seconds"}
    files = ("folds.json", "importance.json", "measured.json", "rows.json")
    return values, info.params, [workspace.experiments.artifact(run, file) for file in files]


@pytest.mark.proof
@pytest.mark.parametrize(
    ("target", "choices"),
    [
        ("price", {"evaluation": "held_out", "trials": 12}),  # drawn at once, then one by one
        ("sold", {"evaluation": "folds"}),
        ("price", {"evaluation": "folds", "trials": 2}),
    ],
)
def test_fits_that_are_spread_have_the_results_of_this_machine(
    far: Workspace, target: str, choices: dict[str, Any]
) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=200), "area": rng.choice(["n", "s"], 200)})
    frame["price"] = frame["x"] + rng.normal(0, 1, 200)
    frame["sold"] = np.where(frame["price"] > 0.5, "yes", "no")
    far.data.register("homes", frame)
    trainer = "ridge" if target == "price" else "logistic_regression"
    spec = TrainingSpec("homes@1", target, ("x", "area"), trainer=trainer, folds=2, **choices)
    here, there = (far.training.train_now(spec, spread=place) for place in ("", "dask"))
    assert outcome(far, here) == outcome(far, there)


@pytest.mark.proof
def test_blocks_of_rows_that_are_spread_are_answered_in_order(
    far: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "BATCH_ROWS", 100)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=1_250)})
    far.data.register("homes", frame.assign(price=frame["x"] * 2))
    run = far.training.train_now(TrainingSpec("homes@1", "price", trainer="ridge", folds=2))
    version = far.registry.register("homes", run)
    progress = Progress(far.store, None)
    here, there = (
        score_blocks(spread_over(far.store, place), version, frame, progress)
        for place in ("", "dask")
    )
    assert here == there
    assert len(there.rows) == 1_250


def test_parts_come_in_order_and_a_cancelled_job_gives_up_those_that_wait(
    address: str, tmp_path: Path
) -> None:
    runner = JoblibRunner(DaskParts(address))
    try:
        data = [*"abcdefgh"]
        parts = runner.map(letter, data, ((n, 0.0) for n in range(8)))
        assert "".join(parts) == "abcdefgh"
        assert list(runner.map(letter, data, [])) == []

        def cancelled() -> None:
            raise Cancelled("the job was cancelled.")

        slow = runner.map(letter, data, ((n, 1.0, str(tmp_path)) for n in range(8)), cancelled)
        with pytest.raises(Cancelled):
            next(slow)
        time.sleep(2.5)
        assert len(list(tmp_path.iterdir())) < 8
        with pytest.raises(Invalid, match="no letter 9"):
            list(runner.map(letter, data, [(0, 0.0), (9, 0.0)]))
    finally:
        runner.close()


def test_workers_of_other_versions_are_refused() -> None:
    check_versions(installed(), "a worker")
    with pytest.raises(Unavailable, match=r"has numpy 1\.0 \(here "):
        check_versions({**installed(), "numpy": "1.0"}, "the Dask worker tcp://a:1")
    with pytest.raises(Unavailable, match="pandas is missing"):
        check_versions({**installed(), "pandas": "is missing"}, "the Dask worker tcp://a:1")


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


def test_a_worker_that_dies_is_said_to_be_lost(address: str) -> None:
    runner = JoblibRunner(DaskParts(address))
    try:
        with pytest.raises(Unavailable, match="the Dask workers that ran the work were lost"):
            list(runner.map(end_process, None, [()]))
    finally:
        runner.close()


def test_a_scheduler_that_is_not_there_is_named(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 0.5)
    with pytest.raises(Unavailable, match=r"the Dask scheduler at tcp://127\.0\.0\.1:9"):
        call(DaskCluster("tcp://127.0.0.1:9"), workspace, "process_id", seconds=0)
