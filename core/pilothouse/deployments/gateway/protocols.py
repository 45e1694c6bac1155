"""The protocols of predictions: one module each, over one value for requests and one for answers.

A protocol reads a body into an `InferenceRequest` and writes an `InferenceResponse` as its clients
expect it. Everything between is shared: the check of the columns, the prediction, the log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pilothouse.deployments.gateway import invocations, kserve, oip, torchserve
from pilothouse.deployments.gateway.request import (
    InferenceRequest,
    ReplyForm,
    RequestHead,
    RequestLimits,
)
from pilothouse.deployments.gateway.tensors import InferenceResponse
from pilothouse.kit.asgi import Response
from pilothouse.models.signature import Signature

Form = Literal["oip", "invocations", "kserve", "torchserve"]


@dataclass(frozen=True)
class WireProtocol:
    """How a protocol reads a request, which raises Invalid, and writes an answer."""

    read: Callable[[bytes, RequestHead, Signature, RequestLimits], InferenceRequest]
    write: Callable[[InferenceResponse, ReplyForm], Response]


PROTOCOLS: dict[Form, WireProtocol] = {
    "oip": WireProtocol(oip.read, oip.write),
    "invocations": WireProtocol(invocations.read, invocations.write),
    "kserve": WireProtocol(kserve.read, kserve.write),
    "torchserve": WireProtocol(torchserve.read, torchserve.write),
}
