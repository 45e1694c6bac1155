"""The delivery worker: calls webhooks, and retries what was not delivered.

An attempt is recorded before it is made: a server that is killed meanwhile makes it again under the
same id, and an attempt that kills the server is not repeated without end.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, or_
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from pilothouse.interop.mlflow.webhooks.events import ACTIVE, DELIVERED, FAILED, PENDING
from pilothouse.interop.mlflow.webhooks.http_delivery import DeliveryRequest, DeliveryResult, send
from pilothouse.interop.tables import Delivery, Webhook
from pilothouse.kit.errors import PilothouseError
from pilothouse.storage import Store

log = logging.getLogger("pilothouse.webhooks")
# How long until the next attempt, after each; after the last there is none.
RETRY_DELAYS = (
    timedelta(seconds=1),
    timedelta(seconds=5),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=10),
)
MAX_AT_ONCE = 4
RETENTION = timedelta(days=30)
GIVEN_UP = "It was tried often enough."


class DeliveryWorker:
    """Delivers what is due: one delivery of a webhook at a time, a few webhooks in parallel."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._busy: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()

    def start_due(self) -> list[str]:
        """Start the deliveries that are due; returns their webhooks."""
        with self._lock:
            room = MAX_AT_ONCE - len(self._busy)
            webhooks = self._due(room) if room > 0 else []
            for webhook in webhooks:
                thread = threading.Thread(target=self._deliver, args=(webhook,), daemon=True)
                self._busy[webhook] = thread
                thread.start()
        return webhooks

    def wait(self) -> None:
        """Wait until no delivery is running."""
        while threads := list(self._busy.values()):
            for thread in threads:
                thread.join()

    def delete_old(self) -> None:
        """Delete deliveries that ended long ago."""
        old = col(Delivery.ended_at) < self._store.now() - RETENTION
        with self._store.write() as session:
            session.execute(delete(Delivery).where(old))

    def _is_due(self) -> ColumnElement[bool]:
        """Its time has come; or it is later than any delay, because the clock was set back."""
        now = self._store.now()
        return or_(col(Delivery.next_at) <= now, col(Delivery.next_at) > now + max(RETRY_DELAYS))

    def _due(self, most: int) -> list[str]:
        query = (
            select(Delivery.webhook_id)
            .where(
                Delivery.status == PENDING,
                self._is_due(),
                col(Delivery.webhook_id).not_in(list(self._busy)),
            )
            .distinct()
            .limit(most)
        )
        with self._store.read() as session:
            return list(session.exec(query).all())

    def _deliver(self, webhook: str) -> None:
        """Make one delivery after the other, until none is due or one fails."""
        try:
            while (request := self._take(webhook)) is not None:
                result = send(request, private=self._store.settings.webhook_private_addresses)
                self._write(request.id, result)
                if not result.delivered:
                    return
        except (SQLAlchemyError, PilothouseError):
            log.exception("the deliveries of webhook %s failed", webhook)
        finally:
            with self._lock:
                del self._busy[webhook]

    def _take(self, webhook_id: str) -> DeliveryRequest | None:
        """The next delivery that is due, with its attempt recorded."""
        with self._store.write() as session:
            webhook = session.get(Webhook, webhook_id)
            while webhook is not None and (delivery := self._next(session, webhook_id)):
                if webhook.status != ACTIVE:
                    self._end(session, delivery, FAILED, error="The webhook was disabled.")
                elif delivery.attempts >= len(RETRY_DELAYS):
                    self._end(session, delivery, FAILED, error=delivery.error or GIVEN_UP)
                else:
                    delivery.next_at = self._store.now() + RETRY_DELAYS[delivery.attempts]
                    delivery.attempts += 1
                    session.add(delivery)
                    return DeliveryRequest(
                        delivery.id, webhook.url, webhook.secret or "", delivery.payload
                    )
        return None

    def _next(self, session: Session, webhook_id: str) -> Delivery | None:
        query = select(Delivery).where(
            Delivery.webhook_id == webhook_id,
            Delivery.status == PENDING,
            self._is_due(),
        )
        return session.exec(query.order_by(col(Delivery.created_at), col(Delivery.id))).first()

    def _write(self, delivery_id: str, result: DeliveryResult) -> None:
        with self._store.write() as session:
            delivery = session.get(Delivery, delivery_id)
            if delivery is None:  # its webhook was deleted meanwhile
                return
            if result.delivered:
                self._end(session, delivery, DELIVERED, result.code)
            elif result.is_final or delivery.attempts >= len(RETRY_DELAYS):
                self._end(session, delivery, FAILED, result.code, result.error)
            else:
                delivery.code, delivery.error = result.code, result.error
                session.add(delivery)

    def _end(
        self,
        session: Session,
        delivery: Delivery,
        status: str,
        code: int | None = None,
        error: str = "",
    ) -> None:
        delivery.status, delivery.ended_at = status, self._store.now()
        delivery.code, delivery.error = code, error
        session.add(delivery)
        session.flush()
