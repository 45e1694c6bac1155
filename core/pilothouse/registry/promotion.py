"""Promotion: evidence is gathered and frozen, gates evaluate it, a person decides.

A refusal by the gates is stored too, so these functions return the promotion with its status, and
the API raises Refused after the transaction is committed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from pilothouse.activity import record
from pilothouse.activity.actors import is_automatic
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, NotFound, Unavailable, require_reason
from pilothouse.kit.ids import uuid7
from pilothouse.people import require_person, require_right
from pilothouse.people.rights import APPROVE
from pilothouse.registry import (
    measurement_jobs,
    overrides,
    stages,
    versions,
    votes,
)
from pilothouse.registry.evidence import (
    ChampionComparison,
    Evidence,
    evidence_hash,
)
from pilothouse.registry.evidence_gathering import gather
from pilothouse.registry.gates import Verdict
from pilothouse.registry.info import PromotionInfo, promotion_info
from pilothouse.registry.policy import GateDecision, GateRule, PolicyInfo, assess
from pilothouse.registry.policy_rows import applicable_policy
from pilothouse.registry.tables import ACCEPTED, PENDING, REFUSED, REJECTED, Promotion
from pilothouse.storage import Store

EXAMPLE_GATE = "answers_example"
DECIDED = "a promotion is decided"


@dataclass(frozen=True)
class PromotionRequest:
    """A request to move a version to a stage. `origin` names what asked for it.

    It is "person", "retraining", "pipeline" or "mlflow".

    With the `promotion_id` of an existing promotion, that one is returned: steps of a workflow may
    run twice.
    """

    model: str
    version: int
    stage: str
    reason: str
    origin: str = "person"
    comparison: ChampionComparison | None = None
    promotion_id: str = ""


def evaluate_gates(
    session: Session,
    store: Store,
    model: str,
    version: int,
    stage: str,
    comparison: ChampionComparison | None = None,
) -> GateDecision:
    """Gather the evidence on a version and evaluate the gates of the policy that applies."""
    policy = applicable_policy(session, model, stage, version)
    evidence = gather(session, store, model, version, stage, comparison, policy.gates)
    return judge(evidence, policy)


def judge(evidence: Evidence, policy: PolicyInfo) -> GateDecision:
    """What the gates of a policy say of evidence.

    The trial is always one of them: a model that cannot be served is never promoted.
    """
    rules = policy.gates
    if all(rule.gate != EXAMPLE_GATE for rule in rules):
        rules = (GateRule(EXAMPLE_GATE), *rules)
    return assess(evidence, rules, policy)


def propose(session: Session, store: Store, request: PromotionRequest) -> PromotionInfo:
    """Create a promotion for a person to decide; what its gates need begins to be measured.

    Raises Conflict when another one waits for this version, or it is in that stage already.
    """
    if (made := session.get(Promotion, request.promotion_id)) is not None:
        return promotion_info(made)

    versions.require(session, request.model, request.version)
    _refuse_duplicate(session, request)
    promotion = _create(session, store, request, PENDING)
    _record_proposal(session, store, promotion)
    _start_measuring(session, store, promotion)
    return promotion_info(promotion)


def promote(session: Session, store: Store, request: PromotionRequest) -> PromotionInfo:
    """Promote a version when its gates pass; the status says accepted, refused or pending.

    It is pending where the policy asks for other people than the one who promotes. After a refusal
    what the gates need and nobody has measured begins to be measured. Raises Conflict
    when a promotion of this version waits to be decided, or it is there already, Unavailable when
    the model's artifact is gone, PersonNeeded when nobody is chosen, Refused for whoever may not
    approve.
    """
    if (made := session.get(Promotion, request.promotion_id)) is not None:
        return promotion_info(made)

    if not is_automatic(store.actor):
        require_right(session, store, APPROVE, DECIDED)
    versions.require(session, request.model, request.version)
    _refuse_duplicate(session, request)
    promotion = _create(session, store, request, ACCEPTED)
    passed = all(verdict["outcome"] == "passed" for verdict in promotion.verdicts)
    if passed and not _approve_own(session, store, promotion):
        promotion.status = PENDING
        session.add(promotion)
        _record_proposal(session, store, promotion)
        return promotion_info(promotion)

    promotion.decided_by, promotion.decided_at = store.actor, store.now()
    if passed:
        _apply(session, store, promotion, request.reason)
    else:
        promotion.status = REFUSED
        _record_refusal(session, store, promotion, request.reason)
        _start_measuring(session, store, promotion)

    session.add(promotion)
    return promotion_info(promotion)


def _start_measuring(session: Session, store: Store, promotion: Promotion) -> str:
    """Ask for what the gates of a promotion need; the job, "" when nothing is missing."""
    return measurement_jobs.start_untried(
        session, store, promotion.model, promotion.version, promotion.stage
    )


def measure_before_decision(session: Session, store: Store, promotion_id: str) -> str:
    """The job that measures what alone stands between a pending promotion and its acceptance.

    "" when it can be decided now: the gates pass or are overridden, one fails, or what is missing
    could not be measured. Raises NotFound.
    """
    promotion = require(session, promotion_id)
    if promotion.status != PENDING:
        return ""
    existing = overrides.overrides_of(session, store.now(), promotion=promotion_id)
    unmet = overrides.unmet(_evaluate_now(session, store, promotion).verdicts, existing)
    undecided = bool(unmet) and all(verdict.outcome == "inconclusive" for verdict in unmet)
    return _start_measuring(session, store, promotion) if undecided else ""


def _approve_own(session: Session, store: Store, promotion: Promotion) -> bool:
    """Whether the vote of whoever promotes is all that the policy needs; it is kept if it counts.

    A part of the program has no vote: it promotes where one approval of anybody is enough.
    """
    if is_automatic(store.actor):
        policy = applicable_policy(session, promotion.model, promotion.stage)
        return policy.approvals.by_author
    if votes.objection(session, promotion, store.actor):
        return False
    tally = votes.cast(session, store, promotion, True, promotion.reason)
    if tally.complete:
        promotion.approvals = tally.to_json()
    return tally.complete


def decide(
    session: Session, store: Store, promotion_id: str, accept: bool, reason: str
) -> PromotionInfo:
    """Vote on a pending promotion; the last approval that is needed evaluates the gates again.

    Its evidence has the current champion, which may have changed since the request. A rejection
    ends it. A vote that does not decide is kept, and the promotion stays pending.

    Raises NotFound, Conflict when it is decided already, Invalid without a reason, Unavailable
    when the model's artifact is gone, PersonNeeded when nobody is chosen.
    """
    require_person(session, store, DECIDED)
    promotion = require(session, promotion_id)
    if promotion.status != PENDING:
        raise Conflict(f"this promotion has been {promotion.status} already.")

    require_reason(reason, "a promotion")
    tally = votes.cast(session, store, promotion, accept, reason)
    if not tally.decided_by(store.actor):
        votes.record_vote(session, store, promotion, tally)
        return promotion_info(promotion)

    promotion.approvals = tally.to_json()
    promotion.decided_by, promotion.decided_at = store.actor, store.now()
    promotion.decision_reason = reason
    if not accept:
        promotion.status = REJECTED
        name = _title(promotion)
        record(session, store, "rejected", "promotion", promotion_id, name=name, reason=reason)
    elif not _unmet_now(session, store, promotion):
        promotion.status = ACCEPTED
        _apply(session, store, promotion, reason)
    else:
        promotion.status = REFUSED
        _record_refusal(session, store, promotion, reason)

    session.add(promotion)
    return promotion_info(promotion)


def reject_pending(session: Session, store: Store, model: str, version: int, reason: str) -> None:
    """End the promotion of a version that waits, where one does, for what happened to it."""
    query = select(Promotion).where(
        Promotion.model == model, Promotion.version == version, Promotion.status == PENDING
    )
    for promotion in session.exec(query).all():
        promotion.status, promotion.decision_reason = REJECTED, reason
        promotion.decided_by, promotion.decided_at = store.actor, store.now()
        session.add(promotion)
        name = _title(promotion)
        record(session, store, "rejected", "promotion", promotion.id, name=name, reason=reason)


def override(
    session: Session, store: Store, promotion_id: str, gate: str, reason: str, expires_at: datetime
) -> None:
    """Let a promotion through a gate that does not pass now, or prolong an override of it.

    Raises NotFound, PersonNeeded, Refused without the right and for gates that guard safety,
    Invalid without a reason or with an end that is past or too far away, Conflict when the gate
    passes or the promotion was decided without this override.
    """
    promotion = require(session, promotion_id)
    existing = overrides.overrides_of(session, store.now(), promotion=promotion_id)
    if promotion.status == PENDING:
        verdicts = _evaluate_now(session, store, promotion).verdicts
    elif any(item.gate == gate and item.standing for item in existing):
        verdicts = promotion_info(promotion).newest_verdicts
    else:
        raise Conflict(f"this promotion has been {promotion.status} already.")
    overrides.override(session, store, promotion, verdicts, gate, reason, expires_at)


def _unmet_now(session: Session, store: Store, promotion: Promotion) -> tuple[Verdict, ...]:
    """Evaluate the gates again for the decision; those that neither pass nor are overridden.

    The overrides that count become part of the evidence of the decision.
    """
    decision = _evaluate_again(session, store, promotion)
    existing = overrides.overrides_of(session, store.now(), promotion=promotion.id)
    failed = {verdict.gate for verdict in decision.verdicts if not verdict.passed}
    used = [item for item in existing if item.in_force and item.gate in failed]
    if used:
        evidence = decision.evidence.to_json() | {"overrides": [item.to_json() for item in used]}
        promotion.decision_evidence = evidence
        promotion.decision_evidence_hash = evidence_hash(evidence)
    return overrides.unmet(decision.verdicts, existing)


def require(session: Session, promotion_id: str) -> Promotion:
    """The promotion's row. Raises NotFound."""
    row = session.get(Promotion, promotion_id)
    if row is None:
        raise NotFound(f"no promotion {promotion_id!r}.")
    return row


def _create(session: Session, store: Store, request: PromotionRequest, status: str) -> Promotion:
    require_reason(request.reason, "a promotion")
    version = versions.require(session, request.model, request.version)
    if version.stage == request.stage:
        raise Conflict(f"{request.model}@{request.version} is in {request.stage} already.")

    decision = evaluate_gates(
        session, store, request.model, request.version, request.stage, request.comparison
    )
    evidence = decision.evidence.to_json()
    promotion = Promotion(
        id=request.promotion_id or uuid7(to_ms(store.now())),
        model=request.model,
        version=request.version,
        stage=request.stage,
        status=status,
        reason=request.reason,
        origin=request.origin,
        requested_by=store.actor,
        requested_at=store.now(),
        evidence=evidence,
        evidence_hash=evidence_hash(evidence),
        verdicts=[verdict.to_json() for verdict in decision.verdicts],
        policy=_reference(decision),
    )
    session.add(promotion)
    session.flush()

    return promotion


def _evaluate_now(session: Session, store: Store, promotion: Promotion) -> GateDecision:
    """Evaluate the gates now. A comparison counts while it is with the current champion."""
    frozen = promotion.evidence.get("comparison")
    comparison = ChampionComparison.from_json(frozen) if frozen else None
    return evaluate_gates(
        session, store, promotion.model, promotion.version, promotion.stage, comparison
    )


def _evaluate_again(session: Session, store: Store, promotion: Promotion) -> GateDecision:
    """Evaluate the gates now, and keep what they say as that of the decision."""
    decision = _evaluate_now(session, store, promotion)
    evidence = decision.evidence.to_json()
    promotion.decision_evidence = evidence
    promotion.decision_evidence_hash = evidence_hash(evidence)
    promotion.decision_verdicts = [verdict.to_json() for verdict in decision.verdicts]
    promotion.decision_policy = _reference(decision)
    return decision


def _reference(decision: GateDecision) -> dict[str, Any] | None:
    """Which policy judged, as a promotion keeps it."""
    return None if decision.policy is None else decision.policy.reference()


def _apply(session: Session, store: Store, promotion: Promotion, reason: str) -> None:
    version = versions.require(session, promotion.model, promotion.version)
    if not store.artifacts.exists(version.digest):
        raise Unavailable(
            f"{_title(promotion)} is impossible: the model's artifact is not in the store.",
            hint="Restore it from a backup, or train the model again.",
        )

    before = stages.stage_and_champion(session, version)
    stages.move(session, store, version, promotion.stage, reason, promotion.id)
    record(
        session,
        store,
        "promoted",
        "version",
        f"{promotion.model}@{promotion.version}",
        before=before,
        after=stages.stage_and_champion(session, version)
        | {"promotion": promotion.id}
        | ({"approvals": promotion.approvals["message"]} if promotion.approvals else {}),
        reason=reason,
    )


def _record_proposal(session: Session, store: Store, promotion: Promotion) -> None:
    record(
        session,
        store,
        "proposed",
        "promotion",
        promotion.id,
        name=_title(promotion),
        after={"stage": promotion.stage, "evidence": promotion.evidence_hash},
        reason=promotion.reason,
    )


def _record_refusal(session: Session, store: Store, promotion: Promotion, reason: str) -> None:
    verdicts = promotion_info(promotion).newest_verdicts
    record(
        session,
        store,
        "refused",
        "promotion",
        promotion.id,
        name=_title(promotion),
        after={verdict.gate: verdict.message for verdict in verdicts if not verdict.passed},
        reason=reason,
    )


def _refuse_duplicate(session: Session, request: PromotionRequest) -> None:
    query = select(Promotion).where(
        Promotion.model == request.model,
        Promotion.version == request.version,
        Promotion.status == PENDING,
    )
    if session.exec(query).first() is not None:
        raise Conflict(
            f"a promotion of {request.model}@{request.version} waits for a decision.",
            hint="Accept or reject that one first.",
        )


def _title(promotion: Promotion) -> str:
    return f"{promotion.model}@{promotion.version} to {promotion.stage}"
