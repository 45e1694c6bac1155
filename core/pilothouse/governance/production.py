"""Which versions were in production at an instant, why, and which deployments served them.

Read from the moves between stages, which are only ever added, and from the revisions of
deployments. The moves of a version stay when it is deleted; its file is then named by the evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, and_, exists, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from pilothouse.deployments.tables import Deployment, Revision
from pilothouse.registry.tables import PRODUCTION, ModelVersion, Promotion, StageChange

STOPPED = "stopped"


@dataclass(frozen=True)
class ServedThen:
    """A deployment that served a version at an instant, by its revision of that time."""

    deployment: str
    revision: int
    action: str
    since: datetime
    by: str
    external: bool


@dataclass(frozen=True)
class ProductionVersion:
    """A version that was in production at an instant: since when, by whose decision, and why.

    `promotion` is the id of the promotion that moved it, "" when a client of another registry or an
    import did; `requested_by` asked for it and `by` decided. `evidence` is the digest of what the
    decision rested on, `digest` that of the model file.
    """

    model: str
    version: int
    since: datetime
    by: str
    reason: str
    promotion: str
    origin: str
    requested_by: str
    requested_reason: str
    evidence: str
    digest: str
    served_by: tuple[ServedThen, ...]

    @property
    def ref(self) -> str:
        """Its reference: model@version."""
        return f"{self.model}@{self.version}"


def in_production(
    session: Session, at: datetime, model: str | None = None
) -> list[ProductionVersion]:
    """Every version that was in production at an instant, by model; of one model when given."""
    served = _served(session, at, model)
    return [
        _production_version(row, served.get((row["model"], row["version"]), ()))
        for row in _in_stage(session, at, model)
    ]


def _in_stage(session: Session, at: datetime, model: str | None) -> Sequence[RowMapping]:
    """The newest move of each version until then, where that was to production."""
    move, later = aliased(StageChange), aliased(StageChange)
    left = exists().where(
        col(later.model) == col(move.model),
        col(later.version) == col(move.version),
        col(later.id) > col(move.id),
        col(later.at) <= at,
    )
    promotion = (
        "origin", "requested_by", "decision_reason", "evidence_hash", "decision_evidence_hash",
    )  # fmt: skip
    query = (
        select(
            *[getattr(move, name) for name in ("model", "version", "at", "by", "reason")],
            col(move.promotion_id),
            col(ModelVersion.digest),
            col(Promotion.evidence)["candidate"]["digest"].as_string().label("judged_digest"),
            col(Promotion.reason).label("requested_reason"),
            *[getattr(Promotion, name) for name in promotion],
        )
        .outerjoin(
            ModelVersion,
            and_(
                col(ModelVersion.model) == col(move.model),
                col(ModelVersion.version) == col(move.version),
            ),
        )
        .outerjoin(Promotion, col(Promotion.id) == col(move.promotion_id))
        .where(col(move.after) == PRODUCTION, col(move.at) <= at, ~left)
        .order_by(col(move.model), col(move.version))
    )
    if model is not None:
        query = query.where(col(move.model) == model)
    return session.execute(query).mappings().all()


def _served(
    session: Session, at: datetime, model: str | None
) -> Mapping[tuple[str, int], Sequence[ServedThen]]:
    """What deployments served at an instant, by version: their newest revision until then."""
    revision, later = aliased(Revision), aliased(Revision)
    replaced = exists().where(
        col(later.deployment) == col(revision.deployment),
        col(later.seq) > col(revision.seq),
        col(later.at) <= at,
    )
    columns = ("model", "version", "deployment", "seq", "action", "at", "by")
    query = (
        select(*[getattr(revision, name) for name in columns], col(Deployment.external))
        .join(Deployment, col(Deployment.name) == col(revision.deployment))
        .where(col(revision.at) <= at, ~replaced, col(revision.action) != STOPPED)
        .order_by(col(revision.deployment))
    )
    if model is not None:
        query = query.where(col(revision.model) == model)

    served: dict[tuple[str, int], list[ServedThen]] = defaultdict(list)
    for of_model, version, name, seq, action, since, by, external in session.execute(query):
        item = ServedThen(name, seq, action, since, by, bool(external))
        served[of_model, version].append(item)
    return served


def _production_version(row: RowMapping, served: Sequence[ServedThen]) -> ProductionVersion:
    facts: dict[str, Any] = {
        name: row[name] or "" for name in ("origin", "requested_by", "requested_reason")
    }
    return ProductionVersion(
        model=row["model"],
        version=row["version"],
        since=row["at"],
        by=row["by"],
        reason=row["reason"],
        promotion=row["promotion_id"] or "",
        evidence=row["decision_evidence_hash"] or row["evidence_hash"] or "",
        digest=row["digest"] or row["judged_digest"] or "",
        served_by=tuple(served),
        **facts,
    )
