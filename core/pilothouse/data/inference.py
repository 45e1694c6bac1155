"""What the texts of a CSV column are: the first type that reads all of them, or text.

When all but a few read as numbers or times, the few are taken for mistakes, not for text.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.canonical import ARROW, type_of
from pilothouse.data.schema import NAMES, Type
from pilothouse.kit.errors import Invalid

STRAYS = 0.05  # of a column's values may be mistakes; where more differ, the column is text
GUESSED: tuple[Type, ...] = ("integer", "number", "boolean", "time")
ZONE = r"(Z|[+-]\d{2}:?\d{2})"
PATTERNS: Mapping[Type, str] = {
    "integer": r"^-?\d+$",
    "number": r"^-?((\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|inf|Inf|Infinity)$",
    "boolean": r"^(true|false|True|False|TRUE|FALSE)$",
    "time": rf"^\d{{4}}-\d{{2}}-\d{{2}}([ T]\d{{2}}:\d{{2}}(:\d{{2}}(\.\d+)?)?{ZONE}?)?$",
}
# Postcodes, serial numbers and the like: as numbers they would not come back as they were written.
CODES: Mapping[Type, str] = {
    "integer": r"^-?0[0-9xX]",
    "number": r"^-?(0[0-9]+|\d{19,})$",
}


def typed(texts: pa.Table, types: Mapping[str, Type]) -> pa.Table:
    """A table of texts in the types declared, or guessed where none is.

    Raises Invalid that names the first row and column whose value does not fit.
    """
    columns = {name: _typed(name, texts[name], types.get(name)) for name in texts.column_names}
    return pa.table(columns)


def retyped(table: pa.Table, types: Mapping[str, Type]) -> pa.Table:
    """A canonical table with some columns in the types declared."""
    for name, wanted in types.items():
        if name not in table.column_names:
            raise Invalid(
                f"there is no column {name!r} to read as {wanted}.",
                hint=f"There are {', '.join(table.column_names)}.",
                fields={name: "no such column"},
            )
        at = table.column_names.index(name)
        if type_of(table[name].type) != wanted:
            table = table.set_column(at, name, _retyped(name, table[name], wanted))
    return table


def _retyped(name: str, column: pa.ChunkedArray, wanted: Type) -> pa.ChunkedArray:
    if wanted == "number" and type_of(column.type) == "integer":
        return column.cast(ARROW["number"])
    return _declared(name, column.cast(ARROW["string"]), wanted)


def _typed(name: str, texts: pa.ChunkedArray, wanted: Type | None) -> pa.ChunkedArray:
    if wanted == "string":
        return texts
    if wanted:
        return _declared(name, texts, wanted)
    trimmed = _trimmed(texts)
    if trimmed.null_count == len(trimmed):
        return texts
    for kind in GUESSED:
        read = _read(trimmed, kind)
        if read is not None:
            return texts if _are_codes(trimmed, kind) else read
    for kind in ("number", "time"):
        strays = _strays(trimmed, kind)
        present = len(trimmed) - trimmed.null_count
        if 0 < len(strays) <= max(1, STRAYS * present) and len(strays) < present:
            raise _mixed(name, trimmed, kind, strays)
    return texts


def _declared(name: str, texts: pa.ChunkedArray, wanted: Type) -> pa.ChunkedArray:
    trimmed = _trimmed(texts)
    read = _read(trimmed, wanted)
    if read is None:
        raise _mixed(name, trimmed, wanted, _strays(trimmed, wanted) or [0])
    return read


def _trimmed(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _read(texts: pa.ChunkedArray, kind: Type) -> pa.ChunkedArray | None:
    """The texts as one type, or None when some are of another."""
    if kind == "time":
        return _times(texts)
    if kind == "boolean" and not _all_match(texts, kind):
        return None
    try:
        return texts.cast(ARROW[kind])
    except pa.ArrowInvalid:
        return None


def _times(texts: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Instants, of texts that all have a zone or all have none, which is UTC then."""
    for unit in ("us", "ns"):
        for zone in ("UTC", None):
            try:
                return texts.cast(pa.timestamp(unit, tz=zone)).cast(ARROW["time"], safe=False)
            except pa.ArrowInvalid:
                continue
    return None


def _all_match(texts: pa.ChunkedArray, kind: Type) -> bool:
    fitting = pc.match_substring_regex(texts, PATTERNS[kind])
    return bool(pc.all(fitting, min_count=0).as_py())


def _are_codes(texts: pa.ChunkedArray, kind: Type) -> bool:
    if kind not in CODES:
        return False
    return bool(pc.any(pc.match_substring_regex(texts, CODES[kind])).as_py())


def _strays(texts: pa.ChunkedArray, kind: Type) -> list[int]:
    """The positions of values that do not read as a type."""
    fitting = pc.match_substring_regex(texts, PATTERNS[kind]).fill_null(True)
    if kind == "time":
        fitting = pc.and_(fitting, _on_the_calendar(texts))
    strays: list[int] = pc.indices_nonzero(pc.invert(fitting)).to_pylist()
    return strays


def _on_the_calendar(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which texts begin with a date that there is: a 13th month looks like one and is none."""
    dates = pc.utf8_slice_codeunits(texts, 0, 10)
    read = pc.strptime(dates, format="%Y-%m-%d", unit="s", error_is_null=True)
    return pc.or_(pc.is_null(texts), pc.is_valid(read))


def _mixed(name: str, texts: pa.ChunkedArray, kind: Type, strays: list[int]) -> Invalid:
    row, present = strays[0] + 1, len(texts) - texts.null_count
    value, what = texts[strays[0]].as_py(), NAMES[kind]
    return Invalid(
        f"row {row}, column {name!r}: {value!r} is no {what}, "
        f"while {present - len(strays):,} of the column's {present:,} values are.",
        hint="Correct it; or register the file from Python, where `types` declares the column "
        "as a 'string'. Rows count from 1 below the header.",
        fields={name: f"row {row}: {value!r} is no {what}"},
    )
