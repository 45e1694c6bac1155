"""A task is one file: no room and no screen names one, and a new one goes the whole way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_poisson_deviance

import pilothouse
import pilothouse_app
from harness.added_task import METRIC, NAME, install
from pilothouse.models.tasks import tasks
from pilothouse.pipelines.version_evaluation import evaluate_version
from pilothouse.testing.tasks import check_task
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

CORE, APP = (Path(package.__path__[0]) for package in (pilothouse, pilothouse_app))
PLUGINS = ("pilothouse/models/tasks/", "pilothouse/models/metrics/")
RANKING_METRIC = re.compile("roc_auc")

# Files that contain a metric of one task, and why they may.
METRIC_EXCEPTIONS = {
    "pilothouse/experiments/metrics/name_rules.py": "names of metrics as libraries log them",
    "pilothouse/pipelines/churn_recipe/train.py": "the code of an MLflow user",
    "pilothouse/pipelines/flights.py": "the recipe of a demo",
    "pilothouse/testing/gates.py": "examples of a contract test",
}
# Files with a text that is also the name of a task, and what it is there.
NAME_EXCEPTIONS = {
    "pilothouse/deployments/gateway/body_reader.py": "tensors that a protocol sends as bytes",
    "pilothouse/models/signature.py": "the task of signatures that were stored without one",
    "pilothouse/models/audit/": "parts of the names of scikit-learn's modules",
    "pilothouse/models/estimators.py": "what a class of scikit-learn is a model of",
    "pilothouse/models/network_rows.py": "what cannot be read from a network",
    "pilothouse/models/formats/": "what a library's own objective or loss is a model of",
    "pilothouse/experiments/metrics/name_rules.py": "names of metrics as libraries log them",
    "pilothouse/monitoring/evidently_report.py": "Evidently's name of a kind of dataset",
    "pilothouse/pipelines/chicago.py": "the recipe of a demo",
    "pilothouse/pipelines/churn.py": "what a demo says of the model of another program",
    "pilothouse/training/trainers/": "a library's name of an objective or a strategy",
    "pilothouse/testing/": "examples of contract tests",
}
# Of these, the files that compare with a name: they read what a library's model says of itself.
COMPARED_IN = (
    "pilothouse/models/formats/",
    "pilothouse/models/estimators.py",
    "pilothouse/training/trainers/",
)


def modules() -> Iterator[tuple[str, str]]:
    """Every file of rooms and screens by its path below the package's parent, with its text."""
    for package in (CORE, APP):
        for path in sorted(package.rglob("*.py")):
            name = path.relative_to(package.parent).as_posix()
            if not name.startswith(PLUGINS):
                yield name, path.read_text(encoding="utf-8")


def is_listed(name: str, exceptions: Any) -> bool:
    return any(
        name == part or (part.endswith("/") and name.startswith(part)) for part in exceptions
    )


def task_names() -> set[str]:
    """The names of the built-in tasks."""
    return {path.stem for path in (CORE / "models" / "tasks").glob("*.py")} - {"__init__"}


def named_tasks(text: str) -> list[ast.Constant]:
    """The texts in a module that are the name of a task."""
    names = task_names()
    return [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names
    ]


def compared_tasks(text: str) -> list[int]:
    """The lines that compare something with the name of a task."""
    names = task_names()
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Compare | ast.MatchValue)
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value in names
    ]


def test_there_are_files_to_look_at() -> None:
    listed = dict(modules())
    assert len(listed) > 300
    assert task_names() == set(tasks.names())
    for exceptions in (METRIC_EXCEPTIONS, NAME_EXCEPTIONS, COMPARED_IN):
        for part in exceptions:
            assert any(is_listed(name, [part]) for name in listed), f"{part} is gone"


def test_no_room_and_no_screen_has_a_metric_of_one_task() -> None:
    holding = {name for name, text in modules() if RANKING_METRIC.search(text)}
    assert holding <= set(METRIC_EXCEPTIONS), "use the task's metrics; see models/tasks"


def test_no_room_and_no_screen_names_a_task() -> None:
    naming = {name for name, text in modules() if named_tasks(text)}
    unlisted = sorted(name for name in naming if not is_listed(name, NAME_EXCEPTIONS))
    assert not unlisted, "use the attributes of the task; see models/tasks"


def test_no_room_and_no_screen_compares_the_name_of_a_task() -> None:
    comparing = {name: lines for name, text in modules() if (lines := compared_tasks(text))}
    assert not {name: at for name, at in comparing.items() if not is_listed(name, COMPARED_IN)}


def test_the_scan_sees_what_it_looks_for() -> None:
    assert compared_tasks('x = "y" if signature.task == "binary" else "z"') == [1]
    assert compared_tasks('if task in ("a", "regression"):\n    pass') == [1]
    assert len(named_tasks('choices = {"multiclass": 1, "other": 2}')) == 1
    assert not named_tasks("'''A regression of something.'''")


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "packages", monkeypatch)


def calls(seed: int) -> pd.DataFrame:
    """Calls an hour, more of them on weekdays."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"hour": rng.integers(0, 24, 900), "day": rng.choice(["weekday", "weekend"], 900)}
    )
    rate = np.exp(0.06 * frame["hour"] + 0.8 * (frame["day"] == "weekday"))
    return frame.assign(calls=rng.poisson(rate))


def test_the_added_task_keeps_the_contract(added: None) -> None:
    assert NAME in tasks.names()
    check_task(NAME, tasks.get(NAME))


def test_a_new_task_is_trained_registered_evaluated_and_compared(
    added: None, workspace: Workspace
) -> None:
    """From a file of another package alone, with the figures of scikit-learn."""
    for seed in (1, 2):
        workspace.data.register("calls", calls(seed))
    runs = [
        workspace.training.train_now(
            TrainingSpec("calls@1", "calls", trainer=trainer, folds=2, task=NAME, seed=3)
        )
        for trainer in ("dummy", "hist_gradient_boosting")
    ]

    comparison = workspace.comparison.compare(runs)
    assert comparison.deciding == METRIC
    assert comparison.kinds.of(METRIC).title == "Poisson deviance"
    assert comparison.agreement("task").state == "same"
    assert "evaluation/expected.json" in comparison.documents
    evidence = workspace.comparison.significance(comparison)
    verdict = workspace.comparison.verdict(comparison, evidence)
    assert verdict is not None
    assert (verdict.best, verdict.verdict) == (runs[1], "better")
    assert "paired bootstrap" in verdict.evidence
    assert workspace.comparison.slices(runs, columns=["day"]).metric == METRIC
    assert workspace.comparison.with_threshold(runs) == []
    assert workspace.comparison.disagreements(runs)["right"].iloc[0] > 0

    info = workspace.registry.register("calls", runs[1])
    assert info.signature.task == NAME
    result = evaluate_version(
        workspace.store, lambda *_: None, model="calls", version=1, dataset="calls@2",
        label="calls", job_id="a-job",
    )  # fmt: skip
    rows = workspace.comparison.compare([runs[1], result["run"]]).signatures
    assert {signature.task for signature in rows.values() if signature} == {NAME}
    _check_deviance(workspace, result)


def _check_deviance(workspace: Workspace, result: dict[str, Any]) -> None:
    """The metric of the evaluation against scikit-learn's, of the rows that it kept."""
    run = workspace.experiments.run(result["run"])
    digest = next(file.digest for file in run.artifacts if file.path == "reference.parquet")
    rows = pd.read_parquet(workspace.store.artifacts.local_path(digest))
    assert len(rows) == 900
    expected = mean_poisson_deviance(rows["__target"], rows["__rate"])
    assert result["metrics"][METRIC] == pytest.approx(expected)
