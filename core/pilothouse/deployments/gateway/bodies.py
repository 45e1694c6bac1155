"""Request bodies: from bytes to what the model process and the journal take.

Every step is linear in the size of the body, and counts are checked before the work they bound.
`is_light` says which bodies may be parsed in the server's event loop; the others are parsed in the
reader process, see `body_reader`.
"""

from __future__ import annotations

import math
import sys
from array import array
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import orjson

from pilothouse.deployments.gateway.columns import Columns, OneRow, check_columns
from pilothouse.deployments.gateway.invocations import PARQUET
from pilothouse.deployments.gateway.labels import Labels, check_labels
from pilothouse.deployments.gateway.protocols import PROTOCOLS, Form
from pilothouse.deployments.gateway.request import (
    InferenceRequest,
    ReplyForm,
    RequestHead,
    RequestLimits,
    read_json,
)
from pilothouse.kit.errors import Invalid, TooLarge
from pilothouse.models.signature import Signature

LIGHT_BYTES = 48 * 1024
LIGHT_TEXT_BYTES = 1 << 20
LIGHT_VALUES = 40_000
LIGHT_TENSOR_BYTES = 256 * 1024
HEAVY_TYPES = frozenset((PARQUET,))  # libraries that the server does not load read them
SURELY_SMALL = 10_000  # values of a body that was light: their texts came in it
MAX_PAYLOAD = 60 << 20  # a frame to the model process holds 64 MB


@dataclass
class CheckedRequest:
    """A request whose columns fit the signature, ready to be sent to the model and written down.

    `values` are the columns in the signature's order; of a large body that another process read,
    they are None and `encoded` is their JSON. Where features were looked up, `keys` are the
    columns by which, and `features_at` has the time of the oldest value of each row in ms.
    """

    rows: int
    names: tuple[str, ...]
    event_ms: list[int] | None
    prediction_ids: list[str] | None
    request_id: str
    reply: ReplyForm
    entity_id: str = ""
    values: Columns | None = None
    encoded: list[bytes] | None = None
    keys: Columns | None = None
    features_at: list[int | None] | None = None

    @cached_property
    def parts(self) -> list[bytes]:
        """The JSON of each column."""
        if self.values is None:
            return self.encoded or []
        return [orjson.dumps(values) for values in self.values.values()]

    @property
    def size(self) -> int:
        """Bytes of all columns."""
        return sum(map(len, self.parts))

    def payload(self) -> bytes:
        """The payload for the model process."""
        return b'{"rows":%d,"columns":[%b]}' % (self.rows, b",".join(self.parts))

    def numbers(self) -> bytes | None:
        """The payload of a model that takes numbers, of columns of numbers; None when it has none.

        PERF: neither JSON nor, in the model process, lists.
        """
        if self.values is None:
            return None
        if isinstance(self.values, OneRow):
            values = self.values.row
        else:
            values = [*chain.from_iterable(self.values.values())]
        try:
            numbers = array("d", values)
        except TypeError:  # some are missing
            numbers = array("d", [math.nan if value is None else value for value in values])
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers.tobytes()

    def logged(self, dropped: frozenset[str] = frozenset()) -> dict[str, Any]:
        """The inputs as the journal's line holds them, without the dropped columns.

        Columns of one row may stand there as `row`, a value a column: that is written faster.
        """
        if self.values is not None and not dropped and not self.keys:
            if isinstance(self.values, OneRow):
                return {"row": self.values.by_name()}
            return {"columns": self.values}
        return {"columns": self._columns(dropped)}

    def _columns(self, dropped: frozenset[str]) -> Any:
        if self.values is not None:
            logged = {**self.values, **(self.keys or {})}
            return {name: part for name, part in logged.items() if name not in dropped}
        named = zip(self.names, self.parts, strict=True)
        pairs = ((orjson.dumps(name), part) for name, part in named if name not in dropped)
        return orjson.Fragment(b"{%b}" % b",".join(b"%b:%b" % pair for pair in pairs))


def is_light(body: bytes) -> bool:
    """Whether reading a body takes a few milliseconds at most, whatever it holds."""
    if len(body) <= LIGHT_BYTES:
        return True
    return len(body) <= LIGHT_TEXT_BYTES and count_values(body) <= LIGHT_VALUES


def is_light_request(head: RequestHead, body: bytes) -> bool:
    """Whether reading a request for predictions takes a few milliseconds at most."""
    if head.media_type in HEAVY_TYPES:
        return False
    if head.json_bytes is None:
        return is_light(body)
    tensors = len(body) - head.json_bytes
    return tensors <= LIGHT_TENSOR_BYTES and is_light(body[: head.json_bytes])


def count_values(body: bytes) -> int:
    """An upper bound of the values in a JSON or CSV body: each is followed by one of these.

    PERF: four counts in C instead of a parse (benchmark: run.py predict).
    """
    return sum(map(body.count, (b",", b"[", b"{", b"\n")))


def read_request(
    form: Form, head: RequestHead, body: bytes, signature: Signature, limits: RequestLimits
) -> CheckedRequest:
    """A request for predictions. Raises Invalid that names what is wrong, or TooLarge."""
    return checked_request(PROTOCOLS[form].read(body, head, signature, limits), signature, limits)


def checked_request(
    parsed: InferenceRequest, signature: Signature, limits: RequestLimits
) -> CheckedRequest:
    """A request whose columns fit the signature. Raises Invalid, or TooLarge."""
    limits.check_rows(parsed.rows)
    limits.check_cells(parsed.rows, signature)
    columns = check_columns(signature, parsed.columns, parsed.rows, parsed.unused)
    request = CheckedRequest(
        rows=parsed.rows,
        names=signature.names,
        event_ms=parsed.event_ms,
        prediction_ids=parsed.prediction_ids,
        request_id=parsed.request_id,
        reply=parsed.reply,
        entity_id=parsed.entity_id,
        values=columns,
    )
    # PERF: of few values it is known without writing them.
    if parsed.rows * len(columns) > SURELY_SMALL and request.size > MAX_PAYLOAD:
        raise TooLarge(
            f"the request takes {request.size >> 20} MB with its missing values filled in.",
            hint="Send fewer rows.",
        )

    return request


def read_labels(body: bytes, signature: Signature, limits: RequestLimits, now_ms: int) -> Labels:
    """The labels in a body. Raises Invalid that names what is wrong."""
    value = read_json(body)
    ids, labels = value.get("ids"), value.get("labels")
    if not isinstance(ids, list) or not isinstance(labels, list):
        raise Invalid("`ids` and `labels` must be lists of the same length.")
    if ids:
        limits.check_rows(len(ids))
    return check_labels(signature, ids, labels, value.get("at"), now_ms)
