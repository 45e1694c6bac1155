"""Labels in: what came true of predictions, by prediction id; the last one received counts.

Position and labels are stored in one transaction (`WaitingLabels`); then the labels are written to
the journal and their row is deleted. After a kill in between, the row is written first, unless the
journal has it: nothing is lost, and nothing is there twice.
"""

from __future__ import annotations

from sqlmodel import Session, col, select

from pilothouse.deployments import commands
from pilothouse.deployments.gateway.labels import Labels
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.interop.events import positions, set_aside, states
from pilothouse.interop.events.flow_context import FlowContext
from pilothouse.interop.events.flows import START, flows
from pilothouse.interop.events.label_messages import (
    FIELDS,
    ReadLabels,
    ids_of,
    labels_of,
    read_labels,
)
from pilothouse.interop.events.messages import (
    BadMessage,
    IncomingMessage,
    PreviewedMessage,
    payload_text,
)
from pilothouse.interop.events.topic_reader import open_reader
from pilothouse.interop.tables import WaitingLabels
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Invalid
from pilothouse.kit.ids import uuid7
from pilothouse.kit.parameters import Params
from pilothouse.models.signature import Signature
from pilothouse.storage import Store

MOST, SECONDS = 1_000, 1.0


@flows.register("labels")
class LabelsIn:
    """Labels of one deployment."""

    title = "Labels in"
    description = "What came true of predictions, by prediction id."
    direction = "in"
    of_deployment = "one"
    parameters = (*FIELDS, START)

    @staticmethod
    def check(session: Session, deployment: str, options: Params) -> None:
        """Raise NotFound without the deployment, Invalid without a field for the label."""
        commands.require(session, deployment)
        if not options.text("label_field").strip():
            raise Invalid("where is the label?", fields={"params.label_field": "needed"})

    @staticmethod
    def begin(session: Session, store: Store, deployment: str, options: Params) -> None:
        """The system's own positions are read."""

    @staticmethod
    def open(context: FlowContext) -> LabelReceiver:
        """Connect to the topic."""
        return LabelReceiver(context)

    @staticmethod
    def judge(
        store: Store, deployment: str, options: Params, messages: list[IncomingMessage]
    ) -> list[PreviewedMessage]:
        """Which labels messages have, or why they have none."""
        with store.read() as session:
            signature = _signature(session, deployment)
        now_ms = to_ms(store.now())
        return [_judged(signature, message, options, now_ms) for message in messages]


class LabelReceiver:
    """Moves labels of messages into the log of a deployment."""

    def __init__(self, context: FlowContext) -> None:
        self._context, self._store = context, context.store
        folder = log.journal_folder(self._store.folder, context.deployment)
        self._journal = Journal(folder)
        self._new: set[str] = set()  # rows of this process: nobody has written them
        self._write_waiting()
        self._reader = open_reader(context)

    def step(self) -> int:
        """The next messages, and those that somebody wants tried again."""
        with self._store.read() as session:
            again = set_aside.requested(session, self._context.connection_id, MOST)
        if again:
            self._retry(again)
        messages = self._reader.poll(MOST, SECONDS)
        if messages:
            self._receive(messages)
            self._reader.acknowledge()
        return len(messages) + len(again)

    def lag(self) -> int | None:
        """How many messages wait."""
        return self._reader.lag()

    def close(self) -> None:
        """End the connection."""
        self._reader.close()

    def _receive(self, messages: list[IncomingMessage]) -> None:
        connection = self._context.connection_id
        with self._store.write() as session:
            fresh = positions.unread(session, connection, messages)
            labels = self._read(session, fresh)
            for bad in labels.bad:
                set_aside.add(session, self._store, connection, bad.message, bad.reason)
            positions.advance(session, connection, fresh)
            states.count(session, self._store, connection, len(fresh), labels.taken)
            self._let_wait(session, labels.labels)
        self._write_waiting()

    def _retry(self, messages: list[IncomingMessage]) -> None:
        """Messages that were set aside, as they are judged now."""
        connection = self._context.connection_id
        with self._store.write() as session:
            late = self._overtaken(session, messages)
            labels = self._read(session, [m for m in messages if m.set_aside not in late])
            bad = [*labels.bad, *late.values()]
            for item in bad:
                set_aside.add(session, self._store, connection, item.message, item.reason)
            refused = {item.message.set_aside for item in bad}
            for message in messages:
                if message.set_aside not in refused:
                    set_aside.use(session, self._store, connection, message)
            states.count(session, self._store, connection, 0, labels.taken)
            self._let_wait(session, labels.labels)
        self._write_waiting()

    def _read(self, session: Session, messages: list[IncomingMessage]) -> ReadLabels:
        signature = _signature(session, self._context.deployment)
        return read_labels(signature, messages, self._context.options, to_ms(self._store.now()))

    def _overtaken(
        self, session: Session, messages: list[IncomingMessage]
    ) -> dict[str, BadMessage]:
        """Messages whose predictions were labelled after they were set aside."""
        import pandas as pd

        signature = _signature(session, self._context.deployment)
        now_ms = to_ms(self._store.now())
        late: dict[str, BadMessage] = {}
        for message in messages:
            try:
                ids = ids_of(labels_of(signature, message, self._context.options, now_ms))
            except Invalid:
                continue  # it is refused for that
            labelled = log.labels(
                self._store.folder, self._context.deployment, ids=pd.Series(ids, dtype=object)
            )
            since = set_aside.set_aside_at(session, message)
            newer = labelled[labelled["received_at"] > since]
            if len(newer):
                reason = f"{newer['prediction_id'].iloc[0]} was labelled again since; dismiss it."
                late[message.set_aside] = BadMessage(message, reason)
        return late

    def _let_wait(self, session: Session, labels: Labels) -> None:
        if not labels.ids:
            return
        row = WaitingLabels(
            id=uuid7(to_ms(self._store.now())),
            connection_id=self._context.connection_id,
            deployment=self._context.deployment,
            stamp=self._journal.stamp(),
            labels={"ids": labels.ids, "labels": labels.labels, "times": labels.times},
        )
        session.add(row)
        session.flush()
        self._new.add(row.id)

    def _write_waiting(self) -> None:
        """Write waiting labels to the journal, and delete their rows once the disk has them."""
        query = select(WaitingLabels).where(
            WaitingLabels.connection_id == self._context.connection_id
        )
        with self._store.read() as session:
            waiting = session.exec(query.order_by(col(WaitingLabels.stamp))).all()
        for row in waiting:
            labels = Labels(**row.labels)
            if row.id in self._new:
                self._journal.labels(labels.line(row.stamp))
                self._new.discard(row.id)
            elif not self._is_written(labels, row.stamp):
                self._journal.labels(labels.line(self._journal.stamp()))
        if waiting:
            self._journal.seal(durable=True)
            with self._store.write() as session:
                for row in waiting:
                    session.delete(session.get_one(WaitingLabels, row.id))

    def _is_written(self, labels: Labels, stamp: int) -> bool:
        """Whether the process before this one wrote labels and could not delete their row."""
        import pandas as pd

        query = log.LogQuery(ids=pd.Series(labels.ids, dtype=object))
        table = log.union(self._store.folder, self._context.deployment, log.LABELS, query)
        if table is None:
            return False
        received = table.to_pandas()["received_at"]
        return bool((received == pd.Timestamp(stamp, unit="us", tz="UTC")).any())


def _signature(session: Session, deployment: str) -> Signature:
    row = commands.require(session, deployment)
    return commands.signature_of(session, row.name, row.model, row.version)


def _judged(
    signature: Signature, message: IncomingMessage, options: Params, now_ms: int
) -> PreviewedMessage:
    try:
        parts = labels_of(signature, message, options, now_ms)
    except Invalid as refused:
        result, good = str(refused), False
    else:
        texts = [f"{part.ids[0]} is {part.labels[0]}" for part in parts]
        result, good = "; ".join(texts), True
    payload = payload_text(message.value)
    return PreviewedMessage(message.key, payload, result, good, message.place)
