"""The manifest of an archive: what is in it, and from which workspace as of when."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pilothouse.interop.archives.archive_contents import (
    ARTIFACT_PATH,
    COLUMN_KINDS,
    LeftOut,
    is_path,
)
from pilothouse.interop.archives.table_files import ArchivedColumn
from pilothouse.kit.errors import Invalid, Refused

FORMAT, FORMAT_VERSION = "pilothouse-archive", 1
MAX_FILES = 5_000_000


@dataclass(frozen=True)
class ArchivedFile:
    """A file of an archive: its path, its size, the SHA-256 of its bytes."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ArchivedTable:
    """A table of an archive: its file, its rows and its columns."""

    name: str
    path: str
    rows: int
    columns: tuple[ArchivedColumn, ...]


@dataclass(frozen=True)
class ArchiveManifest:
    """What an archive has. `schema` is the revision of the tables, `program` the release.

    `as_of` is the instant of the newest of the `entries` of the audit log, `head` its hash.
    `counters` are the highest numbers ever given in tables whose numbers are not given again.
    """

    program: str
    schema: str
    as_of: str
    entries: int
    head: str
    counters: Mapping[str, int]
    tables: tuple[ArchivedTable, ...]
    left_out: tuple[LeftOut, ...]
    files: tuple[ArchivedFile, ...] = field(default=())

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def unpacked(self) -> int:
        """The bytes of all files, unpacked."""
        return sum(file.bytes for file in self.files)

    def to_bytes(self) -> bytes:
        """The manifest as a file: JSON in UTF-8 with sorted keys."""
        value = {"format": FORMAT, "version": FORMAT_VERSION, **asdict(self)}
        return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def read_manifest(data: bytes) -> ArchiveManifest:
    """The manifest in the bytes of its file. Raises Invalid, or Refused for a newer format."""
    try:
        value = json.loads(data)
        if value["format"] != FORMAT:
            raise ValueError("it is of another format")
        version = int(value["version"])
    except (ValueError, TypeError, KeyError, RecursionError) as wrong:
        raise _unreadable(wrong) from wrong
    if version > FORMAT_VERSION:
        raise Refused(
            f"this archive has format {version}; this program knows up to {FORMAT_VERSION}.",
            hint="Import it with the newer Pilothouse that wrote it.",
        )
    try:
        manifest = _manifest(value)
        _check(manifest)
    except (ValueError, TypeError, KeyError, AttributeError) as wrong:
        raise _unreadable(wrong) from wrong
    return manifest


def _manifest(value: Mapping[str, Any]) -> ArchiveManifest:
    return ArchiveManifest(
        program=str(value["program"]),
        schema=str(value["schema"]),
        as_of=str(value["as_of"]),
        entries=int(value["entries"]),
        head=str(value["head"]),
        counters={str(name): int(number) for name, number in value["counters"].items()},
        tables=tuple(_table(item) for item in value["tables"]),
        left_out=tuple(LeftOut(str(v["what"]), str(v["reason"])) for v in value["left_out"]),
        files=tuple(
            ArchivedFile(str(v["path"]), int(v["bytes"]), str(v["sha256"])) for v in value["files"]
        ),
    )


def _table(value: Mapping[str, Any]) -> ArchivedTable:
    columns = tuple(ArchivedColumn(str(v["name"]), str(v["kind"])) for v in value["columns"])
    return ArchivedTable(str(value["name"]), str(value["path"]), int(value["rows"]), columns)


def _check(manifest: ArchiveManifest) -> None:
    """Raise ValueError for what no export writes."""
    paths = [file.path for file in manifest.files]
    _require(len(paths) <= MAX_FILES, "it lists too many files")
    _require_distinct(paths, "file")
    listed = set(paths)
    for file in manifest.files:
        artifact = ARTIFACT_PATH.fullmatch(file.path)
        _require(
            artifact is None or artifact[2] == file.sha256,
            f"{file.path} has another name than its content",
        )
        _require(is_path(file.path), f"the file {file.path[:200]!r} has no place in a workspace")
        _require(file.bytes >= 0, f"the size of {file.path} is no size")
    _require_distinct([table.name for table in manifest.tables], "table")
    for table in manifest.tables:
        _require(table.path == f"tables/{table.name}.parquet", f"{table.name[:80]!r} is no table")
        _require(table.path in listed, f"the table {table.name} has no file")
        _require(table.rows >= 0, f"the rows of {table.name} are no number")
        _require_distinct([column.name for column in table.columns], "column")
        kinds = {column.kind for column in table.columns}
        _require(kinds <= set(COLUMN_KINDS), f"{table.name} has an unknown kind of column")


def _require_distinct(names: Sequence[str], noun: str) -> None:
    _require(len(set(names)) == len(names), f"it lists a {noun} twice")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise ValueError(problem)


def _unreadable(wrong: Exception) -> Invalid:
    return Invalid(
        f"the manifest of this archive cannot be read: {wrong}.",
        hint="Is it an archive that `pilothouse archives export` has written?",
    )
