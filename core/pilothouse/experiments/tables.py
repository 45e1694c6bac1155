"""The rows of experiments and runs.

A metric of a run has one `RunMetric` row, its summary, whose id names the series; the points lie
in the narrow `Metric` table under that number. A run table therefore never touches history, and a
point costs no more than four numbers. Once a run has ended, each series becomes one `Block`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, LargeBinary, SmallInteger, UniqueConstraint, text
from sqlmodel import Field

from pilothouse.storage.tables import OF_ARTIFACT, Json, Seal, Table, Utc

QUEUED, RUNNING, FINISHED, FAILED, CANCELLED = (
    "queued",
    "running",
    "finished",
    "failed",
    "cancelled",
)
STATUSES = (QUEUED, RUNNING, FINISHED, FAILED, CANCELLED)
ENDED = (FINISHED, FAILED, CANCELLED)


class Experiment(Table, table=True):
    """A question that runs try to answer."""

    __tablename__ = "experiments_experiment"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    note: str = ""
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    archived_at: datetime | None = Field(default=None, sa_type=Utc)
    updated_at: datetime | None = Field(default=None, sa_type=Utc)
    artifact_location: str | None = None


class ExperimentTag(Table, table=True):
    """A word about an experiment."""

    __tablename__ = "experiments_experiment_tag"

    experiment_id: int = Field(primary_key=True, foreign_key="experiments_experiment.id")
    key: str = Field(primary_key=True)
    value: str


class Run(Table, table=True):
    """One try: who started it, from which code, how it ended."""

    __tablename__ = "experiments_run"
    __table_args__ = (
        Index("ix_experiments_run_newest", "experiment_id", "archived_at", "created_at", "id"),
        Index(None, "created_at"),
        # All that usual filters ask of a run that another index led to.
        Index(
            "ix_experiments_run_asked",
            *("id", "archived_at", "experiment_id", "parent_id", "status", "trainer", "created_at"),
        ),
        Index(
            "ix_experiments_run_uncompacted",
            "ended_at",
            sqlite_where=text("compacted_at IS NULL"),
            postgresql_where=text("compacted_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    experiment_id: int = Field(foreign_key="experiments_experiment.id")
    name: str
    status: str = Field(default=RUNNING, index=True)
    created_at: datetime = Field(sa_type=Utc)
    started_at: datetime | None = Field(default=None, sa_type=Utc)
    ended_at: datetime | None = Field(default=None, sa_type=Utc)
    parent_id: str | None = Field(default=None, foreign_key="experiments_run.id", index=True)
    job_id: str | None = Field(default=None, index=True)
    user: str = Field(index=True)
    source: str = ""
    commit: str | None = None
    dirty: bool | None = None
    seed: int | None = Field(default=None, sa_type=BigInteger)
    trainer: str | None = Field(default=None, index=True)
    note: str = ""
    error: str = ""
    archived_at: datetime | None = Field(default=None, sa_type=Utc)
    compacted_at: datetime | None = Field(default=None, sa_type=Utc)


class Param(Table, table=True):
    """A parameter as text, and as a number where it is one, so that it sorts as one."""

    __tablename__ = "experiments_param"
    __table_args__ = (
        # Both end with the run, so that a walk along them reads no row.
        Index("ix_experiments_param_number", "key", "number", "value", "run_id"),
        Index("ix_experiments_param_value", "key", "value", "run_id"),
    )

    run_id: str = Field(primary_key=True, foreign_key="experiments_run.id")
    key: str = Field(primary_key=True)
    value: str
    number: float | None = None


class RunMetric(Table, table=True):
    """The summary of one metric of one run, kept in step with its history.

    None stands for NaN: SQLite has no other way to keep one in an ordered column.
    """

    __tablename__ = "experiments_run_metric"
    __table_args__ = (
        UniqueConstraint("run_id", "key"),
        # Sorted by the last value; the other figures lie beside it, so that sorting by them reads
        # this index alone.
        Index(
            "ix_experiments_run_metric_last",
            *("key", "last", "id", "run_id", "best", "min", "max", "first"),
        ),
        # A number is never given twice: points of a deleted series must not join another.
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    run_id: str = Field(foreign_key="experiments_run.id")
    key: str
    first: float | None
    first_step: int = Field(sa_type=BigInteger)
    first_at: datetime = Field(sa_type=Utc)
    last: float | None
    last_step: int = Field(sa_type=BigInteger)
    last_at: datetime = Field(sa_type=Utc)
    min: float | None
    max: float | None
    best: float | None
    best_step: int | None = Field(sa_type=BigInteger)
    count: int = Field(sa_type=BigInteger)


class Metric(Table, table=True):
    """One point of a history. The row is its own key: the same point sent twice is one point.

    `nan` is 1 when the value is not a number; `value` is 0 then, since a key holds no NULL. It is
    no boolean because the driver takes plain numbers faster.
    There is no foreign key on `series`: checking it would cost more than writing the point.
    """

    __tablename__ = "experiments_metric"
    __table_args__ = {"sqlite_with_rowid": False}

    series: int = Field(primary_key=True, sa_type=BigInteger)
    step: int = Field(primary_key=True, sa_type=BigInteger)
    at: datetime = Field(primary_key=True, sa_type=Utc)
    value: float = Field(primary_key=True)
    nan: int = Field(primary_key=True, sa_type=SmallInteger)


class Block(Table, table=True):
    """The whole history of one series of an ended run, as columns in one value."""

    __tablename__ = "experiments_block"

    series: int = Field(primary_key=True, sa_type=BigInteger)
    count: int = Field(sa_type=BigInteger)
    data: bytes = Field(sa_type=LargeBinary)


class MetricNote(Table, table=True):
    """What people say of a metric, in place of what its key suggests; None leaves the guess."""

    __tablename__ = "experiments_metric_note"
    seal: ClassVar[Seal | None] = Seal()

    key: str = Field(primary_key=True)
    title: str | None = None
    direction: str | None = None
    unit: str = ""
    format: str | None = None
    target: float | None = None
    tolerance: float | None = None
    updated_at: datetime = Field(sa_type=Utc)
    updated_by: str


class View(Table, table=True):
    """A run table as somebody left it: filter, order, columns, groups; the team's has no owner."""

    __tablename__ = "experiments_view"
    __table_args__ = (UniqueConstraint("owner", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str
    owner: str = ""
    state: dict[str, Any] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=Utc)
    updated_at: datetime = Field(sa_type=Utc)


class KnownKey(Table, table=True):
    """A metric, parameter or tag that runs of an experiment have: what choosers offer."""

    __tablename__ = "experiments_known_key"

    experiment_id: int = Field(primary_key=True, foreign_key="experiments_experiment.id")
    kind: str = Field(primary_key=True)
    key: str = Field(primary_key=True)


class RunTag(Table, table=True):
    """A word about a run; unlike a parameter it may change."""

    __tablename__ = "experiments_run_tag"
    __table_args__ = (Index("ix_experiments_run_tag_value", "key", "value", "run_id"),)

    run_id: str = Field(primary_key=True, foreign_key="experiments_run.id")
    key: str = Field(primary_key=True)
    value: str


class RunArtifact(Table, table=True):
    """A file of a run: its path there, and the digest of its bytes in the artifact store."""

    __tablename__ = "experiments_run_artifact"

    run_id: str = Field(primary_key=True, foreign_key="experiments_run.id")
    path: str = Field(primary_key=True)
    digest: str = Field(index=True, sa_column_kwargs=OF_ARTIFACT)
    size: int = Field(sa_type=BigInteger)


class WrittenModel(Table, table=True):
    """A model file that a training here wrote, by digest: no other file is ever unpickled."""

    __tablename__ = "experiments_written_model"
    seal: ClassVar[Seal | None] = Seal()

    digest: str = Field(primary_key=True)
    run_id: str
    written_at: datetime = Field(sa_type=Utc)


class RunInput(Table, table=True):
    """A dataset version that a run read, and in which role."""

    __tablename__ = "experiments_run_input"

    run_id: str = Field(primary_key=True, foreign_key="experiments_run.id")
    dataset: str = Field(primary_key=True, index=True)
    role: str = Field(primary_key=True)


class Source(Table, table=True):
    """A dataset as the program that logged it describes it; its bytes stay where they are."""

    __tablename__ = "experiments_source"
    __table_args__ = (UniqueConstraint("experiment_id", "name", "digest"),)

    id: int | None = Field(default=None, primary_key=True)
    experiment_id: int = Field(foreign_key="experiments_experiment.id")
    name: str
    digest: str
    source_type: str
    source: str
    columns: str = ""
    profile: str = ""


class SourceUse(Table, table=True):
    """A run read a logged dataset: in which role, and what else was said of that."""

    __tablename__ = "experiments_source_use"

    run_id: str = Field(primary_key=True, foreign_key="experiments_run.id")
    source_id: int = Field(primary_key=True, foreign_key="experiments_source.id", index=True)
    role: str = ""
    tags: dict[str, str] = Field(sa_type=Json)


class LoggedModel(Table, table=True):
    """A model that a program logged: an entity of its own, made by a run or by none."""

    __tablename__ = "experiments_logged_model"
    __table_args__ = (Index(None, "experiment_id", "created_at"), Index(None, "name"))

    id: str = Field(primary_key=True)
    experiment_id: int = Field(foreign_key="experiments_experiment.id")
    name: str
    kind: str = ""
    run_id: str = Field(default="", index=True)
    status: str
    status_message: str = ""
    created_at: datetime = Field(sa_type=Utc)
    updated_at: datetime = Field(sa_type=Utc)
    archived_at: datetime | None = Field(default=None, sa_type=Utc)


class LoggedModelParam(Table, table=True):
    """A parameter of a logged model."""

    __tablename__ = "experiments_logged_model_param"

    model_id: str = Field(primary_key=True, foreign_key="experiments_logged_model.id")
    key: str = Field(primary_key=True)
    value: str


class LoggedModelTag(Table, table=True):
    """A word about a logged model."""

    __tablename__ = "experiments_logged_model_tag"

    model_id: str = Field(primary_key=True, foreign_key="experiments_logged_model.id")
    key: str = Field(primary_key=True)
    value: str


class LoggedModelMetric(Table, table=True):
    """A figure of a logged model, on a dataset when one is named; None stands for NaN."""

    __tablename__ = "experiments_logged_model_metric"
    __table_args__ = (Index(None, "key", "value"),)

    model_id: str = Field(primary_key=True, foreign_key="experiments_logged_model.id")
    key: str = Field(primary_key=True)
    step: int = Field(primary_key=True, sa_type=BigInteger)
    at: datetime = Field(primary_key=True, sa_type=Utc)
    run_id: str = Field(primary_key=True)
    value: float | None
    dataset_name: str = ""
    dataset_digest: str = ""


class RunModel(Table, table=True):
    """A logged model that a run read (`input`) or made (`output`), at which step."""

    __tablename__ = "experiments_run_model"

    run_id: str = Field(primary_key=True, foreign_key="experiments_run.id")
    model_id: str = Field(primary_key=True, foreign_key="experiments_logged_model.id", index=True)
    direction: str = Field(primary_key=True)
    step: int = Field(default=0, sa_type=BigInteger)


class Hold(Table, table=True):
    """A version of a model rests on a run or a logged model: what it is made of stays as it is.

    `folder` is where the version's files lie among those of the owner ("" are all of them, None is
    nowhere). Once it is closed, because the run has ended, the figures stay too.
    """

    __tablename__ = "experiments_hold"
    seal: ClassVar[Seal | None] = Seal()

    owner: str = Field(primary_key=True)
    version: str = Field(primary_key=True, index=True)
    folder: str | None = None
    closed: bool = False


class File(Table, table=True):
    """A kept file that is no run's: of a logged model, whose id is its root, or of nobody ("")."""

    __tablename__ = "experiments_file"

    root: str = Field(primary_key=True)
    path: str = Field(primary_key=True)
    digest: str = Field(index=True, sa_column_kwargs=OF_ARTIFACT)
    size: int = Field(sa_type=BigInteger)
