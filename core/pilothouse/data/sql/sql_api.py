"""The Python API of data from databases: preview, register, refresh."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pilothouse.data import versions
from pilothouse.data.info import DatasetVersionInfo
from pilothouse.data.sql import sql_sources
from pilothouse.data.sql.sql_connection import (
    MAX_ROWS,
    MAX_SECONDS,
    SqlQuery,
    place_of,
    sql_query,
)
from pilothouse.data.sql.sql_sources import RefreshCheck, SqlSourceInfo
from pilothouse.kit import names
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PREVIEW_ROWS, PREVIEW_SECONDS = 20, 15.0
READ_SHARE = 0.4  # of the progress; the rest is the registration
Progress = Callable[[float, str], None]


class SqlCommands(Service):
    """Dataset versions from a table or query of a database."""

    @abstractmethod
    def _register_frame(
        self, name: str, frame: pd.DataFrame, about: Mapping[str, Any], progress: Progress | None
    ) -> DatasetVersionInfo: ...

    @abstractmethod
    def _canonical(self, name: str, frame: pd.DataFrame) -> pa.Table: ...

    def preview_sql(
        self, url: str, *, table: str = "", query: str = "", secret: str = ""
    ) -> pd.DataFrame:
        """The first rows of a table or query, within a few seconds.

        Raises Invalid, NotFound without the file or the secret, Unavailable without the driver or
        an answer.
        """
        from pilothouse.data.sql.sql_rows import read_rows

        chosen = sql_query(
            url, table=table, query=query, secret=secret, max_seconds=PREVIEW_SECONDS
        )
        return read_rows(chosen, first=PREVIEW_ROWS)

    def register_sql(
        self,
        name: str,
        url: str,
        *,
        table: str = "",
        query: str = "",
        secret: str = "",
        max_rows: int = MAX_ROWS,
        max_seconds: float = MAX_SECONDS,
        progress: Progress | None = None,
        **about: Any,
    ) -> DatasetVersionInfo:
        """Register the rows of a table or query as a version, and keep where they are from.

        `url` is any of SQLAlchemy, without a password; `secret` names it as `env:NAME` or
        `file:PATH`. The database is only read. `about` is what `register` takes. Raises what
        `preview_sql` and `register` raise; Invalid beyond the limits.
        """
        names.DATASET.check(name)
        chosen = sql_query(
            url,
            table=table,
            query=query,
            secret=secret,
            max_rows=max_rows,
            max_seconds=max_seconds,
        )
        return self._read_and_register(name, chosen, about, progress)

    def submit_sql(self, name: str, url: str, **arguments: Any) -> str:
        """Submit such a registration as a job and return its id; the worker reads in a child.

        It takes what `register_sql` takes. Raises Invalid before a job is made.
        """
        from pilothouse.jobs.outbox import submit

        names.DATASET.check(name)
        parts = ("table", "query", "secret", "max_rows", "max_seconds")
        reading = {part: arguments.pop(part) for part in parts if part in arguments}
        chosen = sql_query(url, **reading)
        args = {"name": name, "query": chosen.to_json(), "about": arguments}
        with self._store.write() as session:
            return submit(session, self._store, "register_sql", args, title=f"Register {name}")

    def sql_source(self, name: str) -> SqlSourceInfo | None:
        """Where a dataset is refreshed from; None for one that is not from a database."""
        with self._store.read() as session:
            return sql_sources.find(session, name)

    def check_refresh(self, name: str) -> RefreshCheck:
        """What a refresh would change, and whether the contract holds; nothing is registered.

        Raises NotFound for a dataset that is not from a database, and what `register_sql` raises.
        """
        from pilothouse.data.sql.sql_rows import read_rows

        with self._store.read() as session:
            source = sql_sources.require(session, name)
        table = self._canonical(name, read_rows(source.query))
        with self._store.read() as session:
            return sql_sources.check(session, name, table)

    def refresh(
        self, name: str, *, on_breach: str = "refuse", progress: Progress | None = None
    ) -> DatasetVersionInfo:
        """Read the rows again and make them the next version; unchanged ones are the newest.

        Raises NotFound for a dataset that is not from a database, ContractBreach for what its
        contract refuses, and what `register_sql` raises.
        """
        with self._store.read() as session:
            source = sql_sources.require(session, name)
            newest = versions.newest(session, name)
        parent = f"{name}@{newest.version}" if newest else None
        about = {**source.about, "parent": parent, "on_breach": on_breach}
        return self._read_and_register(name, source.query, about, progress)

    def submit_refresh(self, name: str, *, on_breach: str = "refuse") -> str:
        """Submit a refresh as a job and return its id. Raises NotFound."""
        from pilothouse.jobs.outbox import submit

        with self._store.write() as session:
            sql_sources.require(session, name)
            args = {"name": name, "on_breach": on_breach}
            return submit(session, self._store, "refresh_dataset", args, title=f"Refresh {name}")

    def _read_and_register(
        self, name: str, query: SqlQuery, about: Mapping[str, Any], progress: Progress | None
    ) -> DatasetVersionInfo:
        from pilothouse.data.sql.sql_rows import read_rows

        def reading(fraction: float, message: str) -> None:
            if progress is not None:
                progress(READ_SHARE * fraction, message)

        def registering(fraction: float, message: str) -> None:
            if progress is not None:
                progress(READ_SHARE + (1 - READ_SHARE) * fraction, message)

        frame = read_rows(query, progress=reading)
        origin = f"{place_of(query)}: {' '.join(query.statement.split())}"
        version = self._register_frame(name, frame, {"origin": origin, **about}, registering)
        again = {key: value for key, value in about.items() if key not in ("parent", "on_breach")}
        with self._store.write() as session:
            sql_sources.keep(session, self._store, name, query, again)
        return version
