"""Files of unknown origin: read, understood and trained as well as a plain model could.

`PILOTHOUSE_SEEDS=1-60` tries those seeds instead of the few that every test run tries.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.unknown_data import EVENT_TIME, UnknownData, make
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace

TYPES = {
    "number": "number",
    "integer": "integer",
    "category": "string",
    "boolean": "boolean",
    "date": "time",
}
FEW = (6, 44, 53)  # one of each task, of three kinds of file
SMALL_ROWS = 400
# The figure of seed 12 is luck: .625 on 80 rows, where models reach .53 to .55 on later rows, and
# .50 by folds. It is met on the very rows that it is from.
SAME_ROWS = {12}


def seeds() -> list[int]:
    """Those of the environment variable, or a few."""
    requested = os.environ.get("PILOTHOUSE_SEEDS", "")
    if not requested:
        return list(FEW)
    first, _, last = requested.partition("-")
    return list(range(int(first), int(last or first) + 1))


@pytest.mark.parametrize("seed", seeds())
def test_an_unknown_file_is_understood_and_trained(
    workspace: Workspace, tmp_path: Path, seed: int
) -> None:
    unknown = make(seed, tmp_path)
    version = workspace.data.register(f"unknown-{seed}", unknown.file)
    types = {column.name: column.type for column in version.schema}
    assert version.event_time == EVENT_TIME
    assert {name: types[name] for name in unknown.kinds} == {
        name: TYPES[kind] for name, kind in unknown.kinds.items()
    }

    spec = TrainingSpec(version.ref, unknown.target)
    preview = workspace.training.preview(spec)
    assert preview.task == unknown.task
    assert {use.column for use in preview.columns if use.used} == set(unknown.kinds)
    if preview.positive is not None:
        assert str(preview.positive) == unknown.rarer_class
    assert workspace.training.leaks(spec) == []

    trained = replace(spec, evaluation="held_out") if seed in SAME_ROWS else spec
    run = workspace.experiments.run(workspace.training.train_now(trained))
    assert_reaches(unknown, run.metrics[unknown.metric].last)


def assert_reaches(unknown: UnknownData, value: float) -> None:
    """AUC within .04, accuracy within .05, an error within 15 %; twice that for few rows."""
    slack = 2 if unknown.rows == SMALL_ROWS else 1
    match unknown.metric:
        case "mae":
            assert value <= unknown.figure * (1 + 0.15 * slack)
        case "roc_auc":
            assert value >= unknown.figure - 0.04 * slack
        case _:
            assert value >= unknown.figure - 0.05 * slack
