"""librdkafka's own mock broker, in this process, and deployments that messages are about."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from pilothouse.registry.description import Description
from pilothouse.workspace import Workspace

LATE = Description("binary", classes=("no", "yes"), positive="yes")


class MockBroker:
    """A broker that lives as long as its producer."""

    def __init__(self, brokers: int = 1) -> None:
        self.producer = Producer({"test.mock.num.brokers": brokers})
        known = self.producer.list_topics(timeout=10).brokers.values()
        self.address = ",".join(f"{broker.host}:{broker.port}" for broker in known)

    def create(self, topic: str) -> None:
        """Make a topic: the mock does when it is asked about."""
        self.producer.list_topics(topic, timeout=10)
        wait_for_topic(self.producer, topic)

    def send(self, topic: str, messages: Iterable[tuple[str, Any]], partition: int = 0) -> None:
        """Send messages by key; what is neither bytes nor None is JSON."""
        for key, value in messages:
            data = value if isinstance(value, bytes | None) else json.dumps(value).encode()
            self.producer.produce(topic, data, key.encode(), partition=partition)
            self.producer.poll(0)
        assert self.producer.flush(20) == 0

    def settings(self, topic: str, **others: Any) -> dict[str, Any]:
        """The settings of a connection to a topic."""
        return {"brokers": self.address, "topic": topic, **others}


def wait_for_topic(client: Any, topic: str) -> None:
    """Wait until a topic has its leader."""
    late = time.monotonic() + 10
    while time.monotonic() < late:
        known = client.list_topics(topic, timeout=10).topics[topic]
        if known.error is None and known.partitions:
            return
        time.sleep(0.05)
    raise AssertionError(f"no topic {topic}")


@contextmanager
def consumer(address: str, topic: str) -> Iterator[Consumer]:
    """A consumer of a topic from its beginning."""
    reader = Consumer({"bootstrap.servers": address, "group.id": "of a test"})
    wait_for_topic(reader, topic)
    partitions = reader.list_topics(topic, timeout=10).topics[topic].partitions
    reader.assign([TopicPartition(topic, number, 0) for number in partitions])
    try:
        yield reader
    finally:
        reader.close()


def received(address: str, topic: str, count: int, seconds: float = 20) -> list[tuple[str, Any]]:
    """The first messages of a topic: key and JSON value. Waits until there are so many."""
    messages: list[tuple[str, Any]] = []
    late = time.monotonic() + seconds
    with consumer(address, topic) as reader:
        while len(messages) < count and time.monotonic() < late:
            for message in reader.consume(count, 0.2):
                if message.error():
                    raise KafkaException(message.error())
                messages.append(((message.key() or b"").decode(), json.loads(message.value())))
    return messages


def external_deployment(
    workspace: Workspace, name: str = "late", ids: Sequence[str] = (), **columns: Sequence[Any]
) -> None:
    """A deployment that is served elsewhere, with predictions of some ids."""
    import pandas as pd

    workspace.deployments.add_external(name, description=LATE)
    if ids:
        frame = pd.DataFrame({"prediction_id": ids, "score": [0.25] * len(ids), **columns})
        workspace.deployments.record_predictions(name, frame)
