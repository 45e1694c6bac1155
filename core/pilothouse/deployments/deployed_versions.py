"""The versions that deployments serve, or would serve at once: what they need must stay."""

from __future__ import annotations

from sqlmodel import Session, select

from pilothouse.deployments.tables import Deployment
from pilothouse.deployments.traffic_split import named_versions


def deployed_versions(session: Session) -> frozenset[str]:
    """`model@version` of what each deployment has, serves, tries, and can be rolled back to."""
    names: set[str] = set()
    for row in session.exec(select(Deployment).where(Deployment.model != "")):
        tried = named_versions(row.traffic)
        versions = (row.version, row.serving_version, row.previous_version, *tried)
        names |= {f"{row.model}@{number}" for number in versions if number is not None}
    return frozenset(names)
