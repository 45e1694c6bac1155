"""The Python API of datasets: register, read, compare, edit, archive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import col, func, or_, select

from pilothouse.data import lifecycle, versions
from pilothouse.data.contract_api import ContractCommands
from pilothouse.data.contract_enforcement import OnBreach
from pilothouse.data.datasheets.datasheet_api import DatasheetCommands
from pilothouse.data.exploration_api import ExplorationCommands
from pilothouse.data.info import DatasetVersionInfo, Profile
from pilothouse.data.lifecycle import Use, Uses
from pilothouse.data.personal_data import personal_columns
from pilothouse.data.personal_data.personal_api import PersonalDataCommands
from pilothouse.data.quality_api import QualityCommands
from pilothouse.data.reading_options import AUTOMATIC, ReadOptions
from pilothouse.data.retention_api import RetentionCommands
from pilothouse.data.schema import Type
from pilothouse.data.source_api import SourceCommands
from pilothouse.data.sources import SourceRows
from pilothouse.data.tables import DatasetVersion
from pilothouse.kit import names
from pilothouse.kit.allowed_paths import check_allowed
from pilothouse.kit.errors import NotFound, Unavailable
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pilothouse.data.booleans import BooleanWords
    from pilothouse.data.diff import DataDiff
    from pilothouse.data.personal_data.masked_data import MaskedData
    from pilothouse.data.reading.arrow_rows import ArrowRows
    from pilothouse.data.reading.preview import Preview
    from pilothouse.data.reading.reader import ReadTable
    from pilothouse.data.reading_report import ReadingReport

VERSION_COLUMNS = (
    "version",
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
    "status",
    "superseded_by",
    "breach",
    "held_for",
)
UNCHANGED: Any = object()


class Data(
    ContractCommands,
    DatasheetCommands,
    ExplorationCommands,
    PersonalDataCommands,
    QualityCommands,
    RetentionCommands,
    SourceCommands,
):
    """The datasets of a workspace.

    `uses` looks up what uses a version in every room; without it no version can be deleted.
    """

    def __init__(self, store: Store, uses: Uses | None = None) -> None:
        super().__init__(store)
        self._uses = uses

    def register(
        self,
        name: str,
        source: str | Path | bytes | pd.DataFrame | ArrowRows,
        *,
        filename: str = "",
        types: Mapping[str, Type] | None = None,
        options: ReadOptions | None = None,
        origin: str = "",
        licence: str = "",
        tags: Mapping[str, str] | None = None,
        parent: str | None = None,
        event_time: str | None = None,
        note: str = "",
        on_breach: OnBreach = "refuse",
        release_reason: str = "",
        progress: Callable[[float, str], None] | None = None,
    ) -> DatasetVersionInfo:
        """Register a file, an upload's bytes or a frame as a version of a dataset.

        CSV, JSON lines, Parquet and Excel are read, compressed too. Content that the dataset has
        already is the version that it is (`existed`). `types` declares columns whose type should
        not be recognised, `options` what of the file should not be. The column of the event time
        is recognised too, unless `event_time` names it, or is empty for none. New content of a
        dataset is checked against the contract of its newest version in use: data that breaks it is
        refused, or with `on_breach` as "accept" registered all the same, and the new version's
        contract is widened by it.

        The quality checks of the dataset run on new content. One that blocks and fails holds the
        version back: it is registered with the status "held", and the dataset's name means the
        version before it until a person releases it. With a `release_reason` it is in use at once.

        Raises NotFound for a missing file or parent, Invalid that names the row and column for
        content that cannot be used, ContractBreach (with its `report`) for what the contract
        refuses.
        """
        from pilothouse.data import contract_enforcement as enforcement
        from pilothouse.data.canonical import content_hash
        from pilothouse.data.personal_data.detection import find_probable

        names.DATASET.check(name)
        enforcement.check_on_breach(on_breach)
        report_progress = progress or (lambda _fraction, _message: None)
        report_progress(0.05, "reading the file")
        reading = self._read(name, source, filename, types or {}, options, parent)
        table = reading.table
        boolean_words = {**self._parent_words(parent, table), **reading.boolean_words}
        report_progress(0.5, f"comparing {table.num_rows:,} rows with what is there")
        content = content_hash(table, boolean_words)
        with self._store.read() as session:
            existing = versions.find(session, name, content)
            current = enforcement.current_contract(session, name)
            masking = personal_columns.masking_of(session, name)
        if existing:
            versions.repair(self._store, existing, table)
            if existing.status == "held" and release_reason:
                return replace(self.release(existing.ref, release_reason), existed=True)
            return existing
        contract_outcome = enforcement.enforce(current, name, table, on_breach, masking)
        report = self._with_event_time(reading.report, table, event_time, parent)
        report_progress(0.65, f"profiling {table.num_columns:,} columns")
        probable = find_probable(table)
        quality = self._new_results(name, table)
        draft = versions.draft(
            self._store, table, content, boolean_words, contract_outcome, report, quality
        )
        report_progress(0.95, "storing the version")
        at = report.event_time
        version_origin = versions.VersionMetadata(
            origin, licence, tags, parent, at, note, release_reason
        )
        with self._store.write() as session:
            version = versions.register(session, self._store, name, draft, version_origin)
            if not version.existed:
                personal_columns.propose(session, self._store, version.ref, probable)
            return version

    def preview(
        self,
        source: str | Path | bytes,
        *,
        filename: str = "",
        types: Mapping[str, Type] | None = None,
        options: ReadOptions | None = None,
    ) -> Preview:
        """The first rows of a file as they would be read, in bounded time and memory.

        Raises NotFound for a missing file, Refused outside of the folders that are allowed, Invalid
        for content that cannot be used, Unavailable when a package for its format is missing.
        """
        from pilothouse.data.reading.preview import preview

        if not isinstance(source, bytes):
            check_allowed(self._store.settings, Path(source))
        return preview(source, filename, types or {}, options or AUTOMATIC)

    def submit(
        self,
        name: str,
        source: str | Path | bytes,
        *,
        filename: str = "",
        options: ReadOptions | None = None,
        **about: Any,
    ) -> str:
        """Submit a registration as a job and return its id; the worker reads the file in a child.

        It takes what `register` takes. The job's result names the version. Raises Invalid for a
        bad name, NotFound for a missing file, Refused outside of the folders that are allowed.
        """
        from pilothouse.data.uploads import store_upload
        from pilothouse.jobs.outbox import submit

        names.DATASET.check(name)
        if isinstance(source, bytes):
            path = store_upload(self._store, source, filename)
        else:
            check_allowed(self._store.settings, Path(source))
            path = str(Path(source).resolve())
            if not Path(path).is_file():
                raise NotFound(f"there is no file {source}.")
            filename = filename or Path(path).name
        options_json = (options or AUTOMATIC).to_json()
        args: dict[str, Any] = {
            "name": name,
            "path": path,
            "filename": filename,
            "options": options_json,
        }
        args["about"] = about
        with self._store.write() as session:
            return submit(session, self._store, "register_dataset", args, title=f"Register {name}")

    def _register_rows(
        self,
        name: str,
        rows: SourceRows,
        about: Mapping[str, Any],
        progress: Callable[[float, str], None] | None,
    ) -> DatasetVersionInfo:
        about = {"filename": rows.filename, **about}
        return self.register(name, rows.rows, progress=progress, **about)

    def _canonical(self, name: str, rows: SourceRows) -> pa.Table:
        return self._read(name, rows.rows, rows.filename, {}, None, None).table

    def _read(
        self,
        name: str,
        source: str | Path | bytes | pd.DataFrame | ArrowRows,
        filename: str,
        types: Mapping[str, Type],
        options: ReadOptions | None,
        parent: str | None,
    ) -> ReadTable:
        """The content; boolean columns are recognised by the spellings of the dataset in use."""
        from pilothouse.data.reading.reader import read, with_booleans

        reading = read(source, filename, types, options or AUTOMATIC)
        with self._store.read() as session:
            current = versions.newest(session, name)
            schema = versions.info(current).schema if current else ()
        if parent and not schema:
            schema = self.version(parent).schema
        boolean_words = {
            column.name: column.boolean_words
            for column in schema
            if column.boolean_words and column.name not in types
        }
        return with_booleans(reading, boolean_words)

    def _with_event_time(
        self, report: ReadingReport, table: pa.Table, name: str | None, parent: str | None
    ) -> ReadingReport:
        """The report with the event time that was declared, the parent's, or the recognised one."""
        from pilothouse.data.canonical import schema_of

        if name is not None:
            why = f"{name!r}, as declared" if name else "switched off"
            return replace(report, event_time=name or None, event_time_reason=why)
        own = self.version(parent).event_time if parent else None
        if own and any((c.name, c.type) == (own, "time") for c in schema_of(table)):
            return replace(report, event_time=own, event_time_reason=f"{own!r}, as in {parent}")
        return report

    def reading(self, ref: str) -> ReadingReport | None:
        """How the content of a version was read; None for one of an earlier program.

        Raises NotFound.
        """
        from pilothouse.data.reading_report import ReadingReport

        with self._store.read() as session:
            report = versions.row(session, ref).reading_json
        return ReadingReport.from_json(report) if report else None

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

    def datasets(self, *, archived: bool = False) -> pd.DataFrame:
        """Datasets by name with their newest version: its number is `latest`, its address `ref`.

        A dataset all of whose versions are archived, superseded or held back is listed only with
        `archived`.
        Columns: name, ref, latest, then those of `versions`.
        """
        name, number = col(DatasetVersion.dataset), col(DatasetVersion.id)
        which: Any = number.in_(versions.newest_ids())
        if archived:
            current = select(name).where(versions.in_use())
            last = select(func.max(number)).where(name.not_in(current)).group_by(name)
            which = or_(which, number.in_(last))
        frame = self._listing(which, name)
        return frame.rename(columns={"dataset": "name", "version": "latest"})

    def versions(self, name: str) -> pd.DataFrame:
        """Versions of a dataset, newest first, archived ones too. Raises NotFound.

        Columns: ref, number, rows, columns, bytes, content_hash, parent, source, licence, tags,
        event_time, note, created_at, created_by, status, superseded_by, breach, held_for.
        """
        newest_first = col(DatasetVersion.version).desc()
        frame = self._listing(DatasetVersion.dataset == name, newest_first).drop(columns="dataset")
        if frame.empty:
            self.version(name)  # which says that there is none
        return frame

    def _listing(self, which: Any, order: Any) -> pd.DataFrame:
        import pandas as pd

        names = ("dataset", *VERSION_COLUMNS)
        derived: dict[str, Any] = {
            "status": DatasetVersion.archived_at,
            "held_for": versions.held_for(),
        }
        stored: list[Any] = [
            derived.get(name, getattr(DatasetVersion, name, None)) for name in names
        ]
        query = select(*stored)
        with self._store.read() as session:
            rows = [tuple(row) for row in session.execute(query.where(which).order_by(order))]
        frame = pd.DataFrame(rows, columns=list(names)).astype({"superseded_by": object})
        frame.insert(1, "ref", [f"{name}@{number}" for name, number, *_ in rows])
        states = zip(frame["status"], frame["superseded_by"], frame["held_for"], strict=True)
        frame["status"] = [
            versions.status(None if pd.isna(at) else at, successor, held)
            for at, successor, held in states
        ]
        return frame.assign(
            breach=frame["breach"].fillna(""), held_for=frame["held_for"].fillna("")
        )

    def version(self, ref: str) -> DatasetVersionInfo:
        """The version "flights@2", or the newest in use of "flights". Raises NotFound, Conflict."""
        with self._store.read() as session:
            return versions.require(session, ref)

    def frame(self, ref: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The rows of a version, or some of its columns, with true values; `masked` shows others.

        Raises NotFound, Unavailable.
        """
        with self._store.read() as session:
            return versions.read_frame(self._store, session, ref, columns)

    def masked(self, revealed: Sequence[str] = ()) -> MaskedData:
        """The same data with personal columns masked, as screens, commands and exports show it.

        `revealed` are datasets that are not masked: record it with `reveal` first.
        """
        from pilothouse.data.personal_data.masked_data import MaskedData

        return MaskedData(self._store, self, revealed)

    def profile(self, ref: str) -> Profile:
        """The statistics of each column, computed at registration. Raises NotFound."""
        with self._store.read() as session:
            version = versions.row(session, ref)
        return Profile(version.rows, versions.column_profiles(version))

    def diff(self, a: str, b: str) -> DataDiff:
        """What changed from version `a` to version `b`: schema, rows, spread. Raises NotFound."""
        from pilothouse.data import diff

        return diff.diff(self.version(a), self.version(b), self.profile(a), self.profile(b))

    def edit(
        self,
        ref: str,
        *,
        origin: str = UNCHANGED,
        licence: str = UNCHANGED,
        tags: Mapping[str, str] = UNCHANGED,
        event_time: str | None = UNCHANGED,
        note: str = UNCHANGED,
        reason: str = "",
    ) -> DatasetVersionInfo:
        """Correct the metadata of a version; what is left out is not changed.

        `note` is its description; an `event_time` of None says that it has none. Raises NotFound,
        Invalid for an event time that is not a time column.
        """
        fields = (origin, licence, tags, event_time, note)
        pairs = zip(lifecycle.FIELDS, fields, strict=True)
        changes: dict[str, Any] = {name: value for name, value in pairs if value is not UNCHANGED}
        if "tags" in changes:
            changes["tags"] = dict(changes["tags"])
        with self._store.write() as session:
            return versions.info(lifecycle.edit(session, self._store, ref, changes, reason))

    def supersede(self, ref: str, by: str, reason: str = "") -> DatasetVersionInfo:
        """Say that the version `by` of the same dataset replaces `ref`.

        The name of the dataset does not mean it any more; by its own ref it can still be read.
        Raises NotFound, Invalid for another dataset, Conflict when `by` is not in use itself.
        """
        with self._store.write() as session:
            return versions.info(lifecycle.supersede(session, self._store, ref, by, reason))

    def archive(self, ref: str, reason: str = "") -> DatasetVersionInfo:
        """Take a version out of use: the dataset's plain name refers to the newest one left."""
        with self._store.write() as session:
            return versions.info(lifecycle.archive(session, self._store, ref, reason))

    def restore(self, ref: str, reason: str = "") -> DatasetVersionInfo:
        """Make an archived or superseded version active again."""
        with self._store.write() as session:
            return versions.info(lifecycle.restore(session, self._store, ref, reason))

    def uses(self, ref: str) -> list[Use]:
        """What uses a version: model versions, runs, datasets made from it, jobs, schedules."""
        with self._store.read() as session:
            return list(self._require_uses()(session, versions.require(session, ref).ref))

    def delete(self, ref: str, reason: str = "") -> str:
        """Delete a version that nothing uses, and return its ref; its number is not used again.

        The bytes stay among the artifacts, where other versions and runs may have the same ones.
        Raises NotFound; Conflict, naming what uses it.
        """
        uses = self._require_uses()
        with self._store.write() as session:
            return lifecycle.delete(session, self._store, ref, uses, reason)

    def _require_uses(self) -> Uses:
        if self._uses is None:
            raise Unavailable(
                "the uses of a dataset can be looked up only in an open workspace.",
                hint="Open it with `pilothouse.open_workspace`.",
            )
        return self._uses
