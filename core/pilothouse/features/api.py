"""The Python API of feature stores."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.activity import record
from pilothouse.features import store_rows
from pilothouse.features.agent_process import FeatureAgent
from pilothouse.features.store_info import FeatureRequest, FeatureStoreInfo, newest
from pilothouse.features.tables import FeatureStoreRow
from pilothouse.jobs.outbox import submit
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

READ_SECONDS, ONLINE_SECONDS = 120.0, 30.0
HISTORICAL_SECONDS = MATERIALIZE_SECONDS = 3600.0
COLUMNS = (
    *("name", "kind", "place", "views", "features", "services", "library", "newest"),
    *("materialized_until", "read_at", "created_at", "created_by"),
)


class Features(Service):
    """The feature stores of a workspace; the library of each is another interpreter's."""

    def stores(self) -> pd.DataFrame:
        """Every feature store by name: a frame of `COLUMNS`.

        `newest` is the newest time in its sources that can be read, `materialized_until` the time
        up to which its online store was brought last.
        """
        import pandas as pd

        with self._store.read() as session:
            infos = [store_rows.info(row) for row in store_rows.rows(session)]
        frame = pd.DataFrame([_row(info) for info in infos], columns=list(COLUMNS))
        for column in ("newest", "materialized_until", "read_at", "created_at"):
            frame[column] = pd.to_datetime(frame[column], utc=True)
        return frame

    def store(self, name: str) -> FeatureStoreInfo:
        """One feature store with what it held when it was read. Raises NotFound."""
        with self._store.read() as session:
            return store_rows.info(store_rows.require(session, name))

    def add(
        self,
        name: str,
        settings: Mapping[str, Any],
        *,
        kind: str = "feast",
        python: str = "",
        reason: str = "",
    ) -> FeatureStoreInfo:
        """Add a feature store, after reading what it holds.

        `settings` are the parameters of the kind, such as the `repository` of Feast. `python` is
        the interpreter that has its library: a path, the id of an environment, or Pilothouse's own
        when it is empty. Raises Invalid, NotFound, Refused for a folder that is not allowed,
        Conflict for a name that is taken, Unavailable when the library is not there.
        """
        store_rows.NAME.check(name)
        with self._store.read() as session:
            store_rows.check_new(session, name)
        params = store_rows.check_settings(self._store, kind, settings)
        program = store_rows.program_of(self._store, name, kind, params, python)
        with FeatureAgent(program) as agent:
            catalog, library = agent.ask("catalog", READ_SECONDS), agent.library
        now = self._store.now()
        row = FeatureStoreRow(
            name=name,
            kind=kind,
            settings=dict(params),
            python=python,
            catalog=catalog,
            library=library,
            read_at=now,
            created_at=now,
            created_by=self._store.actor,
        )
        with self._store.write() as session:
            store_rows.add(session, self._store, row, reason)
            return store_rows.info(row)

    def read(self, name: str) -> FeatureStoreInfo:
        """Read what a store holds now. Raises NotFound, Unavailable."""
        with self._agent(name) as agent:
            catalog = agent.ask("catalog", READ_SECONDS)
        with self._store.write() as session:
            return store_rows.keep_catalog(session, self._store, name, catalog, agent.library)

    def use_python(self, name: str, python: str, reason: str = "") -> FeatureStoreInfo:
        """Have another interpreter answer for a store, once it has read it.

        Raises NotFound, Unavailable when the library is not there.
        """
        info = self.store(name)
        program = store_rows.program_of(self._store, name, info.kind, info.settings, python)
        with FeatureAgent(program) as agent:
            catalog = agent.ask("catalog", READ_SECONDS)
        with self._store.write() as session:
            store_rows.change_python(session, self._store, name, python, reason)
            return store_rows.keep_catalog(session, self._store, name, catalog, agent.library)

    def remove(self, name: str, reason: str = "") -> None:
        """Forget a store; its repository is not touched. Raises NotFound."""
        with self._store.write() as session:
            store_rows.remove(session, self._store, name, reason)

    def historical(
        self, name: str, rows: pd.DataFrame, request: FeatureRequest, *, time: str
    ) -> pd.DataFrame:
        """Rows of entities with the features that held at the time of each, in their order.

        Raises NotFound; Invalid for rows that lack a key or their time, and for features that the
        store does not have; Unavailable.
        """
        import pandas as pd

        _check_request(request)
        _check_time(rows, time)
        with self._agent(name) as agent, tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "rows.parquet", Path(folder) / "features.parquet"
            rows.to_parquet(source, index=False)
            paths = {"rows": str(source), "out": str(target), "time": time}
            agent.ask("historical", HISTORICAL_SECONDS, **paths, **request.to_question())
            return pd.read_parquet(target)

    def online(
        self, name: str, keys: Mapping[str, Sequence[Any]], request: FeatureRequest
    ) -> pd.DataFrame:
        """The newest features of entities from the online store: a row each, its keys first.

        An entity that the store does not have has missing values. The attribute `times` of the
        frame has, by feature, the time that each value is of. Raises NotFound, Invalid,
        Unavailable.
        """
        import pandas as pd

        _check_request(request)
        if len({len(values) for values in keys.values()}) != 1:
            raise Invalid("each column of keys must have one value an entity.")
        with self._agent(name) as agent:
            question = {"keys": {key: list(values) for key, values in keys.items()}}
            answer = agent.ask("online", ONLINE_SECONDS, **question, **request.to_question())
        frame = pd.DataFrame({**keys, **answer["columns"]})
        frame.attrs["times"] = answer["times_ms"]
        return frame

    def materialize(
        self, name: str, *, views: Sequence[str] = (), hours: float | None = None
    ) -> dict[str, str | None]:
        """Bring values up to now into the online store; until when each view is, by its name.

        What is new since the last time is brought, or with `hours` all of the last so many hours;
        of all views that are online, or of some. Never of the future: later values would be seen.
        Raises NotFound, Invalid for a view that is not there, Unavailable.
        """
        now = self._store.now()
        _check_views(self.store(name), views)
        start = None if hours is None else (now - timedelta(hours=hours)).isoformat()
        with self._agent(name) as agent:
            question = {"end": now.isoformat(), "start": start, "views": list(views)}
            result = agent.ask("materialize", MATERIALIZE_SECONDS, **question)
            catalog, library = agent.ask("catalog", READ_SECONDS), agent.library
        with self._store.write() as session:
            store_rows.keep_catalog(session, self._store, name, catalog, library)
            record(session, self._store, "materialized", store_rows.KIND, name,
                   after={"views": result["views"]})  # fmt: skip
        return dict(result["views"])

    def submit_materialization(
        self, name: str, *, views: Sequence[str] = (), hours: float | None = None
    ) -> str:
        """Submit a materialization as a job and return its id. Raises NotFound, Invalid."""
        _check_views(self.store(name), views)
        args = {"name": name, "views": list(views), "hours": hours}
        with self._store.write() as session:
            return submit(
                session,
                self._store,
                "materialize_features",
                args,
                title=f"Materialize {name}",
                subject=(store_rows.KIND, name),
            )

    def _agent(self, name: str) -> FeatureAgent:
        info = self.store(name)
        return FeatureAgent(
            store_rows.program_of(self._store, name, info.kind, info.settings, info.python)
        )


def _check_request(request: FeatureRequest) -> None:
    if bool(request.features) == bool(request.service):
        raise Invalid(
            "features or a service are needed, and not both.",
            fields={"features": "needed, or a service"},
        )


def _check_views(info: FeatureStoreInfo, views: Sequence[str]) -> None:
    online = [view.name for view in info.catalog.views if view.online]
    if unknown := sorted(set(views) - set(online)):
        hint = f"Online are {', '.join(online) or 'none'}."
        raise Invalid(f"{info.name} has no online view {', '.join(unknown)}.", hint=hint)


def _check_time(rows: pd.DataFrame, time: str) -> None:
    """Raise Invalid unless every row has its time."""
    import pandas as pd

    if time not in rows.columns:
        raise NotFound(f"the rows have no column {time!r}.", hint="Name the column of their time.")
    if not pd.api.types.is_datetime64_any_dtype(rows[time]):
        raise Invalid(f"{time!r} is not a column of times.", fields={"time": "no times"})
    if missing := int(rows[time].isna().sum()):
        raise Invalid(f"{missing:,} rows have no {time!r}.", fields={"time": "missing values"})
    if rows.empty:
        raise Invalid("there are no rows.")


def _row(info: FeatureStoreInfo) -> tuple[Any, ...]:
    catalog = info.catalog
    online: list[datetime | None] = [view.materialized_until for view in catalog.views]
    counts = (len(catalog.views), len(catalog.references), len(catalog.services))
    times = (newest([source.newest for source in catalog.sources]), newest(online), info.read_at)
    library = f"{info.title} {info.library}".strip()
    about = (info.created_at, info.created_by)
    return (info.name, info.kind, info.place, *counts, library, *times, *about)
