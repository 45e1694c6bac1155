"""Reading and writing topics by librdkafka; imported only when a topic is connected to.

Partitions are assigned by us and not by a consumer group: the positions are ours, the worker is the
only reader, and a reader that died blocks nobody until its session has expired.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from pilothouse.data.secret_references import secret_at
from pilothouse.interop.events.messages import MAX_KEY, IncomingMessage
from pilothouse.interop.events.positions import StoredPositions
from pilothouse.kit.errors import NotFound, TooLarge, Unavailable
from pilothouse.kit.parameters import Params

CONNECT_SECONDS = 10.0
FLUSH_SECONDS = 30.0
PREVIEW_SECONDS = 5.0
PARTITIONS_SECONDS = 60.0  # how often new partitions are looked for
HINT = "Check the address, the security settings, and that the broker runs."
FATAL = (
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._AUTHENTICATION,
    KafkaError._SSL,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
)
SASL = ("SASL_SSL", "SASL_PLAINTEXT")
quiet = logging.getLogger("pilothouse.events.kafka")
quiet.setLevel(logging.CRITICAL)  # a connection says itself what is wrong, and not every second


class _Connection:
    """The last error that a client reported beside its calls."""

    def __init__(self) -> None:
        self.error: KafkaError | None = None

    def note(self, error: KafkaError) -> None:
        """Keep an error that no call returns."""
        if error.code() in FATAL or error.fatal():
            self.error = error

    def check(self) -> None:
        """Raise Unavailable when the client has lost every broker."""
        if self.error is not None:
            raise _unavailable(self.error)


class KafkaReader:
    """All partitions of a topic, assigned at our own positions."""

    def __init__(self, settings: Params, positions: StoredPositions) -> None:
        self._topic, self._positions = settings.text("topic"), positions
        self._connection = _Connection()
        self._consumer = _consumer(settings, settings.text("group"), self._connection)
        self._assigned: tuple[int, ...] = ()
        self._looked_at = -PARTITIONS_SECONDS
        try:
            self._assign()
        except BaseException:
            self._consumer.close()
            raise

    def poll(self, most: int, seconds: float) -> list[IncomingMessage]:
        """The next messages. Raises Unavailable when no broker answers."""
        if time.monotonic() - self._looked_at >= PARTITIONS_SECONDS:
            self._assign()
        received = self._consumer.consume(most, seconds)
        refused = [message for message in received if _is_out_of_range(message)]
        messages = [_incoming(m) for m in _good([m for m in received if m not in refused])]
        for message in refused:
            self._mend(message.partition())
        if not messages:
            self._connection.check()
        return messages

    def acknowledge(self) -> None:
        """Commit our positions to the group; nothing here rests on it."""
        offsets = [
            TopicPartition(self._topic, partition, position)
            for partition in self._assigned
            if (position := self._positions.next_position(self._topic, partition)) is not None
        ]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as refused:
            quiet.debug("the position could not be told to the broker: %s", refused)

    def lag(self) -> int | None:
        """Messages between what was read and the ends that the broker told last."""
        waiting = 0
        for part in self._consumer.position(self._partitions()):
            _, end = self._consumer.get_watermark_offsets(part, cached=True)
            if end < 0:
                return None
            own = self._positions.next_position(part.topic, part.partition) or 0
            waiting += max(end - max(part.offset, own), 0)
        return waiting

    def close(self) -> None:
        """End the connection."""
        self._consumer.close()

    def _partitions(self) -> list[TopicPartition]:
        return [TopicPartition(self._topic, partition) for partition in self._assigned]

    def _assign(self) -> None:
        """Assign every partition; those that are new begin where the connection says."""
        partitions = _partitions_of(self._consumer, self._topic)
        self._looked_at = time.monotonic()
        new = [partition for partition in partitions if partition not in self._assigned]
        if not new:
            return
        self._consumer.incremental_assign(self._places(new))
        self._assigned = tuple(sorted((*self._assigned, *new)))

    def _places(self, partitions: Sequence[int]) -> list[TopicPartition]:
        """Our positions in partitions; those that were never read begin."""
        topic, own = self._topic, self._positions
        starts: dict[int, int] = {}
        ends: dict[int, tuple[int, int]] = {}
        for number in partitions:
            position = own.next_position(topic, number)
            if position is None:
                ends[number] = _ends(self._consumer, TopicPartition(topic, number))
            else:
                starts[number] = position
        starts |= own.begin(topic, ends) if ends else {}
        return [TopicPartition(topic, number, position) for number, position in starts.items()]

    def _mend(self, partition: int) -> None:
        """Go on at the first message where the broker has none at our position."""
        first, _ = _ends(self._consumer, TopicPartition(self._topic, partition))
        position = self._positions.next_position(self._topic, partition) or 0
        start = self._positions.lost(self._topic, partition, position, first)
        mended = TopicPartition(self._topic, partition, start)
        self._consumer.incremental_unassign([mended])  # it cannot be sought in: it has stopped
        self._consumer.incremental_assign([mended])


class KafkaWriter:
    """An idempotent producer: the broker drops what a repeated attempt wrote already."""

    def __init__(self, settings: Params, topic: str) -> None:
        self._topic, self._connection = topic, _Connection()
        self._failed: list[KafkaError] = []
        config = _config(settings) | {
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 20,
            "message.timeout.ms": int(FLUSH_SECONDS * 1_000),
        }
        self._producer = Producer(config | {"error_cb": self._connection.note}, logger=quiet)
        _partitions_of(self._producer, topic)

    def write(self, key: str, value: bytes) -> None:
        """Queue a message; a full queue waits for the broker."""
        while True:
            try:
                self._producer.produce(
                    self._topic, value, key.encode() or None, on_delivery=self._delivered
                )
                return
            except BufferError:
                if not self._producer.poll(FLUSH_SECONDS):
                    self._connection.check()
                    raise Unavailable("the broker takes no messages.", hint=HINT) from None
            except KafkaException as refused:
                error = refused.args[0]
                if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                    raise TooLarge(f"it has {len(value):,} bytes: {error.str()}.") from None
                raise _unavailable(error) from None

    def flush(self) -> None:
        """Wait for the broker. Raises Unavailable when a message was not taken."""
        left = self._producer.flush(FLUSH_SECONDS)
        failed, self._failed = self._failed, []
        if failed:
            raise _unavailable(failed[0])
        if left:
            self._connection.check()
            raise Unavailable(f"the broker did not take {left:,} messages in time.", hint=HINT)

    def close(self) -> None:
        """Forget what was not taken: it is sent again from our own position."""
        self._producer.purge()
        self._producer.flush(1.0)

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed.append(error)


def newest(settings: Params, most: int) -> Sequence[IncomingMessage]:
    """The newest messages of each partition, the newest last; nothing is stored or committed."""
    connection, topic = _Connection(), settings.text("topic")
    consumer = _consumer(settings, f"{settings.text('group')}-preview", connection)
    try:
        places, waiting = [], 0
        for partition in _partitions_of(consumer, topic):
            first, end = _ends(consumer, TopicPartition(topic, partition))
            start = max(first, end - most)
            waiting += end - start
            places.append(TopicPartition(topic, partition, start))
        consumer.assign(places)
        messages: list[IncomingMessage] = []
        late = time.monotonic() + PREVIEW_SECONDS
        while len(messages) < waiting and time.monotonic() < late:
            messages += [_incoming(message) for message in _good(consumer.consume(most, 0.5))]
            connection.check()
        return sorted(messages, key=lambda item: (item.sent_ms or 0, item.position))[-most:]
    finally:
        consumer.close()


def _consumer(settings: Params, group: str, connection: _Connection) -> Any:
    config = _config(settings) | {
        "group.id": group or "pilothouse",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",  # a position that the broker has not is a finding
    }
    return Consumer(config | {"error_cb": connection.note}, logger=quiet)


def _config(settings: Params) -> dict[str, Any]:
    """The properties of librdkafka that readers and writers share."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings.text("brokers"),
        "client.id": "pilothouse",
        "security.protocol": settings.text("security"),
    }
    if settings.text("security") in SASL:
        config |= {
            "sasl.mechanism": settings.text("mechanism"),
            "sasl.username": settings.text("username"),
            "sasl.password": secret_at(settings.text("password")),
        }
    if settings.text("ca_file"):
        config["ssl.ca.location"] = settings.text("ca_file")
    return config


def _partitions_of(client: Any, topic: str) -> list[int]:
    """The partitions of a topic. Raises NotFound without it, Unavailable without a broker."""
    try:
        described = client.list_topics(topic, timeout=CONNECT_SECONDS).topics[topic]
    except KafkaException as failed:
        raise _unavailable(failed.args[0]) from None
    if described.error is not None or not described.partitions:
        raise NotFound(f"the broker has no topic {topic!r}.", hint="Create it, or mend its name.")
    return sorted(described.partitions)


def _ends(consumer: Any, partition: TopicPartition) -> tuple[int, int]:
    try:
        first, end = consumer.get_watermark_offsets(partition, timeout=CONNECT_SECONDS)
    except KafkaException as failed:
        raise _unavailable(failed.args[0]) from None
    return int(first), int(end)


def _is_out_of_range(message: Message) -> bool:
    error = message.error()
    return error is not None and error.code() == KafkaError._AUTO_OFFSET_RESET


def _good(received: Sequence[Message]) -> list[Message]:
    for message in received:
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise _unavailable(error)
    return [message for message in received if message.error() is None]


def _incoming(message: Message) -> IncomingMessage:
    topic, partition, position = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert position is not None
    kind, sent = message.timestamp()
    key = message.key() or b""
    text = key.decode("utf-8", "replace") if isinstance(key, bytes) else key
    value = message.value()
    value = value.encode() if isinstance(value, str) else value
    return IncomingMessage(
        topic, partition, position, text[:MAX_KEY], value, sent if kind else None
    )


def _unavailable(error: KafkaError) -> Unavailable:
    return Unavailable(f"the broker cannot be used: {error.str()}.", hint=HINT)
