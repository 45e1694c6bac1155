"""Files come in with the right types, and bad ones are answered with row and column."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pilothouse.data.canonical import schema_of
from pilothouse.data.reading.reader import read_table
from pilothouse.kit.errors import Invalid, NotFound


def types_of(content: bytes, **types: str) -> dict[str, str]:
    table = read_table(content, "upload.csv", types)  # type: ignore[arg-type]
    return {column.name: column.type for column in schema_of(table)}


def refusal(source: bytes | Path | pd.DataFrame, filename: str = "", **types: str) -> Invalid:
    with pytest.raises(Invalid) as caught:
        read_table(source, filename, types)  # type: ignore[arg-type]
    return caught.value


def rows(*values: str) -> bytes:
    return "\n".join(["id,v", *(f"{at},{value}" for at, value in enumerate(values))]).encode()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("1", "-2", ""), "integer"),
        (("1", "2.5", "NA"), "number"),
        (("1e3", ".5", "-7."), "number"),
        (("true", "False", ""), "boolean"),
        (("2013-01-01", "2013-12-31"), "time"),
        (("2013-01-01T10:00:00Z", "2013-01-01 10:00:00.25+02:00"), "time"),
        (("2013-01-01T10:00:00.123456789Z", ""), "time"),
        (("a", "1", "b", "2"), "string"),
        (("01234", "99999"), "string"),
        (("0x1F", "0x2A"), "string"),
        (("12345678901234567890", "1"), "string"),
        (("", "NA"), "string"),
        ((" 1 ", "2", "  "), "integer"),
        (("0.5", "0"), "number"),
    ],
)
def test_types_are_guessed_from_the_whole_column(values: tuple[str, ...], expected: str) -> None:
    assert types_of(rows(*values))["v"] == expected


def test_a_declared_type_is_believed() -> None:
    assert types_of(rows("1", "2", "x3"), v="string")["v"] == "string"
    assert types_of(rows("1", "2"), v="number")["v"] == "number"
    frame = read_table(pd.DataFrame({"v": [1, 2]}), "", {"v": "string"})
    assert frame["v"].to_pylist() == ["1", "2"]
    assert refusal(rows("1"), v="text").fields == {"v": "'text' is not a type"}
    assert refusal(rows("1"), w="string").fields == {"w": "no such column"}
    assert "row 2, column 'v': 'x' is not a whole number" in str(
        refusal(rows("1", "x"), v="integer")
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    text = 'a,b,c\n1,"x,;|\t\ny",2.5\n2,,3\n'
    cut = text.replace(",", delimiter).replace(f'"x{delimiter}', '"x,').encode()
    table = read_table(cut, "", {})
    assert table.column_names == ["a", "b", "c"]
    assert table["b"].to_pylist() == ["x,;|\t\ny", None]


def test_a_byte_order_mark_and_windows_lines_are_no_content() -> None:
    table = read_table("\ufeffa,b\r\n1,é\r\n".encode(), "", {})
    assert table.to_pydict() == {"a": [1], "b": ["é"]}


def test_one_column_needs_no_delimiter() -> None:
    assert read_table(b"age\n31\n42\n", "", {}).to_pydict() == {"age": [31, 42]}


def test_parquet_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "misnamed.csv"
    pq.write_table(pa.table({"a": [1, 2]}), path)
    assert read_table(path, "", {}).to_pydict() == {"a": [1, 2]}
    assert read_table(path.read_bytes(), "upload", {}).to_pydict() == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (b"a,b\n", "no rows below"),
        (b"a,b,a\n1,2,3\n", "names the column 'a' more than once: columns 1 and 3"),
        (b"a,b, a\n1,2,3\n", "names the column 'a' more than once: columns 1 and 3"),
        (b",b\n1,2\n", "column 1 has no name"),
        (b"a,b\n1,2\n3\n", "row 2 (line 3), column 'b': the row ends before it"),
        (b"a,b\n1,2\n\n3,4,5\n", "row 2 (line 4), column 'b': the row goes on after it"),
        ("a,b\n1,näß\n".encode() + b"2,caf\xe9\n", "row 2 (line 3), column 'b': byte 0xE9"),
        (b"a,b\n1,2\n\x00,4\n", "not a text file"),
        (b"age,b\n31,1\n42,2\nforty,3\n", "row 3, column 'age': 'forty' is not a number"),
        (b"t\n2013-01-01\n2013-01-02\nsoon\n", "row 3, column 't': 'soon' is not a time"),
    ],
)
def test_a_bad_csv_is_answered_with_the_place(content: bytes, message: str) -> None:
    refused = refusal(content, "upload.csv")
    assert message in refused.message
    assert refused.fields


def test_the_place_is_found_far_into_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    lines = [f"{at},{at / 7},name {at}" for at in range(200_000)]
    lines[150_000] = "150000,1,2,3"
    path.write_text("\n".join(["a,b,c", *lines]))
    assert "row 150001 (line 150002), column 'c'" in refusal(path).message
    lines[150_000] = "150000,none of it,x"
    path.write_text("\n".join(["a,b,c", *lines]))
    assert "row 150001, column 'b': 'none of it' is not a number" in refusal(path).message


def test_many_texts_among_numbers_make_a_column_of_texts() -> None:
    tickets = [*(str(at) for at in range(90)), *(f"PC {at}" for at in range(10))]
    assert types_of(rows(*tickets))["v"] == "string"
    assert "row 91" in refusal(rows(*tickets[:92])).message


def test_a_frame_of_mixed_types_is_answered_with_the_place() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [1, "two", 3]})
    assert "row 2, column 'b': 'two' is str, not int" in refusal(frame).message
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert "'a' more than once" in refusal(twice).message
    assert "no rows" in refusal(pd.DataFrame({"a": []})).message
    assert "no columns" in refusal(pd.DataFrame(index=[1])).message
    assert "column 'c' holds list" in refusal(pd.DataFrame({"c": [[1], [2]]})).message


def test_a_damaged_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [1, 2]}), path)
    assert "damaged" in refusal(path.read_bytes()[:-20]).message
    assert "not a valid Parquet file" in refusal(b"a,b\n1,2\n", "upload.parquet").message
    with pytest.raises(NotFound):
        read_table(tmp_path / "nothing.csv", "", {})
