"""Content in, whatever it comes as: a file, an upload's bytes, or a frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pilothouse.data.booleans import BooleanWords, read_booleans
from pilothouse.data.canonical import canonical, type_of
from pilothouse.data.delimited import read_csv
from pilothouse.data.inference import retyped
from pilothouse.data.schema import TYPES, Type
from pilothouse.kit.errors import Invalid, NotFound

if TYPE_CHECKING:
    import pandas as pd

PARQUET = b"PAR1"
ROW_GROUP = 1 << 17


@dataclass(frozen=True)
class Reading:
    """A canonical table, and the words of its yes/no columns."""

    table: pa.Table
    boolean_words: Mapping[str, BooleanWords]


def read(
    source: str | Path | bytes | pd.DataFrame, filename: str, types: Mapping[str, Type]
) -> Reading:
    """A canonical table whose texts of two known words, such as yes and no, are booleans.

    Raises what `read_table` does.
    """
    return recognise_booleans(read_table(source, filename, types), types)


def recognise_booleans(table: pa.Table, types: Mapping[str, Type]) -> Reading:
    """The table with its yes/no texts as booleans, but for columns that are declared texts."""
    words = {}
    for at, name in enumerate(table.column_names):
        if type_of(table[name].type) != "string" or name in types:
            continue
        booleans = read_booleans(table[name])
        if booleans is not None:
            table = table.set_column(at, name, booleans[0])
            if booleans[1]:
                words[name] = booleans[1]
    return Reading(table, words)


def read_table(
    source: str | Path | bytes | pd.DataFrame, filename: str, types: Mapping[str, Type]
) -> pa.Table:
    """The canonical table of a CSV or Parquet file, of an upload's bytes, or of a frame.

    Raises NotFound when there is no such file; Invalid, naming row and column, when it is no table.
    """
    _check(types)
    if not isinstance(source, str | Path | bytes):
        if not hasattr(source, "iloc"):
            kind = type(source).__name__
            raise Invalid(f"a dataset is made of a file, its bytes or a frame, not of {kind}.")
        return retyped(canonical(from_frame(source)), types)
    content = _existing(Path(source)) if isinstance(source, str | Path) else source
    if _is_parquet(content):
        return retyped(canonical(_read_parquet(content)), types)
    if filename.lower().endswith((".parquet", ".pq")):
        raise Invalid(f"{filename} is no Parquet file.", fields={"source": "is no Parquet file"})
    return retyped(canonical(read_csv(content, types)), types)


def _check(types: Mapping[str, Type]) -> None:
    wrong = {name: f"{kind!r} is no type" for name, kind in types.items() if kind not in TYPES}
    if wrong:
        raise Invalid(
            f"{next(iter(wrong.values()))} of a column.",
            hint=f"Types are {', '.join(TYPES)}.",
            fields=wrong,
        )


def write_parquet(table: pa.Table, path: Path) -> None:
    """Keep a canonical table as Parquet, the same bytes for the same table."""
    pq.write_table(
        table.replace_schema_metadata(None),
        path,
        compression="zstd",
        row_group_size=ROW_GROUP,
        store_schema=False,
    )


def from_frame(frame: pd.DataFrame) -> pa.Table:
    """The columns of a frame. Raises Invalid that names the row and column of mixed types."""
    names = [str(name) for name in frame.columns]
    return pa.Table.from_arrays(
        [_from_series(name, frame.iloc[:, position]) for position, name in enumerate(names)],
        names=names,
    )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise NotFound(f"there is no file {path}.")
    return path


def _is_parquet(content: Path | bytes) -> bool:
    if isinstance(content, bytes):
        return content.startswith(PARQUET)
    with content.open("rb") as file:
        return file.read(len(PARQUET)) == PARQUET


def _read_parquet(content: Path | bytes) -> pa.Table:
    try:
        source = pa.BufferReader(content) if isinstance(content, bytes) else content
        return pq.ParquetFile(source).read()
    except (pa.ArrowInvalid, OSError) as broken:
        raise Invalid(
            f"the Parquet file is damaged: {str(broken).splitlines()[0]}",
            fields={"source": "is damaged"},
        ) from broken


def _from_series(name: str, series: pd.Series[Any]) -> pa.Array:
    try:
        return pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as mixed:
        raise _mixed(name, series) from mixed
    except (OverflowError, UnicodeEncodeError) as beyond:
        raise _beyond(name, series) from beyond


def _beyond(name: str, series: pd.Series[Any]) -> Invalid:
    """What the first value is that no column can hold: an integer too large, half a character."""
    row, value = next((row, value) for row, value in enumerate(series, start=1) if not _fits(value))
    what = f"{value!r:.60} cannot be kept"
    return Invalid(
        f"row {row}, column {name!r}: {what}.",
        hint="Integers have 64 bits, text is UTF-8. Rows count from 1.",
        fields={name: f"row {row}: {what}"},
    )


def _fits(value: Any) -> bool:
    try:
        pa.array([value])
    except (OverflowError, UnicodeEncodeError):
        return False
    return True


def _mixed(name: str, series: pd.Series[Any]) -> Invalid:
    """What the first value is that differs from most of its column."""
    kinds = series.map(lambda value: type(value).__name__).where(series.notna())
    usual = Counter(kinds.dropna()).most_common(1)[0][0]
    odd = (kinds.notna() & (kinds != usual)).to_numpy()
    row = int(odd.argmax()) + 1
    value = series.iloc[row - 1]
    what = f"{value!r} is {type(value).__name__}" + (f", not {usual}" if odd.any() else "")
    return Invalid(
        f"row {row}, column {name!r}: {what}.",
        hint="Make the column one type. Rows count from 1.",
        fields={name: f"row {row}: {what}"},
    )
