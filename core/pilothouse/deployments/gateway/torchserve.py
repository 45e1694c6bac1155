"""TorchServe's inference interface: a body of rows, and an answer of bare predictions.

Source: pytorch/serve, docs/inference_api.md. The body is a list of rows, or an object of a single
row, whose answer is a single prediction; or an object with the rows as `instances` or `data` and
with `parameters`, which hold `event_time`, `prediction_ids` and `entity_id`.
"""

from __future__ import annotations

from typing import Any

from pilothouse.deployments.gateway import invocations
from pilothouse.deployments.gateway.request import (
    InferenceRequest,
    ReplyForm,
    RequestHead,
    RequestLimits,
    body_facts,
    read_json_value,
)
from pilothouse.deployments.gateway.tensors import InferenceResponse
from pilothouse.kit.asgi import Response, json_response
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature

WRAPPERS = ("instances", "data")


def read(
    body: bytes, head: RequestHead, signature: Signature, limits: RequestLimits
) -> InferenceRequest:
    """A request's columns. Raises Invalid that names what is wrong, or TooLarge."""
    value = read_json_value(body, bare_nan=True)
    body_of_rows: dict[str, Any] = {}
    reply = ReplyForm()
    wrapper = _wrapper(value, signature)
    if wrapper:
        body_of_rows, value = value, value[wrapper]
    elif isinstance(value, dict):
        value, reply = [value], ReplyForm(layout="single")
    elif not isinstance(value, list):
        raise Invalid("the body must be a list of rows, or an object of one row.")
    columns, rows, unused = invocations.read_rows(value, signature, limits)
    facts = body_facts(body_of_rows, head, rows)
    return InferenceRequest(columns, rows, reply=reply, unused=unused, **facts)


def _wrapper(value: Any, signature: Signature) -> str:
    """The key that the rows are under, unless the model has a column of that name; or ""."""
    if not isinstance(value, dict):
        return ""
    held = [key for key in WRAPPERS if key in value and key not in signature.names]
    return held[0] if len(held) == 1 and isinstance(value[held[0]], list) else ""


def write(predicted: InferenceResponse, reply: ReplyForm) -> Response:
    """The response: a list of predictions, or the one of a single row."""
    values = predicted.predictions
    return json_response(values[0] if reply.layout == "single" else values, predicted.version)
