"""Columns that give the target away are named before a training, with the figure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

ROWS = 1_000


def orders() -> pd.DataFrame:
    """Orders of which a tenth come late; what is recorded afterwards tells which."""
    rng = np.random.default_rng(3)
    late = rng.random(ROWS) < 0.1
    ordered = pd.date_range("2026-01-01", periods=ROWS, freq="h", tz="UTC")
    days = rng.uniform(1, 3, ROWS) + np.where(late, 5, 0)
    frame = pd.DataFrame(
        {
            "ordered": ordered,
            "weight": rng.lognormal(1, 1, ROWS) + late,
            "carrier": rng.choice(["a", "b", "c"], ROWS),
            "slot": ordered - pd.to_timedelta(rng.uniform(1, 5, ROWS), "D"),
            "delivered": ordered + pd.to_timedelta(days, "D"),
            "refund": np.where(late, "paid", None),
            "status": np.where(late, "too late", "fine"),
            "minutes": np.where(late, 600, 0) + rng.normal(0, 30, ROWS),
            "late": np.where(late, "yes", "no"),
        }
    )
    frame["cost"] = frame["weight"] * 3 + (frame["carrier"] == "a") + rng.normal(0, 5, ROWS)
    frame["cost_cents"] = (frame["cost"] + 7) * 100
    frame["rank"] = np.exp(frame["cost"] / 4)
    frame["close"] = frame["cost"] + rng.normal(0, 0.05, ROWS)
    return frame


def warned(workspace: Workspace, target: str, **changes: Any) -> dict[str, Any]:
    ref = workspace.data.register("orders", orders(), event_time="ordered").ref
    spec = TrainingSpec(ref, target, **changes)
    return {leak.column: leak for leak in workspace.training.leaks(spec)}


def test_traces_of_classes_are_named_with_their_figures(workspace: Workspace) -> None:
    leaks = warned(workspace, "late")
    assert set(leaks) == {"delivered", "refund", "status", "minutes"}
    frame = orders()
    assert leaks["status"].reason == "it is a copy of the target, in 100.0% of the rows"
    assert leaks["refund"].figure == 1
    assert "it alone tells the class of 100.0% of the rows" in leaks["refund"].reason
    best = max(((frame["minutes"] > cut) == (frame["late"] == "yes")).mean() for cut in range(600))
    assert leaks["minutes"].figure == pytest.approx(best, abs=0.02)
    assert leaks["delivered"].figure == 1
    assert leaks["delivered"].reason.startswith("it is after the time of the event in 100.0%")


def test_traces_of_numbers_are_named_with_their_figures(workspace: Workspace) -> None:
    leaks = warned(workspace, "cost")
    assert set(leaks) == {"delivered", "cost_cents", "rank", "close"}
    assert leaks["cost_cents"].reason == "it is a copy of the target, in 100.0% of the rows"
    assert "explains 100.0% of the target's variance" in leaks["rank"].reason
    frame = orders()
    model = LinearRegression().fit(frame[["close"]], frame["cost"])
    own = r2_score(frame["cost"], model.predict(frame[["close"]]))
    assert leaks["close"].figure == pytest.approx(own, abs=0.001)


def test_only_columns_in_use_are_examined(workspace: Workspace) -> None:
    assert set(warned(workspace, "late", features=("weight", "status"))) == {"status"}
    assert not warned(workspace, "late", features=("weight", "carrier"))


def test_honest_columns_and_few_rows_raise_no_suspicion(workspace: Workspace) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 4)), columns=list("abcd"))
    frame["y"] = frame["a"] * 2 + frame["b"] + rng.normal(0, 0.5, 300)
    frame["key"] = [f"k{number}" for number in rng.integers(0, 140, 300)]
    frame["kind"] = np.where(frame["y"] + rng.normal(0, 0.5, 300) > 1, "up", "down")
    ref = workspace.data.register("plain", frame.drop(columns="kind")).ref
    assert workspace.training.leaks(TrainingSpec(ref, "y")) == []
    ref = workspace.data.register("kinds", frame.drop(columns="y")).ref
    assert workspace.training.leaks(TrainingSpec(ref, "kind")) == []
    ref = workspace.data.register("few", frame.assign(copy=frame["kind"]).head(40)).ref
    assert workspace.training.leaks(TrainingSpec(ref, "kind")) == []


def test_a_copy_is_found_whatever_the_types_of_its_labels(workspace: Workspace) -> None:
    rng = np.random.default_rng(1)
    label = rng.choice(["a", "b", "c"], 400)
    codes = pd.Series(label).map({"a": 7, "b": -1, "c": 3}).astype(float)
    codes[::10] = np.nan
    frame = pd.DataFrame({"x": rng.normal(size=400), "code": codes, "label": label})
    ref = workspace.data.register("codes", frame).ref
    (leak,) = workspace.training.leaks(TrainingSpec(ref, "label"))
    assert (leak.column, round(leak.figure, 2)) == ("code", 0.9)
