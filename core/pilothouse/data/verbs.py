"""What a screen, command or notebook may ask of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import col, func, select

from pilothouse.data import versions
from pilothouse.data.facts import (
    ColumnProfile,
    Contract,
    ContractReport,
    DatasetVersionInfo,
    Profile,
)
from pilothouse.data.schema import Type
from pilothouse.data.tables import DatasetVersion
from pilothouse.storage.room import Room

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pilothouse.data.booleans import BooleanWords
    from pilothouse.data.diff import DataDiff

LISTED = (
    "number",
    "rows",
    "columns",
    "bytes",
    "content_hash",
    "parent",
    "source",
    "licence",
    "tags",
    "event_time",
    "note",
    "created_at",
    "created_by",
)


class Data(Room):
    """The datasets of a workspace."""

    def register(
        self,
        name: str,
        source: str | Path | bytes | pd.DataFrame,
        *,
        filename: str = "",
        types: Mapping[str, Type] | None = None,
        origin: str = "",
        licence: str = "",
        tags: Mapping[str, str] | None = None,
        parent: str | None = None,
        event_time: str | None = None,
        note: str = "",
    ) -> DatasetVersionInfo:
        """Register a CSV or Parquet file, an upload's bytes or a frame as a version of a dataset.

        Content that the dataset has already is the version that it is (`existed`). `types` declares
        columns whose type should not be guessed. Raises NotFound for a missing file or parent,
        Invalid that names the row and column for content that cannot be used.
        """
        from pilothouse.data.canonical import content_hash
        from pilothouse.data.reading import read

        versions.check_name(name)
        reading = read(source, filename, types or {})
        table = reading.table
        words = {**self._parent_words(parent, table), **reading.boolean_words}
        content = content_hash(table, words)
        with self._store.read() as session:
            existing = versions.find(session, name, content)
        if existing:
            return existing
        draft = versions.draft(self._store, table, content, words)
        said = versions.Origin(origin, licence, tags, parent, event_time, note)
        with self._store.write() as session:
            return versions.register(session, self._store, name, draft, said)

    def _parent_words(self, parent: str | None, table: pa.Table) -> dict[str, BooleanWords]:
        """The spelling of a parent's booleans, for the same columns that come as booleans."""
        from pilothouse.data.canonical import schema_of

        if parent is None:
            return {}
        booleans = {column.name for column in schema_of(table) if column.type == "boolean"}
        return {
            column.name: column.boolean_words
            for column in self.version(parent).schema
            if column.boolean_words and column.name in booleans
        }

    def datasets(self) -> pd.DataFrame:
        """Datasets by name with their latest version: its number is `latest`, its address `ref`.

        Columns: name, ref, latest, then those of `versions`.
        """
        newest = select(func.max(DatasetVersion.id)).group_by(col(DatasetVersion.dataset))
        frame = self._listing(col(DatasetVersion.id).in_(newest), col(DatasetVersion.dataset))
        return frame.rename(columns={"dataset": "name", "number": "latest"})

    def versions(self, name: str) -> pd.DataFrame:
        """Versions of a dataset, newest first. Raises NotFound.

        Columns: ref, number, rows, columns, bytes, content_hash, parent, source, licence, tags,
        event_time, note, created_at, created_by.
        """
        with self._store.read() as session:
            versions.require(session, name)
        newest_first = col(DatasetVersion.number).desc()
        return self._listing(DatasetVersion.dataset == name, newest_first).drop(columns="dataset")

    def _listing(self, which: Any, order: Any) -> pd.DataFrame:
        import pandas as pd

        names = ("dataset", *LISTED)
        query = select(*[getattr(DatasetVersion, name) for name in names])
        with self._store.read() as session:
            rows = [tuple(row) for row in session.execute(query.where(which).order_by(order))]
        frame = pd.DataFrame(rows, columns=list(names))
        frame.insert(1, "ref", [f"{name}@{number}" for name, number, *_ in rows])
        return frame

    def version(self, ref: str) -> DatasetVersionInfo:
        """The version "flights@2", or the latest of "flights". Raises NotFound."""
        with self._store.read() as session:
            return versions.require(session, ref)

    def frame(self, ref: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The rows of a version, or some of its columns. Raises NotFound, Unavailable."""
        with self._store.read() as session:
            return versions.read_frame(self._store, session, ref, columns)

    def profile(self, ref: str) -> Profile:
        """What was seen in each column when the version was registered. Raises NotFound."""
        with self._store.read() as session:
            version = versions.row(session, ref)
        return Profile(version.rows, tuple(map(ColumnProfile.from_json, version.profile_json)))

    def diff(self, a: str, b: str) -> DataDiff:
        """What changed from version `a` to version `b`: schema, rows, spread. Raises NotFound."""
        from pilothouse.data import diff

        return diff.diff(self.version(a), self.version(b), self.profile(a), self.profile(b))

    def contract(self, ref: str) -> Contract:
        """The schema contract inferred when the version was registered. Raises NotFound."""
        from pilothouse.data import contract

        with self._store.read() as session:
            version = versions.row(session, ref)
        return contract.read(versions.info(version), version.contract_json)

    def check(
        self, ref: str, frame: pd.DataFrame, columns: Sequence[str] | None = None
    ) -> ContractReport:
        """Hold a frame against a version's contract, or its rules for some columns.

        Raises NotFound; Invalid for a column of which the contract says nothing.
        """
        from pilothouse.data import contract

        return contract.check(self.contract(ref), frame, columns)
