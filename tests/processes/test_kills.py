"""Whatever is killed, nothing that was acknowledged is lost and nothing is counted twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from pilothouse.pipelines import flights
from pilothouse.testing.ship import Ship, sailing, wait_for
from pilothouse.workspace import Workspace

WEEKS = 4


@pytest.fixture(scope="module")
def ship(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ship]:
    with sailing(tmp_path_factory.mktemp("kills") / "workspace") as up:
        yield up


@pytest.fixture(scope="module")
def sailed(ship: Ship) -> Workspace:
    """After a short demo whose worker was killed twice: in training, and in sending."""
    workspace = ship.open()
    job = workspace.pipelines.start_demo(weeks=WEEKS)

    def begun(name: str) -> bool:
        return any(step.name.startswith(name) for step in workspace.jobs.steps(job))

    wait_for(lambda: begun("train"), "training has begun")
    ship.kill("worker")
    wait_for(lambda: begun("week of 04 Mar"), "the second week is being sent")
    ship.kill("worker")
    wait_for(lambda: workspace.jobs.job(job).ended, "the demo has ended", 240)
    assert workspace.jobs.job(job).status == "succeeded", workspace.jobs.job(job).error
    return workspace


@pytest.mark.timeout(400)
def test_a_killed_worker_loses_no_prediction_and_counts_none_twice(sailed: Workspace) -> None:
    sent = flights.departing(flights.START, flights.START + WEEKS * flights.WEEK)
    rows = sailed.deployments.predictions(flights.DEPLOYMENT, columns=["prediction_id"])
    assert len(rows) == len(sent)
    assert rows["prediction_id"].is_unique
    runs = sailed.experiments.runs(size=1000)
    assert set(runs["status"]) == {"finished"}
    assert sailed.activity.verify().intact


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["server", "app", "model"])
def test_predictions_resume_and_nothing_acknowledged_is_lost(
    ship: Ship, sailed: Workspace, name: str
) -> None:
    example = sailed.registry.version(flights.MODEL, "champion").input_example[:1]
    before = sailed.deployments.predict(flights.DEPLOYMENT, example)
    if name == "model":
        os.kill(sailed.deployments.deployment(flights.DEPLOYMENT).replicas[0].pid, signal.SIGKILL)
    else:
        ship.kill(name)
    after = wait_for(lambda: _predicted(sailed, example), "predictions resume", 30)
    assert after[0]["score"] == pytest.approx(before[0]["score"])
    kept = sailed.deployments.predictions(flights.DEPLOYMENT, columns=["prediction_id"])
    assert {before[0]["prediction_id"], after[0]["prediction_id"]} <= set(kept["prediction_id"])


def _predicted(workspace: Workspace, example: list[dict[str, object]]) -> list[dict[str, object]]:
    from pilothouse.kit.errors import Unavailable

    try:
        return workspace.deployments.predict(flights.DEPLOYMENT, example)
    except Unavailable:
        return []
