"""Tables of pipelines: definitions and their runs, recipes, retraining policies and decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
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
    __table_args__ = (Index(None, "deployment", "at"), Index(None, "at"))
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


class RegisteredPipeline(Table, table=True):
    """A pipeline of people's own, and the number of the version that runs."""

    __tablename__ = "pipelines_pipeline"
    seal: ClassVar[Seal | None] = Seal()

    name: str = Field(primary_key=True)
    version: int
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    updated_at: datetime = Field(sa_type=Utc)


class PipelineVersion(Table, table=True):
    """A version of a pipeline's definition; it is never changed, and kept for the runs of it.

    `digest` is the file as it was given, `filename` says what it was; `definition` is what was
    read from it, see `definitions/definition.py`.
    """

    __tablename__ = "pipelines_pipeline_version"
    seal: ClassVar[Seal | None] = Seal()

    name: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    filename: str
    digest: str = Field(sa_column_kwargs=OF_ARTIFACT)
    definition: dict[str, Any] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=Utc)
    created_by: str


class PipelineRun(Table, table=True):
    """A run of a version of a pipeline with its parameters.

    A run that is a job has its id; one whose steps another program asks for, such as Airflow, has
    that program's name of the run as its `key`. `forked_from` is the run whose results it took, up
    to `from_step`.
    """

    __tablename__ = "pipelines_pipeline_run"
    __table_args__ = (
        UniqueConstraint("pipeline", "key"),
        Index(None, "pipeline", "created_at"),
    )

    id: str = Field(primary_key=True)
    pipeline: str
    version: int
    parameters: dict[str, Any] = Field(sa_type=Json)
    key: str | None = None
    job_id: str | None = None
    forked_from: str | None = None
    from_step: str = ""
    requested_by: str
    created_at: datetime = Field(sa_type=Utc)


class PipelineStepRun(Table, table=True):
    """What came of a step in a run: its inputs, its outputs, and where its log is.

    `source_run` is the run that the outputs were taken from, when the step was not done here. Its
    log is the bytes of the job's log from `log_start` to `log_end`.
    """

    __tablename__ = "pipelines_pipeline_step_run"

    run_id: str = Field(primary_key=True, foreign_key="pipelines_pipeline_run.id")
    step: str = Field(primary_key=True)
    status: str
    inputs: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    outputs: dict[str, Any] | None = Field(default=None, sa_type=Json)
    error: str = ""
    hint: str = ""
    source_run: str | None = None
    job_id: str | None = None
    log_start: int = 0
    log_end: int | None = None
    started_at: datetime = Field(sa_type=Utc)
    ended_at: datetime | None = Field(default=None, sa_type=Utc)
