"""A worker killed while it evaluates windows: each is judged once, each alert is sent once."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.logged_days import log_days
from harness.running_instance import wait_for, worker_alone
from harness.webhook_receiver import receiving
from pilothouse.deployments.prediction_log.stored_columns import output_column
from pilothouse.kit.clock import to_ms
from pilothouse.kit.ids import uuid7s
from pilothouse.kit.settings import Settings
from pilothouse.monitoring.notifications.channels import ChannelSpec
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace, open_workspace

NAME, DAYS, A_DAY = "homes", 28, 60
PATIENCE_S = 120.0


def homes(seed: int, rows: int, slope: float) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=rows)
    return pd.DataFrame({"x": x, "price": slope * x + draw.normal(0, 0.5, rows)})


def prepare(workspace: Workspace) -> None:
    """A monitored deployment of a model that is wrong in all of four weeks, which wait."""
    at = pd.date_range("2026-01-01", periods=400, freq="h", tz="UTC")
    workspace.data.register("listings", homes(1, 400, 3.0).assign(at=at), event_time="at")
    spec = TrainingSpec(
        "listings@1", "price", features=("x",), trainer="ridge", folds=2, evaluation="held_out"
    )
    workspace.registry.register(NAME, workspace.training.train_now(spec))
    workspace.deployments.launch(NAME, NAME, 1, "to be watched")
    workspace.monitoring.monitor(NAME, min_rows=100, min_labelled=100)
    workspace.pipelines.set_retraining_policy(NAME, mode="off")

    monday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = monday - timedelta(days=monday.weekday() + DAYS)
    count = DAYS * A_DAY
    rows, ids = homes(2, count, -3.0), uuid7s(count, to_ms(start))
    events = pd.Timestamp(start) + pd.to_timedelta(np.arange(count) * 86_400 // A_DAY, unit="s")
    frame = rows[["x"]].assign(
        prediction_id=ids,
        model=NAME,
        version=1,
        event_at=events,
        received_at=events,
        latency_ms=1.0,
        **{output_column("predict"): 3 * rows["x"]},
    )
    labels = pd.DataFrame({"prediction_id": ids, "label": rows["price"]})
    labels = labels.assign(label_at=events, received_at=events)
    log_days(workspace.folder, NAME, frame, labels)


@pytest.mark.timeout(400)
def test_a_worker_killed_while_it_evaluates_neither_loses_nor_doubles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOTHOUSE_WEBHOOK_PRIVATE_ADDRESSES", "true")  # the receiver is here
    folder = tmp_path / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada", code_patch=False))
    prepare(workspace)
    jobs, monitoring = workspace.jobs, workspace.monitoring

    def evaluating() -> str:
        """The step of a window that runs."""
        steps = (step for step in jobs.steps(job) if step.name.startswith("evaluate "))
        return next((step.name for step in steps if step.ended_at is None), "")

    with receiving() as receiver:
        receiver.reply = lambda _: (200, {}, b"")
        address = receiver.url.replace("http://", "json://")
        workspace.notifications.add_channel(ChannelSpec("ops", address))
        job = workspace.pipelines.evaluate(NAME)
        with worker_alone(folder) as process:
            killed = wait_for(evaluating, "a window is evaluated", PATIENCE_S)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        with worker_alone(folder):
            wait_for(lambda: jobs.job(job).ended, "the evaluation has ended", PATIENCE_S)
            received = [json.loads(receiver.next(PATIENCE_S).body)["title"]]
            wait_for(
                lambda: workspace.notifications.deliveries()["ended_at"].notna().all(),
                "everything is sent",
                PATIENCE_S,
            )
        assert receiver.waiting == 0
    assert jobs.job(job).status == "succeeded", jobs.log(job)
    attempts = {step.name: step.attempts for step in jobs.steps(job)}
    assert attempts[killed] >= 2, attempts

    windows = monitoring.windows(NAME)
    assert len(windows) == 4
    assert windows["start"].is_unique
    assert set(windows["revision"]) == {1}
    for window in windows["id"]:
        assert not monitoring.results(window).duplicated(["signal", "check", "column"]).any()
    evaluated = workspace.activity.entries(kind="window", verb="evaluated")
    assert sorted(evaluated["ref"]) == sorted(windows["id"])

    alerts = monitoring.alerts()
    alerts = alerts[alerts["name"] == "performance"]
    assert alerts["state"].tolist() == ["firing"]
    assert monitoring.alert_events(alerts["id"].item())["after"].tolist() == ["pending", "firing"]
    assert alerts["breaches"].item() == 4
    assert received == ["[critical] homes: Performance fires"]
    assert workspace.notifications.deliveries()["status"].tolist() == ["sent"]
    workspace.store.engine.dispose()
