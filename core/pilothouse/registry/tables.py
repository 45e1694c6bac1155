"""The rows of models, versions, aliases, stages, promotions and policies."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlmodel import Field

from pilothouse.storage.tables import OF_ARTIFACT, Json, Seal, Table, Utc

NONE, STAGING, PRODUCTION, ARCHIVED = "none", "staging", "production", "archived"
UNGATED = (NONE, ARCHIVED)  # a version comes there without a promotion, to every other stage by one
DELETED = "deleted"  # where the moves of a deleted version end

PENDING, ACCEPTED, REJECTED, REFUSED = "pending", "accepted", "rejected", "refused"
STATUSES = (PENDING, ACCEPTED, REJECTED, REFUSED)

CHAMPION = "champion"


class Model(Table, table=True):
    """A name under which versions are kept."""

    __tablename__ = "registry_model"
    seal: ClassVar[Seal | None] = Seal()

    name: str = Field(primary_key=True)
    note: str = ""
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    updated_at: datetime | None = Field(default=None, sa_type=Utc)
    # The highest number ever given: that of a deleted version is not given again.
    last_number: int | None = None


class ModelTag(Table, table=True):
    """A word about a model."""

    __tablename__ = "registry_model_tag"
    seal: ClassVar[Seal | None] = Seal()

    model: str = Field(primary_key=True, foreign_key="registry_model.name")
    key: str = Field(primary_key=True)
    value: str


class ModelVersion(Table, table=True):
    """A model that can be served: whence it comes, its bytes, what it takes, how good it was."""

    __tablename__ = "registry_version"
    seal: ClassVar[Seal | None] = Seal(former_names={"version": "number"})
    __table_args__ = (
        CheckConstraint("run_id IS NOT NULL OR import_source <> ''", name="has_a_source"),
        CheckConstraint("length(digest) = 64", name="has_an_artifact"),
        Index(None, "model", "stage"),
        Index(None, "model", "created_at", "version"),
        Index(None, "created_at"),
    )

    model: str = Field(primary_key=True, foreign_key="registry_model.name")
    version: int = Field(primary_key=True)
    run_id: str | None = Field(default=None, foreign_key="experiments_run.id", index=True)
    import_source: str = ""
    digest: str = Field(sa_column_kwargs=OF_ARTIFACT)
    signature: dict[str, Any] = Field(sa_type=Json)
    input_example: list[dict[str, Any]] = Field(sa_type=Json)
    # Files, format and requirements of a model that another program wrote; None of one made here.
    package: dict[str, Any] | None = Field(default=None, sa_type=Json)
    metrics: dict[str, float] = Field(sa_type=Json)
    dataset: str = ""
    held_out: str = ""
    stage: str = NONE
    note: str = ""
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
    updated_at: datetime | None = Field(default=None, sa_type=Utc)


class VersionTag(Table, table=True):
    """A word about a version."""

    __tablename__ = "registry_version_tag"
    seal: ClassVar[Seal | None] = Seal(former_names={"version": "number"})
    __table_args__ = (
        ForeignKeyConstraint(
            ["model", "version"], ["registry_version.model", "registry_version.version"]
        ),
    )

    model: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    key: str = Field(primary_key=True)
    value: str


class ModelVersionOrigin(Table, table=True):
    """Where an imported version says it comes from; its files are listed in its artifact."""

    __tablename__ = "registry_version_origin"
    seal: ClassVar[Seal | None] = Seal(former_names={"version": "number"})
    __table_args__ = (
        ForeignKeyConstraint(
            ["model", "version"], ["registry_version.model", "registry_version.version"]
        ),
    )

    model: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    source: str
    location: str
    run: str = ""
    run_link: str = ""
    logged_model: str = Field(default="", index=True)


class Alias(Table, table=True):
    """A movable name of one version of a model."""

    __tablename__ = "registry_alias"
    seal: ClassVar[Seal | None] = Seal(former_names={"version": "number"})
    __table_args__ = (
        ForeignKeyConstraint(
            ["model", "version"], ["registry_version.model", "registry_version.version"]
        ),
    )

    model: str = Field(primary_key=True)
    alias: str = Field(primary_key=True)
    version: int
    changed_at: datetime = Field(sa_type=Utc)
    changed_by: str


class StageChange(Table, table=True):
    """One move of a version from a stage to another; rows are only ever added.

    They stay when the version is deleted.
    """

    __tablename__ = "registry_stage_change"
    seal: ClassVar[Seal | None] = Seal(former_names={"version": "number"})
    __table_args__ = (
        Index(None, "model", "at"),
        Index(None, "after", "at"),
        Index(None, "model", "version", "at"),
        Index(None, "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    model: str
    version: int
    before: str
    after: str
    at: datetime = Field(sa_type=Utc)
    by: str
    reason: str = ""
    promotion_id: str | None = Field(default=None, foreign_key="registry_promotion.id")


class VersionEvaluation(Table, table=True):
    """What a version was worth on a dataset version: the run with the rest, and its metrics.

    `label` is the column of the labels, `held_out` a digest of the labelled rows, `rows` their
    number. `reference` is the digest of the run's `reference.parquet`.
    """

    __tablename__ = "registry_evaluation"
    seal: ClassVar[Seal | None] = Seal()
    __table_args__ = (
        ForeignKeyConstraint(
            ["model", "version"], ["registry_version.model", "registry_version.version"]
        ),
        Index(None, "model", "version", "created_at"),
    )

    run_id: str = Field(primary_key=True, foreign_key="experiments_run.id")
    model: str
    version: int
    dataset: str
    label: str
    held_out: str
    rows: int
    metrics: dict[str, float] = Field(sa_type=Json)
    reference: str = Field(sa_column_kwargs=OF_ARTIFACT)
    created_at: datetime = Field(sa_type=Utc)
    created_by: str


class Measurement(Table, table=True):
    """What was measured of a version for its gates, such as its worst slice or its latency.

    `id` is a digest of the version, the kind, its parameters and the measured rows, whose digest is
    `rows_digest`. `message` says why nothing could be measured, and is empty otherwise.
    """

    __tablename__ = "registry_measurement"
    seal: ClassVar[Seal | None] = Seal()
    __table_args__ = (
        ForeignKeyConstraint(
            ["model", "version"], ["registry_version.model", "registry_version.version"]
        ),
        Index(None, "model", "version", "measured_at"),
    )

    id: str = Field(primary_key=True)
    model: str
    version: int
    kind: str
    params: dict[str, Any] = Field(sa_type=Json)
    figures: dict[str, Any] = Field(sa_type=Json)
    rows: str = ""
    rows_digest: str = ""
    message: str = ""
    measured_at: datetime = Field(sa_type=Utc)
    measured_by: str


class Promotion(Table, table=True):
    """Somebody asked that a version move up: with which evidence, and what became of it.

    The evidence is frozen as it was seen when asked for, and again when it was decided on, each
    time with the name, version and digest of the policy that judged it. A promotion stays when its
    version is deleted, with its votes, its overrides and the moves.
    """

    __tablename__ = "registry_promotion"
    seal: ClassVar[Seal | None] = Seal(former_names={"version": "number"})
    __table_args__ = (
        Index(
            "ix_registry_promotion_one_pending",
            "model",
            "version",
            unique=True,
            sqlite_where=text("status = 'pending'"),
            postgresql_where=text("status = 'pending'"),
        ),
        Index(None, "status", "requested_at"),
        Index(None, "model", "requested_at"),
        Index(None, "requested_at"),
        Index(None, "model", "decided_at"),
        Index(None, "decided_at"),
    )

    id: str = Field(primary_key=True)
    model: str
    version: int
    stage: str
    status: str
    reason: str
    origin: str
    requested_by: str
    requested_at: datetime = Field(sa_type=Utc)
    evidence: dict[str, Any] = Field(sa_type=Json)
    evidence_hash: str
    verdicts: list[dict[str, Any]] = Field(sa_type=Json)
    policy: dict[str, Any] | None = Field(default=None, sa_type=Json)
    decided_by: str = ""
    decided_at: datetime | None = Field(default=None, sa_type=Utc)
    decision_reason: str = ""
    decision_evidence: dict[str, Any] | None = Field(default=None, sa_type=Json)
    decision_evidence_hash: str = ""
    decision_verdicts: list[dict[str, Any]] | None = Field(default=None, sa_type=Json)
    decision_policy: dict[str, Any] | None = Field(default=None, sa_type=Json)
    # How the votes were counted when it was decided; None before that, and of what was decided
    # before there were votes.
    approvals: dict[str, Any] | None = Field(default=None, sa_type=Json)


class Vote(Table, table=True):
    """What a person voted on a promotion; rows are only ever added, and the newest one counts."""

    __tablename__ = "registry_vote"
    seal: ClassVar[Seal | None] = Seal()

    id: int | None = Field(default=None, primary_key=True)
    promotion_id: str = Field(foreign_key="registry_promotion.id", index=True)
    model: str
    version: int
    person: str
    approve: bool
    comment: str
    at: datetime = Field(sa_type=Utc)


class Override(Table, table=True):
    """A person let a promotion through a gate that did not pass; rows are only ever added.

    `message` is what the gate said then.
    """

    __tablename__ = "registry_override"
    seal: ClassVar[Seal | None] = Seal()

    id: int | None = Field(default=None, primary_key=True)
    promotion_id: str = Field(foreign_key="registry_promotion.id", index=True)
    model: str
    version: int
    gate: str
    message: str
    reason: str
    by: str
    at: datetime = Field(sa_type=Utc)
    expires_at: datetime = Field(sa_type=Utc)


class Trial(Table, table=True):
    """Whether a model process could answer a version's example, and with which libraries.

    `id` is a digest of the model file, its signature and its example; `message` says what went
    wrong, and is empty when nothing did.
    """

    __tablename__ = "registry_trial"

    id: str = Field(primary_key=True)
    environment: str
    message: str
    tried_at: datetime = Field(sa_type=Utc)


class CodeAudit(Table, table=True):
    """What loading the files of a version would import, read without loading them.

    `id` is a digest of the package and of the release that read it; `message` says why the files
    cannot be read, and is empty when they can.
    """

    __tablename__ = "registry_code_audit"

    id: str = Field(primary_key=True)
    badge: str
    imports: list[str] = Field(sa_type=Json)
    unknown: list[str] = Field(sa_type=Json)
    message: str
    audited_at: datetime = Field(sa_type=Utc)


class CodeApproval(Table, table=True):
    """A person approved that a version's own code runs; revoked when `revoked_at` is set.

    `digest` is that of the version's files, and `imports` what the person was shown.
    """

    __tablename__ = "registry_code_approval"
    seal: ClassVar[Seal | None] = Seal()
    __table_args__ = (
        ForeignKeyConstraint(
            ["model", "version"], ["registry_version.model", "registry_version.version"]
        ),
    )

    model: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    digest: str
    imports: list[str] = Field(sa_type=Json)
    reason: str
    approved_by: str
    approved_at: datetime = Field(sa_type=Utc)
    revoked_by: str = ""
    revoked_at: datetime | None = Field(default=None, sa_type=Utc)
    revoke_reason: str = ""


class Inspection(Table, table=True):
    """What a version's model said of itself in its process, and its answer to its example.

    `id` is a digest of its package; `message` says why it could not be loaded there.
    """

    __tablename__ = "registry_inspection"

    id: str = Field(primary_key=True)
    facts: dict[str, Any] = Field(sa_type=Json)
    message: str
    inspected_at: datetime = Field(sa_type=Utc)


class PolicyVersion(Table, table=True):
    """One version of a policy: what is asked of a version of some models before a stage.

    Rows are only ever added, and the newest one of a name holds; when it is `removed`, none does.
    """

    __tablename__ = "registry_policy"
    seal: ClassVar[Seal | None] = Seal()

    name: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    stage: str
    models: list[str] = Field(sa_type=Json)
    gates: list[dict[str, Any]] = Field(sa_type=Json)
    approvals: dict[str, Any] = Field(sa_type=Json)
    digest: str
    removed: bool = False
    reason: str
    changed_at: datetime = Field(sa_type=Utc)
    changed_by: str


class BuiltInPolicy(Table, table=True):
    """Somebody chose an edition of the built-in policy; rows are only added, the newest holds."""

    __tablename__ = "registry_built_in_policy"
    seal: ClassVar[Seal | None] = Seal()

    id: int | None = Field(default=None, primary_key=True)
    edition: str
    reason: str
    changed_at: datetime = Field(sa_type=Utc)
    changed_by: str


class StageLadder(Table, table=True):
    """Somebody set the stages, lowest first; rows are only ever added, and the newest one holds."""

    __tablename__ = "registry_stage_ladder"
    seal: ClassVar[Seal | None] = Seal()

    id: int | None = Field(default=None, primary_key=True)
    stages: list[dict[str, Any]] = Field(sa_type=Json)
    reason: str
    changed_at: datetime = Field(sa_type=Utc)
    changed_by: str


class CardRevision(Table, table=True):
    """What people wrote in the card of a version, as a whole; each change is a new revision.

    `carried_from` is the version whose texts the first revision began with.
    """

    __tablename__ = "registry_card_revision"
    seal: ClassVar[Seal | None] = Seal()
    __table_args__ = (
        ForeignKeyConstraint(
            ["model", "version"], ["registry_version.model", "registry_version.version"]
        ),
    )

    model: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    texts: dict[str, str] = Field(sa_type=Json)
    carried_from: int | None = None
    reason: str = ""
    written_at: datetime = Field(sa_type=Utc)
    written_by: str
