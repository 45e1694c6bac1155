"""An untrusted SQLite file: opened read-only, with trusted_schema off, plain tables only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pilothouse.interop.importing.mlflow.schemas import KNOWN_REVISIONS
from pilothouse.kit.errors import Invalid, NotFound, Unavailable

HEADER = b"SQLite format 3\0"
WAL = b"\2\2"
MAX_CELL_LENGTH = 64 << 20
MAX_VALUES = 400
BUSY_S = 20.0
Row = dict[str, Any]


class Tables:
    """The plain tables of a database; a missing table is empty, a missing column is None."""

    def __init__(self, file: Path, needed: Sequence[str]) -> None:
        self._file = file
        self._connection = _connect(file)
        try:
            self._columns = self._read_columns()
            if missing := [name for name in needed if name not in self._columns]:
                raise Invalid(
                    f"{file.name} is no MLflow database: it has no table {missing[0]!r}.",
                    hint="Give the file that MLflow's backend store URI names, such as mlflow.db.",
                )
            self.schema = self._schema()
        except BaseException:
            self.close()
            raise

    @property
    def is_known_schema(self) -> bool:
        """Whether its schema is one of a known version of MLflow."""
        return self.schema in KNOWN_REVISIONS

    @property
    def schema_description(self) -> str:
        """The schema's version, described."""
        return f"MLflow's schema {self.schema}" if self.schema else "a schema without a version"

    def _read_columns(self) -> dict[str, set[str]]:
        """The columns of plain tables: a view or a virtual table could run its author's code."""
        names = self._all(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        )
        return {
            name: {row[1] for row in self._all(f"PRAGMA table_info({_quoted(name)})")}
            for (name,) in names
            if isinstance(name, str)
        }

    def _schema(self) -> str:
        rows = self.rows("alembic_version", ("version_num",))
        return str(rows[0]["version_num"]) if rows else ""

    def has(self, *tables: str) -> bool:
        """Whether all of these tables are there."""
        return all(table in self._columns for table in tables)

    def has_column(self, table: str, column: str) -> bool:
        """Whether a table has a column."""
        return column in self._columns.get(table, ())

    def rows(
        self,
        table: str,
        columns: Sequence[str],
        *,
        where: str = "",
        among: Sequence[str] | None = None,
        order: str = "",
    ) -> list[Row]:
        """The rows of a table, of those whose column `where` is one of `among`."""
        if table not in self._columns or (where and not self.has_column(table, where)):
            return []
        query = self._select(table, columns)
        ordered = f" ORDER BY {_quoted(order)}" if order else ""
        if among is None:
            return self._mapped(query + ordered, (), columns)
        return self.query(f"{query} WHERE {_quoted(where)} IN ({{}}){ordered}", among, columns)

    def _select(self, table: str, columns: Sequence[str]) -> str:
        there = self._columns[table]
        selected = (_quoted(name) if name in there else "NULL" for name in columns)
        return f"SELECT {', '.join(selected)} FROM {_quoted(table)}"

    def query(
        self, query: str, among: Sequence[str], columns: Sequence[str] | None = None
    ) -> list[Row]:
        """The rows of a trusted query, in which `{}` is replaced by placeholders of many values."""
        rows = []
        for start in range(0, len(among), MAX_VALUES):
            part = among[start : start + MAX_VALUES]
            rows += self._mapped(query.format(",".join("?" * len(part))), part, columns)
        return rows

    def pages(
        self, table: str, columns: Sequence[str], of: tuple[str, str], key: str, size: int
    ) -> Iterator[list[Row]]:
        """The rows of an owner in the order of a key that is text, page by page."""
        if not all(self.has_column(table, name) for name in (of[0], key)):
            return
        query = (
            f"{self._select(table, columns)} WHERE {_quoted(of[0])} = ? AND {_quoted(key)} > ? "
            f"AND typeof({_quoted(key)}) = 'text' ORDER BY {_quoted(key)} LIMIT ?"
        )
        last = ""
        while page := self._mapped(query, (of[1], last, size), columns):
            yield page
            newest = str(page[-1][key])
            if newest <= last:  # an invalid UTF-8 key was changed when it was read
                return
            last = newest

    def count(self, table: str, where: str = "", value: str = "") -> int:
        """How many rows a table has, of an owner or of all; none when it is not there."""
        if table not in self._columns:
            return 0
        condition = f" WHERE {_quoted(where)} = ?" if where else ""
        query = f"SELECT count(*) FROM {_quoted(table)}{condition}"
        return int(self._all(query, (value,) if where else ())[0][0])

    def counts(self, table: str, column: str, among: Sequence[str]) -> dict[str, int]:
        """How many rows each of these has."""
        query = f"SELECT {column}, count(*) FROM {table} WHERE {column} IN ({{}}) GROUP BY {column}"
        return {
            str(owner): int(count)
            for owner, count in (row.values() for row in self.query(query, among))
        }

    def iterate(self, query: str, *values: str) -> Iterator[Sequence[Any]]:
        """The rows of a trusted query, one by one."""
        try:
            yield from self._connection.execute(query, values)
        except sqlite3.Error as broken:
            raise self._unreadable(broken) from broken

    def _mapped(
        self, query: str, values: Sequence[Any], columns: Sequence[str] | None
    ) -> list[Row]:
        try:
            cursor = self._connection.execute(query, tuple(values))
            names = columns or [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]
        except sqlite3.Error as broken:
            raise self._unreadable(broken) from broken

    def _all(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self._connection.execute(query, tuple(values)).fetchall()
        except sqlite3.Error as broken:
            raise self._unreadable(broken) from broken

    def _unreadable(self, broken: sqlite3.Error) -> Unavailable:
        return Unavailable(
            f"{self._file.name} cannot be read: {broken}.",
            hint="Stop the program that writes to it, or copy it and import the copy.",
        )

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def is_sqlite(file: Path) -> bool:
    """Whether a file begins as SQLite's files do."""
    with file.open("rb") as source:
        return source.read(len(HEADER)) == HEADER


def _connect(file: Path) -> sqlite3.Connection:
    if not file.is_file():
        raise NotFound(f"there is no database at {file}.")
    with file.open("rb") as source:
        head = source.read(20)
    if not head.startswith(HEADER):
        raise Invalid(f"{file.name} is no SQLite database.", hint="Give a folder or an mlflow.db.")
    uri = f"{file.resolve().as_uri()}?mode=ro"
    log = file.with_name(f"{file.name}-wal")
    if head[18:20] == WAL and not log.exists():
        # Nobody has it open. Without `immutable`, SQLite would create -wal and -shm files.
        uri += "&immutable=1"
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, check_same_thread=False)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_CELL_LENGTH)
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for pragma in ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error as broken:
        raise Unavailable(f"{file.name} cannot be opened: {broken}.") from broken
    return connection


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
