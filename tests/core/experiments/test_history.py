"""Histories for pages: windows, thinning that keeps what matters, and a cursor that is honest."""

from __future__ import annotations

import math
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pilothouse.experiments import Experiments
from pilothouse.experiments.metrics.history import thin
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.storage import Store


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


@pytest.fixture
def run(room: Experiments) -> str:
    return room.start("flights", code=UNKNOWN)


def points(frame: pd.DataFrame) -> list[tuple[str, int]]:
    return list(zip(frame["key"].tolist(), frame["step"].tolist(), strict=True))


def test_thinning_keeps_ends_and_spikes() -> None:
    values = np.sin(np.arange(100_000) / 500)
    values[[12_345, 77_777]] = [9.0, -9.0]
    values[50_000:50_100] = np.nan
    indices = thin(values, 500).tolist()
    assert len(indices) <= 500
    assert {0, 12_345, 77_777, 99_999} <= set(indices)
    assert {50_000, 50_099} <= set(indices)
    assert indices == sorted(set(indices))


def test_thinning_takes_infinities_for_spikes() -> None:
    values = np.zeros(10_000)
    values[3000], values[6000] = math.inf, -math.inf
    assert {0, 3000, 6000, 9999} <= set(thin(values, 100).tolist())


@given(
    st.lists(
        st.one_of(st.just(math.nan), st.sampled_from([math.inf, -math.inf]), st.floats()),
        min_size=1,
        max_size=300,
    ),
    st.integers(1, 60),
)
@example([math.nan, math.inf, math.inf, sys.float_info.max, 0.0, math.inf] * 4, 1)
def test_thinned_places_are_few_in_order_and_hold_the_extremes(
    points: list[float], most: int
) -> None:
    values = np.array(points)
    indices = thin(values, most)
    assert len(indices) <= max(most, 12)
    assert (np.diff(indices) > 0).all()
    assert {0, len(values) - 1} <= set(indices.tolist())
    if not np.isnan(values).all():
        assert np.nanmin(values[indices]) == np.nanmin(values)
        assert np.nanmax(values[indices]) == np.nanmax(values)


@pytest.mark.parametrize("ended", [False, True])
def test_a_window_of_steps_is_thinned_by_itself(room: Experiments, run: str, ended: bool) -> None:
    room.log_history(run, "loss", range(5000), np.random.default_rng(1).random(5000).tolist())
    if ended:
        room.finish(run)
    whole = room.history([run], max_points=100)
    zoomed = room.history([run], max_points=100, low=1000, high=1079)
    assert len(whole) <= 100
    assert whole["step"].iloc[[0, -1]].tolist() == [0, 4999]
    assert zoomed["step"].tolist() == list(range(1000, 1080))
    assert room.history([run], low=6000).empty


@pytest.mark.parametrize("ended", [False, True])
def test_a_cursor_tells_only_what_came_later(room: Experiments, run: str, ended: bool) -> None:
    other = room.start("flights", code=UNKNOWN)
    room.log_history(run, "loss", range(3), [3.0, 2.0, 1.0])
    first = room.history([run, other])
    assert points(first) == [("loss", 0), ("loss", 1), ("loss", 2)]
    assert first.attrs["whole"] == [(run, "loss")]
    quiet = room.history([run, other], since=first.attrs["cursor"])
    assert quiet.empty
    assert quiet.attrs["cursor"] == first.attrs["cursor"]

    room.log_history(run, "loss", [3, 4], [0.5, 0.25])
    room.log_metrics(other, {"auc": 0.9})
    if ended:
        room.finish(run)
    later = room.history([run, other], since=quiet.attrs["cursor"])
    assert points(later) == [("loss", 3), ("loss", 4), ("auc", 0)]
    assert later.attrs["whole"] == [(other, "auc")]
    assert room.history([run, other], since=later.attrs["cursor"]).empty


def test_a_series_that_cannot_be_continued_is_told_anew(room: Experiments, run: str) -> None:
    room.log_history(run, "loss", [5, 6], [1.0, 2.0])
    cursor = room.history([run]).attrs["cursor"]
    room.log_history(run, "loss", [2, 7], [9.0, 3.0])
    again = room.history([run], since=cursor)
    assert points(again) == [("loss", 2), ("loss", 5), ("loss", 6), ("loss", 7)]
    assert again.attrs["whole"] == [(run, "loss")]
    assert room.history([run], since=again.attrs["cursor"]).empty


def test_polling_in_any_rhythm_adds_up_to_the_history(room: Experiments, run: str) -> None:
    draw, cursor = np.random.default_rng(2), None
    collected = pd.DataFrame({"step": [], "value": []})
    for index in range(12):
        steps = (index * 2 + draw.integers(0, 4, 2)).tolist()
        room.log_history(run, "loss", steps, draw.random(2).tolist())
        if draw.random() < 0.6:
            polled = room.history([run], since=cursor)
            cursor = polled.attrs["cursor"]
            continued = collected if not polled.attrs["whole"] else collected.iloc[:0]
            collected = pd.concat([continued, polled[["step", "value"]]])
    polled = room.history([run], since=cursor)
    continued = collected if not polled.attrs["whole"] else collected.iloc[:0]
    collected = pd.concat([continued, polled[["step", "value"]]])
    whole = room.history([run])[["step", "value"]]
    assert sorted(collected.to_numpy().tolist()) == sorted(whole.to_numpy().tolist())
