"""Apache Kafka, and every broker that speaks its protocol."""

from __future__ import annotations

from collections.abc import Sequence

from pilothouse.data.secret_references import REQUIREMENT, is_reference
from pilothouse.interop.events.messages import IncomingMessage
from pilothouse.interop.events.positions import StoredPositions
from pilothouse.interop.events.systems import (
    Permissions,
    TopicReader,
    TopicWriter,
    systems,
)
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params

PLAIN = "PLAINTEXT"
SASL = ("SASL_SSL", "SASL_PLAINTEXT")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@systems.register("kafka")
class Kafka:
    """A topic of a broker; librdkafka is loaded when it is connected to."""

    title = "Kafka"
    description = "A topic of Apache Kafka, or of a broker that speaks its protocol."
    needs, extra = "confluent_kafka", "kafka"
    reads = True
    at_once = 1_000
    parameters = (
        Parameter(
            "brokers",
            "text",
            required=True,
            title="Brokers",
            help="The bootstrap addresses: host:port, several with commas.",
        ),
        Parameter("topic", "text", required=True, help="The topic that is read or written."),
        Parameter(
            "group",
            "text",
            "pilothouse",
            help="Consumer group under which the position is also told to the broker, for its "
            "tools; ours is kept here.",
        ),
        Parameter(
            "security",
            "choice",
            PLAIN,
            choices=(PLAIN, "SSL", *SASL),
            help="The security protocol of the broker.",
        ),
        Parameter(
            "mechanism",
            "choice",
            MECHANISMS[0],
            choices=MECHANISMS,
            title="SASL mechanism",
            help="How the user logs in, for SASL.",
        ),
        Parameter("username", "text", "", title="User name", help="For SASL."),
        Parameter(
            "password",
            "text",
            "",
            title="Where the password is",
            help="env:NAME or file:PATH, of the worker; it is read there and never stored.",
        ),
        Parameter(
            "ca_file",
            "text",
            "",
            title="CA certificates",
            help="A PEM file; without one, those of the system.",
        ),
    )

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for addresses without a port and for half of a login."""
        wrong: dict[str, str] = {}
        for address in settings.text("brokers").split(","):
            host, _, port = address.strip().rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65_536:
                wrong["params.brokers"] = "must be host:port, several with commas"
        if not settings.text("topic").strip():
            wrong["params.topic"] = "needed"
        if settings.text("password") and not is_reference(settings.text("password")):
            wrong["params.password"] = REQUIREMENT
        if settings.text("security") in SASL and not (
            settings.text("username") and settings.text("password")
        ):
            wrong["params.username"] = "SASL needs a user name, and where its password is"
        if wrong:
            raise Invalid.of_fields("this broker cannot be reached so", wrong)

    @staticmethod
    def place(settings: Params) -> str:
        """The topic and the first broker."""
        first, *others = settings.text("brokers").split(",")
        return f"{settings.text('topic')} at {first.strip()}{' and others' if others else ''}"

    @staticmethod
    def reader(settings: Params, positions: StoredPositions) -> TopicReader:
        """Every partition, from our own positions."""
        from pilothouse.interop.events.kafka_clients import KafkaReader

        return KafkaReader(settings, positions)

    @staticmethod
    def writer(settings: Params, permissions: Permissions, target: str = "") -> TopicWriter:
        """An idempotent producer."""
        from pilothouse.interop.events.kafka_clients import KafkaWriter

        return KafkaWriter(settings, target or settings.text("topic"))

    @staticmethod
    def newest(settings: Params, most: int) -> Sequence[IncomingMessage]:
        """The newest messages of each partition; no position is stored or told."""
        from pilothouse.interop.events.kafka_clients import newest

        return newest(settings, most)
