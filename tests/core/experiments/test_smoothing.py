"""Courses of metrics: smoothed over all, joined by step, cut to a stretch, thinned with spikes."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.experiments.metrics import history
from pilothouse.experiments.metrics.smoothing import CurveOptions, smooth
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.workspace import Workspace

floats = st.floats(-1e6, 1e6)
series = st.lists(st.one_of(floats, st.sampled_from([math.nan, math.inf])), min_size=1, max_size=80)


@settings(deadline=None)
@given(st.lists(floats, min_size=1, max_size=60), st.floats(0.0, 0.999))
def test_smoothing_is_the_weighted_mean_of_what_came_before(
    values: list[float], weight: float
) -> None:
    smoothed = smooth(np.array(values), weight)
    for index in (0, len(values) // 2, len(values) - 1):
        weights = np.array([weight**age for age in range(index, -1, -1)])
        expected = (weights * values[: index + 1]).sum() / weights.sum()
        assert smoothed[index] == pytest.approx(expected, rel=1e-6, abs=1e-3)


@settings(deadline=None)
@given(series, st.floats(0.01, 0.99))
def test_smoothing_leaves_gaps_where_they_are(values: list[float], weight: float) -> None:
    smoothed = smooth(np.array(values), weight)
    assert (np.isfinite(smoothed) == np.isfinite(values)).all()


@pytest.fixture
def run(workspace: Workspace, clock: FixedClock) -> str:
    room = workspace.experiments
    run, began = room.start("late"), clock.now()
    steps = list(range(100))
    at = [began + timedelta(seconds=2 * step) for step in steps]
    room.log_history(run, "loss", steps, [1 / (1 + s) for s in steps], at)
    room.log_history(run, "lr", steps[::2], [s / 10 for s in steps[::2]], at[::2])
    return run


def test_a_course_over_steps(workspace: Workspace, run: str) -> None:
    curves = workspace.experiments.curves(run, ["lr", "loss"])
    assert list(curves["key"].unique()) == ["lr", "loss"]
    assert len(curves) == 150
    assert (curves["value"] == curves["smooth"]).all()


def test_a_course_over_the_time_since_the_run_began(workspace: Workspace, run: str) -> None:
    curves = workspace.experiments.curves(
        run, ["loss"], CurveOptions(x_axis="relative", low=10, high=20)
    )
    assert curves["x"].tolist() == [10, 12, 14, 16, 18, 20]
    assert curves["step"].tolist() == [5, 6, 7, 8, 9, 10]


def test_a_course_over_another_metric_takes_the_same_steps(workspace: Workspace, run: str) -> None:
    curves = workspace.experiments.curves(
        run, ["loss"], CurveOptions(x_axis="metric", x_metric="lr")
    )
    assert curves["step"].tolist() == list(range(0, 100, 2))
    assert curves["x"].tolist() == [s / 10 for s in range(0, 100, 2)]


def test_a_smooth_line_stays_when_one_looks_closer(workspace: Workspace, run: str) -> None:
    whole = workspace.experiments.curves(run, ["loss"], CurveOptions(smoothing=0.9)).set_index(
        "step"
    )
    near = workspace.experiments.curves(run, ["loss"], CurveOptions(smoothing=0.9, low=40, high=50))
    assert near["step"].tolist() == list(range(40, 51))
    assert near["smooth"].tolist() == whole.loc[40:50, "smooth"].tolist()


def test_a_stretch_shows_what_the_whole_had_to_leave_out(workspace: Workspace, run: str) -> None:
    assert len(workspace.experiments.curves(run, ["loss"], CurveOptions(max_points=20))) < 30
    near = workspace.experiments.curves(run, ["loss"], CurveOptions(max_points=20, low=30, high=45))
    assert near["step"].tolist() == list(range(30, 46))


def test_a_spike_survives_thinning_and_smoothing(workspace: Workspace) -> None:
    room = workspace.experiments
    run = room.start("late")
    values = np.sin(np.arange(5_000) / 500)
    values[[1_111, 3_333]] = 50, -50
    room.log_history(run, "loss", range(5_000), values.tolist())
    curves = room.curves(run, ["loss"], CurveOptions(smoothing=0.9, max_points=200)).set_index(
        "step"
    )
    assert len(curves) <= 200
    assert (curves.loc[1_111, "value"], curves.loc[3_333, "value"]) == (50, -50)
    assert curves.loc[1_111, "smooth"] == pytest.approx(5, abs=1)


def test_of_a_run_that_goes_on_only_what_is_new_is_read(
    workspace: Workspace, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, course = workspace.experiments, CurveOptions(smoothing=0.9)
    curves, held = room.poll(run, ["loss", "lr"], course)
    for step in (100, 101):
        room.log_metrics(run, {"loss": 0.5}, step)
    room.log_metrics(run, {"lr": 7.0}, 3)  # before its last point: the series is told anew
    read: list[int] = []
    whole = history.history

    def spied(*words: Any, **more: Any) -> Any:
        frame = whole(*words, **more)
        read.append(len(frame[frame["key"] == "loss"]))
        return frame

    monkeypatch.setattr(history, "history", spied)
    curves, held = room.poll(run, ["loss", "lr"], course, held)
    assert read == [2]
    assert curves.equals(room.curves(run, ["loss", "lr"], course))
    again, _ = room.poll(run, ["loss", "lr"], course, held)
    assert again.equals(curves)
    assert read[-1] == 0


def test_what_is_held_is_bounded(
    workspace: Workspace, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.experiments.metrics.smoothing.MAX_CACHED_POINTS", 60)
    _, held = workspace.experiments.poll(run, ["loss"], CurveOptions())
    workspace.experiments.log_metrics(run, {"loss": 0.5}, 100)
    curves, held = workspace.experiments.poll(run, ["loss"], CurveOptions(), held)
    assert len(held) <= 30
    assert {0, 100} <= set(curves["step"])


def test_a_metric_without_points_has_an_empty_course(workspace: Workspace, run: str) -> None:
    assert workspace.experiments.curves(run, ["nothing"]).empty
    assert workspace.experiments.curves(run, []).empty
    over = CurveOptions(x_axis="metric", x_metric="nothing")
    assert workspace.experiments.curves(run, ["loss"], over).empty


@pytest.mark.parametrize(
    ("course", "field"),
    [
        (CurveOptions(x_axis="moon"), "over"),
        (CurveOptions(x_axis="metric"), "against"),
        (CurveOptions(smoothing=1.0), "weight"),
        (CurveOptions(max_points=2), "most"),
    ],
)
def test_a_course_that_cannot_be_names_what_is_wrong(
    workspace: Workspace, run: str, course: CurveOptions, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        workspace.experiments.curves(run, ["loss"], course)
    assert list(refused.value.fields) == [field]


def test_an_unknown_run_has_no_course(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        workspace.experiments.curves("0" * 32, ["loss"])
