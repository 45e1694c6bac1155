"""What deployments use of a model version, for rooms that ask before they change it."""

from __future__ import annotations

from sqlmodel import Session, col, select

from pilothouse.deployments.tables import Revision


def use_of_version(session: Session, model: str, version: int) -> str:
    """Which deployment serves or has served a version, as a clause; "" when none has."""
    query = (
        select(Revision.deployment)
        .where(Revision.model == model, Revision.version == version)
        .order_by(col(Revision.deployment))
    )
    name = session.exec(query).first()
    return "" if name is None else f"the deployment {name!r} serves it or has served it"
