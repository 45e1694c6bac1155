"""The outbox: deliveries are queued in the transaction that moves the alerts they are about.

What is queued follows from the alerts as they are at the end of that transaction, and from what
each channel has been sent. So it does not matter who calls `queue`, or how often: an evaluation, a
person, or the worker, which looks for repeats and for silences that have ended.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, func, or_, select

from pilothouse.kit.clock import to_ms
from pilothouse.kit.ids import uuid7
from pilothouse.monitoring.alert_rules import SEVERITIES
from pilothouse.monitoring.notifications import channels, message
from pilothouse.monitoring.notifications.message import NotifiedAlert
from pilothouse.monitoring.notifications.views import INHIBITED, AlertView, views
from pilothouse.monitoring.tables import (
    ACKNOWLEDGED,
    ESCALATED,
    FAILED,
    FIRING,
    REPEAT,
    RESOLVED,
    TEST,
    Alert,
    Channel,
    DeliveryAlert,
    NotificationDelivery,
)
from pilothouse.storage import Store

RESOLVED_DAYS = 30  # what ended longer ago is not notified any more


@dataclass(frozen=True)
class Sent:
    """What a channel has been sent about an alert.

    That is when last that it fires, how severe at most, and whether its end.
    """

    last: datetime | None = None
    severity: str = SEVERITIES[0]
    reached: bool = False
    resolved: bool = False


@dataclass(frozen=True)
class PlannedDelivery:
    """A notification that a channel is due."""

    channel: str
    kind: str
    deployment: str
    notified: tuple[NotifiedAlert, ...]

    @property
    def severity(self) -> str:
        """The highest severity of its alerts."""
        return max((item.view.severity for item in self.notified), key=SEVERITIES.index)


def queue(session: Session, store: Store, deployment: str | None = None) -> int:
    """Queue every delivery that is due, of one deployment or of all; how many."""
    # On PostgreSQL a worker and an evaluation, or two workers, would queue the same: one waits.
    session.exec(select(Channel.id).where(Channel.enabled).with_for_update()).all()
    due = planned(session, store.now(), deployment)
    for plan in due:
        _add(session, store, plan)
    return len(due)


def queue_due(store: Store) -> int:
    """Queue what time alone has made due: repeats, and alerts whose silence has ended."""
    with store.read() as session:  # most of the time there is nothing: no writer waits for that
        if not planned(session, store.now()):
            return 0
    with store.write() as session:
        return queue(session, store)


def queue_test(session: Session, store: Store, channel: Channel) -> str:
    """Queue a test message, which is tried once; the delivery's id."""
    delivery = uuid7(to_ms(store.now()))
    text = f"Alerts of this workspace reach the channel {channel.name}."
    session.add(
        NotificationDelivery(
            id=delivery,
            channel_id=channel.id,
            kind=TEST,
            deployment="",
            severity="info",
            title="[test] Pilothouse",
            body=f"{text}\n\nDelivery: {delivery}",
            next_at=store.now(),
            created_at=store.now(),
        )
    )
    session.flush()
    return delivery


def planned(
    session: Session, now: datetime, deployment: str | None = None
) -> list[PlannedDelivery]:
    """The deliveries that are due: one a channel, a deployment and a kind."""
    enabled = [channel for channel in channels.channels(session) if channel.enabled]
    alerts = _alerts(session, now, deployment) if enabled else []
    if not alerts:
        return []
    sent = _sent(session, alerts)
    notified = _notified(session, alerts, now)
    return [plan for channel in enabled for plan in _of_channel(channel, notified, sent, now)]


def _alerts(session: Session, now: datetime, deployment: str | None) -> list[Alert]:
    """Those that fire and those that have ended lately, after they fired."""
    since = now - timedelta(days=RESOLVED_DAYS)
    ended = (col(Alert.state) == RESOLVED) & (col(Alert.resolved_at) >= since)
    query = select(Alert).where(
        or_(col(Alert.state).in_((FIRING, ACKNOWLEDGED)), ended),
        col(Alert.fired_at).is_not(None),
    )
    if deployment is not None:
        query = query.where(Alert.deployment == deployment)
    return list(session.exec(query.order_by(col(Alert.deployment), col(Alert.id))))


def _notified(session: Session, alerts: Sequence[Alert], now: datetime) -> list[NotifiedAlert]:
    by_id = views(session, alerts, now)
    stands_for: dict[str, list[str]] = {}
    for alert in alerts:
        if cause := by_id[alert.id].cause:
            stands_for.setdefault(cause, []).append(alert.name)
    return [
        NotifiedAlert(alert, by_id[alert.id], tuple(stands_for.get(alert.id, ())))
        for alert in alerts
    ]


def _sent(session: Session, alerts: Sequence[Alert]) -> dict[tuple[str, str], Sent]:
    """What was sent, by channel and alert.

    Not what failed without an attempt, for its channel was paused: it is due when that is resumed.
    """
    columns = (
        NotificationDelivery.channel_id,
        DeliveryAlert.alert_id,
        NotificationDelivery.kind,
        NotificationDelivery.status,
        func.coalesce(DeliveryAlert.severity, NotificationDelivery.severity),
        NotificationDelivery.created_at,
    )
    query: Any = select(*columns).join(  # type: ignore[call-overload]
        NotificationDelivery, col(NotificationDelivery.id) == col(DeliveryAlert.delivery_id)
    )
    query = query.where(
        col(DeliveryAlert.alert_id).in_([alert.id for alert in alerts]),
        or_(col(NotificationDelivery.status) != FAILED, col(NotificationDelivery.attempts) > 0),
    )
    query = query.order_by(col(NotificationDelivery.created_at))
    sent: dict[tuple[str, str], Sent] = {}
    for channel, alert, kind, status, severity, created_at in session.execute(query):
        before = sent.get((channel, alert), Sent())
        if kind == RESOLVED:
            sent[channel, alert] = replace(before, resolved=True)
        else:
            reached = before.reached or status != FAILED
            most = max(before.severity, severity, key=SEVERITIES.index)
            sent[channel, alert] = replace(before, last=created_at, severity=most, reached=reached)
    return sent


def _of_channel(
    channel: Channel,
    notified: Sequence[NotifiedAlert],
    sent: dict[tuple[str, str], Sent],
    now: datetime,
) -> Iterable[PlannedDelivery]:
    due: dict[tuple[str, str], list[NotifiedAlert]] = {}
    heard = {item.alert.id for item in notified if _is_heard(channel, item, sent)}
    for item in notified:
        before = sent.get((channel.id, item.alert.id), Sent())
        kind = "" if _is_muted(item.view, before, heard) else _kind(channel, item, before, now)
        if kind:
            due.setdefault((item.alert.deployment, kind), []).append(item)
    for (deployment, kind), items in sorted(due.items(), key=lambda entry: entry[0]):
        yield PlannedDelivery(channel.id, kind, deployment, tuple(items))


def _is_heard(channel: Channel, item: NotifiedAlert, sent: dict[tuple[str, str], Sent]) -> bool:
    """Whether a channel has been sent that an alert fires, or is sent it now or after a silence."""
    if sent.get((channel.id, item.alert.id), Sent()).reached:
        return True
    return channels.takes(channel, item.alert.deployment, item.view.severity)


def _is_muted(view: AlertView, sent: Sent, heard: Container[str]) -> bool:
    """Whether a silence or a cause mutes an alert for a channel.

    A cause does where it is heard of: else nobody there would hear of anything. What the newest
    data explain, without an alert that says so, is not repeated.
    """
    if view.muted != INHIBITED or view.overruled:
        return bool(view.muted)
    if view.causes:
        return any(cause in heard for cause in view.causes)
    return sent.last is not None


def _kind(channel: Channel, item: NotifiedAlert, sent: Sent, now: datetime) -> str:
    """The notification about an alert that is not muted that a channel is due, or nothing."""
    alert, view = item.alert, item.view
    if alert.state == RESOLVED:
        return RESOLVED if sent.reached and not sent.resolved else ""
    if alert.state != FIRING or not channels.takes(channel, alert.deployment, view.severity):
        return ""
    if sent.last is None:
        return FIRING
    if SEVERITIES.index(view.severity) > SEVERITIES.index(sent.severity):
        return ESCALATED
    pause = timedelta(hours=channel.repeat_hours)
    return REPEAT if pause and sent.last + pause <= now else ""


def _add(session: Session, store: Store, plan: PlannedDelivery) -> None:
    delivery = uuid7(to_ms(store.now()))
    row = NotificationDelivery(
        id=delivery,
        channel_id=plan.channel,
        kind=plan.kind,
        deployment=plan.deployment,
        severity=plan.severity,
        title=message.title(plan.kind, plan.deployment, plan.severity, plan.notified),
        body=message.body(store, plan.kind, delivery, plan.notified),
        next_at=store.now(),
        created_at=store.now(),
    )
    session.add(row)
    session.flush()
    session.add_all(
        DeliveryAlert(delivery_id=delivery, alert_id=item.alert.id, severity=item.view.severity)
        for item in plan.notified
    )
    session.flush()
