"""The Python API of quality checks: add, run, read their history, release what they hold back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.data import versions
from pilothouse.data.info import DatasetVersionInfo, Profile
from pilothouse.data.quality import quality_rows
from pilothouse.data.quality.quality_info import (
    DatasetCheckInfo,
    QualityResult,
    SuggestedCheck,
    read_check,
)
from pilothouse.data.tables import DatasetVersion
from pilothouse.data.version_rows import read_positions
from pilothouse.kit.errors import Invalid
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pilothouse.data.quality.kinds import CheckedRows

HISTORY = (
    "check", "title", "kind", "version", "status", "severity", "value", "low", "high", "failing",
    "message", "checked_at",
)  # fmt: skip


class QualityCommands(Service):
    """The quality checks of datasets, which run on every new version."""

    def quality_checks(self, dataset: str) -> list[DatasetCheckInfo]:
        """The quality checks of a dataset, in the order in which they were added.

        Raises NotFound.
        """
        with self._store.read() as session:
            return quality_rows.checks_of(session, versions.require_name(session, dataset))

    def quality_check(self, check: str) -> DatasetCheckInfo:
        """The check of that id. Raises NotFound."""
        with self._store.read() as session:
            return quality_rows.require_check(session, check)

    def add_quality_check(
        self,
        dataset: str,
        kind: str,
        settings: Mapping[str, Any],
        *,
        severity: str = "warn",
        reason: str = "",
    ) -> DatasetCheckInfo:
        """Add a check of that kind; it runs on the newest version now and on every new one.

        A failed check of the severity "block" holds a new version back. Raises NotFound, Invalid
        for settings that the newest version does not fit, Conflict for a check that is there.
        """
        from pilothouse.data.quality.checking import run_checks
        from pilothouse.data.quality.kinds import check_columns

        quality_rows.check_severity(severity)
        newest = self._version(dataset)
        plugin, params = read_check(kind, settings)
        check_columns(plugin, params, newest.schema)
        rows = self._checked_rows(newest)
        with self._store.write() as session:
            check = quality_rows.add(
                session, self._store, newest.dataset, kind, params, severity, reason
            )
            quality_rows.store_results(
                session, self._store, newest.version, run_checks([check], rows)
            )
            return check

    def edit_quality_check(
        self,
        check: str,
        settings: Mapping[str, Any] | None = None,
        *,
        severity: str | None = None,
        reason: str = "",
    ) -> DatasetCheckInfo:
        """Change the settings or the severity of a check, by its id; results stay as they were.

        `settings` are all of them. Raises NotFound, Invalid, Conflict.
        """
        with self._store.read() as session:
            before = quality_rows.require_check(session, check)
        _, params = read_check(before.kind, before.settings if settings is None else settings)
        with self._store.write() as session:
            return quality_rows.edit(
                session, self._store, check, params, severity or before.severity, reason
            )

    def remove_quality_check(self, check: str, reason: str = "") -> DatasetCheckInfo:
        """Remove a check, by its id, with its history. Raises NotFound."""
        with self._store.write() as session:
            return quality_rows.remove(session, self._store, check, reason)

    def run_quality_checks(self, ref: str, reason: str = "") -> list[QualityResult]:
        """Run the checks of a dataset on a version and keep the results; nothing is held back.

        An older version is checked as of the moment in which it was registered. Raises NotFound,
        Unavailable for content that is lost.
        """
        from pilothouse.data.quality.checking import run_checks

        version = self._version(ref)
        checks = self.quality_checks(version.dataset)
        if not checks:
            return []
        results = run_checks(checks, self._checked_rows(version))
        self._keep(version, results, reason)
        return results

    def quality_results(self, ref: str) -> list[QualityResult]:
        """What the checks of a dataset measured of a version. Raises NotFound."""
        with self._store.read() as session:
            version = versions.require(session, ref)
            return quality_rows.results_of(session, version.dataset, version.version)

    def quality_history(self, dataset: str) -> pd.DataFrame:
        """Every result of a dataset's checks, by version. Raises NotFound.

        Columns: check, title, kind, version, status, severity, value, low, high, failing, message,
        checked_at.
        """
        import pandas as pd

        with self._store.read() as session:
            name = versions.require_name(session, dataset)
            results = quality_rows.results_of(session, name)
        rows = [{**result.to_json(), "version": result.version, "checked_at": result.checked_at}
                for result in results]  # fmt: skip
        return pd.DataFrame(rows, columns=list(HISTORY))

    def suggest_quality_checks(self, ref: str) -> list[SuggestedCheck]:
        """Checks that the version passes and the dataset has not; none is added. Raises NotFound.

        The suggestions are few and leave room; what the contract says already is left out.
        """
        from pilothouse.data.quality.suggestions import suggest

        version = self._version(ref)
        with self._store.read() as session:
            row = versions.row(session, version.ref)
            profile = Profile(row.rows, versions.column_profiles(row))
            checks = quality_rows.checks_of(session, version.dataset)
            hours = _interval_hours(session, version.dataset)
            before = versions.rows_before(session, version.dataset, version.version)
        present = {(check.kind, _subject(check.settings)) for check in checks}
        return [
            suggestion
            for suggestion in suggest(version, profile, self._store.now(), before, hours)
            if (suggestion.kind, _subject(suggestion.settings)) not in present
        ]

    def failing_rows(self, check: str, ref: str) -> pd.DataFrame:
        """The first rows of a version that failed a check, by its id; without any, no rows.

        Raises NotFound, Unavailable for content that is lost.
        """
        with self._store.read() as session:
            version = versions.require(session, ref)
            results = quality_rows.results_of(session, version.dataset, version.version)
            rows = [list(result.rows) for result in results if result.check_id == check]
            return read_positions(self._store, session, version.ref, rows[0] if rows else [])

    def release(self, ref: str, reason: str) -> DatasetVersionInfo:
        """Put a version into use that its quality checks hold back.

        Raises NotFound, Invalid without a reason, Conflict when nothing holds it back.
        """
        with self._store.write() as session:
            versions.row(session, ref)
            if not reason.strip():
                raise Invalid("a release needs a reason.", fields={"reason": "needed"})
            return versions.info(versions.release(session, self._store, ref, reason.strip()))

    def _version(self, ref: str) -> DatasetVersionInfo:
        with self._store.read() as session:
            return versions.require(session, ref)

    def _checked_rows(self, version: DatasetVersionInfo) -> CheckedRows:
        """The content of a version, as of now for the newest one, else of its registration.

        A check reads the columns that it looks at, and no others.
        """
        import pyarrow.parquet as pq

        from pilothouse.data.canonical import canonical
        from pilothouse.data.quality.kinds import CheckedRows

        file = pq.ParquetFile(versions.content(self._store, version))
        with self._store.read() as session:
            newest = versions.newest(session, version.dataset)
            before = versions.rows_before(session, version.dataset, version.version)
        is_newest = newest is not None and newest.version == version.version
        now = self._store.now() if is_newest else version.created_at

        def read(names: Sequence[str]) -> pa.Table:
            return canonical(file.read(columns=list(names)).select(list(names)))

        return CheckedRows(version.schema, version.rows, read, now, before)

    def _new_results(self, dataset: str, table: pa.Table) -> list[QualityResult]:
        """What the checks of a dataset say of rows that would become its next version."""
        from pilothouse.data.quality.checking import run_checks
        from pilothouse.data.quality.kinds import CheckedRows

        with self._store.read() as session:
            checks = quality_rows.checks_of(session, dataset)
            newest = versions.newest(session, dataset)
        before = newest.rows if newest else None
        return run_checks(checks, CheckedRows.of(table, self._store.now(), before))

    def _check_age(self, version: DatasetVersionInfo) -> None:
        """Run those checks of a version again whose figure changes with the time alone."""
        from pilothouse.data.quality.checking import run_checks

        checks = [check for check in self.quality_checks(version.dataset) if check.by_time]
        if checks:
            self._keep(version, run_checks(checks, self._checked_rows(version)))

    def _keep(
        self, version: DatasetVersionInfo, results: list[QualityResult], reason: str = ""
    ) -> None:
        failed = [result.title for result in results if not result.ok]
        about = {"checks": len(results), "failed": failed}
        with self._store.write() as session:
            quality_rows.store_results(session, self._store, version.version, results)
            record(session, self._store, "ran the quality checks of", "dataset", version.ref,
                   after=about, reason=reason)  # fmt: skip


def _subject(settings: Mapping[str, Any]) -> str:
    return str(settings.get("column") or settings.get("columns") or "")


def _interval_hours(session: Session, dataset: str) -> float | None:
    """The usual time between two versions: the median; None with fewer than two."""
    query = select(DatasetVersion.created_at).where(DatasetVersion.dataset == dataset)
    times = sorted(session.exec(query.order_by(col(DatasetVersion.version))))
    gaps = sorted((b - a).total_seconds() / 3600 for a, b in pairwise(times))
    return gaps[len(gaps) // 2] if gaps else None
