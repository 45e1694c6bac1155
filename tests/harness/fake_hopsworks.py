"""A small Hopsworks for tests: what the agent calls, with the names and parameters of the real one.

It is copied as `hopsworks.py` into a folder with `rows.parquet`. A proof compares its classes with
those of the real package.
"""

from __future__ import annotations

import importlib
import os
from datetime import datetime
from pathlib import Path
from typing import Any

__version__ = "5.2.1"
KEY, TIME = "driver_id", "event_timestamp"
FEATURES = {"trips": "bigint", "rate": "double", "late": "int"}


def login(
    host: str | None = None,
    port: int = 443,
    project: str | None = None,
    api_key_value: str | None = None,
) -> Project:
    """Takes one key."""
    if api_key_value != "secret":
        raise PermissionError(f"{host}:{port} does not know this key")
    return Project()


class Project:
    """A project with one feature store."""

    def get_feature_store(self, name: str | None = None) -> FeatureStore:
        return FeatureStore()


class FeatureStore:
    """A store with one feature view."""

    def get_feature_view(self, name: str, version: int | None = None) -> FeatureView:
        if (name, version) != ("drivers", 2):
            raise ValueError(f"no feature view {name} in version {version}")
        return FeatureView()


class TrainingDatasetFeature:
    """A feature of the view."""

    def __init__(self, name: str, type: str, label: bool) -> None:
        self._name, self._type, self._label = name, type, label

    @property
    def name(self) -> str:
        return self._name

    @property
    def type(self) -> str:
        return self._type

    @property
    def label(self) -> bool:
        return self._label


class FeatureView:
    """Trips and rates of drivers, with a label."""

    @property
    def feature_store_name(self) -> str:
        return "project_featurestore"

    @property
    def description(self) -> str | None:
        return "Of each hour"

    @property
    def primary_keys(self) -> set[str]:
        return {KEY}

    @property
    def features(self) -> list[TrainingDatasetFeature]:
        return [TrainingDatasetFeature(n, kind, n == "late") for n, kind in FEATURES.items()]

    def get_batch_data(
        self,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        primary_key: bool | None = None,
        event_time: bool | None = None,
        dataframe_type: str = "default",
        transformed: bool | None = True,
    ) -> Any:
        """The rows up to a time, which is not among them."""
        assert primary_key
        assert event_time
        rows = stored_rows()
        return rows[rows[TIME] < end_time].astype({KEY: "int32"})

    def get_feature_vectors(
        self,
        serving_keys: list[dict[str, Any]] | None = None,
        return_type: str = "list",
        allow_missing: bool = False,
        transform: bool | None = True,
    ) -> Any:
        """The newest values of each entity."""
        pd = importlib.import_module("pandas")
        newest = stored_rows().sort_values(TIME).groupby(KEY).tail(1)
        return pd.DataFrame(serving_keys).merge(newest, on=KEY, how="left")[["trips", "rate"]]


def stored_rows() -> Any:
    """The rows beside this file."""
    pd = importlib.import_module("pandas")
    return pd.read_parquet(Path(os.path.abspath(__file__)).with_name("rows.parquet"))
