"""Files and frames as people really send them: each is read, or refused by row and column."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pilothouse.data import Data
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.storage import Store


@pytest.fixture
def data(store: Store) -> Data:
    return Data(store)


def parquet(table: pa.Table) -> bytes:
    written = io.BytesIO()
    pq.write_table(table, written)
    return written.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfa,b\n1,2\n",
        b"a,b\r1,2\r",
        b"a,b\r\n1,2\r\n",
        b"\n\na,b\n\n1,2\n",
        b"a;b\n1;2\n",
        b"a\tb\n1\t2\n",
        b"a|b\n1|2",
    ],
)
def test_other_delimiters_line_ends_and_marks_are_read(data: Data, content: bytes) -> None:
    version = data.register("file", content)
    assert [(column.name, column.type) for column in version.schema] == [
        ("a", "integer"),
        ("b", "integer"),
    ]
    assert data.frame(version.ref).to_dict("list") == {"a": [1], "b": [2]}


def test_values_that_span_lines_and_names_of_any_script_are_kept(data: Data) -> None:
    version = data.register("file", 'größe,名前\n"x\ny",😀\n'.encode())
    assert data.frame(version.ref).to_dict("list") == {"größe": ["x\ny"], "名前": ["😀"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b" \n \n", "empty"),
        (b"a,b\n", "no rows"),
        (b"a,b", "no rows"),
        (b"a,b,c\n1,2,3\n4,5\n", r"row 2 .*column 'c'"),
        (b"a,b\n1,2\n3,4,5\n", r"row 2 .*column 'b'"),
        (b'a,b\n"x,1\n2,3\n', r"row 1 .*quote"),
        (b"a,b,a\n1,2,3\n", "'a' more than once: columns 1 and 3"),
        (b"a,,c\n1,2,3\n", "column 2 has no name"),
        ("name,x\nnäß,2\n".encode() + b"Caf\xe9,1\n", r"row 2 .*column 'name'.*'Caf\u00e9'"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "PNG picture, not CSV"),
        (b"a,b\n1,\x00\n", "not a text file"),
        (b"a" * 200_000 + b",b\n1,2\n", r"row 0 .*cannot be read"),
        (b"v\n" + b"1\n" * 100 + b"x\n", "row 101, column 'v': 'x' is not a number"),
        (b"v\n" + b"2020-01-01\n" * 50 + b"2020-13-45\n", "row 51, column 'v': '2020-13-45'"),
        (b"PAR1 and so on PAR1", "damaged"),
        (parquet(pa.table({"a": [1, 2]}))[:-9], "damaged"),
        (parquet(pa.table({"a": pa.array([], pa.int64())})), "no rows"),
        (parquet(pa.table({})), "no columns"),
        (parquet(pa.table({"a": [[1], [2]]})), "column 'a' holds list"),
        (parquet(pa.table({"a": [b"\xff"]})), "column 'a' holds binary"),
    ],
)
def test_bad_files_are_refused_by_row_and_column(data: Data, content: bytes, message: str) -> None:
    with pytest.raises(Invalid, match=f"(?s){message}"):
        data.register("file", content)
    assert data.datasets().empty


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"a": [1, "x", 2]}), "row 2, column 'a': 'x' is str"),
        (pd.DataFrame({"a": [1, 10**30]}), "row 2, column 'a': 1000.* cannot be kept"),
        (pd.DataFrame({"a": ["fine", "\ud800"]}), "row 2, column 'a': .*ud800' cannot be kept"),
        (pd.DataFrame({"a": [1j]}), "row 1, column 'a'"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than once"),
        (pd.DataFrame(), "no columns"),
        (pd.DataFrame({"a": []}), "no rows"),
    ],
)
def test_bad_frames_are_refused_by_row_and_column(
    data: Data, frame: pd.DataFrame, message: str
) -> None:
    with pytest.raises(Invalid, match=message):
        data.register("frame", frame)


@pytest.mark.parametrize("source", [5, None, [1, 2]])
def test_what_is_no_source_is_refused(data: Data, source: Any) -> None:
    with pytest.raises(Invalid, match="file, its bytes or a frame"):
        data.register("nothing", source)


@pytest.mark.parametrize("number", ["", "x", "-1", "1@2", "9" * 30, "9" * 5_000, "\u0661"])
def test_a_number_that_is_none_is_refused(data: Data, number: str) -> None:
    data.register("file", b"a\n1\n")
    with pytest.raises(Invalid, match="is not a dataset version"):
        data.version(f"file@{number}")
    with pytest.raises(NotFound, match="latest is 1"):
        data.version("file@999999999")


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a@b", " a", "a\0b", "a" * 101, "\u00fc"])
def test_a_name_that_could_be_a_path_is_refused(data: Data, name: str) -> None:
    with pytest.raises(Invalid, match=r"cannot be called|needs a name"):
        data.register(name, b"a\n1\n")
