"""Every deployment is monitored without anybody asking."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness import serving
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.pipelines.auto_monitor import monitor_new
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

NAME = "late"


def rows(count: int = 600) -> pd.DataFrame:
    draw = np.random.default_rng(7)
    wind = draw.normal(10, 3, count)
    late = (wind + draw.normal(0, 3, count) > 11).astype(int)
    return pd.DataFrame({"wind": wind, "carrier": draw.choice(["AA", "B6"], count), "late": late})


@pytest.fixture
def deployed(workspace: Workspace) -> Workspace:
    """A workspace with one deployment of a trained version, that nobody watches yet."""
    workspace.data.register("flights", rows())
    spec = TrainingSpec(
        "flights@1", "late", trainer="logistic_regression", folds=0, evaluation="held_out"
    )
    run = workspace.training.train_now(spec)
    workspace.registry.register(NAME, run)
    workspace.deployments.launch(NAME, NAME, 1, "to be watched")
    return workspace


def test_a_new_deployment_is_watched_once(deployed: Workspace) -> None:
    assert monitor_new(deployed.store) == [NAME]
    assert monitor_new(deployed.store) == []
    assert deployed.monitoring.monitor_info(NAME).config.period == "week"
    schedules = deployed.jobs.schedules()
    assert schedules["kind"].tolist() == ["evaluate_windows"]
    watched = deployed.activity.entries(verb="monitored")
    assert watched["actor"].tolist() == ["worker"]


def test_watching_again_changes_nothing(deployed: Workspace) -> None:
    deployed.monitoring.monitor(NAME, period="day")
    deployed.pipelines.monitor(NAME)
    deployed.pipelines.monitor(NAME)
    assert deployed.monitoring.monitor_info(NAME).config.period == "day"
    assert len(deployed.jobs.schedules()) == 1


def test_an_imported_version_is_watched_too(workspace: Workspace) -> None:
    serving.register(workspace.store, NAME, serving.trained())
    workspace.deployments.launch(NAME, NAME, 1, "from elsewhere")
    assert monitor_new(workspace.store) == [NAME]


def test_what_is_not_there_cannot_be_watched(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        workspace.pipelines.monitor("nothing")


def test_a_retraining_needs_a_reason_and_happens_once(deployed: Workspace) -> None:
    with pytest.raises(Invalid, match="reason"):
        deployed.pipelines.retrain(NAME, " ")
    job = deployed.pipelines.retrain(NAME, "the wind has changed")
    with pytest.raises(Conflict, match="under way"):
        deployed.pipelines.retrain(NAME, "again")
    assert deployed.jobs.job(job).subject_ref == NAME


def test_the_demo_is_asked_for_once(workspace: Workspace) -> None:
    first = workspace.pipelines.start_demo(weeks=2)
    assert workspace.pipelines.start_demo() == first
    with pytest.raises(Invalid, match="weeks"):
        workspace.pipelines.start_demo(weeks=0)
