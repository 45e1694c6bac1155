"""What columns that have a type of their own may be besides: yes/no texts, dates, whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.booleans import BooleanWords, read_booleans
from pilothouse.data.canonical import ARROW, type_of
from pilothouse.data.reading_options import AUTOMATIC, ReadOptions
from pilothouse.data.reading_report import ColumnReading
from pilothouse.data.schema import NAMES, Type
from pilothouse.data.type_inference import numbers
from pilothouse.data.type_inference.inference import as_declared
from pilothouse.data.type_inference.text_column import Clues, TextColumn, TypedTable
from pilothouse.kit.errors import Invalid

NANOSECONDS = 1000
SAMPLE = 200  # texts that are looked at before all of them are


def infer_stored_types(
    result: TypedTable,
    source: pa.Table,
    types: Mapping[str, Type],
    options: ReadOptions = AUTOMATIC,
    *,
    dates_in_texts: bool = False,
) -> TypedTable:
    """Restore types that a file format cannot express, for columns whose type is not declared.

    `source` is the table as it came, whose types say what was changed. `dates_in_texts` is for
    formats that have no type for times, or whose users keep times as text.
    """
    table, boolean_words, readings = result.table, dict(result.boolean_words), []
    for at, reading in enumerate(result.columns):
        column, stored = table.column(at), source.column(at).type

        if reading.name not in types:
            column, reading, pair = _infer_column(column, stored, reading, options, dates_in_texts)
            table = table.set_column(at, reading.name, column)
            if pair:
                boolean_words[reading.name] = pair

        notes = (*reading.notes, *_notes(source.column(at), type_of(column.type)))
        if type_of(column.type) == "number":
            endless = pc.sum(pc.is_inf(column)).as_py() or 0
            notes = (*notes, f"{endless:,} values are infinite") if endless else notes
        readings.append(replace(reading, notes=notes, missing=column.null_count))

    return TypedTable(table, boolean_words, tuple(readings))


def _infer_column(
    column: pa.ChunkedArray,
    stored: pa.DataType,
    reading: ColumnReading,
    options: ReadOptions,
    dates_in_texts: bool,
) -> tuple[pa.ChunkedArray, ColumnReading, BooleanWords | None]:

    if type_of(column.type) == "number" and pa.types.is_floating(stored):
        whole = _whole(column)
        if whole is not None:
            reason = "all values are whole; they are floats only because others are missing"
            return whole, replace(reading, type="integer", reason=reason), None
        return column, reading, None

    if type_of(column.type) != "string":
        return column, reading, None

    booleans = read_booleans(column)
    if booleans is not None:
        values, boolean_words = booleans
        form = f"{boolean_words[1]}/{boolean_words[0]}" if boolean_words else "true/false"
        reason = f"all values are {form}"
        return values, replace(reading, type="boolean", reason=reason, form=form), boolean_words

    texts = TextColumn(reading.name, column, options)
    sample = TextColumn(reading.name, column.drop_null().slice(0, SAMPLE), options)
    for kind in ("time", "number"):
        if not texts.present:
            break
        if not _may_read(sample, kind):
            continue
        try:
            decision = as_declared(texts, kind, Clues())
        except Invalid as other:
            if "date_order" in str(other.fields) and dates_in_texts:
                raise
            continue

        if kind == "time" and "since 1970" in decision.form:
            continue
        if kind == "time" and dates_in_texts:
            reason = decision.reason.removeprefix("declared; ")
            made = replace(reading, type="time", reason=reason, form=decision.form)
            return decision.column, replace(made, notes=decision.notes), None
        note = f"kept as text, as the file has it; every value reads as a {NAMES[kind]}"
        return column, replace(reading, notes=(*reading.notes, note)), None
    return column, reading, None


def _may_read(sample: TextColumn, kind: Type) -> bool:
    """Whether some texts of a column read as a type, or leave only the order of dates open."""
    try:
        as_declared(sample, kind, Clues())
    except Invalid as other:
        return "date_order" in str(other.fields)
    return True


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Floats as whole numbers, when missing values are why they are floats."""
    if not column.null_count or column.null_count == len(column):
        return None
    fine = pc.and_(pc.equal(column, pc.trunc(column)), pc.less(pc.abs(column), numbers.EXACT))
    if not pc.all(fine, min_count=0).as_py():
        return None
    return column.cast(ARROW["integer"])


def _notes(source: pa.ChunkedArray, made: Type) -> tuple[str, ...]:
    """Notes about stored types that a dataset does not have."""
    kind = source.type
    if (kind == pa.uint64() or pa.types.is_decimal(kind)) and made == "string":
        return (f"kept as text because {kind} holds more digits here than a number can",)
    if pa.types.is_timestamp(kind) and kind.unit == "ns" and made == "time":
        finer = pc.not_equal(
            pc.multiply(pc.divide(source.cast(pa.int64()), NANOSECONDS), NANOSECONDS),
            source.cast(pa.int64()),
        )
        count = pc.sum(finer).as_py() or 0
        return (f"{count:,} times were cut to the microsecond",) if count else ()
    return ()
