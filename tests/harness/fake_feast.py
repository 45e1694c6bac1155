"""A small Feast for tests: what the agent calls, with the same names, shapes and answers.

It is copied as `feast.py` into a folder that is the repository, with `rows.parquet` beside it.
"""

from __future__ import annotations

import importlib
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

__version__ = "0.67.0"
KEY, TIME = "driver_id", "event_timestamp"
FEATURES = {"trips": "Int64", "rate": "Float64"}


class FeatureStore:
    """One view of one entity from a Parquet file; its online store is a JSON file."""

    def __init__(self, repo_path: str) -> None:
        print("Feast prints what it does")  # noqa: T201  # it does, and the agent must bear it
        self.repo_path = Path(repo_path).absolute()
        self.project = "drivers"
        self._online = self.repo_path / "online.json"
        self._batch = named(
            "FileSource", name="driver_rows", path="rows.parquet", timestamp_field=TIME
        )

    def list_entities(self) -> list[Any]:
        """The entity that has the key, and Feast's own."""
        kind = SimpleNamespace(name="UNKNOWN")
        return [
            SimpleNamespace(
                name="driver", join_keys=[KEY], value_type=kind, description="A driver"
            ),
            SimpleNamespace(name="__dummy", join_keys=["__dummy_id"], value_type=kind),
        ]

    def list_data_sources(self) -> list[Any]:
        """The file."""
        return [self._batch]

    def list_all_feature_views(self) -> list[Any]:
        """The view."""
        until = self._state().get("until")
        view = named(
            "FeatureView",
            name="driver_stats",
            description="Of each hour",
            entities=["driver"],
            entity_columns=[SimpleNamespace(name=KEY, dtype="Int64")],
            features=[SimpleNamespace(name=name, dtype=kind) for name, kind in FEATURES.items()],
            batch_source=self._batch,
            ttl=timedelta(days=1),
            online=True,
            most_recent_end_time=datetime.fromisoformat(until) if until else None,
        )
        return [view]

    def list_feature_services(self) -> list[Any]:
        """A service with every feature."""
        return [self.get_feature_service("driver_service")]

    def get_feature_service(self, name: str) -> Any:
        """The service. Raises ValueError for another name."""
        if name != "driver_service":
            raise ValueError(f"Feature service {name} does not exist")
        projection = SimpleNamespace(
            name_to_use=lambda: "driver_stats",
            features=[SimpleNamespace(name=feature) for feature in FEATURES],
        )
        return SimpleNamespace(name=name, description="", feature_view_projections=[projection])

    def get_historical_features(
        self, entity_df: Any, features: Any, full_feature_names: bool = False
    ) -> Any:
        """The newest values at or before the time of each row, by that time."""
        rows = self._rows().sort_values(TIME)
        pd = importlib.import_module("pandas")  # most tests do not need it
        joined = pd.merge_asof(entity_df.sort_values(TIME), rows, on=TIME, by=KEY)
        names = {name: called(name, full_feature_names) for name in requested(features)}
        extra = [name for name in FEATURES if name not in names]
        frame = joined.drop(columns=extra).rename(columns=names)
        return SimpleNamespace(to_df=lambda: frame)

    def get_online_features(
        self, features: Any, entity_rows: list[dict[str, Any]], full_feature_names: bool = False
    ) -> Any:
        """What was materialized; None for an entity that was not, as for the real one."""
        values = self._state().get("values", {})
        found = [values.get(str(row[KEY]), {}) for row in entity_rows]
        if any(row[KEY] == -1 for row in entity_rows):  # a store that does not answer in time
            import time

            time.sleep(60)
        if any(row[KEY] == -2 for row in entity_rows):
            sys.exit("the connection to the online store is lost")
        columns: dict[str, list[Any]] = {KEY: [row[KEY] for row in entity_rows]}
        for name in requested(features):
            answered = called(name, full_feature_names)
            columns[answered] = [value.get(name) for value in found]
            columns[f"{answered}__ts"] = [value.get("at", 0) for value in found]
        return SimpleNamespace(to_dict=lambda include_event_timestamps: columns)

    def materialize_incremental(self, end_date: datetime, feature_views: Any = None) -> None:
        """The newest values up to a time."""
        rows = self._rows()
        newest = rows[rows[TIME] <= end_date].sort_values(TIME).groupby(KEY).tail(1)
        values = {
            str(row[KEY]): {**{name: row[name] for name in FEATURES},
                            "at": int(row[TIME].timestamp())}
            for row in newest.to_dict(orient="records")
        }  # fmt: skip
        state = {"until": end_date.astimezone(UTC).isoformat(), "values": values}
        self._online.write_text(json.dumps(state, default=float))

    def materialize(self, start_date: datetime, end_date: datetime, feature_views: Any) -> None:
        """The same; the start changes nothing of the newest value."""
        self.materialize_incremental(end_date, feature_views)

    def _rows(self) -> Any:
        pd = importlib.import_module("pandas")
        frame = pd.read_parquet(self.repo_path / "rows.parquet")
        return frame.assign(
            **{TIME: pd.to_datetime(frame[TIME], utc=True).astype("datetime64[ns, UTC]")}
        )

    def _state(self) -> dict[str, Any]:
        return dict(json.loads(self._online.read_text())) if self._online.exists() else {}


def requested(features: Any) -> list[str]:
    """The names of features of references or of a service."""
    if isinstance(features, list):
        return [reference.partition(":")[2] for reference in features]
    return [feature.name for view in features.feature_view_projections for feature in view.features]


def called(name: str, full: bool) -> str:
    """What a feature is called in an answer."""
    return f"driver_stats__{name}" if full else name


def named(class_name: str, **values: Any) -> Any:
    """An object of a class of that name."""
    return type(class_name, (SimpleNamespace,), {})(**values)
