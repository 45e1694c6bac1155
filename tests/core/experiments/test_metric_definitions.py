"""What people say of a metric, and what follows for every run that has it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.experiments import Experiments
from pilothouse.experiments.metrics.kinds import MetricKind
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Store
from pilothouse.workspace import Workspace


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


def test_without_a_note_the_key_speaks(room: Experiments) -> None:
    kind = room.metric_kinds().of("val_loss")
    assert (kind.title, kind.direction, kind.target) == ("val_loss", "lower", None)


def test_a_note_stands_over_the_guess_and_leaves_the_rest(workspace: Workspace) -> None:
    room = workspace.experiments
    room.describe_metric("roc_auc", unit="points", target=0.7, tolerance=0.002, reason="agreed")
    kind = room.metric_kinds().of("roc_auc")
    assert (kind.title, kind.direction, kind.unit) == ("ROC AUC", "higher", "points")
    assert kind.format_value(0.71234) == "0.7123 points"
    assert [kind.reaches_target(value) for value in (0.7, 0.69, math.nan)] == [True, False, None]
    entry = workspace.activity.entries(kind="metric").iloc[0]
    assert (entry["verb"], entry["ref"], entry["reason"]) == ("described", "roc_auc", "agreed")
    assert entry["after"]["tolerance"] == 0.002
    room.describe_metric("roc_auc", unit="points", target=0.7, tolerance=0.002)
    assert len(workspace.activity.entries(kind="metric")) == 1, "the same again is no change"
    room.describe_metric("roc_auc")
    assert room.metric_kinds().of("roc_auc").unit == ""


@given(
    st.floats(-10, 10), st.floats(-10, 10), st.floats(0, 1), st.sampled_from(["higher", "lower"])
)
def test_a_judgement_turns_round_with_its_sides(
    value: float, baseline: float, tolerance: float, direction: str
) -> None:
    kind = MetricKind("x", "X", direction, tolerance=tolerance)  # type: ignore[arg-type]
    turned = {"better": "worse", "worse": "better", "same": "same"}
    assert kind.compare(baseline, value) == turned[kind.compare(value, baseline)]
    if abs(value - baseline) < tolerance:
        assert kind.compare(value, baseline) == "same"


def test_a_new_direction_gives_every_run_its_best_anew(room: Experiments) -> None:
    falling = room.start("a", "falling", code=UNKNOWN)
    room.log_history(falling, "reward", [1, 2, 3, 4], [3.0, 1.0, 5.0, 1.0])
    single = room.start("a", "single", code=UNKNOWN)
    room.log_metrics(single, {"reward": 2.0}, step=9)
    empty = room.start("a", "empty", code=UNKNOWN)
    room.log_metrics(empty, {"reward": math.nan})
    summary = room.run(falling).metrics["reward"]
    assert (summary.best, summary.best_step) == (5.0, 3)
    room.describe_metric("reward", direction="lower")
    summary = room.run(falling).metrics["reward"]
    assert (summary.best, summary.best_step) == (1.0, 2), "of equals the earlier step"
    summary = room.run(single).metrics["reward"]
    assert (summary.best, summary.best_step) == (2.0, 9)
    assert room.run(empty).metrics["reward"].best_step is None
    room.describe_metric("reward")
    summary = room.run(falling).metrics["reward"]
    assert (summary.best, summary.best_step) == (5.0, 3)


def test_points_that_come_later_keep_the_direction(room: Experiments) -> None:
    room.describe_metric("reward", direction="lower")
    run = room.start("a", code=UNKNOWN)
    room.log_history(run, "reward", [1, 2], [3.0, 1.0])
    room.log_history(run, "reward", [3, 4], [0.5, 7.0])
    summary = room.run(run).metrics["reward"]
    assert (summary.best, summary.best_step) == (0.5, 3)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"direction": "sideways"}, "direction"),
        ({"format": "abc"}, "format"),
        ({"format": "999999f"}, "format"),
        ({"title": " "}, "title"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"target": math.inf}, "target"),
    ],
)
def test_what_cannot_be_is_named(
    room: Experiments, arguments: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        room.describe_metric("roc_auc", **arguments)  # type: ignore[arg-type]
    assert field in refused.value.fields
    assert room.metric_kinds().notes == {}
