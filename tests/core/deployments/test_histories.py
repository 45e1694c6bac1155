"""Any history of predictions and labels reads the same, whenever the log is compacted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.deployments.prediction_log import compaction, log
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.counted_windows import CountedWindows
from pilothouse.monitoring.window_cuts import extended_by_log

SIGNATURE = Signature((SignatureField("x", "number"),), "y", (0, 1), 1)
DAY = 86_400_000
START = 1_362_096_000_000  # 2013-03-01
ids = st.integers(0, 12).map(lambda number: f"id-{number}")
days = st.integers(0, 20)
predicted = st.tuples(st.just("predict"), ids, days, st.floats(0, 1))
labelled = st.tuples(st.just("label"), ids, days, st.sampled_from([0, 1]))
UNTIL = datetime(2014, 1, 1, tzinfo=UTC)
steps = st.lists(st.one_of(predicted, labelled, st.just(("seal",))), min_size=1, max_size=40)


def written(folder: Path, history: list[Any], compacted_after: frozenset[int]) -> None:
    """Write a history; after each of these steps, what is sealed is compacted."""
    writer = Journal(log.journal_folder(folder, "late"))
    for index, step in enumerate(history):
        if step[0] == "seal":
            writer.seal()
        elif step[0] == "predict":
            _, name, day, score = step
            line = {"at": START + index, "version": 1, "rows": 1, "ms": 1.0, "status": 200}
            line |= {"ids": [name], "model": "late", "event": [START + day * DAY], "score": [score]}
            writer.predictions(1, SIGNATURE, line | {"columns": {"x": [score]}})
        else:
            _, name, day, label = step
            line = {"at": START + index, "ids": [name], "labels": [label]}
            writer.labels(line | {"times": [START + day * DAY]})
        if index in compacted_after:
            writer.seal()
            compaction.compact(folder)


def read(folder: Path) -> tuple[list[Any], list[Any]]:
    columns = ["prediction_id", "event_at", "score"]
    predictions = log.predictions(folder, "late").reindex(columns=columns)
    labels = log.labels(folder, "late")[["prediction_id", "label"]]
    return rows(predictions), rows(labels)


def windows(folder: Path) -> CountedWindows:
    """The windows of three predictions."""
    return extended_by_log(folder, "late", CountedWindows(3), UNTIL)


def rows(frame: pd.DataFrame) -> list[Any]:
    return sorted(frame.astype(str).itertuples(index=False, name=None))


@settings(max_examples=25, deadline=None)
@given(steps, st.frozensets(st.integers(0, 39), max_size=3))
def test_compaction_changes_no_prediction_and_no_label(
    tmp_path_factory: pytest.TempPathFactory, history: list[Any], compacted_after: frozenset[int]
) -> None:
    plain, compacted = tmp_path_factory.mktemp("plain"), tmp_path_factory.mktemp("compacted")
    written(plain, history, frozenset())
    written(compacted, history, compacted_after)
    assert read(compacted) == read(plain)
    assert windows(compacted) == windows(plain)

    # By hand: the first prediction of an id counts, and the last label that was received.
    first: dict[str, float] = {}
    last: dict[str, int] = {}
    for step in history:
        if step[0] == "predict":
            first.setdefault(step[1], step[3])
        if step[0] == "label":
            last[step[1]] = step[3]
    predictions, labels = read(compacted)
    assert {name: float(score) for name, _, score in predictions} == pytest.approx(first)
    assert {name: int(float(label)) for name, label in labels} == last
