"""Damage in journals and logs: it costs its own rows, it is named and counted, the rest goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.deployments.prediction_log import compaction, damage, journal, log
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Unavailable
from pilothouse.kit.ids import uuid7
from pilothouse.models.signature import Signature, SignatureField

SIGNATURE = Signature((SignatureField("distance", "number"),), "late", (0, 1), 1)
MARCH = to_ms(datetime(2013, 3, 1, 12, tzinfo=UTC))


def request(writer: Journal, ids: list[str]) -> dict[str, Any]:
    line: dict[str, Any] = {"at": writer.stamp(), "version": 1, "rows": len(ids), "ms": 1.5}
    line |= {"status": 200, "ids": ids, "model": "late", "event": [MARCH] * len(ids)}
    return line | {"score": [0.5] * len(ids), "columns": {"distance": [1.0] * len(ids)}}


@pytest.fixture
def writer(tmp_path: Path) -> Journal:
    return Journal(log.journal_folder(tmp_path, "late"))


def answered(writer: Journal, *ids: str) -> None:
    writer.predictions(1, SIGNATURE, request(writer, list(ids)))


def segment(tmp_path: Path) -> Path:
    [path] = (tmp_path / "journal" / "late").iterdir()
    return path


def ids(tmp_path: Path) -> list[str]:
    return sorted(log.predictions(tmp_path, "late")["prediction_id"])


def changed(writer: Journal, **values: Any) -> bytes:
    """A request's line with some of its facts replaced; None takes one away."""
    line = request(writer, ["bad"]) | values
    return orjson.dumps({"q": {k: v for k, v in line.items() if v is not None}})


BAD: dict[str, Callable[[Journal], bytes]] = {
    "no JSON": lambda _: b'{"q":{"at":1,',
    "zeros": lambda _: b"\0" * 40,
    "other kind": lambda _: b'{"z":{"at":1}}',
    "no object": lambda _: b'{"q":[1]}',
    "text": lambda _: b"somebody wrote here",
    "empty line": lambda _: b"",
    "not UTF-8": lambda _: b'{"q":{"at":"\xff\xfe"}}',
    "no time": lambda w: changed(w, at=None),
    "a time that is text": lambda w: changed(w, at="now"),
    "an impossible time": lambda w: changed(w, at=2**62),
    "an event of no year": lambda w: changed(w, event=[10**17]),
    "an event before 1970": lambda w: changed(w, event=[-1]),
    "an event that is text": lambda w: changed(w, event=["today"]),
    "no scores": lambda w: changed(w, score=None),
    "scores of another length": lambda w: changed(w, score=[0.1, 0.2]),
    "columns of another length": lambda w: changed(w, columns={"distance": []}),
    "a value of another type": lambda w: changed(w, columns={"distance": ["far"]}),
    "a value that is a list": lambda w: changed(w, columns={"other": [[1]]}),
    "ids that are numbers": lambda w: changed(w, ids=[1]),
    "a version that is text": lambda w: changed(w, version="one"),
    "no model": lambda w: changed(w, model=None),
    "labels without times": lambda _: b'{"l":{"at":1,"ids":["a"],"labels":[1]}}',
    "labels that are objects": lambda _: b'{"l":{"at":1,"ids":["a"],"labels":[{}],"times":[1]}}',
    "types of no version": lambda _: b'{"t":{"types":{}}}',
}


@pytest.mark.parametrize("name", BAD)
def test_a_damaged_line_costs_no_other_and_is_set_aside(
    tmp_path: Path, writer: Journal, name: str
) -> None:
    answered(writer, "a", "b")
    with segment(tmp_path).open("ab") as out:
        out.write(BAD[name](writer) + b"\n")
    answered(writer, "c")
    assert ids(tmp_path) == ["a", "b", "c"]
    writer.seal()
    before = log.predictions(tmp_path, "late")
    assert compaction.compact(tmp_path).segments == 1
    assert log.predictions(tmp_path, "late").equals(before)
    assert len(log.requests(tmp_path, "late", None, None)) in (2, 3)
    assert log.labels(tmp_path, "late").empty
    [aside] = damage.listing(tmp_path, "late")
    assert (aside.deployment, aside.lines) == ("late", 1)
    assert aside.reason
    assert compaction.pending(tmp_path) == []


def test_what_was_set_aside_is_what_was_written(tmp_path: Path, writer: Journal) -> None:
    answered(writer, "a")
    with segment(tmp_path).open("ab") as out:
        out.write(b"one\ntwo\n")
    writer.seal()
    compaction.compact(tmp_path)
    [aside] = damage.listing(tmp_path)
    assert aside.lines == 2
    assert (tmp_path / "damaged" / aside.path).read_bytes() == b"one\ntwo\n"


STRAYS: dict[str, Callable[[Path], object]] = {
    "a note": lambda folder: (folder / "README.txt").write_text("hello"),
    "a name of ours without numbers": lambda folder: (folder / "x.y.z.open").write_bytes(b"{}\n"),
    "two dots": lambda folder: (folder / "a.b.open").write_bytes(b"{}\n"),
    "no id": lambda folder: (folder / ".sealed").write_bytes(b"{}\n"),
    "an editor's copy": lambda folder: (folder / f"{uuid7()}.sealed~").write_bytes(b"{}\n"),
    "a folder": lambda folder: (folder / f"{uuid7()}.sealed").mkdir(),
    "a link to nothing": lambda folder: (folder / f"{uuid7()}.sealed").symlink_to("nothing"),
    "a huge pid": lambda folder: (folder / f"{uuid7()}.{'9' * 40}.1.open").write_bytes(b"{}\n"),
}


@pytest.mark.parametrize("name", STRAYS)
def test_a_stray_name_in_a_journal_stops_nothing(
    tmp_path: Path, writer: Journal, name: str
) -> None:
    answered(writer, "a")
    folder = tmp_path / "journal" / "late"
    STRAYS[name](folder)
    assert len(journal.unrecognised_files(folder)) == 1
    assert ids(tmp_path) == ["a"]
    writer.seal()
    assert compaction.compact(tmp_path).segments == 1
    assert ids(tmp_path) == ["a"]
    assert len(journal.unrecognised_files(folder)) == 1


def day(tmp_path: Path) -> Path:
    return tmp_path / "predictions" / "late" / "date=2013-03-01"


def of_other_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), day(tmp_path) / "0.parquet")


def of_lists(tmp_path: Path) -> None:
    [path] = day(tmp_path).glob("*.parquet")
    table = pq.read_table(path, partitioning=None)
    odd = table.set_column(table.column_names.index("distance"), "distance", pa.array([[1]]))
    pq.write_table(odd, day(tmp_path) / "0.parquet")


STRAY_FILES: dict[str, Callable[[Path], object]] = {
    "empty": lambda t: (day(t) / "0.parquet").write_bytes(b""),
    "bytes": lambda t: (day(t) / "0.parquet").write_bytes(b"PAR1" + b"\xff" * 500 + b"PAR1"),
    "other columns": of_other_columns,
    "lists in a column": of_lists,
    "link to nothing": lambda t: (day(t) / "0.parquet").symlink_to("nothing"),
    "a folder": lambda t: (day(t) / "0.parquet").mkdir(),
    "a date that is none": lambda t: (day(t).parent / "date=2013-13-45").mkdir(),
    "a date that is a file": lambda t: (day(t).parent / "date=2013-03-09").write_text("x"),
}


@pytest.mark.parametrize("name", STRAY_FILES)
def test_a_damaged_or_stray_file_of_the_log_stops_nothing(
    tmp_path: Path, writer: Journal, name: str
) -> None:
    answered(writer, "a")
    writer.seal()
    compaction.compact(tmp_path)
    STRAY_FILES[name](tmp_path)
    assert ids(tmp_path) == ["a"]
    answered(writer, "b")
    writer.seal()
    compaction.MERGE_FROM, before = 2, compaction.MERGE_FROM
    try:
        compaction.compact(tmp_path)
    finally:
        compaction.MERGE_FROM = before
    assert ids(tmp_path) == ["a", "b"]


def test_a_file_that_cannot_be_merged_is_set_aside(tmp_path: Path, writer: Journal) -> None:
    for name in ("a", "b"):
        answered(writer, name)
        writer.seal()
        compaction.compact(tmp_path)
    (day(tmp_path) / "0.parquet").write_bytes(b"broken")
    compaction.MERGE_FROM, before = 2, compaction.MERGE_FROM
    try:
        compaction.compact(tmp_path)
    finally:
        compaction.MERGE_FROM = before
    assert [aside.path for aside in damage.listing(tmp_path)] == [
        "predictions/late/date=2013-03-01/0.parquet"
    ]
    assert ids(tmp_path) == ["a", "b"]


def test_a_segment_that_the_disk_refuses_waits_and_the_others_go_on(
    tmp_path: Path, writer: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        answered(writer, name)
        writer.seal()
    first = sorted((tmp_path / "journal" / "late").iterdir())[0]
    whole = compaction.write_table

    def refuse(table: pa.Table, path: Path) -> None:
        if path.stem == first.stem:
            raise OSError(28, "No space left on device")
        whole(table, path)

    monkeypatch.setattr(compaction, "write_table", refuse)
    assert compaction.compact(tmp_path).segments == 1
    assert [path.name for path in compaction.pending(tmp_path)] == [first.name]
    assert ids(tmp_path) == ["a", "b"]
    monkeypatch.undo()
    assert compaction.compact(tmp_path).segments == 1
    assert ids(tmp_path) == ["a", "b"]


def test_a_journal_that_never_stops_changing_is_said_so(
    tmp_path: Path, writer: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(writer, "a")
    monkeypatch.setattr(journal, "_read", lambda path: path.with_name("gone").read_bytes())
    with pytest.raises(Unavailable, match="changes faster"):
        log.predictions(tmp_path, "late")


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_a_journal_without_rights_is_left_out(tmp_path: Path, writer: Journal) -> None:
    answered(writer, "a")
    segment(tmp_path).chmod(0)
    assert ids(tmp_path) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.just(b'{"q":{"at":1}}')), max_size=6))
def test_no_bytes_stop_a_reader_or_the_compaction(
    tmp_path_factory: pytest.TempPathFactory, junk: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    writer = Journal(log.journal_folder(folder, "late"))
    answered(writer, "a")
    with segment(folder).open("ab") as out:
        out.write(b"".join(line.replace(b"\n", b"") + b"\n" for line in junk))
    writer.seal()
    assert ids(folder) == ["a"]
    compaction.compact(folder)
    assert ids(folder) == ["a"]
    assert sum(aside.lines for aside in damage.listing(folder)) == len(junk)
