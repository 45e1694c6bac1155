"""Alerts out: each transition of an alert, from pending to resolved, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, func, select

from pilothouse.deployments import commands
from pilothouse.interop.events.cloud_events import FORMAT, OutgoingEvent, outgoing, source_of
from pilothouse.interop.events.flow_context import FlowContext
from pilothouse.interop.events.flows import START, flows
from pilothouse.interop.events.messages import IncomingMessage, OutgoingMessage, PreviewedMessage
from pilothouse.interop.events.sender import OutgoingBatch, Sender, previews
from pilothouse.kit.clock import to_ms
from pilothouse.kit.parameters import Params
from pilothouse.monitoring.tables import Alert, AlertEvent
from pilothouse.storage import Store

FEW = 10


@flows.register("alerts")
class AlertsOut:
    """The transitions of alerts, of one deployment or of all."""

    title = "Alerts out"
    description = "Each transition of an alert: pending, firing, acknowledged, resolved."
    direction = "out"
    of_deployment = "any"
    parameters = (FORMAT, START)

    @staticmethod
    def check(session: Session, deployment: str, options: Params) -> None:
        """Raise NotFound for a deployment that does not exist."""
        if deployment:
            commands.require(session, deployment)

    @staticmethod
    def begin(session: Session, store: Store, deployment: str, options: Params) -> int:
        """The next transition, or the first."""
        newest = session.exec(select(func.max(AlertEvent.id))).one() or 0
        return newest if options.text("start") == "newest" else 0

    @staticmethod
    def open(context: FlowContext) -> Sender:
        """Connect to the topic."""
        return Sender(context, AlertTransitions(context.store, context.deployment, context.options))

    @staticmethod
    def judge(
        store: Store, deployment: str, options: Params, messages: list[IncomingMessage]
    ) -> list[PreviewedMessage]:
        """The newest transitions as they would be sent."""
        return previews(AlertTransitions(store, deployment, options).newest(FEW))


class AlertTransitions:
    """The transitions of alerts, by their numbers."""

    def __init__(self, store: Store, deployment: str, options: Params) -> None:
        self._store, self._deployment, self._options = store, deployment, options
        self._source = source_of(store.settings.public_url, store.folder.name)

    def after(self, cursor: int, most: int) -> OutgoingBatch:
        """The next transitions."""
        query = self._query().where(col(AlertEvent.id) > cursor).order_by(col(AlertEvent.id))
        rows = self._read(query.limit(most))
        return OutgoingBatch(
            [self._message(*row) for row in rows], (rows[-1][0].id or 0) if rows else cursor
        )

    def waiting(self, cursor: int) -> int | None:
        """How many transitions come after one."""
        query = self._query().where(col(AlertEvent.id) > cursor)
        return len(self._read(query))

    def newest(self, most: int) -> list[OutgoingMessage]:
        """The newest transitions."""
        rows = self._read(self._query().order_by(col(AlertEvent.id).desc()).limit(most))
        return [self._message(*row) for row in rows]

    def _query(self) -> Any:
        query = select(AlertEvent, Alert).join(Alert, col(Alert.id) == col(AlertEvent.alert_id))
        return query.where(Alert.deployment == self._deployment) if self._deployment else query

    def _read(self, query: Any) -> Sequence[tuple[AlertEvent, Alert]]:
        with self._store.read() as session:
            return [(row[0], row[1]) for row in session.execute(query)]

    def _message(self, transition: AlertEvent, alert: Alert) -> OutgoingMessage:
        data = {
            "transition_id": transition.id,
            "alert_id": alert.id,
            "deployment": alert.deployment,
            "name": alert.name,
            "severity": alert.severity,
            "before": transition.before,
            "state": transition.after,
            "at": to_ms(transition.at),
            "by": transition.by,
            "note": transition.note,
            "message": alert.message,
        }
        event = OutgoingEvent(
            f"{alert.id}-{transition.id}",
            f"alert.{transition.after}",
            alert.id,
            transition.at,
            data,
            key=alert.id,
        )
        return outgoing(event, self._source, self._options.text("format"))
