"""The train command says what it will do, and takes the positive class and the features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from pilothouse.workspace import Workspace


def test_training_prints_classes_and_columns_and_takes_a_positive_class(
    call: Callable[..., Any], workspace: Workspace
) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"id": np.arange(200), "x": rng.normal(size=200)})
    frame["outcome"] = rng.permutation(["fraud"] * 40 + ["legit"] * 160)
    workspace.data.register("payments", frame)
    result = call("train", "payments", "outcome")
    assert result.code == 0
    assert "'fraud' 40 rows (positive)" in result.out
    assert "left out id: it numbers the rows" in result.out
    assert "evaluated on 200 out of fold by 5 folds (split: stratified)" in result.out
    result = call("train", "payments", "outcome", "--evaluation", "held_out", "--dry-run")
    assert "fitted on 160 rows, evaluated on 40 (split: stratified)" in result.out
    result = call("train", "payments", "outcome", "--positive", "legit", "--feature", "x")
    assert "'legit' 160 rows (positive)" in result.out
    newest = workspace.jobs.jobs().iloc[0]["id"]
    spec = workspace.jobs.job(newest).args["spec"]
    assert (spec["positive"], spec["features"]) == ("legit", ["x"])
    result = call("train", "payments", "x", "--task", "binary")
    assert result.code != 0
    assert "two are needed" in result.err


def test_a_number_is_trained_by_its_task_with_levels_and_unit(
    call: Callable[..., Any], workspace: Workspace
) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=300)})
    frame["price"] = frame["x"] * 3 + rng.normal(size=300)
    workspace.data.register("prices", frame)
    result = call("train", "prices", "price", "--dry-run")
    assert result.code == 0
    assert "regression of price: Mean price" in result.out
    options = ("--task", "quantile", "--level", "0.2", "--level", "0.8", "--unit", "EUR")
    assert call("train", "prices", "price", *options).code == 0
    newest = workspace.jobs.jobs().iloc[0]["id"]
    spec = workspace.jobs.job(newest).args["spec"]
    assert (spec["task"], spec["metric"], spec["levels"], spec["unit"]) == (
        "quantile",
        "pinball",
        [0.2, 0.8],
        "EUR",
    )
    result = call("train", "prices", "price", "--metric", "roc_auc")
    assert result.code != 0
    assert "metric must be one of mae" in result.err
