"""What is known of every version in production, read for all of them together where that can be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlmodel import Session, col

from pilothouse.activity.tables import ActivityEntry
from pilothouse.data.tables import DatasetVersion
from pilothouse.experiments.tables import Run, RunArtifact, RunTag
from pilothouse.governance.maturity.evidence_values import PromotionRecord, StoredMeasurement
from pilothouse.governance.release_files import EXPORTED
from pilothouse.models.answers import HELD_OUT_TAG, REFERENCE_PATH
from pilothouse.pipelines.measurements.baseline import SIMPLE
from pilothouse.registry.frames import OWNER
from pilothouse.registry.tables import (
    ACCEPTED,
    PRODUCTION,
    UNGATED,
    Measurement,
    Model,
    ModelTag,
    ModelVersion,
    ModelVersionOrigin,
    Promotion,
    StageChange,
    VersionEvaluation,
    Vote,
)

IMPORTANCE = "importance.json"
RETRAINING = "retraining"  # the origin of a promotion
Pair = tuple[str, int]


@dataclass(frozen=True)
class VersionRecords:
    """What several queries have found, each for all versions in production at once."""

    rows: tuple[ModelVersion, ...] = ()
    models: Mapping[str, Model] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[Pair, str] = field(default_factory=dict)
    files: Mapping[Pair, frozenset[str]] = field(default_factory=dict)
    promotions: Mapping[Pair, PromotionRecord] = field(default_factory=dict)
    staged: Mapping[Pair, str] = field(default_factory=dict)
    measured: Mapping[Pair, Mapping[str, StoredMeasurement]] = field(default_factory=dict)
    baselines: Mapping[str, int] = field(default_factory=dict)
    retrained: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    exported: Mapping[str, int] = field(default_factory=dict)


def read_records(session: Session) -> VersionRecords:
    """Everything that is read for all versions in production together."""
    query = select(ModelVersion).where(col(ModelVersion.stage) == PRODUCTION)
    rows = tuple(
        session.scalars(query.order_by(col(ModelVersion.model), col(ModelVersion.version)))
    )
    if not rows:
        return VersionRecords()
    pairs = [(row.model, row.version) for row in rows]
    names = {row.model for row in rows}
    models = session.scalars(select(Model).where(col(Model.name).in_(names)))
    tags = select(col(ModelTag.model), col(ModelTag.value)).where(
        col(ModelTag.key) == OWNER, col(ModelTag.model).in_(names)
    )
    runs = _runs(session, rows)
    return VersionRecords(
        rows=rows,
        models={model.name: model for model in models},
        owners=dict(session.execute(tags).all()),
        runs=runs,
        files=_files(session, pairs, runs),
        promotions=_promotions(session, pairs),
        staged=_staged(session, pairs),
        measured=_measured(session, pairs),
        baselines=_baselines(session, {row.held_out for row in rows if row.held_out}),
        retrained=_retrained(session, names),
        exported=_exported(session, names),
    )


def _of_pairs(table: Any, pairs: Sequence[Pair]) -> ColumnElement[bool]:
    return tuple_(col(table.model), col(table.version)).in_(pairs)


def _runs(session: Session, rows: Sequence[ModelVersion]) -> dict[Pair, str]:
    """The run that made each version: of a training here, or of another program."""
    pairs = [(row.model, row.version) for row in rows]
    query = select(ModelVersionOrigin).where(_of_pairs(ModelVersionOrigin, pairs))
    origins = {(row.model, row.version): row.run for row in session.scalars(query)}
    runs = {(r.model, r.version): r.run_id or origins.get((r.model, r.version), "") for r in rows}
    return {pair: run for pair, run in runs.items() if run}


def _files(
    session: Session, pairs: Sequence[Pair], runs: Mapping[Pair, str]
) -> dict[Pair, frozenset[str]]:
    """Which of the files of interest the runs of a version have: of training and evaluations."""
    query = select(VersionEvaluation).where(_of_pairs(VersionEvaluation, pairs))
    owners: dict[str, set[Pair]] = defaultdict(set)
    for row in session.scalars(query):
        owners[row.run_id].add((row.model, row.version))
    for pair, run in runs.items():
        owners[run].add(pair)
    files = select(col(RunArtifact.run_id), col(RunArtifact.path)).where(
        col(RunArtifact.run_id).in_(list(owners)),
        col(RunArtifact.path).in_((IMPORTANCE, REFERENCE_PATH)),
    )
    held: dict[Pair, set[str]] = defaultdict(set)
    for run, path in session.execute(files):
        for pair in owners[run]:
            held[pair].add(path)
    return {pair: frozenset(paths) for pair, paths in held.items()}


def _promotions(session: Session, pairs: Sequence[Pair]) -> dict[Pair, PromotionRecord]:
    """The newest accepted promotion of each to production, with who voted for it."""
    query = select(Promotion).where(
        _of_pairs(Promotion, pairs),
        col(Promotion.status) == ACCEPTED,
        col(Promotion.stage) == PRODUCTION,
    )
    newest = {
        (r.model, r.version): r for r in session.scalars(query.order_by(col(Promotion.decided_at)))
    }
    ids = [row.id for row in newest.values()]
    votes: dict[str, dict[str, bool]] = defaultdict(dict)
    for vote in session.scalars(
        select(Vote).where(col(Vote.promotion_id).in_(ids)).order_by(col(Vote.id))
    ):
        votes[vote.promotion_id][vote.person] = vote.approve
    return {pair: _promotion(row, votes[row.id]) for pair, row in newest.items()}


def _promotion(row: Promotion, votes: Mapping[str, bool]) -> PromotionRecord:
    verdicts = row.verdicts if row.decision_verdicts is None else row.decision_verdicts
    failed = [str(verdict["gate"]) for verdict in verdicts if verdict["outcome"] != "passed"]
    policy = row.decision_policy or row.policy or {}
    approvers = {person for person, approves in votes.items() if approves} | {row.decided_by}
    return PromotionRecord(
        id=row.id,
        requested_by=row.requested_by,
        decided_at=row.decided_at,
        policy=str(policy.get("name", "")),
        gates=len(verdicts),
        failed_gates=tuple(failed),
        has_evidence=bool(row.decision_evidence_hash or row.evidence_hash),
        approvers=tuple(sorted(approvers - {""})),
    )


def _staged(session: Session, pairs: Sequence[Pair]) -> dict[Pair, str]:
    """The versions that were in a stage below production, by a promotion that gates judged."""
    below = col(StageChange.after).not_in((*UNGATED, PRODUCTION))
    query = (
        select(
            col(StageChange.model),
            col(StageChange.version),
            col(StageChange.after),
            col(Promotion.verdicts),
        )
        .join(Promotion, col(Promotion.id) == col(StageChange.promotion_id))
        .where(_of_pairs(StageChange, pairs), below)
        .order_by(col(StageChange.id).desc())
    )
    return {
        (model, version): f"it was in {stage} before, judged by gates"
        for model, version, stage, verdicts in session.execute(query)
        if verdicts
    }


def _measured(
    session: Session, pairs: Sequence[Pair]
) -> dict[Pair, Mapping[str, StoredMeasurement]]:
    query = select(Measurement).where(_of_pairs(Measurement, pairs))
    held: dict[Pair, dict[str, StoredMeasurement]] = defaultdict(dict)
    for row in session.scalars(query.order_by(col(Measurement.measured_at))):
        held[row.model, row.version][row.kind] = StoredMeasurement(
            row.figures, row.params, row.message, row.measured_at
        )
    return dict(held)


def _baselines(session: Session, held_out: Collection[str]) -> dict[str, int]:
    """How many runs of simple models held out the same rows."""
    query = (
        select(col(RunTag.value), func.count())
        .join(Run, col(Run.id) == col(RunTag.run_id))
        .where(
            col(RunTag.key) == HELD_OUT_TAG,
            col(RunTag.value).in_(held_out),
            col(Run.trainer).in_(SIMPLE),
        )
        .group_by(col(RunTag.value))
    )
    return dict(session.execute(query).all())


def _retrained(session: Session, models: Collection[str]) -> dict[str, tuple[int, int]]:
    """How many promotions retrainings asked for, by model, and how many of them no gate judged."""
    query = select(col(Promotion.model), col(Promotion.verdicts), col(Promotion.policy)).where(
        col(Promotion.origin) == RETRAINING, col(Promotion.model).in_(models)
    )
    counts: dict[str, tuple[int, int]] = {}
    for model, verdicts, policy in session.execute(query):
        proposed, ungated = counts.get(model, (0, 0))
        counts[model] = (proposed + 1, ungated + (not verdicts or not policy))
    return counts


def _exported(session: Session, models: Collection[str]) -> dict[str, int]:
    """How many CI files were exported of each model."""
    query = select(col(ActivityEntry.ref)).where(
        col(ActivityEntry.kind) == "version", col(ActivityEntry.verb) == EXPORTED
    )
    counts: dict[str, int] = defaultdict(int)
    for ref in session.scalars(query):
        counts[ref.rpartition("@")[0]] += 1
    return {model: count for model, count in counts.items() if model in models}


def content_of(session: Session, refs: Collection[str]) -> dict[str, DatasetVersion]:
    """The rows of dataset versions by ref; those that are gone are left out."""
    pairs = [(ref.rpartition("@")[0], ref.rpartition("@")[2]) for ref in refs]
    numbered = [(name, int(number)) for name, number in pairs if number.isdigit()]
    query = select(DatasetVersion).where(
        tuple_(col(DatasetVersion.dataset), col(DatasetVersion.version)).in_(numbered)
    )
    return {f"{row.dataset}@{row.version}": row for row in session.scalars(query)}
