"""The outputs of every task in the journal and the prediction log, beside features of any name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pilothouse.deployments.prediction_log import compaction, damage, log
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.deployments.prediction_log.stored_columns import present_name
from pilothouse.models.signature import OutputField, Signature, SignatureField
from pilothouse.models.tasks import Row, task_of, tasks

MARCH = 1_362_182_400_000
MANY = Signature((), "kind", tuple(f"c{k}" for k in range(40)), task="multiclass")
SHARES = [[1 / 40] * 40, [0.0] * 39 + [1.0]]
ANYTHING = Signature(
    (),
    task="unspecified",
    gives="value",
    outputs=(
        OutputField("score", "string"),
        OutputField("label", "boolean"),
        OutputField("count", "integer"),
        OutputField("note", "string"),
        OutputField("out.note", "string"),
    ),
)
CASES: dict[str, tuple[Signature, list[Row]]] = {
    name: (task.example.signature, list(task.example.rows)) for name, task in tasks.items()
}
CASES |= {
    "labels only": (Signature((), "left", ("no", "yes"), "yes", gives="label"), [["yes"], ["no"]]),
    "whole classes": (Signature((), "k", (0, 1, 2), task="multiclass", gives="label"), [[2], [0]]),
    "many classes": (MANY, [list(row) for row in SHARES]),
    "anything": (ANYTHING, [["a", True, 2**60 + 1, None, "x"], [None, False, None, None, "y"]]),
}


def write(writer: Journal, signature: Signature, rows: list[Row], **features: Any) -> list[str]:
    """Log raw rows as the gateway does; the ids."""
    task = task_of(signature)
    decided = task.decide(signature, rows)
    ids = [f"p{index}" for index in range(len(rows))]
    line: dict[str, Any] = {"at": writer.stamp(), "version": 1, "rows": len(rows), "ms": 1.0}
    line |= {"status": 200, "ids": ids, "model": "m", "event": [MARCH] * len(rows)}
    line["out"] = {column.name: decided[column.name] for column in task.columns(signature)}
    line["columns"] = {name: [value] * len(rows) for name, value in features.items()}
    writer.predictions(1, signature, line)
    return ids


@pytest.mark.parametrize("case", CASES)
def test_outputs_read_back_before_and_after_compaction(tmp_path: Path, case: str) -> None:
    signature, rows = CASES[case]
    writer = Journal(log.journal_folder(tmp_path, "d"))
    write(writer, signature, rows)
    writer.seal()
    before = log.predictions(tmp_path, "d")
    done = compaction.compact(tmp_path)
    after = log.predictions(tmp_path, "d")

    assert (done.segments, done.rows) == (1, len(rows))
    assert before.equals(after)
    assert not damage.listing(tmp_path)
    assert list(after.columns[:6]) == list(log.PREDICTION_COLUMNS)

    decided = task_of(signature).decide(signature, rows)
    stored = log.output_columns(signature)
    assert list(after.columns[6:]) == list(stored.values())
    for column in task_of(signature).columns(signature):
        values = after[stored[column.name]]
        if column.kind == "number":
            assert values.dtype == "float64"
            expected = [None if v is None else float(v) for v in decided[column.name]]
            assert values.astype(object).where(values.notna(), None).tolist() == expected
        else:
            assert values.tolist() == decided[column.name]


def test_only_the_score_has_the_name_it_always_had() -> None:
    assert [*log.output_columns(CASES["binary"][0]).items()] == [("score", "score")]
    assert log.output_columns(CASES["regression"][0]) == {"predict": "out.predict"}
    assert len(log.output_columns(MANY)) == 2


NAMES = ("score", "predict", "out", "out.predict", "feature.score", "feature.out.x", "feature.age")
NAMES += ("version", "feature.version", "feature.feature.score", "out.score", "age", "p.a")


@pytest.mark.parametrize("task", ["regression", "multiclass", "ranking"])
def test_features_may_be_called_as_the_outputs_are(tmp_path: Path, task: str) -> None:
    example = CASES[task][0]
    inputs = tuple(SignatureField(name, "string") for name in NAMES)
    signature = Signature(
        inputs, classes=example.classes, task=task, gives=example.gives, levels=example.levels
    )
    writer = Journal(log.journal_folder(tmp_path, "d"))
    write(writer, signature, CASES[task][1], **{name: f"of {name}" for name in NAMES})
    stored = {name: log.feature_column(name) for name in NAMES}
    outputs = log.output_columns(signature)
    every = {*stored.values(), *outputs.values(), *log.PREDICTION_COLUMNS}
    assert len(every) == len(stored) + len(outputs) + len(log.PREDICTION_COLUMNS)

    for _ in range(2):
        frame = log.predictions(tmp_path, "d")
        assert {name: frame[column].iloc[0] for name, column in stored.items()} == {
            name: f"of {name}" for name in NAMES
        }
        assert frame["version"].eq(1).all()
        one = log.predictions(tmp_path, "d", columns=["out", *outputs.values()])
        assert list(one.columns) == ["out", *outputs.values()]
        assert one["out"].eq("of out").all()
        writer.seal()
        compaction.compact(tmp_path)


def old_file(folder: Path, features: dict[str, str]) -> None:
    """A file as it was written when the score was the only output, one row."""
    fixed = {"prediction_id": ["old"], "model": ["m"], "version": [1], "latency_ms": [1.0]}
    table = pa.table(
        fixed
        | {
            "event_at": pa.array([MARCH], pa.timestamp("ms", "UTC")),
            "received_at": pa.array([MARCH * 1_000], pa.timestamp("us", "UTC")),
            "score": [0.25],
        }
        | {name: [value] for name, value in features.items()}
    )
    day = log.tree_folder(folder, log.PREDICTIONS, "d") / "date=2013-03-02"
    day.mkdir(parents=True)
    pq.write_table(table, day / "019a0000-0000-7000-8000-000000000000.parquet")


def test_features_of_old_files_are_not_taken_for_outputs(tmp_path: Path) -> None:
    names = ("predict", "out", "out.predict", "feature.age", "feature.out.x")
    stored = {name: name for name in names} | {"score": "feature.score"}
    old_file(tmp_path, {column: f"of {name}" for name, column in stored.items()})
    writer = Journal(log.journal_folder(tmp_path, "d"))
    write(writer, *CASES["regression"])

    for merge_from in (24, 2):
        frame = log.predictions(tmp_path, "d").set_index("prediction_id")
        old = {name: frame.loc["old", log.feature_column(name)] for name in stored}
        assert old == {name: f"of {name}" for name in stored}
        assert frame.loc["old", "score"] == 0.25
        assert frame["out.predict"].notna().tolist() == [False, True, True, True, True]
        asked = log.predictions(tmp_path, "d", columns=[log.feature_column("out.predict")])
        assert asked.iloc[0, 0] == "of out.predict"
        writer.seal()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compaction, "MERGE_FROM", merge_from)
            compaction.compact(tmp_path)
    assert len(list((tmp_path / "predictions").rglob("*.parquet"))) == 1


def test_names_of_old_files_stay_different() -> None:
    features = {"score", "out.predict", "feature.out.predict", "feature.age", "age"}
    old = {"feature.score", "out.predict", "feature.out.predict", "feature.age", "age"}
    assert {present_name(name, None) for name in old} == set(map(log.feature_column, features))
    assert present_name("score", None) == "score"


def test_labels_of_several_types_are_text_and_none_is_lost(tmp_path: Path) -> None:
    writer = Journal(log.journal_folder(tmp_path, "d"))
    line = {"at": writer.stamp(), "ids": ["a", "b", "c", "d"], "labels": [1, "x", True, 2**64 - 1]}
    writer.labels(line | {"times": [MARCH] * 4})
    writer.labels({"at": writer.stamp(), "ids": ["e"], "labels": [2.5], "times": [MARCH]})
    expected = ["1", "x", "true", str(2**64 - 1), "2.5"]
    for _ in range(2):
        assert log.labels(tmp_path, "d")["label"].tolist() == expected
        writer.seal()
        compaction.compact(tmp_path)
    assert not damage.listing(tmp_path)


def test_numbers_as_labels_stay_numbers(tmp_path: Path) -> None:
    writer = Journal(log.journal_folder(tmp_path, "d"))
    for value in (3.0, 2.5):
        at = writer.stamp()
        writer.labels({"at": at, "ids": [str(value)], "labels": [value], "times": [MARCH]})
        writer.seal()
    compaction.compact(tmp_path)
    assert log.labels(tmp_path, "d")["label"].dtype == "float64"


@pytest.mark.parametrize(
    "broken",
    [
        {"out": None},
        {"out": [0.5]},
        {"out": {"predict": [1.0]}},
        {"out": {"predict": "text"}},
        {"out": {"predict": ["far"] * 4}},
        {"out": {"predict": [[1.0]] * 4}},
    ],
)
def test_outputs_that_do_not_fit_cost_their_own_line(
    tmp_path: Path, broken: dict[str, Any]
) -> None:
    signature, rows = CASES["regression"]
    writer = Journal(log.journal_folder(tmp_path, "d"))
    write(writer, signature, rows)
    line: dict[str, Any] = {"at": writer.stamp(), "version": 1, "rows": 4, "ms": 1.0}
    line |= {"status": 200, "ids": ["w", "x", "y", "z"], "model": "m", "event": [MARCH] * 4}
    writer.predictions(1, signature, line | {"columns": {}} | broken)
    writer.seal()
    before = log.predictions(tmp_path, "d")
    assert list(before["prediction_id"]) == ["p0", "p1", "p2", "p3"]
    compaction.compact(tmp_path)
    assert log.predictions(tmp_path, "d").equals(before)
    [aside] = damage.listing(tmp_path)
    assert aside.lines == 1
