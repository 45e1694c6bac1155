"""What a training would do is said before there is a job, and so is what it would refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pilothouse.kit.errors import Invalid
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace


def payments(rows: int = 400, rare: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    outcome = np.array(["fraud"] * rare + ["legit"] * (rows - rare), dtype=object)
    return pd.DataFrame(
        {
            "payment_id": np.arange(5_000, 5_000 + rows),
            "amount": rng.lognormal(3, 1, rows),
            "at": pd.date_range("2026-01-01", periods=rows, freq="h"),
            "status": rng.choice(["a", "b", "c"], rows),
            "outcome": rng.permutation(outcome),
        }
    )


@pytest.fixture
def data(workspace: Workspace) -> str:
    return workspace.data.register("payments", payments(), event_time="at").ref


def test_the_preview_tells_classes_split_and_columns(workspace: Workspace, data: str) -> None:
    preview = workspace.training.preview(TrainingSpec("payments", "outcome"))
    assert (preview.dataset, preview.positive, preview.split) == (data, "fraud", "time")
    assert dict(preview.classes) == {"fraud": 40, "legit": 360}
    assert (preview.fitted, preview.held_out, preview.without_label) == (400, 200, 0)
    assert preview.folds == 5
    assert {use.column: use.used for use in preview.columns} == {
        "payment_id": False,
        "amount": True,
        "at": False,
        "status": True,
        "outcome": False,
    }
    text = "\n".join(preview.lines)
    assert "'fraud' 40 rows (positive)" in text
    assert "left out payment_id: it numbers the rows" in text


def test_the_preview_agrees_with_the_training(workspace: Workspace, data: str) -> None:
    spec = TrainingSpec(data, "outcome", trainer="logistic_regression", folds=2)
    preview = workspace.training.preview(spec)
    run = workspace.training.train_now(spec)
    info = workspace.experiments.run(run)
    rows = workspace.experiments.files.document(run, "rows.json")
    assert (rows["fitted"], rows["held_out"]) == (preview.fitted, preview.held_out)
    assert (info.params["split"], info.params["positive"]) == (preview.split, str(preview.positive))
    column_uses = workspace.experiments.files.document(run, "columns.json")
    assert column_uses == [use.to_json() for use in preview.columns]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"target": "status", "task": "binary"}, "target"),
        ({"target": "amount", "split": "stratified"}, "split"),
        ({"target": "amount", "threshold": 0.5}, "threshold"),
        ({"target": "amount", "trainer": "logistic_regression"}, "trainer"),
        ({"groups": "moon"}, "groups"),
        ({"target": "at"}, "target"),
        ({"target": "nothing"}, "target"),
        ({"positive": "maybe"}, "positive"),
        ({"features": ("at",)}, "features"),
        ({"features": ("moon",)}, "features"),
        ({"split": "time", "time_column": "status"}, "time_column"),
        ({"folds": 20, "split": "time"}, "folds"),
    ],
)
def test_what_a_training_refuses_is_refused_before_the_job(
    workspace: Workspace, data: str, changes: dict[str, Any], field: str
) -> None:
    few = workspace.data.register("few", payments(rare=6), event_time="at").ref
    spec = TrainingSpec(**{"dataset": few, "target": "outcome", **changes})
    with pytest.raises(Invalid) as refusal:
        workspace.training.submit(spec)
    assert field in refusal.value.fields
    assert len(workspace.jobs.jobs()) == 0


def test_a_target_offers_its_tasks_and_its_rarer_class_first(
    workspace: Workspace, data: str
) -> None:
    outcome = workspace.training.describe_target(data, "outcome")
    assert list(outcome.classes.items()) == [("fraud", 40), ("legit", 360)]
    assert (outcome.task, outcome.positive) == ("binary", "fraud")
    assert list(outcome.tasks) == ["binary", "multiclass"]
    status = workspace.training.describe_target(data, "status")
    assert (status.task, status.positive, set(status.classes)) == (
        "multiclass",
        None,
        {"a", "b", "c"},
    )
    amount = workspace.training.describe_target(data, "amount")
    assert (amount.task, dict(amount.classes)) == ("regression", {})
    assert list(amount.tasks) == ["regression", "quantile"]
    with pytest.raises(Invalid, match="holds texts"):
        workspace.training.describe_target(data, "status", "regression")


def test_too_few_rows_of_a_class_for_a_split_by_time_fall_back_to_shares(
    workspace: Workspace,
) -> None:
    frame = payments(rare=40).sort_values("outcome", kind="stable")
    frame["at"] = pd.date_range("2026-01-01", periods=len(frame), freq="h")
    ref = workspace.data.register("sorted", frame, event_time="at").ref
    assert workspace.training.preview(TrainingSpec(ref, "outcome")).split == "stratified"
