"""The Python API of data from other places: preview, register, refresh."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pilothouse.activity import record
from pilothouse.data import dataset_sources, versions
from pilothouse.data.dataset_sources import DatasetSourceInfo, RefreshCheck, read_settings
from pilothouse.data.info import DatasetVersionInfo
from pilothouse.data.sources import DataSource, SourceRows, WorkspaceSource
from pilothouse.kit import names
from pilothouse.kit.allowed_paths import check_allowed, local_path
from pilothouse.kit.optional_packages import require_package
from pilothouse.kit.parameters import Params
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pilothouse.data.quality.quality_info import QualityResult
    from pilothouse.data.reading.preview import Preview

PREVIEW_ROWS = 20
READ_SHARE = 0.4  # of the progress; the rest is the registration
NOT_KEPT = ("parent", "on_breach", "release_reason")  # of one registration only
Progress = Callable[[float, str], None]
SourceState = Literal["unchanged", "changed", "unknown"]


@dataclass(frozen=True)
class _Location:
    """A kind of source with checked settings, whose paths may be read."""

    kind: str
    source: DataSource
    params: Params

    def read(self, progress: Progress | None = None, most_rows: int | None = None) -> SourceRows:
        return self.source.read(self.params, progress, most_rows)

    def remembered(
        self, dataset: str, identity: str, about: Mapping[str, Any]
    ) -> DatasetSourceInfo:
        """What is kept of it with the dataset, without who and when."""
        again = {key: value for key, value in about.items() if key not in NOT_KEPT}
        settings = dict(self.source.following(self.params))
        never = datetime.min
        return DatasetSourceInfo(dataset, self.kind, settings, identity, never, "", again)


class SourceCommands(Service):
    """Dataset versions from databases, tables and folders that are read again by a refresh."""

    @abstractmethod
    def _register_rows(
        self, name: str, rows: SourceRows, about: Mapping[str, Any], progress: Progress | None
    ) -> DatasetVersionInfo: ...

    @abstractmethod
    def _canonical(self, name: str, rows: SourceRows) -> pa.Table: ...

    @abstractmethod
    def _new_results(self, dataset: str, table: pa.Table) -> list[QualityResult]: ...

    @abstractmethod
    def _check_age(self, version: DatasetVersionInfo) -> None: ...

    def preview_from(self, kind: str, settings: Mapping[str, Any]) -> Preview:
        """The first rows of a place of that kind, with the type of each column.

        Raises NotFound, Invalid, Refused for a path that is not allowed, Unavailable without the
        package, the driver or an answer.
        """
        from pilothouse.data.reading.preview import preview, preview_rows

        rows = self._location(kind, settings).read(most_rows=PREVIEW_ROWS)
        if isinstance(rows.rows, Path):
            return preview(rows.rows, rows.filename)
        return preview_rows(rows.rows, PREVIEW_ROWS)

    def register_from(
        self,
        name: str,
        kind: str,
        settings: Mapping[str, Any],
        *,
        progress: Progress | None = None,
        **about: Any,
    ) -> DatasetVersionInfo:
        """Register the rows of a place of that kind as a version, and keep where they are from.

        `settings` are the parameters of the kind by their names; `about` is what `register` takes.
        Raises what `preview_from` and `register` raise; Invalid beyond the limits.
        """
        names.DATASET.check(name)
        return self._read_and_register(name, self._location(kind, settings), about, progress)

    def submit_from(self, name: str, kind: str, settings: Mapping[str, Any], **about: Any) -> str:
        """Submit such a registration as a job and return its id; the worker reads in a child.

        Raises Invalid, Refused or Unavailable before a job is made.
        """
        from pilothouse.jobs.outbox import submit

        names.DATASET.check(name)
        params = dict(self._location(kind, settings).params)
        args = {"name": name, "kind": kind, "settings": params, "about": about}
        with self._store.write() as session:
            return submit(session, self._store, "register_source", args, title=f"Register {name}")

    def preview_sql(
        self, url: str, *, table: str = "", query: str = "", secret: str = ""
    ) -> pd.DataFrame:
        """The first rows of a table or query of a database, within a few seconds.

        Raises Invalid, NotFound without the file or the secret, Unavailable without the driver or
        an answer.
        """
        settings = {"url": url, "table": table, "query": query, "secret": secret}
        return self.preview_from("sql", settings).frame

    def register_sql(
        self,
        name: str,
        url: str,
        *,
        table: str = "",
        query: str = "",
        progress: Progress | None = None,
        **options: Any,
    ) -> DatasetVersionInfo:
        """Register the rows of a table or query of a database: `register_from` of the kind "sql".

        `url` is any of SQLAlchemy, without a password; `secret` names it as `env:NAME` or
        `file:PATH`, `max_rows` and `max_seconds` are the limits. The other options are what
        `register` takes. Raises what `preview_sql` and `register` raise; Invalid beyond the limits.
        """
        limits = ("secret", "max_rows", "max_seconds")
        settings = {option: options.pop(option) for option in limits if option in options}
        settings |= {"url": url, "table": table, "query": query}
        return self.register_from(name, "sql", settings, progress=progress, **options)

    def source(self, name: str) -> DatasetSourceInfo | None:
        """Where a dataset is refreshed from; None for one that came as a file or a frame."""
        with self._store.read() as session:
            return dataset_sources.find(session, name)

    def datasets_from(self, kind: str, **settings: Any) -> list[DatasetSourceInfo]:
        """The datasets that are read from places of a kind, with these values of its settings."""
        with self._store.read() as session:
            return [
                source
                for source in dataset_sources.of_kind(session, kind)
                if all(source.settings.get(name) == value for name, value in settings.items())
            ]

    def source_state(self, name: str) -> SourceState:
        """Whether a dataset's source changed since the newest version was read from it.

        It is "unknown" where only its rows tell, as for a database; nothing is read for the answer.
        Raises NotFound for a dataset that cannot be read again, and what `preview_from` raises.
        """
        with self._store.read() as session:
            source = dataset_sources.require(session, name)
        location = self._location(source.kind, source.settings)
        identity = location.source.identity(location.params)
        if not identity:
            return "unknown"
        with self._store.read() as session:
            same = dataset_sources.version_read_as(session, name, identity)
        return "changed" if same is None else "unchanged"

    def write_dvc(self, ref: str, path: str | Path) -> Path:
        """Have a repository of DVC track a version as the Parquet file `path`; the `.dvc` file.

        The content goes into the cache of the repository that the path lies in; `dvc checkout`
        makes the file. Raises NotFound for a version or outside of a repository, Conflict for a
        pointer of something else, Refused for a folder that is not allowed, Unavailable.
        """
        from pilothouse.data.dvc_writing import write_pointer

        target = local_path(str(path)).absolute()
        check_allowed(self._store.settings, target)
        with self._store.read() as session:
            version = versions.require(session, ref)
        content = versions.content(self._store, version)
        pointer = write_pointer(
            content, target, version.ref, lambda part: check_allowed(self._store.settings, part)
        )
        about = {"path": str(pointer), "hash": version.content_hash}
        with self._store.write() as session:
            record(session, self._store, "wrote the DVC file of", "dataset", version.ref,
                   after=about)  # fmt: skip
        return pointer

    def check_refresh(self, name: str) -> RefreshCheck:
        """What a refresh would change, and what contract and quality checks say of it.

        Nothing is registered.

        Raises NotFound for a dataset that cannot be read again, and what `register_from` raises.
        """
        with self._store.read() as session:
            source = dataset_sources.require(session, name)
        rows = self._location(source.kind, source.settings).read()
        table = self._canonical(name, rows)
        quality = self._new_results(name, table)
        with self._store.read() as session:
            return dataset_sources.check(session, name, table, rows.identity, quality)

    def refresh(
        self,
        name: str,
        *,
        on_breach: str = "refuse",
        release_reason: str = "",
        progress: Progress | None = None,
    ) -> DatasetVersionInfo:
        """Read the rows again and make them the next version; unchanged ones are the newest.

        Rows that fail a blocking quality check become a version that is held back, as `register`
        says. Of unchanged rows the checks of their age are run again. A source that tells its state
        without being read, such as a Delta table, is read only when that changed. Raises NotFound
        for a dataset that cannot be read again, ContractBreach for what its contract refuses, and
        what `register_from` raises.
        """
        with self._store.read() as session:
            source = dataset_sources.require(session, name)
            newest = versions.newest(session, name)
        location = self._location(source.kind, source.settings)
        identity = location.source.identity(location.params)
        with self._store.read() as session:
            current = dataset_sources.version_read_as(session, name, identity)
        if current is not None and not (current.held_for and release_reason):
            version = versions.info(current, existed=True)
            self._check_age(version)
            return version
        parent = f"{name}@{newest.version}" if newest else None
        about = {**source.about, "parent": parent, "on_breach": on_breach}
        about["release_reason"] = release_reason
        version = self._read_and_register(name, location, about, progress)
        if version.existed:
            self._check_age(version)
        return version

    def submit_refresh(
        self, name: str, *, on_breach: str = "refuse", release_reason: str = ""
    ) -> str:
        """Submit a refresh as a job and return its id. Raises NotFound."""
        from pilothouse.jobs.outbox import submit

        with self._store.write() as session:
            dataset_sources.require(session, name)
            args = {"name": name, "on_breach": on_breach}
            if release_reason:
                args["release_reason"] = release_reason
            return submit(session, self._store, "refresh_dataset", args, title=f"Refresh {name}")

    def _location(self, kind: str, settings: Mapping[str, Any]) -> _Location:
        """A place with checked settings. Raises NotFound, Invalid, Refused, Unavailable."""
        source, params = read_settings(kind, settings)
        require_package(source)
        if isinstance(source, WorkspaceSource):
            source = source.within(self._store)
        for path in source.paths(params):
            check_allowed(self._store.settings, local_path(path))
        return _Location(kind, source, params)

    def _read_and_register(
        self, name: str, location: _Location, about: Mapping[str, Any], progress: Progress | None
    ) -> DatasetVersionInfo:
        def reading(fraction: float, message: str) -> None:
            if progress is not None:
                progress(READ_SHARE * fraction, message)

        def registering(fraction: float, message: str) -> None:
            if progress is not None:
                progress(READ_SHARE + (1 - READ_SHARE) * fraction, message)

        rows = location.read(reading)
        about_version = {"origin": rows.origin, **about, **rows.about}
        version = self._register_rows(name, rows, about_version, registering)
        with self._store.write() as session:
            source = location.remembered(name, rows.identity, about)
            dataset_sources.keep(session, self._store, source, version.ref)
        return version
