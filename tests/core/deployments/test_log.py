"""The prediction log: nothing acknowledged is lost, nothing is counted twice."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.deployments.model_server.child_environment import environment
from pilothouse.deployments.prediction_log import compaction, id_index, journal, log
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.deployments.prediction_log.traffic import traffic_frame
from pilothouse.kit.clock import from_ms, to_ms
from pilothouse.kit.errors import Unavailable
from pilothouse.kit.ids import uuid7s
from pilothouse.models.signature import Signature, SignatureField

SIGNATURE = Signature(
    inputs=(
        SignatureField("distance", "number"),
        SignatureField("carrier", "string"),
        SignatureField("stops", "integer", required=False),
        SignatureField("model", "string", required=False),
    ),
    target="late",
    classes=(0, 1),
    positive=1,
)
MARCH = to_ms(datetime(2013, 3, 1, 23, tzinfo=UTC))
HOUR = 3_600_000


def answered(writer: Journal, ids: list[str], number: int = 1, event: int = MARCH) -> None:
    rows = len(ids)
    at = writer.stamp()
    columns = {
        "distance": [float(i) for i in range(rows)],
        "carrier": ["AA"] * rows,
        "stops": [None] * rows,
        "model": ["jet"] * rows,
    }
    line: dict[str, Any] = {"at": at, "version": number, "rows": rows, "ms": 1.5, "status": 200}
    line |= {"ids": ids, "model": "late", "event": [event + i * HOUR for i in range(rows)]}
    writer.predictions(number, SIGNATURE, line | {"score": [0.5] * rows, "columns": columns})


def test_a_row_reads_as_columns_of_one_value_do(tmp_path: Path) -> None:
    row = {"distance": 2.5, "carrier": "AA", "stops": None, "model": "jet"}
    read = []
    for name, inputs in (
        ("rows", {"row": row}),
        ("columns", {"columns": {n: [v] for n, v in row.items()}}),
    ):
        written = Journal(log.journal_folder(tmp_path, name))
        line: dict[str, Any] = {
            "at": MARCH * 1_000,
            "version": 1,
            "rows": 1,
            "ms": 1.5,
            "status": 200,
        }
        line |= {"ms": 1.5, "status": 200, "ids": ["a"], "model": "late"}
        line |= {"event": [MARCH], "out": {"score": [0.5]}}
        written.predictions(1, SIGNATURE, line | inputs)
        read.append(log.predictions(tmp_path, name))
        written.seal()
        compaction.compact(tmp_path)
        read.append(log.predictions(tmp_path, name))
    assert all(frame.equals(read[0]) for frame in read)
    assert read[0]["distance"].tolist() == [2.5]


def labelled(writer: Journal, ids: list[str], label: int) -> None:
    writer.labels(
        {
            "at": writer.stamp(),
            "ids": ids,
            "labels": [label] * len(ids),
            "times": [MARCH] * len(ids),
        }
    )


@pytest.fixture
def writer(tmp_path: Path) -> Journal:
    return Journal(log.journal_folder(tmp_path, "late"))


def test_rows_read_the_same_before_and_after_compaction(tmp_path: Path, writer: Journal) -> None:
    answered(writer, ["a", "b", "c"])
    writer.seal()
    answered(writer, ["d"], number=2)
    before = log.predictions(tmp_path, "late")
    done = compaction.compact(tmp_path)
    after = log.predictions(tmp_path, "late")
    assert (done.segments, done.rows) == (1, 3)
    assert before.equals(after)
    assert list(after["prediction_id"]) == ["a", "b", "c", "d"]
    assert list(after["version"]) == [1, 1, 1, 2]
    assert after["feature.model"].eq("jet").all()
    assert after["model"].eq("late").all()
    assert str(after["event_at"].dtype) == "datetime64[ms, UTC]"
    days = sorted(p.name for p in (tmp_path / "predictions" / "late").iterdir())
    assert days == ["date=2013-03-01", "date=2013-03-02"]


def test_an_id_sent_again_counts_once_and_the_first_wins(tmp_path: Path, writer: Journal) -> None:
    answered(writer, ["a", "b"], number=1)
    writer.seal()
    compaction.compact(tmp_path)
    answered(writer, ["b", "c"], number=2)
    frame = log.predictions(tmp_path, "late")
    assert dict(zip(frame["prediction_id"], frame["version"], strict=True)) == {
        "a": 1,
        "b": 1,
        "c": 2,
    }


def test_an_id_sent_again_with_another_time_counts_in_no_second_window(
    tmp_path: Path, writer: Journal
) -> None:
    answered(writer, ["a", "b"])
    later = MARCH + 30 * 24 * HOUR
    answered(writer, ["b", "c"], event=later)

    def ids(start: int, end: int) -> list[str]:
        frame = log.predictions(tmp_path, "late", from_ms(start), from_ms(end))
        return list(frame["prediction_id"])

    for _ in range(2):
        assert ids(MARCH, later) == ["a", "b"]
        assert ids(later, later + 99 * HOUR) == ["c"]
        writer.seal()
        compaction.compact(tmp_path)


def test_labels_are_joined_by_id_whatever_their_date(tmp_path: Path, writer: Journal) -> None:
    ids = ["a", "b", "c"]
    times = [MARCH - 400 * 24 * HOUR, MARCH, MARCH + 400 * 24 * HOUR]
    writer.labels({"at": writer.stamp(), "ids": ids, "labels": [1, 0, 1], "times": times})
    chosen = pd.Series(["a", "c", "x"])
    for _ in range(2):
        frame = log.labels(tmp_path, "late", ids=chosen)
        assert dict(zip(frame["prediction_id"], frame["label"], strict=True)) == {"a": 1, "c": 1}
        since = log.labels(tmp_path, "late", from_ms(MARCH))
        assert sorted(since["prediction_id"]) == ["b", "c"]
        writer.seal()
        compaction.compact(tmp_path)


def test_scattered_days_make_a_few_files(tmp_path: Path, writer: Journal) -> None:
    ids, days = [f"p{i}" for i in range(3_000)], 24 * HOUR
    for part in (ids[:1_000], ids[1_000:2_000], ids[2_000:]):
        rows = len(part)
        first = int(part[0][1:]) * days
        line: dict[str, Any] = {"at": writer.stamp(), "version": 1, "rows": rows, "ms": 1.0}
        line |= {"status": 200, "ids": part, "model": "late", "score": [0.5] * rows}
        line |= {"event": [MARCH + first + i * days for i in range(rows)], "columns": {}}
        writer.predictions(1, SIGNATURE, line)
        writer.labels(
            {
                "at": writer.stamp(),
                "ids": part,
                "labels": [1] * rows,
                "times": [MARCH + first + i * days for i in range(rows)],
            }
        )
        writer.seal()
    before = log.predictions(tmp_path, "late")
    compaction.compact(tmp_path)
    assert len(list(tmp_path.rglob("*.parquet"))) <= 9
    pd.testing.assert_frame_equal(log.predictions(tmp_path, "late"), before)
    year = log.predictions(tmp_path, "late", from_ms(MARCH), from_ms(MARCH + 365 * days))
    assert len(year) == 365
    assert len(log.labels(tmp_path, "late", ids=year["prediction_id"])) == 365


def test_few_days_keep_a_folder_each(tmp_path: Path, writer: Journal) -> None:
    for day in range(40):
        answered(writer, [f"p{day}"], event=MARCH + day * 24 * HOUR)
        writer.seal()
    compaction.compact(tmp_path)
    assert len(list((tmp_path / "predictions" / "late").glob("date=*"))) == 40


def test_stamps_go_on_after_a_restart_with_the_clock_put_back(
    tmp_path: Path, writer: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled(writer, ["a"], 0)
    hour_ago = time.time_ns() - 3_600 * 10**9
    monkeypatch.setattr(
        "pilothouse.deployments.prediction_log.journal.time.time_ns", lambda: hour_ago
    )
    second = Journal(log.journal_folder(tmp_path, "late"))
    labelled(second, ["a"], 1)
    second.seal()
    writer.seal()
    assert list(log.labels(tmp_path, "late")["label"]) == [1]
    compaction.compact(tmp_path)
    third = Journal(log.journal_folder(tmp_path, "late"))
    labelled(third, ["a"], 0)
    assert list(log.labels(tmp_path, "late")["label"]) == [0]
    assert third.stamp() > second.stamp()


def test_ids_that_nobody_predicted_are_counted(tmp_path: Path, writer: Journal) -> None:
    answered(writer, ["a", "b],", 'c"'])
    ids = ["a", "b],", 'c"', "x", "y"]
    assert id_index.count_unknown(tmp_path, "late", ids) == 2
    writer.seal()
    compaction.compact(tmp_path)
    assert id_index.count_unknown(tmp_path, "late", ids) == 2
    answered(writer, ["x"])
    assert id_index.count_unknown(tmp_path, "late", ids) == 1
    labelled(writer, ids, 1)
    assert log.unmatched_labels(tmp_path, "late") == (5, 1)


def test_only_ids_that_were_sent_again_are_looked_for_in_other_files(
    tmp_path: Path, writer: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    look = log._first_received
    monkeypatch.setattr(
        log, "_first_received", lambda w, d, ids: (asked.append(sorted(ids)), look(w, d, ids))[1]
    )
    start = datetime(2000, 1, 1, tzinfo=UTC)
    for ids in (["a", "b"], ["b", "c"], ["d"]):
        answered(writer, ids)
        writer.seal()
        compaction.compact(tmp_path)
    assert sorted(log.predictions(tmp_path, "late", start)["prediction_id"]) == [*"abcd"]
    assert asked.pop() == ["b"]
    answered(writer, ["a", "e", "e"])  # in the journal: one that was sent before, and a new one
    assert sorted(log.predictions(tmp_path, "late", start)["prediction_id"]) == [*"abcde"]
    assert asked.pop() == ["a", "b", "e"]

    path = id_index.index_file(tmp_path, "late")
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("PRAGMA user_version=0")
    log.predictions(tmp_path, "late", start)
    assert asked.pop() == [*"abcde"]  # an index from before cannot say: all of them
    compaction.compact(tmp_path)
    log.predictions(tmp_path, "late", start)
    assert asked.pop() == ["a", "b", "e"]


def test_an_index_that_is_gone_or_broken_is_made_anew(tmp_path: Path, writer: Journal) -> None:
    answered(writer, ["a"])
    writer.seal()
    compaction.compact(tmp_path)
    path = id_index.index_file(tmp_path, "late")
    path.unlink()
    assert id_index.count_unknown(tmp_path, "late", ["a", "x"]) is None
    compaction.compact(tmp_path)
    assert id_index.count_unknown(tmp_path, "late", ["a", "x"]) == 1
    path.write_bytes(b"no database" * 1_000)
    answered(writer, ["b"])
    writer.seal()
    compaction.compact(tmp_path)
    compaction.compact(tmp_path)
    assert id_index.count_unknown(tmp_path, "late", ["a", "b", "x"]) == 1


def test_the_last_received_label_wins(tmp_path: Path, writer: Journal) -> None:
    labelled(writer, ["a", "b"], 0)
    writer.seal()
    compaction.compact(tmp_path)
    labelled(writer, ["b"], 1)
    labelled(writer, ["b"], 0)
    labelled(writer, ["b"], 1)
    frame = log.labels(tmp_path, "late")
    assert dict(zip(frame["prediction_id"], frame["label"], strict=True)) == {"a": 0, "b": 1}


def test_a_span_holds_its_start_and_not_its_end(tmp_path: Path, writer: Journal) -> None:
    answered(writer, ["a", "b", "c"])
    writer.seal()
    for _ in range(2):
        span = log.predictions(tmp_path, "late", from_ms(MARCH + HOUR), from_ms(MARCH + 2 * HOUR))
        assert list(span["prediction_id"]) == ["b"]
        compaction.compact(tmp_path)


def test_wanted_columns_come_alone(tmp_path: Path, writer: Journal) -> None:
    answered(writer, ["a"])
    frame = log.predictions(tmp_path, "late", columns=["score", "distance", "nothing"])
    assert list(frame.columns) == ["score", "distance", "nothing"]
    assert log.predictions(tmp_path, "other").empty


def test_a_torn_line_is_no_line(tmp_path: Path, writer: Journal) -> None:
    answered(writer, ["a"])
    [path] = (tmp_path / "journal" / "late").iterdir()
    with path.open("ab") as out:
        out.write(b'{"q":{"at":1,"version":1,"ids":["torn')
    assert list(log.predictions(tmp_path, "late")["prediction_id"]) == ["a"]


def test_a_full_disk_refuses_and_leaves_whole_lines(
    tmp_path: Path, writer: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(writer, ["a"])
    whole = journal.os.write
    monkeypatch.setattr(journal.os, "write", lambda file, data: whole(file, data[:20]))
    with pytest.raises(Unavailable, match="no space left"):
        writer.labels({"at": writer.stamp(), "ids": ["a"], "labels": [1], "times": [0]})
    answered(writer, ["b"])
    monkeypatch.setattr(journal, "MAX_WAITING_BYTES", writer.waiting_bytes + 20)
    with pytest.raises(Unavailable, match="no space left"):
        answered(writer, ["lost"])
    assert list(log.predictions(tmp_path, "late")["prediction_id"]) == ["a"]

    monkeypatch.undo()
    writer._retry_at = 0.0
    answered(writer, ["c"])
    assert list(log.predictions(tmp_path, "late")["prediction_id"]) == ["a", "b", "c"]
    assert writer.waiting_bytes == 0


def test_the_segment_of_a_killed_writer_is_compacted(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from pilothouse.deployments.prediction_log.journal import Journal
writer = Journal(Path(sys.argv[1]))
writer.labels({"at": writer.stamp(), "ids": ["a"], "labels": [1], "times": [0]})
os.kill(os.getpid(), 9)
"""
    folder = log.journal_folder(tmp_path, "late")
    command = [sys.executable, "-c", code, str(folder)]
    subprocess.run(command, env=environment(), check=False)
    assert [p.suffix for p in folder.iterdir()] == [".open"]
    assert compaction.compact(tmp_path).segments == 1
    assert list(folder.iterdir()) == []
    assert list(log.labels(tmp_path, "late")["prediction_id"]) == ["a"]


def test_the_segment_of_a_living_writer_is_left_alone(tmp_path: Path, writer: Journal) -> None:
    answered(writer, ["a"])
    assert compaction.pending(tmp_path) == []
    writer.seal()
    assert len(compaction.pending(tmp_path)) == 1


KILLED = """
import os, sys
from pathlib import Path
from pilothouse.deployments.prediction_log import compaction, log
steps = int(sys.argv[2])
for owner, name in ((compaction, "write_table"), (Path, "unlink")):
    real = getattr(owner, name)
    def counted(*args, _real=real, **options):
        global steps
        if steps == 0:
            os.kill(os.getpid(), 9)
        steps -= 1
        return _real(*args, **options)
    setattr(owner, name, counted)
compaction.MERGE_FROM = 3
compaction.compact(Path(sys.argv[1]))
"""


def test_a_compaction_killed_anywhere_neither_loses_nor_doubles(tmp_path: Path) -> None:
    ids = uuid7s(40)
    writer = Journal(log.journal_folder(tmp_path, "late"))
    for start in range(0, 40, 10):
        answered(writer, ids[start : start + 10])
        labelled(writer, ids[start : start + 10], 1)
        writer.seal()
    ended = -9
    for step in range(60):
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(step)]
        ended = subprocess.run(command, env=environment(), check=False).returncode
        assert sorted(log.predictions(tmp_path, "late")["prediction_id"]) == ids
        assert sorted(log.labels(tmp_path, "late")["prediction_id"]) == ids
        assert len(log.requests(tmp_path, "late", None, None)) == 4
        if ended == 0:
            break
    assert ended == 0
    assert compaction.pending(tmp_path) == []


def test_crowded_dates_are_merged(tmp_path: Path, writer: Journal) -> None:
    ids = uuid7s(compaction.MERGE_FROM + 1)
    for prediction_id in ids:
        answered(writer, [prediction_id])
        writer.seal()
    done = compaction.compact(tmp_path)
    assert done.merged_files == 2 * (compaction.MERGE_FROM + 1)
    assert len(list((tmp_path / "predictions").rglob("*.parquet"))) == 1
    assert sorted(log.predictions(tmp_path, "late")["prediction_id"]) == ids


def test_the_newest_predictions_come_without_reading_the_rest(
    tmp_path: Path, writer: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for prefix in ("a", "b", "c"):
        answered(writer, [f"{prefix}1", f"{prefix}2"])
        writer.seal()
        compaction.compact(tmp_path)
    answered(writer, ["d"])
    read: list[Path] = []
    whole = log.read_parquet
    monkeypatch.setattr(log, "read_parquet", lambda p, *how: (read.append(p), whole(p, *how))[1])
    assert list(log.recent(tmp_path, "late", 2)["prediction_id"]) == ["c2", "d"]
    assert len(read) == 2  # the newest segment, one file a date
    assert list(log.recent(tmp_path, "late", 100)["prediction_id"])[-1] == "d"


def test_what_was_received_at_another_time_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of later days, a window reads only what was received by its own end: dated ahead."""
    day = pd.Timestamp("2026-03-01", tz="UTC")
    for number in range(1, 5):
        event = day + pd.Timedelta(days=number)
        received = day + pd.Timedelta(hours=5) if number == 3 else event
        frame = pd.DataFrame({"prediction_id": [f"p{number}"], "event_at": [event]})
        frame = frame.assign(received_at=received, model="m", version=1, latency_ms=1.0)
        folder = tmp_path / "predictions" / "late" / f"date={event:%Y-%m-%d}"
        folder.mkdir(parents=True)
        frame.to_parquet(folder / "0.parquet", index=False)
    read = []
    real = log.checked_parquet
    monkeypatch.setattr(
        log, "checked_parquet", lambda path, *a: read.append(path) or real(path, *a)
    )
    end = (day + pd.Timedelta(days=1)).to_pydatetime()
    rows = log.dated_from(tmp_path, "late", end, (day.to_pydatetime(), end))
    assert rows["prediction_id"].tolist() == ["p3"]
    assert [path.parent.name for path in read] == ["date=2026-03-04"]


def test_labels_since_a_day_leave_out_older_ones(tmp_path: Path, writer: Journal) -> None:
    labelled(writer, ["a"], 1)
    writer.seal()
    compaction.compact(tmp_path)
    assert len(log.labels(tmp_path, "late", from_ms(MARCH))) == 1
    assert log.labels(tmp_path, "late", from_ms(MARCH + 48 * HOUR)).empty


def test_columns_that_changed_their_type_still_read(tmp_path: Path, writer: Journal) -> None:
    answered(writer, ["a"])
    other = Signature((SignatureField("distance", "string"),), "late", (0, 1), 1)
    line = {"at": writer.stamp(), "version": 2, "rows": 1, "ms": 1.0, "status": 200, "ids": ["b"]}
    line |= {"model": "late", "event": [MARCH], "score": [0.1], "columns": {"distance": ["far"]}}
    writer.predictions(2, other, line)
    frame = log.predictions(tmp_path, "late")
    assert list(frame["distance"]) == ["0", "far"]


def test_traffic_counts_requests_rows_and_errors(tmp_path: Path, writer: Journal) -> None:
    answered(writer, ["a", "b"])
    answered(writer, ["c"])
    writer.request({"at": writer.stamp(), "version": 1, "rows": 0, "ms": 9.0, "status": 422})
    now = datetime.now(UTC)
    frame = traffic_frame(tmp_path, "late", 1.0, now)
    assert list(frame.columns) == ["at", "requests", "rows", "p50_ms", "p95_ms", "errors"]
    assert (frame["requests"].sum(), frame["rows"].sum(), frame["errors"].sum()) == (3, 3, 1)
    assert frame["p50_ms"].max() == 1.5
    assert traffic_frame(tmp_path, "other", 1.0, now).empty


texts = st.text(st.characters(codec="utf-8"), max_size=20)
rows = st.tuples(
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(rows, min_size=1, max_size=5), min_size=1, max_size=4), st.booleans())
def test_whatever_was_answered_reads_back(
    tmp_path_factory: pytest.TempPathFactory, requests: list[list[Any]], compacted: bool
) -> None:
    folder = tmp_path_factory.mktemp("log")
    writer = Journal(log.journal_folder(folder, "late"))
    sent = []
    for request in requests:
        ids = uuid7s(len(request))
        distance, carrier, stops = (list(part) for part in zip(*request, strict=True))
        line = {"at": writer.stamp(), "version": 1, "rows": len(ids), "ms": 1.0, "status": 200}
        line |= {
            "ids": ids,
            "model": "late",
            "event": [MARCH] * len(ids),
            "score": [0.5] * len(ids),
        }
        columns = {"distance": distance, "carrier": carrier, "stops": stops}
        writer.predictions(1, SIGNATURE, line | {"columns": columns})
        sent += list(zip(ids, distance, carrier, stops, strict=True))
    writer.seal()
    if compacted:
        compaction.compact(folder)
    tables = log.union(folder, "late", log.PREDICTIONS, log.LogQuery())
    read = tables.select(["prediction_id", "distance", "carrier", "stops"]).to_pylist()
    assert sorted(tuple(row.values()) for row in read) == sorted(sent)


def test_every_segment_says_the_types_of_its_columns(tmp_path: Path, writer: Journal) -> None:
    for name in ("a", "b"):
        answered(writer, [name])
        writer.seal()
    segments = journal.segments(log.journal_folder(tmp_path, "late"))
    assert [[journal.kind_of(line) for line in s.lines] for s in segments] == [["t", "q"]] * 2


@given(
    rows=st.lists(st.integers(0, 60), max_size=40),
    asked=st.sets(st.integers(0, 60), min_size=1, max_size=60),
)
def test_the_rows_of_some_ids_are_the_same_however_many_are_asked_for(
    rows: list[int], asked: set[int]
) -> None:
    names = pa.array([f"id {row}" for row in rows], pa.string())
    table = pa.table({"prediction_id": names, "place": pa.array(range(len(rows)), pa.int64())})
    query = log.LogQuery(ids=pd.Series([f"id {number}" for number in sorted(asked)]))
    expected = [place for place, row in enumerate(rows) if row in asked]
    assert query.of_ids(table)["place"].to_pylist() == expected
