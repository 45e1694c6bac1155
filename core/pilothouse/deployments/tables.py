"""Tables of deployments: the desired state, its revisions, and the replicas observed to run."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from pilothouse.storage.tables import OF_ARTIFACT, Json, Seal, Table, Utc


class Deployment(Table, table=True):
    """The desired state of a deployment, and the version that serves it now.

    One that is served elsewhere is `external`; it may have no registered version: then its model
    is empty, and its version counts the descriptions of what it answers. `traffic` is the split of
    requests during a rollout (see `traffic_split.py`); without one the serving version gets all.
    While `asleep_since` is set it has no process, and its next request removes it.
    """

    __tablename__ = "deployments_deployment"
    seal: ClassVar[Seal | None] = Seal(
        excluded=(
            *("serving_version", "warm_until", "generation", "updated_at", "traffic"),
            "asleep_since",
        ),
        former_names={
            "version": "number",
            "previous_version": "previous",
            "desired_state": "desired",
        },
    )

    name: str = Field(primary_key=True)
    model: str = Field(index=True)
    version: int
    previous_version: int | None = None
    desired_state: str = "running"
    replicas: int = 1
    generation: int = 1
    serving_version: int | None = None
    warm_until: datetime | None = Field(default=None, sa_type=Utc)
    external: bool | None = None
    traffic: dict[str, Any] | None = Field(default=None, sa_type=Json)
    asleep_since: datetime | None = Field(default=None, sa_type=Utc)
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    updated_at: datetime = Field(sa_type=Utc)


class Revision(Table, table=True):
    """One change of the desired state, with all a model process needs to serve its version."""

    __tablename__ = "deployments_revision"
    seal: ClassVar[Seal | None] = Seal(
        group_by=("deployment", "seq"), former_names={"version": "number"}
    )
    __table_args__ = (
        UniqueConstraint("deployment", "seq"),
        Index(None, "deployment", "at", "seq"),
        Index(None, "model", "at"),
        Index(None, "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    deployment: str = Field(foreign_key="deployments_deployment.name", index=True)
    seq: int
    action: str
    model: str
    version: int
    digest: str = Field(sa_column_kwargs=OF_ARTIFACT)
    signature: dict[str, Any] = Field(sa_type=Json)
    example: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    reason: str = ""
    by: str
    at: datetime = Field(sa_type=Utc)


class Replica(Table, table=True):
    """A model process as the controller last observed it.

    A pid may be reused, so a process is identified by pid, create time and token together.
    """

    __tablename__ = "deployments_replica"
    __table_args__ = (
        UniqueConstraint(
            "deployment",
            "version",
            "ordinal",
            name="uq_deployments_replica_deployment_number_ordinal",  # see revision 0012
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    deployment: str = Field(foreign_key="deployments_deployment.name", index=True)
    version: int
    ordinal: int
    state: str
    token: str = ""
    pid: int | None = None
    create_time: float | None = None
    socket: str = ""
    restarts: int = 0
    fast_crashes: int = 0
    last_exit: str = ""
    rss_bytes: int = 0
    engine: dict[str, Any] | None = Field(default=None, sa_type=Json)
    observed_generation: int = 0
    started_at: datetime | None = Field(default=None, sa_type=Utc)
    ready_at: datetime | None = Field(default=None, sa_type=Utc)
    start_after: datetime | None = Field(default=None, sa_type=Utc)
    stopping_at: datetime | None = Field(default=None, sa_type=Utc)


class Rollout(Table, table=True):
    """A change of version in steps; `step` is the index of the current one in the strategy's plan.

    Its state is running, held, succeeded, rolled_back or cancelled; `hold` says why it is held.
    `step_started_at` is empty until the candidates are ready for the step. `message` says why the
    rollout stands where it stands.
    """

    __tablename__ = "deployments_rollout"
    __table_args__ = (Index(None, "deployment", "started_at"), Index(None, "state"))

    id: str = Field(primary_key=True)
    deployment: str = Field(foreign_key="deployments_deployment.name")
    strategy: str
    settings: dict[str, Any] = Field(sa_type=Json)
    model: str
    stable_version: int
    candidates: list[int] = Field(sa_type=Json)
    chosen_version: int | None = None
    state: str
    hold: str = ""
    step: int = 0
    step_started_at: datetime | None = Field(default=None, sa_type=Utc)
    analysed_at: datetime | None = Field(default=None, sa_type=Utc)
    reason: str = ""
    message: str = ""
    by: str
    started_at: datetime = Field(sa_type=Utc)
    ended_at: datetime | None = Field(default=None, sa_type=Utc)


class RolloutCandidate(Table, table=True):
    """A version that a rollout tries, with all a model process needs to serve it."""

    __tablename__ = "deployments_rollout_candidate"

    rollout: str = Field(foreign_key="deployments_rollout.id", primary_key=True)
    version: int = Field(primary_key=True)
    model: str
    digest: str = Field(sa_column_kwargs=OF_ARTIFACT)
    signature: dict[str, Any] = Field(sa_type=Json)
    example: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)


class RolloutAnalysis(Table, table=True):
    """What was found of the candidates at one time: a smoke test, or a comparison."""

    __tablename__ = "deployments_rollout_analysis"
    __table_args__ = (Index(None, "rollout", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    rollout: str = Field(foreign_key="deployments_rollout.id")
    step: int
    kind: str
    at: datetime = Field(sa_type=Utc)
    traffic: dict[str, Any] = Field(sa_type=Json)
    outcome: str
    verdicts: list[dict[str, Any]] = Field(sa_type=Json)


class RouteGeneration(Table, table=True):
    """A single row: a counter of the changes that the server's routing table must follow."""

    __tablename__ = "deployments_route_generation"

    id: int = Field(primary_key=True)
    value: int


class ApiKey(Table, table=True):
    """A key that a program sends with its requests: only its hash is stored, and its first signs.

    Without names of deployments it is for all of them. `last_used_at` is noted by the server.
    """

    __tablename__ = "deployments_api_key"
    seal: ClassVar[Seal | None] = Seal(excluded=("last_used_at",))

    id: str = Field(primary_key=True)
    label: str
    prefix: str = Field(index=True)
    sha256: str
    scopes: list[str] = Field(sa_type=Json)
    deployments: list[str] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    expires_at: datetime | None = Field(default=None, sa_type=Utc)
    revoked_at: datetime | None = Field(default=None, sa_type=Utc)
    last_used_at: datetime | None = Field(default=None, sa_type=Utc)


class CallRule(Table, table=True):
    """Who may call a deployment and how often. Without a row, what the keys say, and no limit.

    `needs_key` is None when the keys decide: as soon as one was made for it, one is needed.
    """

    __tablename__ = "deployments_call_rule"
    seal: ClassVar[Seal | None] = Seal()

    deployment: str = Field(primary_key=True, foreign_key="deployments_deployment.name")
    needs_key: bool | None = None
    max_concurrent: int | None = None
    per_second: float | None = None
    burst: int | None = None


class FeatureRuleRow(Table, table=True):
    """Which features of which store are looked up for a deployment's requests.

    `keys` are the columns that a request brings, with their types; `names` are the model's inputs
    that are looked up. A request waits at most `seconds` for the store.
    """

    __tablename__ = "deployments_feature_rule"
    seal: ClassVar[Seal | None] = Seal()

    deployment: str = Field(primary_key=True, foreign_key="deployments_deployment.name")
    store: str
    features: list[str] = Field(default_factory=list, sa_type=Json)
    service: str = ""
    full_names: bool = False
    keys: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    names: list[str] = Field(default_factory=list, sa_type=Json)
    seconds: float


class LogRule(Table, table=True):
    """How a deployment's predictions are logged. Without a row all is logged and kept for ever.

    `dropped` and `hashed` name inputs; `share` is that of the requests whose predictions are
    logged, all without one. `cleaned_at` and `held_by` say when old rows were deleted
    last, and why some are kept longer.
    """

    __tablename__ = "deployments_log_rule"
    seal: ClassVar[Seal | None] = Seal(excluded=("cleaned_at", "held_by"))

    deployment: str = Field(primary_key=True, foreign_key="deployments_deployment.name")
    keep_days: int | None = None
    dropped: list[str] | None = Field(default=None, sa_type=Json)
    hashed: list[str] | None = Field(default=None, sa_type=Json)
    share: float | None = None
    cleaned_at: datetime | None = Field(default=None, sa_type=Utc)
    held_by: str = ""


class LogDeletion(Table, table=True):
    """Rows of a deployment's log that were deleted.

    By retention: those of events before `before` that were received before `received_before`. By
    erasure: those of an entity, by the job whose id it has; the certificate says the rest.
    """

    __tablename__ = "deployments_log_deletion"
    __table_args__ = (Index(None, "deployment", "at"),)
    seal: ClassVar[Seal | None] = Seal()

    id: str = Field(primary_key=True)
    deployment: str = Field(foreign_key="deployments_deployment.name")
    kind: str
    before: datetime | None = Field(default=None, sa_type=Utc)
    received_before: datetime | None = Field(default=None, sa_type=Utc)
    predictions: int
    labels: int
    requests: int
    files: int
    at: datetime = Field(sa_type=Utc)
    by: str
    reason: str = ""
    certificate: dict[str, Any] | None = Field(default=None, sa_type=Json)


class ScaleRule(Table, table=True):
    """Between which numbers the load of a deployment sets that of its processes.

    Without a row, or without `most`, `Deployment.replicas` is fixed.
    """

    __tablename__ = "deployments_scale_rule"
    seal: ClassVar[Seal | None] = Seal()

    deployment: str = Field(primary_key=True, foreign_key="deployments_deployment.name")
    least: int = 1
    most: int | None = None


class StageRule(Table, table=True):
    """The stage whose address a deployment answers; without one it has none.

    One deployment of a model has a stage: the database holds that, whoever writes.
    """

    __tablename__ = "deployments_stage_rule"
    __table_args__ = (UniqueConstraint("stage", "model"),)
    seal: ClassVar[Seal | None] = Seal()

    deployment: str = Field(primary_key=True, foreign_key="deployments_deployment.name")
    model: str
    stage: str | None = None


class SleepRule(Table, table=True):
    """After how long without a request a deployment sleeps. Without a row it never does."""

    __tablename__ = "deployments_sleep_rule"
    seal: ClassVar[Seal | None] = Seal()

    deployment: str = Field(primary_key=True, foreign_key="deployments_deployment.name")
    after_minutes: float | None = None
