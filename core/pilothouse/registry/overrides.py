"""Overrides: a person lets one promotion through a gate that did not pass, with an end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, Invalid, Refused, require_reason
from pilothouse.people import require_right
from pilothouse.people.rights import OVERRIDE
from pilothouse.registry.gates import Verdict
from pilothouse.registry.tables import ACCEPTED, ModelVersion, Override, Promotion
from pilothouse.storage import Store

# What these guard is not a matter of opinion: a model that does not load, or that runs code.
SAFETY_GATES = ("answers_example", "artifact_safety")
MAX_SPAN = timedelta(days=366)
ACT = "a gate is overridden"


@dataclass(frozen=True)
class OverrideInfo:
    """A gate that did not pass, and who let a promotion through it until when.

    `in_force` says whether its end has not come; `standing` whether the version is in the stage
    that this promotion moved it to. Of a gate that was overridden again, the newest one counts.
    """

    promotion_id: str
    model: str
    version: int
    stage: str
    gate: str
    message: str
    reason: str
    by: str
    at: datetime
    expires_at: datetime
    in_force: bool
    standing: bool

    @property
    def has_expired(self) -> bool:
        """Whether a version stands on it although its end has come."""
        return self.standing and not self.in_force

    def to_json(self) -> dict[str, Any]:
        """Plain values, as the evidence of a decision keeps them."""
        return {
            "gate": self.gate,
            "message": self.message,
            "reason": self.reason,
            "by": self.by,
            "at": to_ms(self.at),
            "expires_at": to_ms(self.expires_at),
        }


def unmet(verdicts: Iterable[Verdict], overrides: Iterable[OverrideInfo]) -> tuple[Verdict, ...]:
    """The verdicts that stand in the way: neither passed nor overridden now."""
    overridden = {item.gate for item in overrides if item.in_force} - set(SAFETY_GATES)
    return tuple(item for item in verdicts if not item.passed and item.gate not in overridden)


def override(
    session: Session,
    store: Store,
    promotion: Promotion,
    verdicts: Sequence[Verdict],
    gate: str,
    reason: str,
    expires_at: datetime,
) -> None:
    """Let a promotion through a gate that does not pass, until an instant; again prolongs it.

    `verdicts` are those that count now. Raises Refused without the right and for gates that guard
    safety, Invalid without a reason or with an end that is past or too far away, Conflict when the
    gate passes, or the promotion was decided without this override.
    """
    require_right(session, store, OVERRIDE, ACT)
    _check_terms(store, reason, expires_at)
    if gate in SAFETY_GATES:
        raise Refused(f"{gate} guards safety and is never overridden.")
    verdict = next((item for item in verdicts if item.gate == gate and not item.passed), None)
    if verdict is None:
        unmet_gates = sorted({item.gate for item in verdicts if not item.passed})
        names = ", ".join(unmet_gates)
        raise Conflict(
            f"the gate {gate!r} does not stand in the way of this promotion.",
            hint=f"These do: {names}." if names else "Every gate passes.",
        )

    row = Override(
        promotion_id=promotion.id,
        model=promotion.model,
        version=promotion.version,
        gate=gate,
        message=verdict.message,
        reason=reason,
        by=store.actor,
        at=store.now(),
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    record(
        session,
        store,
        "overrode",
        "promotion",
        promotion.id,
        name=f"{promotion.model}@{promotion.version} to {promotion.stage}",
        after={"gate": gate, "message": verdict.message, "expires_at": to_ms(expires_at)},
        reason=reason,
    )


def overrides_of(
    session: Session,
    now: datetime,
    *,
    promotion: str = "",
    model: str = "",
    version: int | None = None,
) -> list[OverrideInfo]:
    """The newest override of each gate of these promotions, newest first."""
    query = (
        select(Override, Promotion, ModelVersion)
        .join(Promotion, col(Promotion.id) == col(Override.promotion_id))
        .outerjoin(
            ModelVersion,
            (col(ModelVersion.model) == col(Promotion.model))
            & (col(ModelVersion.version) == col(Promotion.version)),
        )
        .order_by(col(Override.id).desc())
    )
    if promotion:
        query = query.where(Override.promotion_id == promotion)
    if model:
        query = query.where(Promotion.model == model)
    if version is not None:
        query = query.where(Promotion.version == version)

    newest: dict[tuple[str, str], OverrideInfo] = {}
    for row, request, of in session.exec(query):
        standing = request.status == ACCEPTED and of is not None and of.stage == request.stage
        newest.setdefault(
            (row.promotion_id, row.gate),
            OverrideInfo(
                promotion_id=row.promotion_id,
                model=request.model,
                version=request.version,
                stage=request.stage,
                gate=row.gate,
                message=row.message,
                reason=row.reason,
                by=row.by,
                at=row.at,
                expires_at=row.expires_at,
                in_force=now < row.expires_at,
                standing=standing,
            ),
        )
    return list(newest.values())


def _check_terms(store: Store, reason: str, expires_at: datetime) -> None:
    require_reason(reason, "an override")
    if expires_at.tzinfo is None:
        raise Invalid("the end of an override needs a time zone.", fields={"expires_at": "naive"})
    if not store.now() < expires_at <= store.now() + MAX_SPAN:
        raise Invalid(
            "an override ends in the future, within a year.", fields={"expires_at": "out of range"}
        )
