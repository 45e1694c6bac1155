"""Files that would fill the memory are refused before they do; a preview reads only a beginning."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pilothouse.data import Data
from pilothouse.data import reading_options as options
from pilothouse.data.reading import containers, parquet
from pilothouse.data.reading import preview as previews
from pilothouse.data.reading.reader import read
from pilothouse.data.registration_job import register_job
from pilothouse.jobs import Progress
from pilothouse.jobs.memory import limited_memory
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.storage import Store


@pytest.fixture
def data(store: Store) -> Data:
    return Data(store)


def test_a_hundred_thousand_columns_are_refused() -> None:
    header = ",".join(f"c{at}" for at in range(100_000))
    with pytest.raises(Invalid, match="names 100,000 columns; 5,000 are read at most"):
        read(f"{header}\n{',' * 99_999}\n".encode())
    lines = json.dumps({f"c{at}": at for at in range(6_000)})
    with pytest.raises(Invalid, match="5,000 are"):
        read(lines.encode())
    file = io.BytesIO()
    pq.write_table(pa.table({f"c{at}": [1] for at in range(5_001)}), file)
    with pytest.raises(Invalid, match="5,001 columns"):
        read(file.getvalue())


def test_a_cell_of_more_than_the_limit_is_refused_by_its_line() -> None:
    content = b"a,b\n1,y\n3," + b"x" * (options.MAX_CELL + 10) + b"\n"
    with pytest.raises(Invalid, match="longer than 16 MB"):
        read(content)


def test_a_bomb_is_stopped_at_the_bound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 500_000)
    content = containers.Content(packed, "data.csv.gz")
    with pytest.raises(Invalid, match="unpacks to more than 1 MB"):
        containers.unpack(content, "gzip", tmp_path, 1 << 20)
    assert (tmp_path / "unpacked").stat().st_size <= 1 << 20
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.csv", b"a,b\n" + b"1,2\n" * 500_000)
    zipped = containers.Content(archive.getvalue(), "data.zip")
    with pytest.raises(Invalid, match="unpacks to more than 1 MB"):
        containers.unpack(zipped, "zip", tmp_path, 1 << 20)


def test_parquet_whose_table_is_too_large_is_refused_by_its_description(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parquet, "MAX_TABLE", 1 << 20)
    rows = io.BytesIO()
    pq.write_table(pa.table({"a": np.zeros(200_000)}), rows)
    with pytest.raises(Invalid, match="200,000 rows of 1 columns"):
        read(rows.getvalue())
    texts = io.BytesIO()
    pq.write_table(pa.table({"a": ["x" * 1000] * 50_000}), texts)
    assert len(texts.getvalue()) < 1 << 17
    with pytest.raises(Invalid, match="of text"):
        read(texts.getvalue())


def test_a_workbook_whose_parts_unpack_to_too_much_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("openpyxl")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<x/>")
        archive.writestr("xl/sharedStrings.xml", b" " * (5 << 20))
    monkeypatch.setattr("pilothouse.data.reading.excel.MAX_PART", 1 << 20)
    with pytest.raises(Invalid, match=r"sharedStrings\.xml in the workbook unpacks to 5 MB"):
        read(file.getvalue(), "book.xlsx")


def test_a_preview_reads_the_beginning_of_a_large_file(data: Data, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("n;v\n")
        for at in range(300_000):
            file.write(f"{at},5;13.01.2024\n")
        file.write("broken row\n")
    result = data.preview(path)
    assert (len(result.frame), result.whole) == (previews.ROWS, False)
    assert {c.name: c.type for c in result.report.columns} == {"n": "number", "v": "time"}
    packed = data.preview(gzip.compress(path.read_bytes()), filename="large.csv.gz")
    assert packed.report.columns == result.report.columns


def test_a_preview_asks_for_what_cannot_be_told(data: Data) -> None:
    content = b"n;v\n1;03/04/2024\n2;05/06/2024\n"
    result = data.preview(content)
    assert "date_order" in result.problems["v"]
    assert result.report["v"].type == "string"
    assert result.whole
    ordered = data.preview(content, options=options.ReadOptions(date_order="day-first"))
    assert (ordered.problems, ordered.report["v"].type) == ({}, "time")
    assert data.preview(content, types={"v": "string"}).problems == {}


def test_previews_of_every_format(data: Data) -> None:
    table = pa.table({"a": list(range(1000)), "b": ["x"] * 1000})
    file = io.BytesIO()
    pq.write_table(table, file)
    assert len(data.preview(file.getvalue()).frame) == previews.ROWS
    lines = "\n".join(json.dumps(row) for row in table.to_pylist()).encode()
    assert len(data.preview(lines).frame) == previews.ROWS
    listed = json.dumps(table.to_pylist() * 40).encode()
    assert len(data.preview(listed).frame) == previews.ROWS


def test_a_registration_is_a_job_for_the_worker(data: Data, store: Store) -> None:
    from sqlmodel import select

    from pilothouse.jobs.tables import Job

    job_id = data.submit("sizes", b"n;v\n1,5;2\n2,5;3\n", filename="sizes.csv", note="first")
    with store.read() as session:
        job = session.exec(select(Job).where(Job.id == job_id)).one()
    upload = Path(job.args["path"])
    assert (job.kind, upload.parent.name) == ("register_dataset", "uploads")
    assert upload.stat().st_mode & 0o777 == 0o600
    arguments = {("dataset" if key == "name" else key): job.args[key] for key in job.args}
    result = register_job(store, Progress(store, job_id), **arguments)
    assert result == {"dataset": "sizes@1", "rows": 2, "existed": False}
    assert data.frame("sizes@1")["n"].tolist() == [1.5, 2.5]
    assert not upload.exists()
    with pytest.raises(Invalid):
        data.submit("no name", b"a\n1\n")


def test_work_that_needs_too_much_memory_is_refused_in_words() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    with (
        pytest.raises(Unavailable, match="more than the 100 MB of memory"),
        limited_memory(100 << 20),
    ):
        np.ones(1 << 32)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
