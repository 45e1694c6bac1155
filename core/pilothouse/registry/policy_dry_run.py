"""What a policy would say of the versions that there are, from stored evidence: nothing changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from pilothouse.registry.built_in_policy import built_in_for
from pilothouse.registry.evidence import ChampionComparison
from pilothouse.registry.evidence_gathering import gather
from pilothouse.registry.gates import Verdict
from pilothouse.registry.policy import BUILT_IN, Policy, PolicyInfo, names_model
from pilothouse.registry.policy_rows import applicable_policy
from pilothouse.registry.promotion import judge
from pilothouse.registry.tables import ARCHIVED, ModelVersion, Promotion
from pilothouse.storage import Store


@dataclass(frozen=True)
class JudgedVersion:
    """What a draft says of a version, and what the policy says that applies to it today."""

    model: str
    version: int
    stage: str
    verdicts: tuple[Verdict, ...]
    policy: PolicyInfo
    verdicts_today: tuple[Verdict, ...]

    @property
    def passes(self) -> bool:
        """Whether every gate of the draft passes."""
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def passes_today(self) -> bool:
        """Whether every gate of the policy passes that applies today."""
        return all(verdict.passed for verdict in self.verdicts_today)


def judge_versions(
    session: Session, store: Store, draft: Policy, model: str = "", size: int = 50
) -> list[JudgedVersion]:
    """The newest versions of the models that a checked draft names, newest first."""
    info = PolicyInfo(draft)
    return [_judged(session, store, info, row) for row in _rows(session, draft.models, model, size)]


def _rows(session: Session, patterns: Sequence[str], model: str, size: int) -> list[ModelVersion]:
    """Versions that are not archived; a page of the newest, for each needs its evidence."""
    names = [
        name
        for name in session.exec(select(ModelVersion.model).distinct()).all()
        if (not model or name == model) and any(names_model(p, name) for p in patterns)
    ]
    query = select(ModelVersion).where(
        col(ModelVersion.model).in_(names), ModelVersion.stage != ARCHIVED
    )
    order = (
        col(ModelVersion.created_at).desc(),
        col(ModelVersion.model),
        col(ModelVersion.version).desc(),
    )
    return list(session.exec(query.order_by(*order).limit(size)))


def _judged(session: Session, store: Store, draft: PolicyInfo, row: ModelVersion) -> JudgedVersion:
    stage = draft.stage
    comparison = _last_comparison(session, row)
    today = applicable_policy(session, row.model, stage, row.version)
    if draft.name == BUILT_IN:
        draft = built_in_for(session, row.model, stage, row.version)
    rules = (*draft.gates, *today.gates)
    evidence = gather(session, store, row.model, row.version, stage, comparison, rules)
    return JudgedVersion(
        model=row.model,
        version=row.version,
        stage=row.stage,
        verdicts=judge(evidence, draft).verdicts,
        policy=today,
        verdicts_today=judge(evidence, today).verdicts,
    )


def _last_comparison(session: Session, row: ModelVersion) -> ChampionComparison | None:
    """The comparison of the newest promotion that had one; `gather` drops one with another."""
    query = select(Promotion.evidence).where(
        Promotion.model == row.model, Promotion.version == row.version
    )
    for evidence in session.exec(query.order_by(col(Promotion.requested_at).desc())):
        compared: Mapping[str, object] | None = evidence.get("comparison")
        if compared:
            return ChampionComparison.from_json(compared)
    return None
