"""Rows that weigh less with their age: the half-life of a training."""

from __future__ import annotations

import io

import joblib
import numpy as np
import pandas as pd
import pytest

from pilothouse.kit.errors import Invalid
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

ROWS = 100


def rows(workspace: Workspace, *, with_time: bool = True) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "x": draw.normal(size=ROWS),
            "price": np.arange(ROWS) + draw.normal(size=ROWS),
            "at": pd.date_range("2026-01-01", periods=ROWS, freq="D", tz="UTC"),
        }
    )
    frame = frame if with_time else frame.drop(columns="at")
    workspace.data.register("prices", frame, event_time="at" if with_time else None)
    return frame


def answer(workspace: Workspace, run: str) -> float:
    """What the baseline answers: the mean of the target, with the rows' weights."""
    model = joblib.load(io.BytesIO(workspace.experiments.artifact(run, "model/model.joblib")))
    return float(model.predict(pd.DataFrame({"x": [0.0]}))[0])


@pytest.mark.parametrize("half_life", [None, 10.0, 1000.0])
def test_a_row_of_the_age_of_a_half_life_weighs_half(
    workspace: Workspace, half_life: float | None
) -> None:
    frame = rows(workspace)
    spec = TrainingSpec(
        "prices@1",
        "price",
        features=("x",),
        trainer="dummy",
        folds=0,
        split="time",
        test_share=0.2,
        evaluation="held_out",
        half_life_days=half_life,
    )
    run = workspace.training.train_now(spec)
    fitted = frame["price"].to_numpy()[:80]
    weights = np.ones(80) if half_life is None else 2 ** (-np.arange(79, -1, -1) / half_life)
    assert answer(workspace, run) == pytest.approx(np.average(fitted, weights=weights), rel=1e-12)
    params = workspace.experiments.run(run).params
    assert params.get("half_life_days") == (None if half_life is None else f"{half_life}")


def test_rows_without_a_time_cannot_be_weighed_by_their_age(workspace: Workspace) -> None:
    rows(workspace, with_time=False)
    spec = TrainingSpec("prices@1", "price", features=("x",), trainer="dummy", half_life_days=7)
    with pytest.raises(Invalid, match="weighed by their age"):
        workspace.training.train_now(spec)
    with pytest.raises(Invalid, match="above 0"):
        TrainingSpec("prices@1", "price", half_life_days=0).checked()
