"""From a trigger to a proposal with the worker killed in every step: one proposal, nothing more."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.logged_days import log_days
from harness.running_instance import wait_for, worker_alone
from pilothouse.deployments.controller.controller import stop_all
from pilothouse.deployments.prediction_log.stored_columns import output_column
from pilothouse.kit.clock import to_ms
from pilothouse.kit.ids import uuid7s
from pilothouse.kit.settings import Settings
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace, open_workspace

NAME, ROWS = "homes", 700
PATIENCE_S = 120.0
ASK = "ask what triggers a retraining"
STEPS = (
    "snapshot the labelled window",
    "check its contract",
    "train",
    "compare with the champion",
    "register and propose",
)


def homes(seed: int, rows: int, slope: float) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=rows)
    return pd.DataFrame({"x": x, "price": slope * x + draw.normal(0, 0.5, rows)})


def prepare(workspace: Workspace) -> None:
    """A deployment whose world has changed, with labels of four weeks."""
    at = pd.date_range("2026-01-01", periods=400, freq="h", tz="UTC")
    workspace.data.register("listings", homes(1, 400, 3.0).assign(at=at), event_time="at")
    spec = TrainingSpec(
        "listings@1", "price", features=("x",), trainer="ridge", folds=2, evaluation="held_out"
    )
    workspace.registry.register(NAME, workspace.training.train_now(spec))
    workspace.registry.promote(NAME, 1, "production", "the first")
    workspace.deployments.launch(NAME, NAME, 1, "the first")
    workspace.monitoring.monitor(NAME)

    now = datetime.now(UTC)
    start = now - timedelta(days=29)
    rows, ids = homes(2, ROWS, -3.0), uuid7s(ROWS, to_ms(start))
    received = pd.Timestamp(now + timedelta(minutes=1))
    frame = rows[["x"]].assign(
        prediction_id=ids,
        model=NAME,
        version=1,
        event_at=pd.Timestamp(start) + pd.to_timedelta(np.arange(ROWS), unit="h"),
        received_at=received,
        latency_ms=1.0,
        **{output_column("predict"): 3 * rows["x"]},
    )
    labels = pd.DataFrame({"prediction_id": ids, "label": rows["price"]})
    labels = labels.assign(label_at=frame["event_at"], received_at=received)
    log_days(workspace.folder, NAME, frame, labels)


def kill_during(folder: Path, is_running: Callable[[], bool], what: str) -> None:
    """Run a worker until a step runs, and kill it there."""
    with worker_alone(folder) as process:
        end = time.monotonic() + PATIENCE_S
        while not is_running():
            assert time.monotonic() < end, f"{what} does not begin"
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace whose model processes end with the test: they outlive a worker."""
    settings = Settings(workspace=tmp_path / "workspace", actor="ada", code_patch=False)
    opened = open_workspace(settings=settings)
    yield opened
    stop_all(opened.store)


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_a_retraining_that_is_killed_in_every_step_ends_in_one_proposal(
    workspace: Workspace,
) -> None:
    folder = workspace.folder
    prepare(workspace)
    workspace.pipelines.set_retraining_policy(
        NAME, triggers={"new_data": {"rows": 500}}, min_rows=100, monthly_budget=1
    )
    jobs = workspace.jobs
    evaluation = workspace.pipelines.evaluate(NAME)

    def runs(job: str, step: str) -> bool:
        return any(s.name == step and s.ended_at is None for s in jobs.steps(job))

    def retrainings() -> list[str]:
        return list(jobs.jobs(kind="retrain")["id"])

    kill_during(folder, lambda: runs(evaluation, ASK), ASK)
    with worker_alone(folder) as process:
        wait_for(retrainings, "a retraining is submitted", PATIENCE_S)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    (job,) = retrainings()
    for step in STEPS:
        kill_during(folder, lambda step=step: runs(job, step), step)
        assert workspace.registry.champion(NAME).version == 1
    with worker_alone(folder):
        wait_for(lambda: jobs.job(job).ended, "the retraining has ended", PATIENCE_S)
        wait_for(lambda: jobs.job(evaluation).ended, "the evaluation has ended", PATIENCE_S)

    info = jobs.job(job)
    assert info.status == "succeeded", f"{info.error}\n{jobs.log(job)}"
    assert jobs.job(evaluation).status == "succeeded"
    attempts = {step.name: step.attempts for step in jobs.steps(job)}
    assert list(attempts) == list(STEPS)
    assert all(count >= 2 for count in attempts.values()), attempts

    # One job, one run, one dataset version, one version, one proposal; nothing is promoted.
    assert retrainings() == [job]
    promotions = workspace.registry.promotions()
    proposed = promotions[promotions["origin"] == "retraining"]
    assert proposed["status"].tolist() == ["pending"]
    assert len(workspace.registry.versions(NAME)) == 2
    champion = workspace.registry.champion(NAME)
    assert champion is not None
    assert champion.version == 1
    assert workspace.data.version("homes-live").version == 1
    trained = workspace.experiments.runs(size=100)
    assert len(trained) == 2
    assert set(trained["status"]) == {"finished"}

    promotion = workspace.registry.promotion(proposed["id"].iloc[0])
    interval = promotion.evidence["comparison"]["interval"]
    assert interval["unit"] == "days"
    assert interval["high"] < 0  # a smaller error, without doubt
    decisions = workspace.pipelines.retraining_decisions(NAME)
    assert decisions["outcome"].tolist().count("started") == 1
    entries = workspace.activity.entries(verb="started a retraining")
    assert entries["actor"].tolist() == ["retraining"]
    workspace.store.engine.dispose()
