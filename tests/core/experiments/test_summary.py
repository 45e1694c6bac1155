"""A summary says what the history says, whatever the order its batches came in."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilothouse.experiments import Experiments, Points
from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.experiments.metrics.summary import MetricSummary, history_of, merge, summarise
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Store

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NAN = math.nan

point = st.tuples(
    st.integers(-3, 8),
    st.integers(0, 3),
    st.one_of(
        st.sampled_from([NAN, math.inf, -math.inf, 0.0, -0.0, 1.0]),
        st.floats(allow_nan=False, width=32),
    ),
)
batch = st.tuples(st.sampled_from(["roc_auc", "log_loss"]), st.lists(point, max_size=6))


def as_points(key: str, rows: list[tuple[int, int, float]]) -> Points:
    instants = [NOW + timedelta(seconds=second) for _, second, _ in rows]
    return Points(key, [step for step, _, _ in rows], [value for *_, value in rows], instants)


def said(history: list[tuple[int, int, float]], key: str) -> dict[str, object]:
    """The summary, worked out anew from every distinct point."""
    rows = sorted({(s, at, 0.0 if math.isnan(v) else v, math.isnan(v)) for s, at, v in history})
    numbers = [(value, step) for step, _, value, nan in rows if not nan]
    values = [value for value, _ in numbers]
    best = None
    if numbers:
        best = max(values) if metric_kind(key).direction == "higher" else min(values)
    value = [NAN if nan else value for _, _, value, nan in rows]
    return {
        "first": value[0],
        "first_step": rows[0][0],
        "first_at": NOW + timedelta(seconds=rows[0][1]),
        "last": value[-1],
        "last_step": rows[-1][0],
        "last_at": NOW + timedelta(seconds=rows[-1][1]),
        "min": min(values, default=NAN),
        "max": max(values, default=NAN),
        "best": NAN if best is None else best,
        "best_step": min((step for value, step in numbers if value == best), default=None),
        "count": len(rows),
    }


def assert_says(summary: MetricSummary, expected: dict[str, object]) -> None:
    assert spelt(vars(summary)) == spelt(expected)


def spelt(values: dict[str, object]) -> dict[str, object]:
    """NaN by name, since it equals nothing."""
    return {
        name: "nan" if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=st.lists(batch, max_size=6), again=st.integers(0, 2))
def test_summary_rows_equal_what_the_history_says_under_any_order_of_batches(
    store: Store, batches: list[tuple[str, list[tuple[int, int, float]]]], again: int
) -> None:
    room = Experiments(store)
    run = room.start("orders", code=UNKNOWN)
    for key, points in batches + batches[:again]:
        room.log_batch(run, [as_points(key, points)])
    summaries = room.run(run).metrics
    told_of = {
        key: [one for name, points in batches if name == key for one in points]
        for key in {name for name, points in batches if points}
    }
    assert set(summaries) == set(told_of)
    for key, history in told_of.items():
        assert_says(summaries[key], said(history, key))
        logged = room.history([run], [key])
        assert len(logged) == summaries[key].count
        assert logged["value"].iloc[-1] == pytest.approx(summaries[key].last, nan_ok=True)


@settings(deadline=None)
@given(st.lists(st.lists(point, min_size=1, max_size=5), min_size=2, max_size=4, unique_by=repr))
def test_merging_does_not_depend_on_the_order(parts: list[list[tuple[int, int, float]]]) -> None:
    summaries = [summarise(history_of(as_points("loss", part), NOW), "lower") for part in parts]
    there, back = summaries[0], summaries[-1]
    for summary in summaries[1:]:
        there = merge(there, summary, "lower")
    for summary in reversed(summaries[:-1]):
        back = merge(back, summary, "lower")
    assert_says(there, vars(back))


def test_nan_and_infinities_survive(store: Store) -> None:
    room = Experiments(store)
    run = room.start("edges", code=UNKNOWN)
    room.log_history(run, "loss", range(4), [math.inf, NAN, -math.inf, NAN])
    assert room.history([run])["value"].tolist() == pytest.approx(
        [math.inf, NAN, -math.inf, NAN], nan_ok=True
    )
    summary = room.run(run).metrics["loss"]
    assert (summary.first, summary.min, summary.max) == (math.inf, -math.inf, math.inf)
    assert (summary.best, summary.best_step) == (-math.inf, 2)
    assert math.isnan(summary.last)


def test_best_follows_the_metric_and_keeps_the_earliest_step(store: Store) -> None:
    room = Experiments(store)
    run = room.start("best", code=UNKNOWN)
    room.log_history(run, "roc_auc", range(4), [0.6, 0.8, 0.8, 0.7])
    room.log_history(run, "log_loss", range(4), [0.6, 0.5, 0.5, 0.7])
    metrics = room.run(run).metrics
    assert (metrics["roc_auc"].best, metrics["roc_auc"].best_step) == (0.8, 1)
    assert (metrics["log_loss"].best, metrics["log_loss"].best_step) == (0.5, 1)


def test_a_long_batch_is_kept_whole(store: Store) -> None:
    room = Experiments(store)
    run = room.start("long", code=UNKNOWN)
    room.log_history(run, "loss", range(1234), [float(step) for step in range(1234)])
    assert room.run(run).metrics["loss"].count == 1234
    assert room.history([run])["step"].tolist() == list(range(1234))


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (Points("loss", [1, 2], [0.1]), "2 steps and 1 values"),
        (Points("loss", [1.5], [0.1]), "no whole number"),  # type: ignore[list-item]
        (Points("loss", [1], ["much"]), "no number"),  # type: ignore[list-item]
        (Points("loss", [1], [0.1], [NOW, NOW]), "2 instants"),
        (Points("loss", [1], [0.1], NOW.replace(tzinfo=None)), "time zone"),
        (Points("", [1], [0.1]), "cannot name a metric"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_whole(store: Store, batch: Points, message: str) -> None:
    room = Experiments(store)
    run = room.start("bad", code=UNKNOWN)
    with pytest.raises(Invalid, match=message):
        room.log_batch(run, [Points("fine", [0], [1.0]), batch])
    assert room.run(run).metrics == {}
