"""The delivery log does not grow without end: old deliveries about alerts that are over go."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import col, delete, or_, select

from pilothouse.monitoring.notifications.outbox import RESOLVED_DAYS
from pilothouse.monitoring.tables import RESOLVED, Alert, DeliveryAlert, NotificationDelivery
from pilothouse.storage import Store

LOG_DAYS = 90
BATCH = 1_000  # deleted in one transaction, so that no other writer waits for long


def remove_old(store: Store) -> int:
    """Remove deliveries that ended long ago; how many.

    Those about an alert that is open, or that ended so lately that its end may have to be sent,
    stay: they say what was sent about it.
    """
    now = store.now()
    needed = (
        select(DeliveryAlert.delivery_id)
        .join(Alert, col(Alert.id) == col(DeliveryAlert.alert_id))
        .where(
            or_(
                col(Alert.state) != RESOLVED,
                col(Alert.resolved_at) >= now - timedelta(days=RESOLVED_DAYS),
            )
        )
    )
    old = select(NotificationDelivery.id).where(
        col(NotificationDelivery.ended_at) < now - timedelta(days=LOG_DAYS),
        col(NotificationDelivery.id).not_in(needed),
    )
    with store.read() as session:  # nearly always there is nothing: no writer waits for that
        if session.exec(old.limit(1)).first() is None:
            return 0
    with store.write() as session:
        ids = list(session.exec(old.limit(BATCH)))
        session.execute(delete(DeliveryAlert).where(col(DeliveryAlert.delivery_id).in_(ids)))
        session.execute(delete(NotificationDelivery).where(col(NotificationDelivery.id).in_(ids)))
    return len(ids)
