"""Silences: notifications of matching alerts wait until an end; the alerts themselves move on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.monitoring.tables import Silence
from pilothouse.storage import Store

EVERYTHING = "*"


@dataclass(frozen=True)
class SilenceSpec:
    """Which alerts are muted: globs over deployment, rule name and severity of the rule."""

    reason: str
    until: datetime
    deployment: str = EVERYTHING
    rule: str = EVERYTHING
    severity: str = EVERYTHING


def add(session: Session, store: Store, spec: SilenceSpec) -> str:
    """Add a silence and return its id. Raises Invalid without a reason or an end to come."""
    fields = {}
    if not spec.reason.strip():
        fields["reason"] = "needed, for whoever misses the notification"
    if spec.until.tzinfo is None or spec.until <= store.now():
        fields["until"] = "an instant to come, with its time zone"
    for name in ("deployment", "rule", "severity"):
        if not getattr(spec, name).strip():
            fields[name] = "needed; * matches every one"
    if fields:
        raise Invalid.of_fields("this silence cannot be added", fields)
    row = Silence(
        id=uuid7(to_ms(store.now())),
        deployment=spec.deployment,
        rule=spec.rule,
        severity=spec.severity,
        reason=spec.reason.strip(),
        created_at=store.now(),
        created_by=store.actor,
        ends_at=spec.until,
    )
    session.add(row)
    session.flush()
    after = {**_matchers(row), "ends_at": to_ms(row.ends_at)}
    record(
        session, store, "added", "silence", row.id, name=title(row), after=after, reason=row.reason
    )
    return row.id


def end(session: Session, store: Store, silence_id: str, reason: str) -> None:
    """End a silence now. Raises NotFound, or Conflict when it has ended."""
    row = session.get(Silence, silence_id)
    if row is None:
        raise NotFound(f"there is no silence {silence_id!r}.")
    if row.ends_at <= store.now():
        raise Conflict("the silence has ended already.")
    before = {"ends_at": to_ms(row.ends_at)}
    row.ends_at, row.ended_by = store.now(), store.actor
    session.add(row)
    session.flush()
    after = {"ends_at": to_ms(row.ends_at)}
    record(
        session, store, "ended", "silence", row.id,
        name=title(row), before=before, after=after, reason=reason,
    )  # fmt: skip


def silences(session: Session) -> list[Silence]:
    """Every silence, the one that ends last first."""
    return list(session.exec(select(Silence).order_by(col(Silence.ends_at).desc())))


def title(row: Silence) -> str:
    """What a silence is about: "churn: Drift"."""
    severity = "" if row.severity == EVERYTHING else f" ({row.severity})"
    return f"{row.deployment}: {row.rule}{severity}"


def _matchers(row: Silence) -> dict[str, str]:
    return {"deployment": row.deployment, "rule": row.rule, "severity": row.severity}
