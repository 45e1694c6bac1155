"""What a model process of a version needs: of a revision, or of a candidate of a rollout."""

from __future__ import annotations

from sqlmodel import Session, col, select

from pilothouse.deployments.tables import Revision, Rollout, RolloutCandidate
from pilothouse.kit.errors import NotFound

ServedVersion = Revision | RolloutCandidate


def find_served(session: Session, deployment: str, version: int) -> ServedVersion | None:
    """The newest description of a version that the deployment serves or tries; None without."""
    revisions = select(Revision).where(
        Revision.deployment == deployment, Revision.version == version
    )
    revision = session.exec(revisions.order_by(col(Revision.seq).desc()).limit(1)).first()
    if revision is not None:
        return revision
    candidates = (
        select(RolloutCandidate)
        .join(Rollout, col(Rollout.id) == col(RolloutCandidate.rollout))
        .where(Rollout.deployment == deployment, RolloutCandidate.version == version)
    )
    return session.exec(candidates.order_by(col(Rollout.started_at).desc()).limit(1)).first()


def require_served(session: Session, deployment: str, version: int) -> ServedVersion:
    """The newest description of a version. Raises NotFound."""
    served = find_served(session, deployment, version)
    if served is None:
        raise NotFound(f"{deployment!r} has never served version {version}.")
    return served
