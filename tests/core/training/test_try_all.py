"""Every trainer of a task on the same split, ranked by its primary metric."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.kit.errors import Cancelled, Invalid
from pilothouse.models.tasks import primary_metric, tasks
from pilothouse.training import TrainingSpec
from pilothouse.training import trainers as plugins
from pilothouse.training.all_trainers import try_all_job
from pilothouse.training.leaderboard import Leaderboard
from pilothouse.training.trainers import trainers
from pilothouse.training.trainers.ridge import RidgeTrainer
from pilothouse.workspace import Workspace

TASKS = [("two", None), ("three", None), ("price", None), ("price", "quantile")]


@pytest.fixture
def data(workspace: Workspace) -> str:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": rng.normal(size=300), "area": rng.choice(["n", "s"], 300)})
    frame["price"] = 3 * frame["x"] + (frame["area"] == "n") + rng.normal(0, 0.5, 300)
    frame["two"] = np.where(frame["price"] > 1, "yes", "no")
    frame["three"] = np.array(["low", "mid", "high"])[np.digitize(frame["price"], [-1, 2])]
    return workspace.data.register("homes", frame).ref


def spec(data: str, target: str, **changes: Any) -> TrainingSpec:
    values: dict[str, Any] = {"features": ("x", "area"), "folds": 2, **changes}
    values.setdefault("evaluation", "held_out")
    return TrainingSpec(data, target, **values)


@pytest.mark.parametrize(("target", "task"), TASKS)
def test_every_trainer_of_the_task_is_ranked_by_its_primary_metric(
    workspace: Workspace, data: str, target: str, task: str | None
) -> None:
    board = workspace.training.try_all_now(spec(data, target, task=task))
    name = workspace.training.preview(spec(data, target, task=task)).task
    assert {row.trainer for row in board.rows} == {
        trainer.name for trainer in workspace.training.trainers(name)
    }
    assert board.metric == primary_metric(tasks.get(name))
    assert all(row.run and not row.error for row in board.rows)
    values = [row.value for row in board.rows]
    assert values == sorted(values, reverse=metric_kind(board.metric).direction == "higher")
    assert board.is_better_than_baseline

    runs = [workspace.experiments.run(str(row.run)) for row in board.rows]
    assert len({run.tags["training.held_out"] for run in runs}) == 1
    for row, run in zip(board.rows, runs, strict=True):
        assert run.trainer == row.trainer
        assert row.held_out == run.metrics[board.metric].last
        assert row.value == run.metrics[f"cv_{board.metric}_mean"].last


def test_a_search_skips_trainers_without_parameters(workspace: Workspace, data: str) -> None:
    board = workspace.training.try_all_now(spec(data, "price", trials=2, folds=0))
    assert all(row.run for row in board.rows)
    runs = workspace.experiments.runs(size=100)
    assert (runs["trainer"] == "dummy").sum() == 1
    assert (runs["trainer"] == "ridge").sum() == 3  # the search and its two trials


class Broken(RidgeTrainer):
    title = "Broken"

    @staticmethod
    def build(*args: Any, **options: Any) -> Any:
        raise RuntimeError("no such solver")


class Missing(RidgeTrainer):
    title = "Missing"
    needs = "a_package_of_nobody"
    installed: ClassVar[bool] = False


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    trainers.names()
    monkeypatch.setitem(trainers._registered, "broken", Broken())


def test_a_trainer_that_fails_is_listed_last_with_its_error(
    workspace: Workspace, data: str, broken: None
) -> None:
    board = workspace.training.try_all_now(spec(data, "price", folds=0))
    last = board.rows[-1]
    assert (last.trainer, last.run, last.error) == ("broken", None, "no such solver")
    assert sum(row.run is not None for row in board.rows) == len(board.rows) - 1
    assert "- Broken: no such solver" in board.lines
    assert Leaderboard.from_json(board.to_json()) == board


def test_when_all_fail_the_first_error_is_raised(
    workspace: Workspace, data: str, broken: None
) -> None:
    specs = [spec(data, "price", trainer="broken").to_json()]
    with pytest.raises(RuntimeError, match="no such solver"):
        try_all_job(workspace.store, _ignore, specs=specs, job_id="j", seconds=60)


def test_no_trainer_starts_after_the_time_limit(workspace: Workspace, data: str) -> None:
    board = workspace.training.try_all_now(spec(data, "price", folds=0), minutes=1e-9)
    assert [row.trainer for row in board.rows if row.run] == ["dummy"]
    assert board.rows[-1].note == "Not started before the time limit"
    assert not board.is_better_than_baseline
    assert "no trainer is better than the baseline" in board.lines[-1]
    with pytest.raises(Invalid, match="not a time limit"):
        workspace.training.submit_all(spec(data, "price"), minutes=0)


def test_a_cancelled_job_stops_at_once(workspace: Workspace, data: str) -> None:
    def cancel(share: float, message: str) -> None:
        if "Ridge" in message:
            raise Cancelled("cancelled")

    specs = [spec(data, "price", trainer=name).to_json() for name in ("dummy", "ridge", "dummy")]
    with pytest.raises(Cancelled):
        try_all_job(workspace.store, cancel, specs=specs, job_id="j", seconds=60)
    assert sorted(workspace.experiments.runs()["trainer"]) == ["dummy", "ridge"]


def test_a_job_that_is_run_again_keeps_its_runs(workspace: Workspace, data: str) -> None:
    specs = [spec(data, "price", trainer=name).to_json() for name in ("dummy", "ridge")]
    results = [
        try_all_job(workspace.store, _ignore, specs=specs, job_id="j", seconds=60) for _ in range(2)
    ]
    assert results[0]["runs"] == results[1]["runs"]
    assert len(workspace.experiments.runs()) == 2


def test_a_trainer_without_its_package_says_how_to_install_it(
    workspace: Workspace, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainers.names()
    monkeypatch.setitem(trainers._registered, "missing", Missing())
    monkeypatch.setattr(plugins, "find_spec", lambda name: None)
    assert {info.name for info in workspace.training.missing_trainers("regression")} == {
        *("missing", "lightgbm", "xgboost")
    }
    installs = {info.name: info.install for info in workspace.training.missing_trainers()}
    assert installs["xgboost"] == "pip install 'pilothouse[boost]'"
    assert installs["missing"] == "pip install a_package_of_nobody"
    assert "xgboost" not in {info.name for info in workspace.training.trainers()}
    with pytest.raises(Invalid, match="is not installed") as refused:
        workspace.training.preview(spec(data, "price", trainer="lightgbm"))
    assert "pip install 'pilothouse[boost]'" in str(refused.value.hint)
    board = workspace.training.try_all_now(spec(data, "price", folds=0))
    assert {row.trainer for row in board.rows} == {
        *("dummy", "hist_gradient_boosting", "random_forest", "ridge")
    }


@pytest.mark.parametrize(("target", "task"), TASKS)
def test_a_search_optimises_the_primary_metric_of_the_task(
    workspace: Workspace, data: str, target: str, task: str | None
) -> None:
    searched = spec(data, target, task=task, trials=3)
    run = workspace.training.train_now(searched)
    metric = primary_metric(tasks.get(workspace.training.preview(searched).task))
    runs = workspace.experiments.runs(size=100).set_index("id")
    (parent,) = runs.index[runs["parent_id"].isna()]
    values = {
        trial: workspace.experiments.run(trial).metrics[f"cv_{metric}_mean"].last
        for trial in runs.index
        if trial != parent
    }
    assert len(values) == 3
    best = max if metric_kind(metric).direction == "higher" else min
    assert values[run] == best(values.values())
    assert workspace.experiments.run(parent).tags["training.best_run"] == run


def _ignore(share: float, message: str) -> None:
    pass
