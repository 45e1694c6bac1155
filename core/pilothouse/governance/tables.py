"""The rows of governance: decisions on promises that live data contradicted, and attestations."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index
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


class Attestation(Table, table=True):
    """What a person attested for a maturity check, of a model or, without one, of the workspace.

    Rows are only ever added, and the newest one counts until its end.
    """

    __tablename__ = "governance_attestation"
    seal: ClassVar[Seal | None] = Seal()
    __table_args__ = (Index(None, "check_name", "model"),)

    id: int | None = Field(default=None, primary_key=True)
    check_name: str
    model: str = ""
    text: str
    at: datetime = Field(sa_type=Utc)
    by: str
    expires_at: datetime = Field(sa_type=Utc)
