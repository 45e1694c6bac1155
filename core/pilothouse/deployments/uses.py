"""What deployments use of a model version, for rooms that ask before they change it."""

from __future__ import annotations

from sqlmodel import Session, col, select

from pilothouse.deployments.tables import Revision, Rollout, RolloutCandidate


def use_of_version(session: Session, model: str, version: int) -> str:
    """Which deployment serves, has served or has tried a version, as a clause; "" when none has."""
    query = (
        select(Revision.deployment)
        .where(Revision.model == model, Revision.version == version)
        .order_by(col(Revision.deployment))
    )
    name = session.exec(query).first()
    if name is not None:
        return f"the deployment {name!r} serves it or has served it"
    tried = (
        select(Rollout.deployment)
        .join(RolloutCandidate, col(RolloutCandidate.rollout) == col(Rollout.id))
        .where(RolloutCandidate.model == model, RolloutCandidate.version == version)
    )
    name = session.exec(tried.order_by(col(Rollout.deployment))).first()
    return "" if name is None else f"a rollout of the deployment {name!r} has tried it"
