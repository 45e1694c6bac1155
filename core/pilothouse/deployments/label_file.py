"""Labels from a file: a column of prediction ids, one of labels, and perhaps one of instants.

It is read with the care that data is read with: encodings, separators, dates, Parquet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.deployments.gateway.external_columns import (
    ID_NAMES,
    LABEL_NAMES,
    first_named,
    names_by_word,
)
from pilothouse.deployments.gateway.labels import is_label, is_missing
from pilothouse.deployments.gateway.request import MAX_ID, check_instants, excerpt, join_names
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MAX_FILE_BYTES = 64 << 20
TIME_NAMES = ("at", "label_at", "labelled_at", "label_time", "time", "timestamp", "date")


@dataclass(frozen=True)
class LabelColumns:
    """Which columns of a file hold ids, labels, and, where there is one, the instants."""

    id: str
    label: str
    at: str | None = None


@dataclass(frozen=True)
class LabelFile:
    """The labels in a file: one label and one instant in ms per id, in the file's order.

    `unlabelled` counts the rows that have an id and no label, or no id.
    """

    columns: LabelColumns
    rows: int
    ids: list[str]
    labels: list[Any]
    times: list[int]
    unlabelled: int


@dataclass(frozen=True)
class LabelReport:
    """The result of adding a file's labels; `unmatched` are the ids without a prediction."""

    columns: LabelColumns
    rows: int
    accepted: int
    unlabelled: int
    unmatched: tuple[str, ...]


def column_names(source: str | Path | bytes, filename: str) -> list[str]:
    """The columns of a file, to choose from. Raises Invalid, NotFound."""
    return list(read_typed(source, filename, {}).column_names)


def guess_columns(names: Sequence[str], signature: Signature) -> LabelColumns:
    """The columns by their usual names; an empty name where no column fits."""
    by_word = names_by_word(names)
    label_names = (signature.target.casefold(), *LABEL_NAMES)
    return LabelColumns(
        id=first_named(by_word, ID_NAMES) or "",
        label=first_named(by_word, label_names) or "",
        at=first_named(by_word, TIME_NAMES),
    )


def read_label_file(
    source: str | Path | bytes,
    filename: str,
    signature: Signature,
    now_ms: int,
    columns: LabelColumns | None = None,
) -> LabelFile:
    """The labels of a CSV or Parquet file. Raises Invalid that names the row and the column."""
    table = read_typed(source, filename, {})
    columns = _resolve_columns(table.column_names, signature, columns)
    table = as_written(table, source, filename, [columns.id], columns.label)

    ids, labels = table[columns.id].to_pylist(), table[columns.label].to_pylist()
    times = _times(table, columns.at, now_ms)
    rows = [n for n in range(len(ids)) if not is_missing(ids[n]) and not is_missing(labels[n])]
    rows = _unique_rows(rows, ids, labels, columns)
    if not rows:
        raise Invalid(f"no row has a value in both {columns.id!r} and {columns.label!r}.")

    for row in rows:
        if len(ids[row]) > MAX_ID:
            raise Invalid(f"row {row + 1}: the id is longer than {MAX_ID} characters.")

    return LabelFile(
        columns=columns,
        rows=len(ids),
        ids=[ids[row] for row in rows],
        labels=_labels(signature, labels, rows, columns),
        times=[times[row] for row in rows],
        unlabelled=sum(is_missing(i) or is_missing(v) for i, v in zip(ids, labels, strict=True)),
    )


def read_typed(
    source: str | Path | bytes | pd.DataFrame,
    filename: str,
    types: dict[str, Any],
    *,
    lenient: bool = False,
) -> pa.Table:
    """The table of a file of moderate size, or of a frame. Raises Invalid, NotFound.

    When it is `lenient`, a column of a CSV file with some values of another type stays text.
    """

    from pilothouse.data.reading.reader import read

    require_small(source)
    on_problem = _leave_as_text if lenient else None
    return read(source, filename, types, on_problem=on_problem).table


def as_written(
    table: pa.Table,
    source: str | Path | bytes | pd.DataFrame,
    filename: str,
    texts: Sequence[str],
    label: str | None,
    *,
    lenient: bool = False,
) -> pa.Table:
    """The table of a file, with these columns as it writes them: 007 is not 7, nor "yes" a boolean.

    Names of columns that it does not have are ignored.
    """
    kinds = {field.name: str(field.type) for field in table.schema}
    again = [name for name in texts if kinds.get(name, "string") != "string"]
    if label is not None and kinds.get(label) == "bool":
        again.append(label)
    types: dict[str, Any] = dict.fromkeys(again, "string")
    return read_typed(source, filename, types, lenient=lenient) if types else table


def _leave_as_text(_column: str, _problem: Invalid) -> None:
    """A column with a few values of another type stays text: its rows are judged one by one."""


def require_small(source: str | Path | bytes | pd.DataFrame) -> None:
    """Raises Invalid for a file that is too large to be read at once."""
    if not isinstance(source, str | Path | bytes):
        return
    size = len(source) if isinstance(source, bytes) else _size(Path(source))
    if size > MAX_FILE_BYTES:
        raise Invalid(
            f"the file has {size >> 20} MB; at most {MAX_FILE_BYTES >> 20} MB are read.",
            hint="Split it.",
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _resolve_columns(
    names: Sequence[str], signature: Signature, columns: LabelColumns | None
) -> LabelColumns:
    chosen = columns or guess_columns(names, signature)
    for part, name in (("ids", chosen.id), ("labels", chosen.label), ("instants", chosen.at)):
        if name is not None and name not in names:
            what = f"there is no column {name!r}" if name else f"no column holds the {part}"
            raise Invalid(f"{what}.", hint=f"The columns are: {join_names(names)}.")
    return chosen


def _unique_rows(
    rows: list[int], ids: list[str], labels: list[Any], columns: LabelColumns
) -> list[int]:
    """The rows without repetitions. Raises Invalid when an id has two different labels."""
    first: dict[str, int] = {}
    for row in rows:
        at = first.setdefault(ids[row], row)
        if labels[at] != labels[row]:
            raise Invalid(
                f"{columns.id} {excerpt(ids[row])} has two labels: {excerpt(labels[at])} in row "
                f"{at + 1} and {excerpt(labels[row])} in row {row + 1}."
            )
    return list(first.values())


def _labels(
    signature: Signature, labels: list[Any], rows: list[int], columns: LabelColumns
) -> list[Any]:
    task = task_of(signature)
    result = []
    for row in rows:
        label = task.read_label(signature, labels[row])
        if not is_label(label):
            raise Invalid(
                f"row {row + 1}, column {columns.label!r}: {excerpt(labels[row])} is not a label "
                "of the model.",
                hint=f"A label is {task.label_hint(signature)}.",
            )
        result.append(label)
    return result


def _times(table: pa.Table, name: str | None, now_ms: int) -> list[int]:
    import pyarrow as pa

    if name is None:
        return [now_ms] * table.num_rows
    column, kind = table[name], table.schema.field(name).type
    if pa.types.is_timestamp(kind):
        times = [None if at is None else to_ms(at) for at in column.to_pylist()]
    elif pa.types.is_integer(kind):
        times = column.to_pylist()
    else:
        sample = next((value for value in column.to_pylist() if value is not None), None)
        raise Invalid(
            f"column {name!r} holds values that are not times, such as {excerpt(sample)}.",
            hint="Times are ISO 8601, such as 2026-01-31T12:00:00Z, or milliseconds since 1970.",
        )
    filled = [now_ms if at is None else at for at in times]
    check_instants(name, filled)
    return filled
