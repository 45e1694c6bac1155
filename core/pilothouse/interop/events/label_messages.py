"""Labels of messages: read, checked one by one, and folded to the last of each prediction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pilothouse.deployments.gateway.labels import Labels, check_labels
from pilothouse.interop.events.messages import (
    BadMessage,
    IncomingMessage,
    field_of,
    instant_of,
    read_objects,
)
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params
from pilothouse.models.signature import Signature

FIELDS = (
    Parameter(
        "id_field",
        "text",
        "prediction_id",
        title="Field of the prediction id",
        help="The message's key counts where the field is absent; payload.id is a nested one.",
    ),
    Parameter("label_field", "text", "label", title="Field of the label", help="What came true."),
    Parameter(
        "time_field",
        "text",
        "at",
        title="Field of the time",
        help="Milliseconds or ISO 8601; absent: when the message was sent.",
    ),
)


@dataclass(frozen=True)
class ReadLabels:
    """The labels of some messages: the last of each prediction, and what could not be used.

    `records` are the good labels before they were folded, by message.
    """

    labels: Labels
    bad: list[BadMessage]
    records: dict[str, int] = field(default_factory=dict)

    @property
    def taken(self) -> int:
        """How many labels were good."""
        return sum(self.records.values())


def read_labels(
    signature: Signature, messages: Iterable[IncomingMessage], options: Params, now_ms: int
) -> ReadLabels:
    """The labels of messages in their order. A message with one bad record is set aside whole."""
    last: dict[str, tuple[Any, int]] = {}
    bad: list[BadMessage] = []
    records: dict[str, int] = {}
    for message in messages:
        try:
            checked = labels_of(signature, message, options, now_ms)
        except Invalid as refused:
            bad.append(BadMessage(message, str(refused)))
            continue
        records[message.place] = sum(len(part.ids) for part in checked)
        for part in checked:
            last[part.ids[0]] = part.labels[0], part.times[0]
    labels = Labels(
        list(last), [label for label, _ in last.values()], [at for _, at in last.values()]
    )
    return ReadLabels(labels, bad, records)


def labels_of(
    signature: Signature, message: IncomingMessage, options: Params, now_ms: int
) -> list[Labels]:
    """Each label of a message, checked. Raises Invalid for the first that is none."""
    return [_label(signature, record, message, options, now_ms) for record in read_objects(message)]


def ids_of(parts: Sequence[Labels]) -> list[str]:
    """The predictions that labels are about."""
    return [part.ids[0] for part in parts]


def _label(
    signature: Signature,
    record: Mapping[str, Any],
    message: IncomingMessage,
    options: Params,
    now_ms: int,
) -> Labels:
    values = dict(record)
    prediction = field_of(values, options.text("id_field"))
    if prediction is None:
        prediction = message.key or None
    if prediction is None:
        raise Invalid(f"it has no {options.text('id_field')} and no key.")
    if type(prediction) is int:
        prediction = str(prediction)
    label = field_of(values, options.text("label_field"))
    if label is None:
        raise Invalid(f"it has no {options.text('label_field')}.")
    at = instant_of(field_of(values, options.text("time_field")), message, now_ms)
    return check_labels(signature, [prediction], [label], at, now_ms)
