"""Where the reference of a deployment's windows is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from pilothouse.monitoring import tables


@dataclass(frozen=True)
class Answered:
    """By which version a deployment answers; its model is empty when that is not registered."""

    deployment: str
    model: str
    version: int

    def reference(self, session: Session) -> tables.Reference | tables.DeploymentReference | None:
        """The stored reference: that of the version, or of the deployment without one."""
        if self.model:
            return session.get(tables.Reference, (self.model, self.version))
        return session.get(tables.DeploymentReference, (self.deployment, self.version))

    def digest(self, session: Session) -> str | None:
        """The digest of the stored reference's bytes."""
        row = self.reference(session)
        return None if row is None else row.digest

    def store_reference(self, session: Session, **values: Any) -> None:
        """Store the reference in the place of an earlier one."""
        if self.model:
            session.merge(tables.Reference(model=self.model, version=self.version, **values))
            return
        session.merge(
            tables.DeploymentReference(deployment=self.deployment, version=self.version, **values)
        )
