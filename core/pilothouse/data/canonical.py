"""One form for all content: five column types, one kind of missing value, and a content hash.

The hash covers names, order and values; not the file's format, its compression, its row groups, nor
whether whole numbers were kept as integers or as floats. Missing, NaN and empty text are one.
Times are instants to the microsecond; those without a zone are taken as UTC.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.booleans import BooleanWords
from pilothouse.data.schema import Column, Type
from pilothouse.kit.errors import Invalid

INSTANT = pa.timestamp("us", tz="UTC")
ARROW: dict[Type, Any] = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "time": INSTANT,
}
HASH_VERSION = b"pilothouse content 1"
MAX_INT64 = 2.0**63
TEXTS = tuple(
    getattr(pa.types, name)
    for name in ("is_string", "is_large_string", "is_string_view")
    if hasattr(pa.types, name)
)


def canonical(table: pa.Table) -> pa.Table:
    """The same content in canonical types, in one chunk a column.

    Raises Invalid for no rows, bad column names, and types that are no table's.
    """
    names = check_names(table.column_names)
    if not names or not table.num_rows:
        what = "rows" if names else "columns"
        raise Invalid(f"it has no {what}.", fields={"source": f"has no {what}"})
    columns = [_column(name, column) for name, column in zip(names, table.columns, strict=True)]
    return pa.table(columns, names=names)


def check_names(names: Iterable[str]) -> list[str]:
    """Column names without surrounding space. Raises Invalid when one is empty or there twice."""
    stripped = [str(name).strip() for name in names]
    for at, name in enumerate(stripped, start=1):
        if not name:
            raise Invalid(
                f"row 0 (the header), column {at} has no name.",
                hint="Give it one, or write the file without its row index.",
                fields={f"column {at}": "has no name"},
            )

    twice = [name for name, count in Counter(stripped).items() if count > 1]
    if twice:
        places = [str(n) for n, name in enumerate(stripped, start=1) if name == twice[0]]
        where = f"{', '.join(places[:-1])} and {places[-1]}"
        raise Invalid(
            f"row 0 (the header) names the column {twice[0]!r} more than once: columns {where}.",
            hint="Rename all but one of them.",
            fields={twice[0]: f"named by columns {where}"},
        )

    return stripped


def schema_of(
    table: pa.Table, boolean_words: Mapping[str, BooleanWords] | None = None
) -> tuple[Column, ...]:
    """The columns of a canonical table; `boolean_words` are the spellings of booleans by column."""
    boolean_words = boolean_words or {}
    return tuple(
        Column(
            field.name,
            type_of(field.type),
            table.column(field.name).null_count > 0,
            boolean_words.get(field.name),
        )
        for field in table.schema
    )


def type_of(arrow: pa.DataType) -> Type:
    """The type that a canonical Arrow type stands for."""
    return next(name for name, arrow_type in ARROW.items() if arrow_type == arrow)


def content_hash(table: pa.Table, boolean_words: Mapping[str, BooleanWords] | None = None) -> str:
    """SHA-256 of a canonical table's content in hex; the spellings of booleans are content too."""
    whole = hashlib.sha256(HASH_VERSION)
    boolean_words = boolean_words or {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind, digest = _column_digest(column)
        spelling = [list(boolean_words[name])] if name in boolean_words else []
        entry = [name, kind, len(column), digest, *spelling]
        whole.update(json.dumps(entry, ensure_ascii=False).encode())
    return whole.hexdigest()


def _column(name: str, column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        values = column.type.value_type
        extension = isinstance(values, pa.BaseExtensionType)
        column = _as_text(column) if extension else column.cast(values)

    try:
        converted = _cast(column)
    except pa.ArrowInvalid as bad:
        raise Invalid(
            f"column {name!r}: {str(bad).splitlines()[0]}.", fields={name: "has unusable values"}
        ) from bad

    if converted is None:
        raise Invalid(
            f"column {name!r} holds {column.type}, not numbers, text, booleans or times.",
            hint="Unfold it into plain columns.",
            fields={name: f"holds {column.type}"},
        )

    return converted.combine_chunks() if isinstance(converted, pa.ChunkedArray) else converted


def _cast(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    kind, test = column.type, pa.types
    if test.is_decimal(kind) or kind == pa.uint64():
        return _exact(column)
    if test.is_floating(kind):
        return _without_nan(column.cast(pa.float64()))
    if test.is_integer(kind):
        return column.cast(pa.int64())
    if test.is_boolean(kind):
        return column

    if test.is_timestamp(kind) or test.is_date(kind):
        return column.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False).cast(
            INSTANT
        )

    if isinstance(kind, pa.BaseExtensionType):
        return _extension(column)
    if test.is_null(kind) or any(is_text(kind) for is_text in TEXTS):
        return _without_blank(column.cast(pa.string()))
    return None


def _exact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Large or decimal numbers as integers, else as floats, else as the texts that they are.

    Two different values never become one.
    """
    for plain in (pa.int64(), pa.float64()):
        try:
            made = column.cast(plain)
            if made.cast(column.type).equals(column):
                return made
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
    return column.cast(pa.string())


def _extension(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Intervals and periods of pandas as they print; other types as what they are stored in."""
    if column.type.extension_name in ("pandas.interval", "pandas.period"):
        return _as_text(column)
    return _cast(
        pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    )


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values that pandas knows, such as intervals, as they print."""
    series = column.to_pandas()
    texts = [None if gone else str(v) for v, gone in zip(series, series.isna(), strict=True)]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)


def _without_blank(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


def _column_digest(column: pa.ChunkedArray) -> tuple[str, str]:
    """What sort of values a column has, and their hash; a column without any has no sort."""
    if column.null_count == len(column):
        return "empty", ""
    digest = hashlib.sha256(column.is_valid().to_numpy().astype(np.uint8).tobytes())
    kind = type_of(column.type)
    if kind == "string":
        _feed_text(digest, column)
        return kind, digest.hexdigest()
    if kind in ("number", "integer"):
        return "number", _update_digest(digest, _numbers(column))
    plain = pa.int8() if kind == "boolean" else pa.int64()
    return kind, _update_digest(digest, column.cast(plain).fill_null(0).to_numpy())


def _update_digest(digest: Any, values: npt.NDArray[Any]) -> str:
    digest.update(str(values.dtype.kind).encode())
    digest.update(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")))
    hexed: str = digest.hexdigest()
    return hexed


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Integers when every value is whole, else floats; minus zero is zero."""
    values: npt.NDArray[Any] = column.fill_null(0).to_numpy()
    if values.dtype.kind == "f":
        values = values + 0.0
        if (np.abs(values) < MAX_INT64).all() and (values == np.trunc(values)).all():
            return values.astype(np.int64)
    return values


def _feed_text(digest: Any, column: pa.ChunkedArray) -> None:
    """Lengths of all texts, then their bytes: no two columns of texts read the same."""
    lengths = pc.binary_length(column).fill_null(0).to_numpy().astype("<i8")
    digest.update(lengths)
    for chunk in column.fill_null("").chunks:
        if not len(chunk):
            continue
        _, offsets, data = chunk.buffers()
        starts = np.frombuffer(offsets, dtype=np.int32)
        first, last = int(starts[chunk.offset]), int(starts[chunk.offset + len(chunk)])
        if data is not None:
            digest.update(data.slice(first, last - first))
