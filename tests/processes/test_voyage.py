"""The whole demo, with its processes killed on the way: what it promises, and what it kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.demo_workspace import WEEKS, demo_result, example_answer, run_demo
from harness.running_instance import wait_for
from pilothouse.pipelines import flights
from pilothouse.workspace import Workspace, open_workspace

pytestmark = pytest.mark.timeout(600)


def test_the_demo_sails_the_whole_loop(voyage: Any) -> None:
    result = demo_result(voyage.workspace)
    assert result["runs"] >= 12
    assert result["versions"] == 2
    assert result["champion"] == "flights-late@1"
    assert result["predictions"] >= 60_000
    assert result["windows"] == WEEKS
    assert result["alerts_fired"] >= 1
    assert result["pending_promotions"] == 1
    months = result["auc_by_month"]
    assert months["2013-04"] < months["2013-03"]


def test_a_killed_worker_loses_no_prediction_and_counts_none_twice(voyage: Any) -> None:
    assert_kept_once(voyage.workspace, WEEKS)


@pytest.mark.proof
@pytest.mark.long
def test_the_demo_of_a_whole_year(tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    result = run_demo(folder, None, "week of 03 Jun")
    assert result["champion"] == "flights-late@1"
    assert result["predictions"] >= 100_000
    assert result["windows"] >= 30
    assert result["pending_promotions"] == 1
    months = result["auc_by_month"]
    assert len(months) == 10
    assert all(0.58 <= value <= 0.75 for value in months.values())
    assert months["2013-04"] < months["2013-03"]
    assert months["2013-10"] < months["2013-03"]
    workspace = open_workspace(folder)
    assert_kept_once(workspace, 60)
    workspace.store.engine.dispose()


def assert_kept_once(workspace: Workspace, weeks: int) -> None:
    """Every flight of the first weeks has one prediction, and every known one its label."""
    sent = flights.departing(flights.START, flights.START + weeks * flights.WEEK)
    rows = _kept(workspace)
    of_the_demo = rows[rows["event_at"] < pd.Timestamp("2014-02-01", tz="UTC")]
    assert len(of_the_demo) == len(sent)
    assert of_the_demo["prediction_id"].is_unique
    labels = workspace.deployments.labels(flights.DEPLOYMENT)
    assert len(labels) == sent["late"].notna().sum()


def test_no_run_was_trained_twice(voyage: Any) -> None:
    runs = voyage.workspace.experiments.runs(size=1000)
    assert set(runs["status"]) == {"finished"}
    assert not runs.duplicated(["experiment", "name"]).any()


def test_the_proposal_carries_its_evidence(voyage: Any) -> None:
    pending = voyage.workspace.registry.promotions("pending")
    promotion = voyage.workspace.registry.promotion(pending["id"].iloc[0])
    compared = promotion.evidence["comparison"]
    assert compared["candidate"]["roc_auc"] > compared["champion"]["roc_auc"]
    assert promotion.origin == "retraining"
    assert voyage.workspace.registry.champion(flights.MODEL).version == 1


def test_the_doctor_finds_nothing(voyage: Any) -> None:
    command = [sys.executable, "-m", "pilothouse.cli", "doctor", "--json"]
    doctor = subprocess.run(
        [*command, "--workspace", str(voyage.workspace.folder)], capture_output=True, check=False
    )
    report = json.loads(doctor.stdout)
    assert report["ok"], report
    assert doctor.returncode == 0
    assert all(report["checks"]["processes"]["pids"].values())


@pytest.mark.parametrize("name", ["server", "app", "worker", "model"])
def test_after_a_kill_predictions_resume_and_none_is_lost(voyage: Any, name: str) -> None:
    workspace = voyage.workspace
    before = example_answer(workspace)
    if name == "model":
        os.kill(
            workspace.deployments.deployment(flights.DEPLOYMENT).replicas[0].pid, signal.SIGKILL
        )
    else:
        voyage.ship.kill(name)
    after = wait_for(lambda: example_answer(workspace), "predictions resume", 60)
    assert after[0]["score"] == pytest.approx(before[0]["score"])
    ids = {before[0]["prediction_id"], after[0]["prediction_id"]}
    assert ids <= set(_kept(workspace)["prediction_id"])


def _kept(workspace: Workspace) -> pd.DataFrame:
    columns = ["prediction_id", "event_at"]
    return workspace.deployments.predictions(flights.DEPLOYMENT, columns=columns)
