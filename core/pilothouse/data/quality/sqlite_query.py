"""One query over the rows of a version, in a database in memory that holds nothing else.

The query can select and call functions, and nothing else: no other table, no file, no recursion. It
is bounded in time, and so are the rows that are copied; only the columns that it reads are.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.kit.errors import Invalid

MAX_SECONDS = 20.0
MAX_CELLS = 10_000_000
MAX_TEXT = 10_000_000  # bytes of one value, also of one that a function makes
MAX_COLUMNS = 2_000  # SQLite's own limit
STEPS = 20_000  # virtual machine instructions between two looks at the clock
BATCH = 20_000
TO_MS = pa.timestamp("ms", tz="UTC")
ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}
FORBIDDEN_FUNCTIONS = {"load_extension", "zeroblob", "randomblob"}


@dataclass(frozen=True)
class Answer:
    """How many rows a query answers, the first one, and the positions that its `rowid` names."""

    count: int
    first: tuple[Any, ...] | None
    rows: tuple[int, ...]


def answer(table: pa.Table, query: str, most_rows: int, seconds: float = MAX_SECONDS) -> Answer:
    """The answer of a query over the table `data`; at most `most_rows` positions.

    Raises Invalid for an error in the query and beyond a bound.
    """
    until = time.monotonic() + seconds
    query = query.strip().rstrip("; \n\t")
    names = _names(table.column_names)
    with closing(sqlite3.connect(":memory:")) as database:
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_TEXT)
        database.set_progress_handler(lambda: int(time.monotonic() > until), STEPS)
        try:
            _create(database, names)
            _fill(database, table, _columns_read(database, query, names), until)
            database.set_authorizer(_authorizer(set()))
            return _read(database.execute(query), table, most_rows)
        except sqlite3.Error as failed:
            if "interrupted" in str(failed):
                raise _too_long(seconds) from failed
            raise Invalid(f"the query cannot be answered: {failed}.") from failed


def columns_read(columns: Sequence[str], query: str) -> list[str]:
    """The columns that a query over the table `data` reads. Raises Invalid for an error in it."""
    names = _names(columns)
    with closing(sqlite3.connect(":memory:")) as database:
        try:
            _create(database, names)
            return _columns_read(database, query.strip().rstrip("; \n\t"), names)
        except sqlite3.Error as failed:
            raise Invalid(f"the query cannot be answered: {failed}.") from failed


def _names(columns: Sequence[str]) -> list[str]:
    """The columns that a query can name: SQLite does not tell A from a, the first one counts."""
    first: dict[str, str] = {}
    for name in columns[:MAX_COLUMNS]:
        first.setdefault(name.lower(), name)
    return list(first.values())


def _create(database: sqlite3.Connection, names: list[str]) -> None:
    database.execute(f"CREATE TABLE data ({', '.join(map(_quoted, names))})")


def _columns_read(database: sqlite3.Connection, query: str, names: list[str]) -> list[str]:
    """The columns that the query reads, as SQLite itself says when it prepares it."""
    read: set[str] = set()
    database.set_authorizer(_authorizer(read))
    database.execute(f"EXPLAIN {query}").close()
    database.set_authorizer(None)
    return [name for name in names if name.lower() in read]


def _authorizer(read: set[str]) -> Any:
    """What a query may do; the columns of `data` that it reads are added to `read`."""

    def authorize(action: int, first: str | None, second: str | None, *_: Any) -> int:
        if action not in ALLOWED:
            return sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in FORBIDDEN_FUNCTIONS:
            return sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_READ:
            if (first or "").lower().startswith(("sqlite_", "pragma_")):
                return sqlite3.SQLITE_DENY
            read.add((second or "").lower())
        return sqlite3.SQLITE_OK

    return authorize


def _fill(database: sqlite3.Connection, table: pa.Table, names: list[str], until: float) -> None:
    """Copy the rows in their order, so that `rowid` counts them from 1."""
    if table.num_rows * max(1, len(names)) > MAX_CELLS:
        raise Invalid(
            f"the query reads more than {MAX_CELLS:,} values.",
            hint="Read fewer columns, or use a kind of check that is made for it.",
        )
    columns = names or table.column_names[:1]  # the rows count, also when no column is read
    places = ", ".join("?" for _ in columns)
    insert = f"INSERT INTO data ({', '.join(map(_quoted, columns))}) VALUES ({places})"
    for batch in _batches(table.select(columns)):
        if time.monotonic() > until:
            raise sqlite3.OperationalError("interrupted")
        database.executemany(insert, batch)


def _batches(table: pa.Table) -> Iterator[Iterator[tuple[Any, ...]]]:
    for batch in table.to_batches(max_chunksize=BATCH):
        yield zip(*[_plain(column) for column in batch.columns], strict=True)


def _plain(column: pa.Array) -> list[Any]:
    """Values as SQLite has them: a time is a text that its functions know."""
    if pa.types.is_timestamp(column.type):
        column = pc.strftime(column.cast(TO_MS, safe=False), "%Y-%m-%d %H:%M:%S")
    values: list[Any] = column.to_pylist()
    return values


def _read(cursor: sqlite3.Cursor, table: pa.Table, most_rows: int) -> Answer:
    names = [str(part[0]).lower() for part in cursor.description or ()]
    own = "rowid" in {name.lower() for name in table.column_names}
    rowid_at = names.index("rowid") if "rowid" in names and not own else None
    first, count = None, 0
    rows: list[int] = []
    for row in cursor:
        first = row if first is None else first
        count += 1
        if rowid_at is not None and len(rows) < most_rows and isinstance(row[rowid_at], int):
            rows.append(row[rowid_at] - 1)
    return Answer(count, first, tuple(at for at in rows if 0 <= at < table.num_rows))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _too_long(seconds: float) -> Invalid:
    return Invalid(
        f"the query was not answered within {seconds:g} seconds.",
        hint="Ask for less, such as one count in rowid_at of a join.",
    )
