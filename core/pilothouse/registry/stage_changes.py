"""Changes of the ladder: rows are only added, and a stage that is used stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmodel import Session, col, func, select

from pilothouse.activity import record
from pilothouse.kit.errors import Conflict, require_reason
from pilothouse.people.persons import require_right
from pilothouse.people.rights import EDIT_POLICIES
from pilothouse.registry.policy_rows import current_policies
from pilothouse.registry.stage_ladder import LadderStage, checked_ladder, ladder
from pilothouse.registry.tables import PENDING, ModelVersion, Promotion, StageLadder
from pilothouse.storage import Store

CHANGED = "the stages are changed"


def set_stages(
    session: Session, store: Store, stages: Sequence[LadderStage], reason: str
) -> tuple[LadderStage, ...]:
    """Let these be the stages from now on, lowest first; equal ones change nothing.

    Raises Invalid with each field that is wrong or without a reason, Conflict where a stage that
    would go is used, PersonNeeded when nobody is chosen, Refused for whoever may not edit policies.
    """
    after, before = checked_ladder(stages), ladder(session)
    if after == before:
        return before
    require_right(session, store, EDIT_POLICIES, CHANGED)
    require_reason(reason, "a change of the stages")
    names = {stage.name for stage in after}
    for stage in before:
        if stage.name not in names:
            _refuse_if_used(session, stage.name)
    row = StageLadder(
        stages=[stage.to_json() for stage in after],
        reason=reason,
        changed_at=store.now(),
        changed_by=store.actor,
    )
    session.add(row)
    session.flush()
    record(
        session,
        store,
        "changed",
        "stages",
        "stages",
        name="the stages",
        before=_facts(before),
        after=_facts(after),
        reason=reason,
    )
    return after


def _facts(stages: Sequence[LadderStage]) -> dict[str, list[str]]:
    """What the audit log keeps of the stages, in their order."""
    return {"stages": [f"{stage.name}: {stage.meaning}" for stage in stages]}


def _refuse_if_used(session: Session, stage: str) -> None:
    uses = list(_uses(session, stage))
    if uses:
        raise Conflict(
            f"the stage {stage!r} cannot be removed or renamed: {', '.join(uses)}.",
            hint="Move or archive the versions, decide on the promotions and remove the policies "
            "first.",
        )


def _uses(session: Session, stage: str) -> Iterator[str]:
    """What refers to a stage now, in words."""
    query = select(ModelVersion.model, ModelVersion.version).where(ModelVersion.stage == stage)
    versions = session.exec(query.order_by(col(ModelVersion.model), col(ModelVersion.version)))
    refs = [f"{model}@{version}" for model, version in versions.fetchmany(3)]
    if refs:
        count = session.exec(
            select(func.count()).select_from(ModelVersion).where(ModelVersion.stage == stage)
        ).one()
        more = f" and {count - len(refs)} more" if count > len(refs) else ""
        yield f"{', '.join(refs)}{more} {'is' if count == 1 else 'are'} in it"
    waiting = select(Promotion.model, Promotion.version).where(
        Promotion.stage == stage, Promotion.status == PENDING
    )
    for model, version in session.exec(waiting):
        yield f"a promotion of {model}@{version} to it waits for a decision"
    for info in current_policies(session):
        if info.stage == stage:
            yield f"the policy {info.name!r} stands before it"
