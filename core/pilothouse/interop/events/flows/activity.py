"""Activity out: each entry of the audit log, such as a promotion, under its number."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, func, select

from pilothouse.activity.tables import ActivityEntry
from pilothouse.interop.events.cloud_events import FORMAT, OutgoingEvent, outgoing, source_of
from pilothouse.interop.events.flow_context import FlowContext
from pilothouse.interop.events.flows import START, flows
from pilothouse.interop.events.messages import IncomingMessage, OutgoingMessage, PreviewedMessage
from pilothouse.interop.events.sender import OutgoingBatch, Sender, previews
from pilothouse.kit.clock import to_ms
from pilothouse.kit.parameters import Parameter, Params
from pilothouse.storage import Store

FEW = 10


@flows.register("activity")
class ActivityOut:
    """What people and the program did: registered, promoted, deployed, acknowledged."""

    title = "Activity out"
    description = "Each entry of the audit log: registered, promoted, deployed, and the like."
    direction = "out"
    of_deployment = "none"
    parameters = (
        Parameter(
            "kinds",
            "text",
            "",
            help="Kinds of objects with commas, such as version, promotion; empty: all.",
        ),
        FORMAT,
        START,
    )

    @staticmethod
    def check(session: Session, deployment: str, options: Params) -> None:
        """Every kind may come later: nothing is refused."""

    @staticmethod
    def begin(session: Session, store: Store, deployment: str, options: Params) -> int:
        """The next entry, or the first."""
        newest = session.exec(select(func.max(ActivityEntry.seq))).one() or 0
        return newest if options.text("start") == "newest" else 0

    @staticmethod
    def open(context: FlowContext) -> Sender:
        """Connect to the receiver."""
        return Sender(context, ActivityLog(context.store, context.options))

    @staticmethod
    def judge(
        store: Store, deployment: str, options: Params, messages: list[IncomingMessage]
    ) -> list[PreviewedMessage]:
        """The newest entries as they would be sent."""
        return previews(ActivityLog(store, options).newest(FEW))


class ActivityLog:
    """The entries of the audit log of some kinds, by their numbers."""

    def __init__(self, store: Store, options: Params) -> None:
        self._store, self._options = store, options
        self._source = source_of(store.settings.public_url, store.folder.name)
        texts = (text.strip() for text in options.text("kinds").split(","))
        self._kinds = [text for text in texts if text]

    def after(self, cursor: int, most: int) -> OutgoingBatch:
        """The next entries."""
        query = self._query().where(col(ActivityEntry.seq) > cursor)
        with self._store.read() as session:
            rows = session.exec(query.order_by(col(ActivityEntry.seq)).limit(most)).all()
        end = (rows[-1].seq or 0) if rows else cursor
        return OutgoingBatch([self._message(row) for row in rows], end)

    def waiting(self, cursor: int) -> int | None:
        """How many entries come after one."""
        query = self._query().where(col(ActivityEntry.seq) > cursor)
        with self._store.read() as session:
            return session.exec(select(func.count()).select_from(query.subquery())).one()

    def newest(self, most: int) -> list[OutgoingMessage]:
        """The newest entries."""
        query = self._query().order_by(col(ActivityEntry.seq).desc()).limit(most)
        with self._store.read() as session:
            return [self._message(row) for row in session.exec(query)]

    def _query(self) -> Any:
        query = select(ActivityEntry)
        return query.where(col(ActivityEntry.kind).in_(self._kinds)) if self._kinds else query

    def _message(self, entry: ActivityEntry) -> OutgoingMessage:
        data = {
            "number": entry.seq,
            "at": to_ms(entry.at),
            "actor": entry.actor,
            "verb": entry.verb,
            "kind": entry.kind,
            "ref": entry.ref,
            "name": entry.name,
            "before": entry.before,
            "after": entry.after,
            "reason": entry.reason,
        }
        event = OutgoingEvent(
            str(entry.seq), f"{entry.kind}.{entry.verb}", entry.ref, entry.at, data
        )
        return outgoing(event, self._source, self._options.text("format"))
