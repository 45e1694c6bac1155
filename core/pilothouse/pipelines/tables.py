"""Tables of pipelines: recipes, retraining policies and what triggers have led to."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index
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


class StoredRetrainingPolicy(Table, table=True):
    """When and on which rows a deployment's model is retrained; see `retraining_policy`.

    A deployment without a row has the defaults. `triggers` has the parameters of each chosen one.
    """

    __tablename__ = "pipelines_retraining_policy"
    seal: ClassVar[Seal | None] = Seal()

    deployment: str = Field(primary_key=True, foreign_key="deployments_deployment.name")
    mode: str
    triggers: dict[str, dict[str, Any]] = Field(sa_type=Json)
    cooldown_days: float
    monthly_budget: int | None = None
    min_rows: int
    min_labelled_share: float
    rows: str
    weeks: int
    since: datetime | None = Field(default=None, sa_type=Utc)
    half_life_days: float | None = None
    held_out_days: int
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    updated_at: datetime = Field(sa_type=Utc)


class RetrainingDecision(Table, table=True):
    """What came of a trigger that asked for a retraining: started, asked, declined, held back.

    A request is withdrawn when its policy is switched off. `obstacle` says what held it back.
    `until` is the end of the windows that had been judged: newer ones count for the next
    retraining.
    """

    __tablename__ = "pipelines_retraining_decision"
    __table_args__ = (Index(None, "deployment", "at"),)
    seal: ClassVar[Seal | None] = Seal()

    id: str = Field(primary_key=True)
    deployment: str = Field(foreign_key="deployments_deployment.name")
    trigger: str
    reason: str
    outcome: str
    obstacle: str = ""
    message: str = ""
    alert_id: str | None = None
    job_id: str | None = None
    until: datetime | None = Field(default=None, sa_type=Utc)
    at: datetime = Field(sa_type=Utc)
    decided_at: datetime | None = Field(default=None, sa_type=Utc)
    decided_by: str = ""
