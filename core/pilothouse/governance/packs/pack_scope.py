"""What a pack is about: a version, a model or the workspace, in a span of time or always."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select

from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.registry import versions
from pilothouse.registry.tables import Model, ModelVersion

WORKSPACE = "workspace"


@dataclass(frozen=True)
class PackScope:
    """Of which model, or of all when it is empty; of one version of it; from `since` to `until`."""

    model: str = ""
    version: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def kind(self) -> str:
        """The kind of object that it is about, as the audit log has it."""
        if not self.model:
            return WORKSPACE
        return "model" if self.version is None else "version"

    @property
    def ref(self) -> str:
        """The object that it is about."""
        return self.model if self.version is None else f"{self.model}@{self.version}"

    @property
    def title(self) -> str:
        """What it is about, for people: "the version churn@3, from 2026-01-01"."""
        about = f"the {self.kind} {self.ref}".rstrip()
        since = f", from {self.since:%Y-%m-%d}" if self.since else ""
        until = f", before {self.until:%Y-%m-%d}" if self.until else ""
        return about + since + until

    def check(self, session: Session) -> None:
        """Raise NotFound without the object, Invalid for a span that has no time in it."""
        if self.version is not None and not self.model:
            raise Invalid("a version needs its model.", fields={"model": "needed"})
        if self.since and self.until and self.until <= self.since:
            raise Invalid(
                "the span has no time in it.", fields={"until": "must be later than since"}
            )
        if self.version is not None:
            versions.require(session, self.model, self.version)
        elif self.model and session.get(Model, self.model) is None:
            raise NotFound(f"no model {self.model!r}.")

    def of_versions(self, table: Any) -> list[ColumnElement[bool]]:
        """The conditions of rows that have the columns `model` and `version`."""
        conditions = [col(table.model) == self.model] if self.model else []
        if self.version is not None:
            conditions.append(col(table.version) == self.version)
        return conditions

    def within(self, *instants: Any) -> list[ColumnElement[bool]]:
        """The conditions of rows one of whose instants lies in the span."""
        if self.since is None and self.until is None:
            return []
        return [or_(*(and_(*self._bounds(instant)) for instant in instants))]

    def _bounds(self, instant: Any) -> list[ColumnElement[bool]]:
        bounds = [col(instant) >= self.since] if self.since else []
        return [*bounds, col(instant) < self.until] if self.until else bounds

    def versions(self, session: Session) -> list[ModelVersion]:
        """The versions of the scope, whenever they were made."""
        query = select(ModelVersion).where(*self.of_versions(ModelVersion))
        return list(
            session.exec(query.order_by(col(ModelVersion.model), col(ModelVersion.version)))
        )
