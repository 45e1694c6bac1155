"""The rows of monitoring: from monitors and windows to alerts, reports and notifications."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, col

from pilothouse.monitoring.windows import Span
from pilothouse.storage.tables import OF_ARTIFACT, Json, Seal, Table, Utc

PENDING, FIRING, ACKNOWLEDGED, RESOLVED = "pending", "firing", "acknowledged", "resolved"
OPEN = (PENDING, FIRING, ACKNOWLEDGED)
# States of a delivery; and its kinds, beside those of a transition to firing or resolved.
QUEUED, SENT, FAILED = "queued", "sent", "failed"
REPEAT, ESCALATED, TEST = "repeat", "escalated", "test"


# Columns of an alert that every evaluation may move without a change of its state.
MOVING = (
    *("breaches", "score", "limit", "message", "first_window", "last_window"),
    *("fired_window", "fired_revision", "closed_through", "severity", "name", "action"),
)


class Monitor(Table, table=True):
    """How a deployment is watched: the period of its windows, what is enough, what is too far."""

    __tablename__ = "monitoring_monitor"
    seal: ClassVar[Seal | None] = Seal()

    deployment: str = Field(primary_key=True, foreign_key="deployments_deployment.name")
    period: str = "week"
    enabled: bool = True
    min_rows: int
    min_labelled: int
    min_coverage: float
    drifted_share: float
    primary: dict[str, str] = Field(sa_type=Json)
    limits: dict[str, dict[str, float]] = Field(default_factory=dict, sa_type=Json)
    tolerances: dict[str, float] = Field(sa_type=Json)
    reference_rows: int | None = None  # None in monitors from before it could be set
    false_discovery_rate: float | None = None  # the same
    reference: str | None = None  # the same, as are the two that belong to it
    reference_windows: int | None = None
    reference_dataset: str | None = None
    domain_classifier: bool | None = None  # the same
    pca_reconstruction: bool | None = None  # the same
    zone: str | None = None  # the same, as are the two of windows
    window_length: int | None = None
    window_step: int | None = None
    evaluate_after: float | None = None  # the same
    give_up_after: float | None = None  # None where there is no such limit
    segment_columns: list[str] | None = Field(default=None, sa_type=Json)  # the same
    fairness_columns: list[str] | None = Field(default=None, sa_type=Json)  # the same
    skew: bool | None = None  # the same, as is its key
    skew_key: str | None = None
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    updated_at: datetime = Field(sa_type=Utc)


class Reference(Table, table=True):
    """The profile that a model version's windows are held against, by the digest of its bytes."""

    __tablename__ = "monitoring_reference"
    seal: ClassVar[Seal | None] = Seal(former_names={"version": "number"})
    __table_args__ = (
        ForeignKeyConstraint(
            ["model", "version"], ["registry_version.model", "registry_version.version"]
        ),
    )

    model: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    source: str
    digest: str = Field(sa_column_kwargs=OF_ARTIFACT)
    rows: int
    created_at: datetime = Field(sa_type=Utc)


class DeploymentReference(Table, table=True):
    """The profile of a deployment without a registered version, by the digest of its bytes."""

    __tablename__ = "monitoring_deployment_reference"
    seal: ClassVar[Seal | None] = Seal()

    deployment: str = Field(primary_key=True, foreign_key="deployments_deployment.name")
    version: int = Field(primary_key=True)
    source: str
    digest: str = Field(sa_column_kwargs=OF_ARTIFACT)
    rows: int
    created_at: datetime = Field(sa_type=Utc)


class Window(Table, table=True):
    """What one model version answered in one span of event time, as last judged.

    `label_summary` and `output_summary` are numbers by title: what its labels and its answers were
    like. Rows from before they existed have `positives` and `mean_score` in their place, which
    stay as they are because the rows are sealed with them; nothing else writes these two.

    `heard_until` is when the newest of its predictions and labels was received: whatever comes
    later makes it due again. A window that was removed keeps its row, so that it stays removed.
    `zone` is the time zone whose calendar it is of, None for UTC. `size` is the number of
    predictions that it was cut after, None of windows of the calendar.
    """

    __tablename__ = "monitoring_window"
    seal: ClassVar[Seal | None] = Seal(former_names={"version": "number"})
    __table_args__ = (
        UniqueConstraint(
            *("deployment", "start", "end", "model", "version"),
            name="uq_monitoring_window_deployment_start_end_model_number",  # see revision 0012
        ),
        Index(None, "deployment", "start"),
        Index(None, "model", "version", "created_at"),
    )

    id: str = Field(primary_key=True)
    deployment: str = Field(foreign_key="deployments_deployment.name")
    model: str
    version: int
    start: datetime = Field(sa_type=Utc)
    end: datetime = Field(sa_type=Utc)
    rows: int
    labelled: int
    positives: int | None = None
    status: str
    drift_status: str
    performance_status: str
    columns: int
    judged: int
    drifted: int
    figures: dict[str, float] = Field(default_factory=dict, sa_type=Json)
    mean_score: float | None = None
    label_summary: dict[str, float] | None = Field(default=None, sa_type=Json)
    output_summary: dict[str, float] | None = Field(default=None, sa_type=Json)
    profile: str = Field(sa_column_kwargs=OF_ARTIFACT)
    # The profile that it was compared with; None while that waits for rows, and in older windows.
    reference: str | None = Field(default=None, sa_column_kwargs=OF_ARTIFACT)
    content: str
    revision: int = 1
    created_at: datetime = Field(sa_type=Utc)
    evaluated_at: datetime = Field(sa_type=Utc)
    heard_until: datetime | None = Field(default=None, sa_type=Utc)
    removed_at: datetime | None = Field(default=None, sa_type=Utc)
    zone: str | None = None
    size: int | None = None


def span_of(window: Window) -> Span:
    """The span of a window."""
    return Span(window.start, window.end, window.size or 0)


class WindowCut(Table, table=True):
    """Where a deployment's event time is cut into windows of `size` predictions; it stays."""

    __tablename__ = "monitoring_window_cut"

    deployment: str = Field(primary_key=True, foreign_key="deployments_deployment.name")
    size: int = Field(primary_key=True)
    at: datetime = Field(primary_key=True, sa_type=Utc)


class CheckResult(Table, table=True):
    """One number of one revision of a window, with all that gives it a meaning."""

    __tablename__ = "monitoring_result"
    seal: ClassVar[Seal | None] = Seal(group_by=("window_id", "revision"))
    __table_args__ = (
        # PERF: with an index of checks SQLite would read those of all windows, not of a few.
        UniqueConstraint("window_id", "revision", "signal", "check", "column"),
    )

    id: int | None = Field(default=None, primary_key=True)
    window_id: str = Field(foreign_key="monitoring_window.id")
    revision: int
    signal: str
    check: str
    column: str
    method: str
    status: str
    direction: str
    score: float | None = None
    warn: float | None = None
    threshold: float | None = None
    reference: float | None = None
    n_reference: int = 0
    n_current: int = 0
    primary: bool = False
    message: str = ""
    noise: float | None = None  # these are None in results from before chance was weighed
    noise_method: str | None = None
    noise_level: float | None = None
    p_value: float | None = None
    standard_error: float | None = None
    reference_error: float | None = None
    n_independent: int | None = None


def of_newest_revision() -> ColumnElement[bool]:
    """The condition that joins a result to its window, as that was evaluated last."""
    return (col(Window.id) == col(CheckResult.window_id)) & (
        col(Window.revision) == col(CheckResult.revision)
    )


class CustomCheck(Table, table=True):
    """One version of a check that people wrote; those that were replaced or removed stay.

    `digest` is that of its code. With `draws`, rows of the reference say what chance gives.
    """

    __tablename__ = "monitoring_custom_check"
    seal: ClassVar[Seal | None] = Seal(excluded=("removed_at",))
    __table_args__ = (
        Index(
            "ix_monitoring_custom_check_one_name",
            "deployment",
            "name",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    deployment: str = Field(foreign_key="deployments_deployment.name")
    name: str
    language: str
    digest: str = Field(sa_column_kwargs=OF_ARTIFACT)
    warn: float
    fail: float
    direction: str
    draws: int = 0
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    removed_at: datetime | None = Field(default=None, sa_type=Utc)


class AlertRule(Table, table=True):
    """Which results are watched, when they breach, how many windows in a row fire or clear."""

    __tablename__ = "monitoring_rule"
    seal: ClassVar[Seal | None] = Seal()
    __table_args__ = (UniqueConstraint("deployment", "name"),)

    id: str = Field(primary_key=True)
    deployment: str = Field(foreign_key="deployments_deployment.name", index=True)
    name: str
    signal: str
    check: str
    column: str = "*"
    condition: str
    threshold: float
    clear_threshold: float | None = None
    for_windows: int = 2
    clear_windows: int = 2
    severity: str = "warning"
    action: str = "none"
    enabled: bool = True
    created_at: datetime = Field(sa_type=Utc)
    created_by: str


class Alert(Table, table=True):
    """One episode of a rule, from pending to resolved. A rule has at most one open alert."""

    __tablename__ = "monitoring_alert"
    seal: ClassVar[Seal | None] = Seal(excluded=MOVING)
    __table_args__ = (
        Index(
            "ix_monitoring_alert_one_open",
            "fingerprint",
            unique=True,
            sqlite_where=text("state <> 'resolved'"),
            postgresql_where=text("state <> 'resolved'"),
        ),
        Index(None, "deployment", "opened_at"),
    )

    id: str = Field(primary_key=True)
    fingerprint: str
    rule_id: str = Field(foreign_key="monitoring_rule.id", index=True)
    deployment: str
    name: str
    severity: str
    action: str
    state: str = Field(index=True)
    breaches: int
    score: float | None = None
    limit: float | None = None
    message: str
    first_window: str = Field(foreign_key="monitoring_window.id")
    last_window: str = Field(foreign_key="monitoring_window.id")
    fired_window: str | None = Field(default=None, foreign_key="monitoring_window.id", index=True)
    fired_revision: int | None = None
    closed_through: datetime | None = Field(default=None, sa_type=Utc)
    opened_at: datetime = Field(sa_type=Utc)
    fired_at: datetime | None = Field(default=None, sa_type=Utc)
    acknowledged_at: datetime | None = Field(default=None, sa_type=Utc)
    acknowledged_by: str = ""
    resolved_at: datetime | None = Field(default=None, sa_type=Utc)
    resolved_by: str = ""


class AlertEvent(Table, table=True):
    """One transition of an alert: whence, whither, who, at which window, and the words."""

    __tablename__ = "monitoring_alert_event"
    seal: ClassVar[Seal | None] = Seal()

    id: int | None = Field(default=None, primary_key=True)
    alert_id: str = Field(foreign_key="monitoring_alert.id", index=True)
    at: datetime = Field(sa_type=Utc, index=True)
    before: str
    after: str
    by: str
    window_id: str | None = Field(default=None, foreign_key="monitoring_window.id")
    note: str = ""


class DriftReport(Table, table=True):
    """A page made of a window on demand; without a digest its job says how it goes."""

    __tablename__ = "monitoring_report"

    id: str = Field(primary_key=True)
    window_id: str = Field(foreign_key="monitoring_window.id", index=True)
    job_id: str
    digest: str | None = Field(default=None, sa_column_kwargs=OF_ARTIFACT)
    bytes: int = 0
    rows: int = 0
    reference_rows: int = 0
    sampling: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    requested_by: str
    created_at: datetime = Field(sa_type=Utc)
    made_at: datetime | None = Field(default=None, sa_type=Utc)


class EvidentlyExport(Table, table=True):
    """Windows as an Evidently workspace; without a digest its job says how it goes."""

    __tablename__ = "monitoring_window_export"

    id: str = Field(primary_key=True)
    deployment: str = Field(foreign_key="deployments_deployment.name", index=True)
    start: datetime = Field(sa_type=Utc)
    end: datetime = Field(sa_type=Utc)
    windows: int
    job_id: str
    digest: str | None = Field(default=None, sa_column_kwargs=OF_ARTIFACT)
    bytes: int = 0
    requested_by: str
    created_at: datetime = Field(sa_type=Utc)
    made_at: datetime | None = Field(default=None, sa_type=Utc)


class EvidentlySnapshot(Table, table=True):
    """A snapshot that Evidently made; `content` is the digest of its file.

    `figures` has each number as `snapshot_reading.EvidentlyFigure` has it, `details` the metadata.
    """

    __tablename__ = "monitoring_evidently_run"
    __table_args__ = (
        UniqueConstraint("deployment", "content"),
        Index(None, "deployment", "at"),
    )

    id: str = Field(primary_key=True)
    deployment: str = Field(foreign_key="deployments_deployment.name")
    project: str
    name: str
    at: datetime = Field(sa_type=Utc)
    tags: list[str] = Field(sa_type=Json)
    details: dict[str, str] = Field(sa_type=Json)
    figures: list[dict[str, Any]] = Field(sa_type=Json)
    content: str
    imported_at: datetime = Field(sa_type=Utc)
    imported_by: str


class Channel(Table, table=True):
    """Where notifications go; `address` says where its secret URL is, and is never that URL."""

    __tablename__ = "monitoring_channel"
    seal: ClassVar[Seal | None] = Seal()
    __table_args__ = (
        Index(
            "ix_monitoring_channel_one_name",
            "name",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    name: str
    address: str
    enabled: bool = True
    severities: list[str] = Field(sa_type=Json)
    deployments: list[str] = Field(sa_type=Json)
    repeat_hours: float
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    removed_at: datetime | None = Field(default=None, sa_type=Utc)


class NotificationDelivery(Table, table=True):
    """One notification to one channel; its text is written when it is queued."""

    __tablename__ = "monitoring_delivery"
    __table_args__ = (Index(None, "status", "next_at"),)

    id: str = Field(primary_key=True)
    channel_id: str = Field(foreign_key="monitoring_channel.id", index=True)
    kind: str
    deployment: str
    severity: str
    title: str
    body: str
    status: str = QUEUED
    attempts: int = 0
    next_at: datetime = Field(sa_type=Utc)
    error: str = ""
    created_at: datetime = Field(sa_type=Utc)
    ended_at: datetime | None = Field(default=None, sa_type=Utc)


class DeliveryAlert(Table, table=True):
    """An alert that a notification is about, and how severe it was then."""

    __tablename__ = "monitoring_delivery_alert"

    delivery_id: str = Field(primary_key=True, foreign_key="monitoring_delivery.id")
    alert_id: str = Field(primary_key=True, foreign_key="monitoring_alert.id", index=True)
    severity: str | None = None  # None in rows from before: then that of the whole delivery


class Silence(Table, table=True):
    """Who muted which alerts until when, and why; the matchers are globs."""

    __tablename__ = "monitoring_silence"
    seal: ClassVar[Seal | None] = Seal()

    id: str = Field(primary_key=True)
    deployment: str
    rule: str
    severity: str
    reason: str
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    ends_at: datetime = Field(sa_type=Utc, index=True)
    ended_by: str = ""
