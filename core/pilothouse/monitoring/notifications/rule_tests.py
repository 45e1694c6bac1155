"""Test-firing a rule: its channels get a message as they would from an alert of it."""

from __future__ import annotations

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.monitoring.alert_rules import rule_title
from pilothouse.monitoring.notifications import channels
from pilothouse.monitoring.tables import TEST, AlertRule, Channel, NotificationDelivery
from pilothouse.storage import Store

TESTED = "test-fired"


def rule_channels(session: Session, rule_id: str) -> list[Channel]:
    """The channels that are on and take the alerts of a rule. Raises NotFound."""
    rule = _require(session, rule_id)
    rows = channels.channels(session)
    return [
        row for row in rows if row.enabled and channels.takes(row, rule.deployment, rule.severity)
    ]


def queue_rule_test(session: Session, store: Store, rule_id: str) -> list[str]:
    """Queue a test message of a rule to each of its channels; the deliveries' ids.

    Raises NotFound, Conflict when no channel takes the alerts of the rule.
    """
    rule, receivers = _require(session, rule_id), rule_channels(session, rule_id)
    if not receivers:
        raise Conflict(
            f"no channel takes the alerts of {rule_title(rule.name)!r} of {rule.deployment}.",
            hint="Add a channel for its severity and its deployment.",
        )
    rows = [_delivery(store, rule, channel) for channel in receivers]
    session.add_all(rows)
    session.flush()
    names = [channel.name for channel in receivers]
    record(
        session, store, TESTED, "rule", rule.id, name=f"{rule.name} of {rule.deployment}",
        after={"channels": names},
    )  # fmt: skip
    return [row.id for row in rows]


def _require(session: Session, rule_id: str) -> AlertRule:
    rule = session.get(AlertRule, rule_id)
    if rule is None:
        raise NotFound(f"no alert rule {rule_id!r}.")
    return rule


def _delivery(store: Store, rule: AlertRule, channel: Channel) -> NotificationDelivery:
    delivery = uuid7(to_ms(store.now()))
    text = f"A test of the rule {rule_title(rule.name)!r} of {rule.deployment}: nothing is wrong."
    return NotificationDelivery(
        id=delivery,
        channel_id=channel.id,
        kind=TEST,
        deployment=rule.deployment,
        severity=rule.severity,
        title=f"[test] {rule.deployment}: {rule_title(rule.name)}",
        body=f"{text}\n\nDelivery: {delivery}",
        next_at=store.now(),
        created_at=store.now(),
    )
