"""A small Tecton for tests: what the agent calls, with the names and parameters of the real one.

It is copied as `tecton.py` into a folder with `rows.parquet`. A proof compares its classes with
those of the real package.
"""

from __future__ import annotations

import importlib
import os
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

__version__ = "1.2.13"
KEY, TIME = "driver_id", "event_timestamp"
FEATURES = {"trips": "Int64", "rate": "Float64"}


def login(tecton_url: str, interactive: bool = True, tecton_api_key: str | None = None) -> None:
    """Takes one key, and would ask a person without one."""
    if interactive or tecton_api_key != "secret":
        raise PermissionError(f"{tecton_url} does not know this key")


def get_workspace(name: str) -> Workspace:
    """The workspace of that name."""
    return Workspace(name)


class Workspace:
    """A workspace with a view, an entity and a service."""

    def __init__(self, workspace: str) -> None:
        self.workspace = workspace

    def list_feature_views(self) -> list[str]:
        return ["driver_stats"]

    def list_feature_services(self) -> list[str]:
        return ["driver_service"]

    def list_entities(self) -> list[str]:
        return ["driver"]

    def get_feature_view(self, name: str) -> FeatureView:
        return FeatureView(name)

    def get_feature_service(self, name: str) -> FeatureService:
        if name != "driver_service":
            raise ValueError(f"no feature service {name}")
        return FeatureService(name)

    def get_entity(self, name: str) -> Entity:
        return Entity(name)


class Entity:
    """Drivers."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str | None:
        return None

    @property
    def join_keys(self) -> list[str]:
        return [KEY]


class FeatureView:
    """Trips and rates of drivers."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str | None:
        return "Of each hour"

    @property
    def join_keys(self) -> list[str]:
        return [KEY]

    @property
    def feature_metadata(self) -> list[Any]:
        return [SimpleNamespace(name=name, dtype=kind) for name, kind in FEATURES.items()]

    @property
    def ttl(self) -> timedelta:
        return timedelta(days=1)


class FeatureService:
    """All features of the view."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str | None:
        return None

    @property
    def feature_views(self) -> set[FeatureView]:
        return {FeatureView("driver_stats")}

    def get_feature_columns(self) -> list[str]:
        return [f"driver_stats__{name}" for name in FEATURES]

    def get_features_for_events(
        self,
        events: Any,
        timestamp_key: str | None = None,
        from_source: bool | None = None,
        compute_mode: str | None = None,
    ) -> TectonDataFrame:
        """The newest values at or before each time, in another order of the rows."""
        pd = importlib.import_module("pandas")
        rows = stored_rows().sort_values(TIME).rename(columns={TIME: timestamp_key})
        rows = rows.rename(columns={name: f"driver_stats__{name}" for name in FEATURES})
        events = events.assign(**{timestamp_key: pd.to_datetime(events[timestamp_key], utc=True)})
        sides = [side.astype({timestamp_key: "datetime64[ns, UTC]"}) for side in (events, rows)]
        joined = pd.merge_asof(sides[0].sort_values(timestamp_key), sides[1],
                               on=timestamp_key, by=KEY)  # fmt: skip
        return TectonDataFrame(joined)

    def get_online_features(
        self,
        join_keys: dict[str, Any] | None = None,
        include_join_keys_in_response: bool = False,
        request_data: dict[str, Any] | None = None,
    ) -> FeatureVector:
        """The newest values of one entity; None for one that is not there."""
        rows = stored_rows()
        own = rows[rows[KEY] == (join_keys or {})[KEY]].sort_values(TIME).tail(1)
        values = own.to_dict(orient="records")[0] if len(own) else {}
        return FeatureVector(values)


class TectonDataFrame:
    """A frame."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def to_pandas(self, pretty_sql: bool = False) -> Any:
        return self._frame


class FeatureVector:
    """Values of one entity."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def to_dict(self, return_effective_times: bool = False) -> dict[str, Any]:
        at: datetime | None = self._values.get(TIME)
        return {
            f"driver_stats.{name}": {"value": self._values.get(name), "effective_time": at}
            for name in FEATURES
        }


def stored_rows() -> Any:
    """The rows beside this file."""
    pd = importlib.import_module("pandas")
    return pd.read_parquet(Path(os.path.abspath(__file__)).with_name("rows.parquet"))
