"""The rows of governance: what people decided on promises that live data contradicted."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlmodel import Field

from pilothouse.storage.tables import Json, Seal, Table, Utc


class OutcomeDecision(Table, table=True):
    """A person decided that a version stays although its promotion was contradicted, and why.

    `figures` are what was promised and what had come by then.
    """

    __tablename__ = "governance_outcome_decision"
    seal: ClassVar[Seal | None] = Seal()

    promotion_id: str = Field(primary_key=True)
    reason: str
    figures: dict[str, Any] = Field(sa_type=Json)
    at: datetime = Field(sa_type=Utc)
    by: str
