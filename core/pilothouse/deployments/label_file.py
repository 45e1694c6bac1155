"""Labels from a file: a column of prediction ids, one of labels, and perhaps one of instants.

It is read with the care that data is read with: encodings, separators, dates, Parquet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.data.reading_options import AUTOMATIC, ReadOptions
from pilothouse.deployments.gateway.external_columns import (
    ID_NAMES,
    LABEL_NAMES,
    first_named,
    names_by_word,
)
from pilothouse.deployments.gateway.external_rows import RowProblem, read_instant
from pilothouse.deployments.gateway.labels import is_label, is_missing
from pilothouse.deployments.gateway.request import MAX_ID, excerpt, join_names
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
    """The readable labels in a file: one label and one instant in ms per id, in the file's order.

    `timed` are the ids whose instant is in the file; that of the others is the time of reading.
    `unlabelled` counts the rows that have an id and no label, or no id; `repeated` those that say
    again what an earlier row says. `problems` are all unreadable rows: no label of the model, no
    time, an id that is too long, or one with two different labels, of which neither is taken.
    """

    columns: LabelColumns
    rows: int
    ids: list[str]
    labels: list[Any]
    times: list[int]
    timed: frozenset[str]
    unlabelled: int
    repeated: int
    problems: list[RowProblem]


def column_names(source: str | Path | bytes, filename: str) -> list[str]:
    """The columns of a file, to choose from. Raises Invalid, NotFound."""
    return list(read_typed(source, filename, {}, lenient=True).column_names)


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
    """The labels of a CSV or Parquet file; rows that cannot be read are named and left out.

    Raises Invalid when a column is absent, when no row has an id and a label, and when no row can
    be read.
    """
    received = _receive(source, filename, signature, columns)
    columns, ids, labels = received.columns, received.ids, received.labels
    filled = [row for row in range(len(ids)) if not is_missing(ids[row])]
    filled = [row for row in filled if row in received.untyped or not is_missing(labels[row])]
    if not filled:
        raise Invalid(f"no row has a value in both {columns.id!r} and {columns.label!r}.")

    check = _Check(received, signature, now_ms)
    rows, repeated = _first_of_each(check, [row for row in filled if check.reads(row)])
    problems = sorted(check.problems.values(), key=lambda problem: problem.row)
    if not rows:
        first = problems[0]
        raise Invalid(
            f"none of the {len(filled):,} rows with a label can be read: row {first.row}, column "
            f"{first.column!r}: {first.message}.",
            hint=f"A label is {task_of(signature).label_hint(signature)}.",
        )

    return LabelFile(
        columns=columns,
        rows=len(ids),
        ids=[ids[row] for row in rows],
        labels=[check.labels[row] for row in rows],
        times=[check.times[row] for row in rows],
        timed=frozenset(ids[row] for row in rows if row in check.timed),
        unlabelled=len(ids) - len(filled),
        repeated=repeated,
        problems=problems,
    )


@dataclass(frozen=True)
class _Received:
    """The cells of a file's columns; `untyped` are those of rows whose label or time is none."""

    columns: LabelColumns
    ids: list[Any]
    labels: list[Any]
    times: list[Any] | None
    untyped: dict[int, tuple[str, str]]


def _receive(
    source: str | Path | bytes,
    filename: str,
    signature: Signature,
    columns: LabelColumns | None,
) -> _Received:
    """The columns' cells. Raises Invalid for a column that is absent or of no one form."""
    problems: dict[str, Invalid] = {}
    table = _read(source, filename, AUTOMATIC, problems.setdefault)
    columns = _resolve_columns(table.column_names, signature, columns)
    ids = as_written(table, source, filename, [columns.id], None, lenient=True)[columns.id]

    chosen = [name for name in (columns.label, columns.at) if name in problems]
    untyped = {name: _words(table[name].to_pylist()) for name in chosen if name is not None}
    clean = _without(untyped, source, filename) if chosen else table
    labels = clean if columns.label in chosen else table
    labels = as_written(labels, source, filename, [], columns.label, lenient=True)
    times = clean if columns.at in chosen else table

    return _Received(
        columns=columns,
        ids=ids.to_pylist(),
        labels=labels[columns.label].to_pylist(),
        times=None if columns.at is None else times[columns.at].to_pylist(),
        untyped={row: (name, word) for name in untyped for row, word in untyped[name].items()},
    )


def _without(
    untyped: Mapping[str, Mapping[int, str]], source: str | Path | bytes, filename: str
) -> pa.Table:
    """The table without the words among a column's numbers or times, each of which is a bad row.

    Without them the column has its type again, so that 1.000 is read as the file means it. Raises
    Invalid for a column that is of no one form then either.
    """
    from pilothouse.data.reading.reader import MISSING_WORDS

    unreadable = {word for of_rows in untyped.values() for word in of_rows.values()}
    options = ReadOptions(missing=tuple(sorted(MISSING_WORDS | unreadable)))
    return _read(source, filename, options, partial(_refuse, list(untyped)))


def _read(
    source: str | Path | bytes,
    filename: str,
    options: ReadOptions,
    on_problem: Callable[[str, Invalid], object],
) -> pa.Table:
    from pilothouse.data.reading.reader import read

    require_small(source)

    def report(column: str, problem: Invalid) -> None:
        on_problem(column, problem)

    return read(source, filename, {}, options, on_problem=report).table


def _refuse(columns: Sequence[str], column: str, problem: Invalid) -> None:
    if column in columns:
        raise problem


def _words(cells: Sequence[Any]) -> dict[int, str]:
    """The cells, by row, that cannot be a number or a time in any form."""
    return {
        row: cell
        for row, cell in enumerate(cells)
        if isinstance(cell, str) and cell and not any(sign.isdigit() for sign in cell)
    }


class _Check:
    """The check of a file's rows; the first problem of each row counts."""

    def __init__(self, received: _Received, signature: Signature, now_ms: int) -> None:
        self.received, self.signature, self.now_ms = received, signature, now_ms
        self.task = task_of(signature)
        self.labels: dict[int, Any] = {}
        self.times: dict[int, int] = {}
        self.timed: set[int] = set()
        self.problems: dict[int, RowProblem] = {}

    def refuse(self, row: int, column: str, message: str) -> None:
        """Leave a row out."""
        self.problems.setdefault(row, RowProblem(row + 1, column, message))

    def reads(self, row: int) -> bool:
        """Whether a row's id, label and time can be read."""
        columns = self.received.columns
        if len(self.received.ids[row]) > MAX_ID:
            self.refuse(row, columns.id, f"the id is longer than {MAX_ID} characters")
        self._read_label(row)
        self._read_time(row)
        return row not in self.problems

    def _read_label(self, row: int) -> None:
        name, word = self.received.untyped.get(row, ("", ""))
        value = word if name == self.received.columns.label else self.received.labels[row]
        label = self.task.read_label(self.signature, value)
        if not is_label(label):
            message = f"{excerpt(value)} is not a label of the model"
            self.refuse(row, self.received.columns.label, message)
        self.labels[row] = label

    def _read_time(self, row: int) -> None:
        column, times = self.received.columns.at, self.received.times
        name, word = self.received.untyped.get(row, ("", ""))
        value = word if column and name == column else times and times[row]
        self.times[row] = self.now_ms
        if column is None or is_missing(value):
            return
        try:
            self.times[row] = read_instant(column, value)
            self.timed.add(row)
        except Invalid as wrong:
            self.refuse(row, column, wrong.message)


def _first_of_each(check: _Check, rows: Sequence[int]) -> tuple[list[int], int]:
    """The rows without repetitions, and how many repeat; an id with two labels has none."""
    ids, columns = check.received.ids, check.received.columns
    first: dict[str, int] = {}
    repeated: list[int] = []
    for row in rows:
        at = first.setdefault(ids[row], row)
        if check.labels[at] != check.labels[row]:
            pair = (
                f"{excerpt(ids[row])} has two labels: {excerpt(check.received.labels[at])} in row "
                f"{at + 1} and {excerpt(check.received.labels[row])} in row {row + 1}"
            )
            check.refuse(at, columns.id, pair)
            check.refuse(row, columns.id, pair)
        elif at != row:
            repeated.append(row)
    refused = {ids[problem.row - 1] for problem in check.problems.values()
               if problem.column == columns.id}  # fmt: skip
    good = [row for row in first.values() if ids[row] not in refused]
    return good, sum(ids[row] not in refused for row in repeated)


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
