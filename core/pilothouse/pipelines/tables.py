"""Tables of pipelines: recipes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlmodel import Field

from pilothouse.storage.tables import OF_ARTIFACT, Json, Seal, Table, Utc


class Recipe(Table, table=True):
    """People's own training code as it was registered: files, command, parameters, environment.

    `digest` is the zip file of its code, `environment` an EnvironmentRequest as plain values.
    `dataset_parameter` is the parameter that takes the path of a dataset's file, which
    `dataset_format` says how to write; `model` is the registered model that its runs make versions
    of, "" when its code registers them itself.
    """

    __tablename__ = "pipelines_recipe"
    seal: ClassVar[Seal | None] = Seal()

    name: str = Field(primary_key=True)
    source: str
    commit: str = ""
    digest: str = Field(sa_column_kwargs=OF_ARTIFACT)
    entry_point: str
    command: str
    parameters: list[dict[str, Any]] = Field(sa_type=Json)
    environment: dict[str, Any] = Field(sa_type=Json)
    dataset_parameter: str = ""
    dataset_format: str = "parquet"
    model: str = ""
    experiment: str
    note: str = ""
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    updated_at: datetime = Field(sa_type=Utc)
