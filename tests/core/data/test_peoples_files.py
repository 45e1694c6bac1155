"""Files as people have them: separators, encodings, locales, compressions and formats are told."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pilothouse.data import Data, ReadOptions
from pilothouse.data.reading.reader import ReadTable, read
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.storage import Store


@pytest.fixture
def data(store: Store) -> Data:
    return Data(store)


def csv(*values: str, separator: str = ";") -> bytes:
    lines = [f"{at}{separator}{value}" for at, value in enumerate(values)]
    return "\n".join([f"n{separator}v", *lines]).encode()


def column(content: bytes, **options: Any) -> Any:
    """The type, the values and the notes of the second column."""
    reading = read(content, "", {}, ReadOptions(**options))
    values = reading.table["v"].to_pylist()
    return reading.report["v"].type, values


def dates(reading: ReadTable, name: str = "v") -> list[str | None]:
    return [None if at is None else f"{at:%Y-%m-%d}" for at in reading.table[name].to_pylist()]


def test_decimal_commas_are_numbers() -> None:
    rows = "\n".join(f"{at};{at * 1.5:.2f};{at % 2}".replace(".", ",") for at in range(1, 31))
    reading = read(f"order;amount;late\n{rows}\n".encode())
    amount = reading.table["amount"].to_pylist()
    assert (min(amount), max(amount), sum(amount) / 30) == (1.5, 45.0, 23.25)
    assert reading.report["amount"].reason.endswith("a decimal comma")
    assert reading.report.separator == ";"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("1.234,50", "12,00", "1.234.567,8"), [1234.5, 12.0, 1234567.8]),
        (("1 234,50", "12,00"), [1234.5, 12.0]),
        (("1\u00a0234,50", "12,00"), [1234.5, 12.0]),
        (("1'234.50", "12.00"), [1234.5, 12.0]),
        (("1,234.50", "12.00"), [1234.5, 12.0]),
        (("1,234,567", "12"), [1234567, 12]),
        (("12,34,567.5", "1,23,456.0"), [1234567.5, 123456.0]),
        (("€ 1.234,50", "-€ 2,25"), [1234.5, -2.25]),
        (("$1,234.50", "$0.25"), [1234.5, 0.25]),
        (("12,50 €", "3,00 €"), [12.5, 3.0]),
        (("(5.25)", "3.00"), [-5.25, 3.0]),
        (("\u22125,25", "+3,50"), [-5.25, 3.5]),
        (("12.5%", "3%"), [12.5, 3.0]),
        (("12,5 %", "3 %"), [12.5, 3.0]),
        (("CHF 12.50", "CHF 3.05"), [12.5, 3.05]),
        (("0,5", "-"), [0.5, None]),
        (("0,5", "k.A.", "2,5"), [0.5, None, 2.5]),
        (("3,0", "", "4,0"), [3, None, 4]),
        (("3.0", "", "4.0"), [3, None, 4]),
        (("inf", "0,5", "-inf"), [float("inf"), 0.5, float("-inf")]),
    ],
)
def test_numbers_are_read_as_people_write_them(
    values: tuple[str, ...], expected: list[Any]
) -> None:
    kind, read_values = column(csv(*values))
    assert read_values == expected
    whole = all(isinstance(value, int | None) for value in expected)
    assert kind == ("integer" if whole else "number")


def test_an_open_separator_is_decided_by_the_other_columns() -> None:
    grouped = read(b"n;v\n0,5;1.234\n1,5;2.345\n")
    assert grouped.table["v"].to_pylist() == [1234, 2345]
    plain = read(b"n;v\n0.5;1.234\n1.5;2.345\n")
    assert plain.table["v"].to_pylist() == [1.234, 2.345]
    commas = read(b'n,v\n0.5,"1,234"\n1.5,"2,345"\n')
    assert commas.table["v"].to_pylist() == [1234, 2345]
    alone = read(b"n;v\na;1,234\nb;2,345\n")
    assert alone.table["v"].to_pylist() == [1.234, 2.345]
    assert "could also be" in alone.report["v"].notes[0]
    assert column(csv("1,234", "2,345"), decimal=".") == ("integer", [1234, 2345])


def test_codes_and_too_many_digits_stay_texts() -> None:
    assert column(csv("007", "012"))[0] == "string"
    assert column(csv("18446744073709551615", "18446744073709551614"))[0] == "string"
    kind, values = column(csv("9007199254740993.5", "9007199254740992.5"))
    assert (kind, values) == ("string", ["9007199254740993.5", "9007199254740992.5"])


def test_several_units_are_told_and_stay_texts() -> None:
    reading = read(csv("€5", "$6", "€7"))
    assert reading.report["v"].type == "string"
    assert "several units: $, €" in reading.report["v"].notes[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("03/01/2024", "13/01/2024"), ["2024-01-03", "2024-01-13"]),
        (("01/03/2024", "01/13/2024"), ["2024-01-03", "2024-01-13"]),
        (("03.01.2024", "04.01.2024"), ["2024-01-03", "2024-01-04"]),
        (("3.1.24", "13.1.69"), ["2024-01-03", "1969-01-13"]),
        (("2024/01/03", "2024/1/13"), ["2024-01-03", "2024-01-13"]),
        (("3 Jan 2024", "13 March 2024"), ["2024-01-03", "2024-03-13"]),
        (("3. März 2024", "13. Dez 2024"), ["2024-03-03", "2024-12-13"]),
        (("Jan 3, 2024", "March 13, 2024"), ["2024-01-03", "2024-03-13"]),
        (("2024-01-03", "13.01.2024", ""), ["2024-01-03", "2024-01-13", None]),
        (("29/02/2024", "-"), ["2024-02-29", None]),
    ],
)
def test_dates_are_read_in_their_order(values: tuple[str, ...], expected: list[Any]) -> None:
    reading = read(csv(*values))
    assert reading.report["v"].type == "time"
    assert dates(reading) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("13/01/2024 09:30", "2024-01-13 09:30:00"),
        ("13/01/2024 12:05 AM", "2024-01-13 00:05:00"),
        ("13/01/2024 12:05:07 pm", "2024-01-13 12:05:07"),
        ("13/01/2024 9:30:15.25 PM", "2024-01-13 21:30:15"),
        ("13.01.2024, 09:30", "2024-01-13 09:30:00"),
        ("2024-01-13T09:30:00+02:00", "2024-01-13 07:30:00"),
        ("13/01/2024 09:30 -0530", "2024-01-13 15:00:00"),
    ],
)
def test_times_of_day_are_read(value: str, expected: str) -> None:
    values = read(csv(value, value)).table["v"].to_pylist()
    assert f"{values[0]:%Y-%m-%d %H:%M:%S}" == expected


def test_an_order_that_no_value_tells_is_asked_for() -> None:
    content = csv("03/04/2024", "05/06/2024")
    with pytest.raises(Invalid, match=r"2024-04-03 \(day-first\) or 2024-03-04") as caught:
        read(content)
    assert "date_order" in caught.value.fields["v"]
    day = read(content, "", {}, ReadOptions(date_order="day-first"))
    month = read(content, "", {}, ReadOptions(date_order="month-first"))
    assert dates(day) == ["2024-04-03", "2024-06-05"]
    assert dates(month) == ["2024-03-04", "2024-05-06"]
    assert read(content, "", {"v": "string"}).table["v"][0].as_py() == "03/04/2024"


def test_another_column_tells_the_order() -> None:
    reading = read(b"n;v\n13/04/2024;03/04/2024\n14/04/2024;05/06/2024\n")
    assert dates(reading) == ["2024-04-03", "2024-06-05"]


def test_half_zoned_times_are_read_and_told() -> None:
    values = [f"2024-01-{at:02}T10:00:00{'Z' if at % 2 else ''}" for at in range(1, 21)]
    reading = read(csv(*values))
    assert reading.table["v"].null_count == 0
    assert f"{reading.table['v'][1].as_py():%d %H %Z}" == "02 10 UTC"
    assert reading.report["v"].notes == ("10 of 20 values have no zone and were read as UTC",)


def test_na_and_none_are_values_of_a_text_column_where_empty_cells_are_missing(data: Data) -> None:
    countries = ["NA", "ZA", "BW", "US", "None", "FR"] * 5
    content = csv(*countries, separator=",")
    declared = data.register("declared", content, types={"v": "string"})
    assert data.frame(declared.ref)["v"].tolist() == countries
    reading = read(content)
    assert reading.table["v"].null_count == 10
    assert reading.report["v"].missing_words == (("NA", 5), ("None", 5))
    assert "taken for missing" in reading.report["v"].notes[0]
    beside_empty = read(csv(*countries, "", separator=","))
    assert beside_empty.table["v"].null_count == 1
    assert "taken as values" in beside_empty.report["v"].notes[0]
    numbers = read(csv("1", "NA", "3"))
    assert numbers.table["v"].to_pylist() == [1, None, 3]
    assert numbers.report["v"].missing_words == (("NA", 1),)
    chosen = read(csv("1", "nix", "3"), "", {}, ReadOptions(missing=("nix",)))
    assert chosen.table["v"].to_pylist() == [1, None, 3]


def test_windows_1252_is_read_and_told() -> None:
    content = "région;preis €\nZürich;1\nGenève;2\n".encode("cp1252")
    reading = read(content)
    assert reading.table.to_pydict() == {"région": ["Zürich", "Genève"], "preis €": [1, 2]}
    assert reading.report.encoding == "Windows-1252"
    assert "'région'" in reading.report.notes[0]
    cyrillic = read("имя;v\nидёт;1\n".encode("cp1251"), "", {}, ReadOptions(encoding="cp1251"))
    assert cyrillic.table.column_names == ["имя", "v"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_marked_encodings_are_read(encoding: str) -> None:
    assert read("a;b\né;1\n".encode(encoding)).table.to_pydict() == {"a": ["é"], "b": [1]}


def test_a_wrong_encoding_is_refused() -> None:
    with pytest.raises(Invalid, match="is not ascii"):
        read("a;b\né;1\n".encode(), "", {}, ReadOptions(encoding="ascii"))
    with pytest.raises(Invalid, match="not a text encoding"):
        ReadOptions(encoding="klingon")


def test_a_long_cell_hides_no_delimiter() -> None:
    content = b'text;late\n"' + b"x" * 140_000 + b'";0\nshort;1\nshort;0\n'
    reading = read(content)
    assert reading.table.column_names == ["text", "late"]
    assert reading.table.num_rows == 3


def test_the_separator_line_of_excel_is_no_header() -> None:
    assert read(b"sep=|\na|b\n1|2\n").table.to_pydict() == {"a": [1], "b": [2]}


@pytest.mark.parametrize("header", ["", "Unnamed: 0"])
def test_the_index_of_pandas_is_left_out_and_told(header: str) -> None:
    reading = read(f"{header},a\n0,5\n1,6\n2,7\n".encode())
    assert reading.table.to_pydict() == {"a": [5, 6, 7]}
    assert "pandas' index" in reading.report.notes[0]


def test_json_lines_and_lists_are_read() -> None:
    lines = b'{"a":1,"late":0}\n{"a":2,"late":1,"at":"2024-01-03"}\n{"a":null,"late":0}\n'
    reading = read(lines)
    assert reading.report.format == "JSON"
    assert reading.table["a"].to_pylist() == [1, 2, None]
    assert dates(reading, "at") == [None, "2024-01-03", None]
    rows = json.dumps([{"a": 1.5, "b": "x"}, {"a": 2, "b": None}]).encode()
    assert read(rows).table.to_pydict() == {"a": [1.5, 2.0], "b": ["x", None]}
    with pytest.raises(Invalid, match=r"row 1 .*column 'a': it holds a list"):
        read(b'{"a":[1]}\n')
    with pytest.raises(Invalid, match="line 2 is not a JSON object"):
        read(b'{"a":1}\nnothing\n')


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_compressed_files_are_read() -> None:
    content = b"a;b\n1;2\n"
    packed = {
        "gzip of CSV": gzip.compress(content[:3]) + gzip.compress(content[3:]),
        "bzip2 of CSV": bz2.compress(content),
        "xz of CSV": lzma.compress(content),
        "ZIP of CSV": zipped(**{"data.csv": content, "__MACOSX/x": b"", ".hidden": b""}),
    }
    for format, file in packed.items():
        reading = read(file)
        assert (reading.report.format, reading.table.to_pydict()) == (format, {"a": [1], "b": [2]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped(a=b"a\n1\n", b=b"a\n2\n"), "2 files (a, b)"),
        (zipped(), "no file"),
        (gzip.compress(gzip.compress(b"a\n1\n", mtime=0), mtime=0), "compressed twice"),
        (gzip.compress(b"a;b\n1;2\n" * 99, mtime=0)[:-12], "damaged"),
        (b"%PDF-1.7", "a PDF document, not CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel"),
        (b"<!DOCTYPE html><html></html>", "HTML or XML"),
    ],
)
def test_what_cannot_be_read_is_named(content: bytes, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(content)
    assert message in caught.value.message


def test_workbooks_are_read() -> None:
    pytest.importorskip("openpyxl")
    frame = pd.DataFrame(
        {
            "price €": [1.5, 2.0, None],
            "visits": pd.array([1, None, 3], dtype="Int64"),
            "active": [True, False, None],
            "paid": ["yes", "no", "yes"],
            "on": pd.to_datetime(["2024-01-03", None, "2024-01-13"]),
            "plan": ["a", None, "b"],
        }
    )
    file = io.BytesIO()
    with pd.ExcelWriter(file) as writer:
        frame.to_excel(writer, sheet_name="data", index=False)
        pd.DataFrame({"other": [1]}).to_excel(writer, sheet_name="notes", index=False)
    reading = read(file.getvalue(), "book.xlsx")
    assert {c.name: c.type for c in reading.report.columns} == {
        "price €": "number",
        "visits": "integer",
        "active": "boolean",
        "paid": "boolean",
        "on": "time",
        "plan": "string",
    }
    assert dates(reading, "on") == ["2024-01-03", None, "2024-01-13"]
    assert "others are 'notes'" in reading.report.notes[0]
    other = read(file.getvalue(), "book.xlsx", {}, ReadOptions(sheet="notes"))
    assert other.table.to_pydict() == {"other": [1]}
    with pytest.raises(Invalid, match="no sheet 'x'"):
        read(file.getvalue(), "book.xlsx", {}, ReadOptions(sheet="x"))


def test_the_extra_for_workbooks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "openpyxl", None)
    content = zipped(**{"xl/workbook.xml": b"", "[Content_Types].xml": b""})
    with pytest.raises(Unavailable, match=r"pilothouse\[excel\]"):
        read(content, "book.xlsx")


def test_columns_that_only_pandas_knows_are_texts(data: Data) -> None:
    frame = pd.DataFrame(
        {
            "band": pd.cut([1, 2, 3, 4], 2),
            "month": pd.period_range("2024-01", periods=4, freq="M"),
            "late": [0, 1, 0, 1],
        }
    )
    version = data.register("bands", frame)
    assert data.frame(version.ref)["band"].tolist() == [str(value) for value in frame["band"]]
    assert data.check(version.ref, frame).ok
    file = io.BytesIO()
    frame.assign(band=pd.arrays.IntervalArray(frame["band"])).to_parquet(file)
    assert data.register("bands", file.getvalue()).existed


def test_numbers_beyond_floats_are_exact_or_refused_by_name() -> None:
    big, bigger = 2**53, 2**53 + 1
    for values, kind in (
        (pa.array([2**64 - 1, 2**64 - 2], pa.uint64()), "string"),
        (pa.array([1, 2], pa.uint64()), "integer"),
        (pa.array([Decimal(bigger), Decimal(big)], pa.decimal128(20)), "integer"),
        (pa.array([Decimal("0.10"), Decimal("2.50")], pa.decimal128(5, 2)), "number"),
        (pa.array([Decimal(f"{bigger}.5"), Decimal(f"{big}.5")], pa.decimal128(20, 1)), "string"),
    ):
        file = io.BytesIO()
        pq.write_table(pa.table({"v": values}), file)
        reading = read(file.getvalue())
        assert reading.report["v"].type == kind
        assert len(reading.table["v"].unique()) == 2
    assert read(pd.DataFrame({"v": [bigger, 1]})).table["v"].to_pylist() == [bigger, 1]
    with pytest.raises(Invalid, match=f"row 1, column 'v': {bigger} has more digits"):
        read(pd.DataFrame({"v": [bigger, 1]}), "", {"v": "number"})


def test_infinite_values_are_counted(data: Data) -> None:
    rows = "\n".join(f"{'inf' if at % 10 == 0 else at / 7},{at % 2}" for at in range(120))
    version = data.register("ratios", f"x,y\n{rows}\n".encode())
    assert data.profile(version.ref)["x"].infinite == 12
    assert data.profile(version.ref)["x"].missing == 0
    report = data.reading(version.ref)
    assert report is not None
    assert report["x"].notes == ("12 values are infinite",)


def test_an_index_that_says_something_is_a_column() -> None:
    plain = pd.DataFrame({"a": [1, 2, 3]})
    assert read(plain.iloc[[2, 0]]).table.to_pydict() == {"a": [3, 1]}
    assert "left out" in read(plain.iloc[[2, 0]]).report.notes[0]
    named = plain.set_index(pd.Index(["x", "y", "z"], name="key"))
    assert read(named).table.to_pydict() == {"key": ["x", "y", "z"], "a": [1, 2, 3]}


def test_the_event_time_is_recognised_told_and_can_be_switched_off(data: Data) -> None:
    rows = "\n".join(f"{at},2024-01-{at + 1:02},2024-02-{28 - at:02}" for at in range(12))
    content = f"n,recorded_at,born\n{rows}\n".encode()
    version = data.register("events", content)
    assert version.event_time == "recorded_at"
    report = data.reading(version.ref)
    assert report is not None
    assert report.event_time_reason == "'recorded_at', by its name, and the rows are in its order"
    off = data.register("off", content, event_time="")
    assert off.event_time is None
    assert data.register("born", content, event_time="born").event_time == "born"
    unsorted = "\n".join(f"{at},2024-01-{at * 7 % 12 + 1:02}" for at in range(12))
    assert data.register("none", f"n,opened\n{unsorted}\n".encode()).event_time is None


def test_what_stays_text_is_told() -> None:
    half = read(csv(*[str(at) for at in range(8)], "a", "b"))
    assert half.report["v"].notes == ("kept as text: 8 of 10 values are numbers, but row 9 is 'a'",)
    assert "times of day" in read(csv("09:30", "10:30")).report["v"].notes[0]


def test_whole_numbers_declared_as_times_are_seconds_or_milliseconds() -> None:
    seconds = read(csv("1700000000", "1700000060"), "", {"v": "time"})
    millis = read(csv("1700000000000", "1700000060000"), "", {"v": "time"})
    assert seconds.table["v"].equals(millis.table["v"])


def test_the_report_is_stored_with_the_version(data: Data, tmp_path: Path) -> None:
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress("größe;preis\n1,5;3\n2,5;4\n".encode("cp1252")))
    version = data.register("sizes", path)
    report = data.reading(version.ref)
    assert report is not None
    assert report.summary == "gzip of CSV, encoding Windows-1252, separated by semicolon"
    assert report["größe"].form == "1234,5"
    assert any("größe: number" in line for line in report.lines())
