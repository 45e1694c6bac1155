"""What maturity checks look at: values read from the rooms' tables, at one instant.

Checks are pure functions of `MaturityEvidence`, so that a verdict depends on nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pilothouse.governance.maturity.verdicts import EvidenceLink
from pilothouse.models.signature import Signature
from pilothouse.registry.evidence import CardFact


@dataclass(frozen=True)
class RunGaps:
    """How many of the runs lack something, and some of them."""

    missing: int
    links: tuple[EvidenceLink, ...] = ()


@dataclass(frozen=True)
class TrainingRun:
    """The run that made a version: what is recorded of its code, its environment and its search.

    `trials` counts the trials of its search, `folds` the scores of its folds, 0 without.
    """

    id: str
    name: str
    has_code: bool
    has_environment: bool
    job: str
    job_kind: str
    trials: int
    folds: int
    split: str


@dataclass(frozen=True)
class BackingDataset:
    """The dataset version that a version was trained on, and what is known of it.

    `sensitive` is what its tag of that name says, None without the tag. `filled` of `parts` of its
    datasheet have a text, and `texts` are those that people wrote.
    """

    ref: str
    content_hash: str
    is_loadable: bool
    has_contract: bool
    event_time: str
    sensitive: str | None
    filled: int
    parts: int
    texts: Mapping[str, str]


@dataclass(frozen=True)
class PromotionRecord:
    """The accepted promotion that brought a version to production.

    `failed_gates` are those that did not pass, whether overridden or not; `approvers` are who
    voted for it or decided it.
    """

    id: str
    requested_by: str
    decided_at: datetime | None
    policy: str
    gates: int
    failed_gates: tuple[str, ...]
    has_evidence: bool
    approvers: tuple[str, ...]


@dataclass(frozen=True)
class StoredMeasurement:
    """The newest measurement of a kind of a version; `message` says why there are no figures."""

    figures: Mapping[str, Any]
    params: Mapping[str, Any]
    message: str
    at: datetime


@dataclass(frozen=True)
class ServingDeployment:
    """A deployment that is to serve a version in production.

    `monitored_at` is when its newest window was evaluated, and `due_after` how many days may pass
    between two. `rollback` is its newest one, and `rollback_seconds` how long it took to serve
    again, None where that is not recorded.
    """

    name: str
    model: str
    version: int
    external: bool
    unexplained: int
    has_monitor: bool
    monitored_at: datetime | None
    due_days: float
    fairness_columns: tuple[str, ...]
    keeps_log: bool
    rollback: datetime | None
    rollback_seconds: float | None
    retraining_mode: str
    triggers: tuple[str, ...]
    retrained: int
    backtests: int
    schema_rules: int


@dataclass(frozen=True)
class AnsweredWindows:
    """The newest windows of a version together, and which checks they have results of.

    `results` are pairs of signal and check. `compared` counts performance results that have the
    figure of the reference beside them.
    """

    windows: int = 0
    rows: int = 0
    labelled: int = 0
    judged: int = 0
    results: frozenset[tuple[str, str]] = frozenset()
    compared: int = 0


@dataclass(frozen=True)
class ProductionEvidence:
    """All that is known of a version in production.

    `files` names what its files are, as a badge, and `refused` why they may not be loaded.
    `feature_steps` says that what makes features is in it. `answered` is why a model process could
    not answer its example, "" where it could, None while none was asked.
    `signed_off` says that a person approved its own code. `is_sound` is whether its file still has
    its digest. `baselines` counts simple models that were measured on its held-out rows.
    """

    model: str
    version: int
    created_at: datetime
    owner: str
    description: str
    signature: Signature
    is_sound: bool
    files: str
    refused: str
    signed_off: bool
    written_here: bool
    feature_steps: bool
    answered: str | None
    has_importance: bool
    has_reference: bool
    card: CardFact
    run: TrainingRun | None = None
    dataset: BackingDataset | None = None
    promotion: PromotionRecord | None = None
    staged: str = ""
    measured: Mapping[str, StoredMeasurement] = field(default_factory=dict)
    baselines: int = 0
    deployments: tuple[ServingDeployment, ...] = ()
    windows: AnsweredWindows = AnsweredWindows()
    retrained_promotions: int = 0
    ungated_retrainings: int = 0
    release_files: int = 0

    @property
    def ref(self) -> str:
        """Its reference: model@version."""
        return f"{self.model}@{self.version}"


@dataclass(frozen=True)
class WatchingRule:
    """An alert rule that is on, and whether it has fired or was test-fired."""

    id: str
    deployment: str
    name: str
    fired: bool


@dataclass(frozen=True)
class Incident:
    """A rollback or a severe alert, and whether somebody wrote a note on it."""

    link: EvidenceLink
    has_note: bool


@dataclass(frozen=True)
class LogState:
    """The audit log as far as it was verified: the newest entries and their anchor."""

    intact: bool
    verified: int
    entries: int
    message: str


@dataclass(frozen=True)
class AttestedStatement:
    """What a person attested for a check: of a model, or of the workspace when that is empty."""

    check: str
    model: str
    text: str
    by: str
    at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class MaturityEvidence:
    """Everything that the checks may look at.

    `runs` counts the trainings that finished and are not archived. `acknowledge_hours` is the
    median time until a firing alert was acknowledged, None while none was. `attested` holds the
    statements in force by check and model.
    """

    at: datetime
    people: int = 1
    runs: int = 0
    unrecorded: RunGaps = RunGaps(0)
    without_code: RunGaps = RunGaps(0)
    without_environment: RunGaps = RunGaps(0)
    versions: tuple[ProductionEvidence, ...] = ()
    delivered: tuple[EvidenceLink, ...] = ()
    channels: int = 0
    rules: tuple[WatchingRule, ...] = ()
    open_alerts: int = 0
    acknowledge_hours: float | None = None
    log: LogState = LogState(False, 0, 0, "the log was not verified")
    incidents: tuple[Incident, ...] = ()
    attested: Mapping[tuple[str, str], AttestedStatement] = field(default_factory=dict)

    @property
    def datasets(self) -> tuple[BackingDataset, ...]:
        """The dataset versions behind production, once each."""
        held = {v.dataset.ref: v.dataset for v in self.versions if v.dataset is not None}
        return tuple(held.values())

    @property
    def deployments(self) -> tuple[ServingDeployment, ...]:
        """The deployments that serve what is in production."""
        return tuple(d for version in self.versions for d in version.deployments)
