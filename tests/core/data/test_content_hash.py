"""The same content has one hash in any file; a changed cell has another."""

from __future__ import annotations

import csv
import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.data.canonical import canonical, content_hash
from pilothouse.data.reading.reader import read_table, write_parquet
from pilothouse.data.schema import Type
from pilothouse.data.type_inference.inference import convert_types

LETTERS = st.text("abcdefgxyzåé,;\"' \n|", max_size=6).map(str.strip)
CELLS: dict[Type, Any] = {
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "string": LETTERS.map(lambda text: f"t{text}"),
    "boolean": st.booleans(),
    "time": st.datetimes(pd.Timestamp("1800-01-01"), pd.Timestamp("2200-01-01")),
}
ARROW = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us"),
}


@st.composite
def tables(draw: Any) -> tuple[pa.Table, dict[str, Type]]:
    """A table of any types, some cells missing; a CSV of one column cannot tell those."""
    rows = draw(st.integers(1, 12))
    types = draw(st.lists(st.sampled_from(list(CELLS)), min_size=2, max_size=4))
    named = {f"c{at}": kind for at, kind in enumerate(types)}
    columns = {
        name: pa.array(
            draw(st.lists(st.none() | CELLS[kind], min_size=rows, max_size=rows)), ARROW[kind]
        )
        for name, kind in named.items()
    }
    return pa.table(columns), named


def parquet(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def arrow_csv(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pa_csv.write_csv(table, file)
    return file.getvalue()


def pandas_csv(table: pa.Table, **options: Any) -> bytes:
    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    text: str = table.to_pandas(types_mapper=nullable.get).to_csv(index=False, **options)
    return text.encode()


def hash_of(source: bytes | pd.DataFrame, types: dict[str, Type]) -> str:
    return content_hash(read_table(source, "", types))


@settings(max_examples=60, deadline=None)
@given(tables(), st.integers(1, 5))
def test_format_and_layout_do_not_matter(
    drawn: tuple[pa.Table, dict[str, Type]], size: int
) -> None:
    table, types = drawn
    expected = content_hash(convert_types(canonical(table), {}).table)
    chunked = pa.concat_tables([table.slice(at, size) for at in range(0, len(table), size)])
    forms: dict[str, bytes | pd.DataFrame] = {
        "parquet": parquet(table),
        "row groups": parquet(table, row_group_size=size, compression="gzip"),
        "chunks": parquet(chunked, use_dictionary=False),
        "frame": table.to_pandas(integer_object_nulls=True),
        "csv by arrow": arrow_csv(table),
        "csv by pandas": pandas_csv(table),
        "quoted csv": pandas_csv(table, sep=";", quoting=csv.QUOTE_ALL),
    }
    assert {name: hash_of(form, types) for name, form in forms.items()} == dict.fromkeys(
        forms, expected
    )


@settings(max_examples=100, deadline=None)
@given(tables(), st.data())
def test_any_changed_cell_matters(drawn: tuple[pa.Table, dict[str, Type]], data: Any) -> None:
    table, types = drawn
    name = data.draw(st.sampled_from(table.column_names))
    row = data.draw(st.integers(0, len(table) - 1))
    cells = table[name].to_pylist()
    other = data.draw((st.none() | CELLS[types[name]]).filter(lambda cell: cell != cells[row]))
    cells[row] = other
    at = table.column_names.index(name)
    changed = table.set_column(at, name, pa.array(cells, ARROW[types[name]]))
    assert content_hash(canonical(changed)) != content_hash(canonical(table))


@settings(max_examples=50, deadline=None)
@given(tables())
def test_kept_parquet_says_the_same(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[pa.Table, dict[str, Type]]
) -> None:
    table = canonical(drawn[0])
    path = tmp_path_factory.mktemp("kept") / "content.parquet"
    write_parquet(table, path)
    stored = pq.ParquetFile(path).read()
    assert stored.schema.equals(table.schema)
    assert content_hash(canonical(stored)) == content_hash(table)


def frames() -> dict[str, pd.DataFrame]:
    """Frames that say different things, though they hold the same letters and figures."""
    return {
        "one": pd.DataFrame({"a": ["ab", "c"], "b": [1, 2]}),
        "letters moved": pd.DataFrame({"a": ["a", "bc"], "b": [1, 2]}),
        "rows swapped": pd.DataFrame({"a": ["c", "ab"], "b": [2, 1]}),
        "columns swapped": pd.DataFrame({"b": [1, 2], "a": ["ab", "c"]}),
        "renamed": pd.DataFrame({"a": ["ab", "c"], "c": [1, 2]}),
        "texts for numbers": pd.DataFrame({"a": ["ab", "c"], "b": ["1", "2"]}),
        "a row more": pd.DataFrame({"a": ["ab", "c", None], "b": [1, 2, None]}),
        "missing for zero": pd.DataFrame({"a": ["ab", "c"], "b": [1, None]}),
        "zero for missing": pd.DataFrame({"a": ["ab", "c"], "b": [1, 0]}),
    }


def test_different_content_has_different_hashes() -> None:
    assert len({hash_of(frame, {}) for frame in frames().values()}) == len(frames())


@pytest.mark.parametrize(
    "same",
    [
        pd.DataFrame({"a": ["x", None], "b": [1.0, -0.0]}),
        pd.DataFrame({"a": ["x", ""], "b": [1, 0]}),
        pd.DataFrame({"a": pd.Categorical(["x", None]), "b": pd.array([1, 0], "UInt8")}),
        pd.DataFrame({" a ": ["x", None], "b": pd.array([1, 0], "Float32")}, index=[7, 9]),
    ],
)
def test_how_a_value_is_kept_does_not_matter(same: pd.DataFrame) -> None:
    assert hash_of(same, {}) == hash_of(b"a,b\nx,1\n,0\n", {})


def test_instants_are_the_same_in_every_zone() -> None:
    at = pd.to_datetime(["2013-01-01T10:15:00Z"])
    hashes = {
        hash_of(pd.DataFrame({"t": at}), {}),
        hash_of(pd.DataFrame({"t": at.tz_convert("Asia/Tokyo")}), {}),
        hash_of(pd.DataFrame({"t": at.tz_localize(None).astype("datetime64[s]")}), {}),
        hash_of(b"t\n2013-01-01T10:15:00Z\n", {}),
        hash_of(b"t\n2013-01-01 15:45:00+05:30\n", {}),
        hash_of(b"t\n2013-01-01 10:15\n", {}),
    }
    assert len(hashes) == 1
