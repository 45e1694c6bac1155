"""Rows of an archive into the tables of the schema that they were written from."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, column, insert, table, text
from sqlmodel import Session

from pilothouse.interop.archives.archive_contents import LEFT_OUT_TABLES, all_tables
from pilothouse.interop.archives.archive_file import ArchiveReader
from pilothouse.interop.archives.archive_manifest import ArchivedTable, ArchiveManifest
from pilothouse.interop.archives.table_files import read_table
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.storage import Store

if TYPE_CHECKING:
    from sqlalchemy import Table as SqlTable

VERSION_TABLE = "alembic_version"
LEAST_FREE = 128 << 20  # bytes of the disk: rows that unpack to more than it has end before
NAMES_EACH = 3


def insert_tables(
    archive: ArchiveReader,
    session: Session,
    store: Store,
    on_progress: Callable[[float, str], None],
) -> None:
    """Fill every table. Raises Invalid for tables or columns that the schema has not."""
    connection = session.connection()
    if store.is_sqlite:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
    schema = MetaData()
    schema.reflect(connection)
    archived = {item.name: item for item in archive.manifest.tables}
    names = {*archived, *LEFT_OUT_TABLES, *(item.name for item in all_tables())}
    existing = [item for item in schema.sorted_tables if item.name in names]
    require_same_tables(archive.manifest, existing)
    for item in reversed(existing):  # what its migrations have put there
        connection.execute(item.delete())
    files = {file.path: file for file in archive.manifest.files}
    partial = store.folder / "run" / "table.parquet"
    done = 0
    for item in existing:
        if item.name in LEFT_OUT_TABLES:
            continue
        chosen = archived[item.name]
        archive.unpack(files[chosen.path], partial)
        done += chosen.rows
        _insert(session, store, item, chosen, partial)
        on_progress(0.5 + 0.5 * done / max(archive.manifest.rows, 1), item.name)
    partial.unlink(missing_ok=True)
    for name, number in archive.manifest.counters.items():
        _count_on(session, store, schema.tables[name], number)


def require_same_tables(manifest: ArchiveManifest, existing: Sequence[SqlTable]) -> None:
    """Raise Invalid unless an archive has every table of its schema, with the same columns."""
    archived = {item.name: item for item in manifest.tables}
    names = {item.name for item in existing} - set(LEFT_OUT_TABLES)
    _require_none(set(archived) - names, "it has tables that its schema does not know")
    _require_none(names - set(archived), "tables are missing in it")
    for item in existing:
        if item.name in names:
            own = {part.name for part in archived[item.name].columns}
            columns = set(item.columns.keys())
            _require_none(own - columns, f"{item.name} has columns that its schema does not know")
            _require_none(columns - own, f"columns of {item.name} are missing in it")


def _require_none(names: Iterable[str], problem: str) -> None:
    first = sorted(names)[:NAMES_EACH]
    if first:
        raise Invalid(
            f"this archive cannot be imported: {problem} ({', '.join(first)[:200]}).",
            hint="It was changed by another program; export it again.",
        )


def _insert(
    session: Session, store: Store, item: SqlTable, archived: ArchivedTable, path: Path
) -> None:
    """Insert the rows of a table; columns that name other rows of it follow at the end."""
    names = [part.name for part in archived.columns]
    statement = insert(table(item.name, *(column(name) for name in names)))
    later = [] if store.is_sqlite else _own_references(item)
    references: list[dict[str, Any]] = []
    keys = item.primary_key.columns.keys()
    for rows in read_table(path, archived.columns, archived.rows):
        if shutil.disk_usage(store.folder).free < LEAST_FREE:
            raise Unavailable("the disk is full.", hint="Make room, and import the archive again.")
        for row in rows if later else ():
            references += _taken_out(row, later, keys)
        session.connection().execute(statement, rows)
    for row in references:
        _refer(session, item, row, keys)
    if not store.is_sqlite:
        _continue_numbers(session, item)


def _own_references(item: SqlTable) -> list[str]:
    """The columns of a table that name rows of the same table."""
    return [key.parent.name for key in item.foreign_keys if key.column.table is item]


def _taken_out(
    row: dict[str, Any], names: Sequence[str], keys: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """What a row says in some columns, with its key; the row is left without it."""
    values = {name: row[name] for name in names if row[name] is not None}
    if values:
        row.update(dict.fromkeys(values))
        yield {key: row[key] for key in keys} | values


def _refer(session: Session, item: SqlTable, row: Mapping[str, Any], keys: Sequence[str]) -> None:
    values = {name: value for name, value in row.items() if name not in keys}
    conditions = [item.columns[key] == row[key] for key in keys]
    session.execute(item.update().where(*conditions).values(values))


def _continue_numbers(session: Session, item: SqlTable) -> None:
    """Let PostgreSQL give numbers after the highest that a row has."""
    for part in item.primary_key.columns:
        names = {"name": item.name, "key": part.name}
        sequence = session.scalar(text("SELECT pg_get_serial_sequence(:name, :key)"), names)
        if sequence is not None:
            highest = f'SELECT max("{part.name}") FROM "{item.name}"'
            session.execute(
                text(f"SELECT setval(CAST(:sequence AS regclass), ({highest}))"),
                {"sequence": sequence},
            )


def _count_on(session: Session, store: Store, item: SqlTable, number: int) -> None:
    """Let a table that never gives a number twice go on after the highest that it ever gave."""
    if number <= 0:
        return
    if store.is_sqlite:
        names = {"name": item.name, "number": number}
        session.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), names)
        session.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :number)"), names)
        return
    key = next(iter(item.primary_key.columns)).name
    names = {"name": item.name, "key": key, "number": number}
    query = "SELECT setval(pg_get_serial_sequence(:name, :key), :number)"
    session.execute(text(query), names)
