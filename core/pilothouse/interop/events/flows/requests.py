"""Prediction requests in: answered by a deployment as any other request, replied to another topic.

At least once: after a kill, messages are answered again under the same prediction ids, which the
log counts once, and the replies have the same keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from sqlmodel import Session

from pilothouse.deployments import client, commands
from pilothouse.deployments.gateway.request import MAX_ID, excerpt
from pilothouse.deployments.info import deployment_info
from pilothouse.interop.events import positions, set_aside, states
from pilothouse.interop.events.flow_context import FlowContext
from pilothouse.interop.events.flows import START, flows
from pilothouse.interop.events.messages import (
    BadMessage,
    IncomingMessage,
    PreviewedMessage,
    field_of,
    instant_of,
    payload_text,
    read_objects,
)
from pilothouse.interop.events.systems import permissions_of, systems
from pilothouse.interop.events.topic_reader import open_reader
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.kit.parameters import Parameter, Params
from pilothouse.models.signature import Signature
from pilothouse.storage import Store

MOST, SECONDS = 200, 0.2
AT_ONCE = 100  # requests that are predicted together


@dataclass(frozen=True)
class PredictionRequest:
    """What a message asks for."""

    message: IncomingMessage
    request_id: str
    record: dict[str, Any]
    event_ms: int


@flows.register("requests")
class RequestsIn:
    """Requests to one deployment, and its answers."""

    title = "Prediction requests in"
    description = "Rows to predict; the answers are written to another topic, under the same key."
    direction = "in"
    of_deployment = "one"
    parameters = (
        Parameter(
            "reply_topic",
            "text",
            required=True,
            title="Topic of the answers",
            help="Where the answers are written, in the same system.",
        ),
        Parameter(
            "inputs_field",
            "text",
            "inputs",
            title="Field of the inputs",
            help="An object of the model's inputs; empty: the message itself is one.",
        ),
        Parameter(
            "id_field",
            "text",
            "id",
            title="Field of the id",
            help="Becomes the prediction id, for labels; absent: made of the message's place.",
        ),
        Parameter(
            "time_field",
            "text",
            "at",
            title="Field of the time",
            help="When the event happened; absent: when the message was sent.",
        ),
        START,
    )

    @staticmethod
    def check(session: Session, deployment: str, options: Params) -> None:
        """Raise NotFound without the deployment, Conflict when it is served elsewhere."""
        if commands.require(session, deployment).external:
            raise Conflict(f"{deployment!r} is served elsewhere: it answers nothing here.")
        if not options.text("reply_topic").strip():
            raise Invalid("where do the answers go?", fields={"params.reply_topic": "needed"})

    @staticmethod
    def begin(session: Session, store: Store, deployment: str, options: Params) -> None:
        """The system's own positions are read."""

    @staticmethod
    def open(context: FlowContext) -> RequestReceiver:
        """Connect to both topics."""
        return RequestReceiver(context)

    @staticmethod
    def judge(
        store: Store, deployment: str, options: Params, messages: list[IncomingMessage]
    ) -> list[PreviewedMessage]:
        """Which inputs messages have; nothing is predicted."""
        return [_judged(message, options, to_ms(store.now())) for message in messages]


class RequestReceiver:
    """Has requests answered, and writes the answers."""

    def __init__(self, context: FlowContext) -> None:
        self._context, self._store = context, context.store
        self._reader = open_reader(context)
        try:
            self._writer = systems.get(context.system).writer(
                context.settings,
                permissions_of(context.store),
                context.options.text("reply_topic"),
            )
        except BaseException:
            self._reader.close()
            raise

    def step(self) -> int:
        """Answer the next messages, and those that somebody wants tried again."""
        connection = self._context.connection_id
        with self._store.read() as session:
            again = set_aside.requested(session, connection, MOST)
        messages = self._reader.poll(MOST, SECONDS)
        with self._store.read() as session:
            fresh = positions.unread(session, connection, messages)
        if not fresh and not again:
            return 0
        bad = self._answer([*again, *fresh])
        self._writer.flush()
        with self._store.write() as session:
            for item in bad:
                set_aside.add(session, self._store, connection, item.message, item.reason)
            refused = {item.message.place for item in bad}
            for message in again:
                if message.place not in refused:
                    set_aside.use(session, self._store, connection, message)
            positions.advance(session, connection, fresh)
            taken = len(again) + len(fresh) - len(bad)
            states.count(session, self._store, connection, len(fresh), taken)
        self._reader.acknowledge()
        return len(fresh) + len(again)

    def lag(self) -> int | None:
        """How many messages wait."""
        return self._reader.lag()

    def close(self) -> None:
        """End both connections."""
        self._reader.close()
        self._writer.close()

    def _answer(self, messages: list[IncomingMessage]) -> list[BadMessage]:
        """Write an answer to each message; those that cannot be answered, with why."""
        requests, bad = [], []
        now_ms = to_ms(self._store.now())
        for message in messages:
            try:
                requests.append(read_request(message, self._context.options, now_ms))
            except Invalid as refused:
                bad.append(BadMessage(message, str(refused)))
        with self._store.read() as session:
            signature = _serving_signature(session, self._context.deployment)
        for part in _parts(requests):
            bad += self._predict(signature, part)
        for item in bad:
            self._reply(item.message, {"error": item.reason, "request": item.message.place})
        return bad

    def _predict(self, signature: Signature, part: list[PredictionRequest]) -> list[BadMessage]:
        """Predict requests together, or one by one when there is a bad one among them."""
        try:
            answers = client.infer(
                self._store.run_folder,
                self._context.deployment,
                signature,
                [request.record for request in part],
                [request.event_ms for request in part],
                [request.request_id for request in part],
            )
        except Invalid as refused:
            if len(part) == 1:
                return [BadMessage(part[0].message, str(refused))]
            return [bad for request in part for bad in self._predict(signature, [request])]
        for request, answer in zip(part, answers, strict=True):
            about = {"request": request.message.place, "deployment": self._context.deployment}
            self._reply(request.message, about | {"event_at": request.event_ms} | answer)
        return []

    def _reply(self, message: IncomingMessage, answer: dict[str, Any]) -> None:
        value = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
        self._writer.write(message.key, value)


def read_request(message: IncomingMessage, options: Params, now_ms: int) -> PredictionRequest:
    """What a message asks for. Raises Invalid."""
    objects = read_objects(message)
    if len(objects) > 1:
        raise Invalid("it must be one object: an answer has one key.")
    path = options.text("inputs_field")
    record = field_of(objects[0], path) if path else objects[0]
    if not isinstance(record, dict) or not record:
        raise Invalid(f"its {path or 'value'} is {excerpt(record)}, not an object of inputs.")
    event_ms = instant_of(field_of(objects[0], options.text("time_field")), message, now_ms)
    own = field_of(objects[0], options.text("id_field"))
    request_id = message.place if own is None else own
    if type(request_id) not in (str, int) or not 0 < len(str(request_id)) <= MAX_ID:
        raise Invalid(f"its id is {excerpt(own)}, not a text of 1 to {MAX_ID} characters.")
    if not path:
        names = (options.text("id_field"), options.text("time_field"))
        record = {name: value for name, value in record.items() if name not in names}
    return PredictionRequest(message, str(request_id), record, event_ms)


def _parts(requests: list[PredictionRequest]) -> Iterator[list[PredictionRequest]]:
    """Requests that can be predicted together: none twice, and not too many."""
    part: list[PredictionRequest] = []
    ids: set[str] = set()
    for request in requests:
        if request.request_id in ids or len(part) == AT_ONCE:
            yield part
            part, ids = [], set()
        part.append(request)
        ids.add(request.request_id)
    if part:
        yield part


def _serving_signature(session: Session, deployment: str) -> Signature:
    row = commands.require(session, deployment)
    info = deployment_info(row, [], commands.revisions(session, deployment))
    return info.serving_signature


def _judged(message: IncomingMessage, options: Params, now_ms: int) -> PreviewedMessage:
    try:
        request = read_request(message, options, now_ms)
    except Invalid as refused:
        result, good = str(refused), False
    else:
        result, good = f"{request.request_id} with {len(request.record)} inputs", True
    return PreviewedMessage(message.key, payload_text(message.value), result, good, message.place)
