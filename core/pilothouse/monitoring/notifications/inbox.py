"""Notifications as frames: the inbox of alerts, the delivery log, silences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.kit.errors import Invalid
from pilothouse.monitoring.alert_rules import SEVERITIES
from pilothouse.monitoring.notifications import channels
from pilothouse.monitoring.notifications.silences import title
from pilothouse.monitoring.notifications.views import AlertView, views
from pilothouse.monitoring.tables import (
    ACKNOWLEDGED,
    RESOLVED,
    Alert,
    Channel,
    DeliveryAlert,
    NotificationDelivery,
    Silence,
)

if TYPE_CHECKING:
    import pandas as pd

OPEN, MUTED = "open", "muted"
SHOW = (OPEN, ACKNOWLEDGED, MUTED, RESOLVED)
MAX_RESOLVED = 200
INBOX = (
    *("id", "deployment", "name", "show", "state", "severity", "rule_severity", "muted", "reason"),
    *("until", "acknowledged_by", "message", "breaches", "opened_at", "fired_at", "resolved_at"),
)
DELIVERIES = (
    *("id", "created_at", "channel", "kind", "deployment", "severity", "title", "status"),
    *("attempts", "next_at", "error", "ended_at"),
)
SILENCES = (
    *("id", "title", "deployment", "rule", "severity", "reason", "created_at", "created_by"),
    *("ends_at", "ended_by"),
)
INSTANTS = frozenset(
    (
        "until",
        "opened_at",
        "fired_at",
        "resolved_at",
        "created_at",
        "next_at",
        "ended_at",
        "ends_at",
    )
)


def inbox(
    session: Session, now: datetime, show: str | None, deployment: str | None, resolved: int
) -> pd.DataFrame:
    """Alerts by deployment, the most severe first; at most so many resolved ones, the newest.

    One that ended while it was pending has never fired: it is not listed. Raises Invalid for an
    unknown `show`.
    """
    if show is not None and show not in SHOW:
        raise Invalid(f"the inbox has no part {show!r}.", hint=f"Known: {', '.join(SHOW)}.")
    has_ended, newest = col(Alert.state) == RESOLVED, (col(Alert.opened_at).desc(), col(Alert.id))
    is_open = select(Alert).where(~has_ended).order_by(*newest)
    ended = select(Alert).where(has_ended, col(Alert.fired_at).is_not(None)).limit(resolved)
    ended = ended.order_by(col(Alert.resolved_at).desc(), col(Alert.id))
    alerts: list[Alert] = []
    for query, parts in ((is_open, (OPEN, ACKNOWLEDGED, MUTED)), (ended, (RESOLVED,))):
        if show is None or show in parts:
            own = query if deployment is None else query.where(Alert.deployment == deployment)
            alerts += session.exec(own)
    by_id = views(session, alerts, now)
    rows = [_row(alert, by_id[alert.id]) for alert in alerts]
    chosen = [row for row in rows if show is None or row["show"] == show]
    chosen.sort(key=_urgency)
    return _frame([[row[name] for name in INBOX] for row in chosen], INBOX)


def deliveries(
    session: Session, channel: str | None, alert: str | None, limit: int
) -> pd.DataFrame:
    """The delivery log, newest first; of a channel or about an alert."""
    names = [
        Channel.name if name == "channel" else getattr(NotificationDelivery, name)
        for name in DELIVERIES
    ]
    query: Any = select(*names).join(
        Channel, col(Channel.id) == col(NotificationDelivery.channel_id)
    )
    if channel is not None:
        query = query.where(
            NotificationDelivery.channel_id == channels.require(session, channel).id
        )
    if alert is not None:
        about = select(DeliveryAlert.delivery_id).where(DeliveryAlert.alert_id == alert)
        query = query.where(col(NotificationDelivery.id).in_(about))
    query = query.order_by(
        col(NotificationDelivery.created_at).desc(), col(NotificationDelivery.id).desc()
    ).limit(limit)
    return _frame(session.execute(query).all(), DELIVERIES)


def silences(session: Session, now: datetime, *, ended: bool) -> pd.DataFrame:
    """Silences that hold or have ended, the one that ends last first."""
    over = col(Silence.ends_at) <= now
    query = select(Silence).where(over if ended else ~over).order_by(col(Silence.ends_at).desc())
    rows = [
        [title(row) if name == "title" else getattr(row, name) for name in SILENCES]
        for row in session.exec(query)
    ]
    return _frame(rows, SILENCES)


def _row(alert: Alert, view: AlertView) -> dict[str, Any]:
    named = {name: getattr(alert, name, None) for name in INBOX}
    return named | {
        "show": _part(alert, view),
        "severity": view.severity,
        "rule_severity": alert.severity,
        "muted": view.muted,
        "reason": view.reason,
        "until": view.until,
    }


def _part(alert: Alert, view: AlertView) -> str:
    if alert.state == RESOLVED:
        return RESOLVED
    if view.muted:
        return MUTED
    return ACKNOWLEDGED if alert.state == ACKNOWLEDGED else OPEN


def _urgency(row: dict[str, Any]) -> tuple[str, int, int]:
    return row["deployment"], SHOW.index(row["show"]), -SEVERITIES.index(row["severity"])


def _frame(rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame([tuple(row) for row in rows], columns=list(columns))
    for name in INSTANTS.intersection(columns):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame
