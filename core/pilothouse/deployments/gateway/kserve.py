"""KServe's first protocol, TensorFlow Serving's REST interface, and Vertex AI's containers.

Sources: KServe's data plane V1; tensorflow/serving, g3doc/api_rest.md; Vertex AI's requirements of
custom containers. The body holds `instances`, one a row, or `inputs`, lists by column; the
answer `predictions` or `outputs`. `parameters` hold `event_time`, `prediction_ids` and `entity_id`.

`signature_name` chooses an output: each signature of a model has one, `serving_default` the
prediction itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.deployments.gateway.invocations import read_columns, read_rows
from pilothouse.deployments.gateway.request import (
    InferenceRequest,
    ReplyForm,
    RequestHead,
    RequestLimits,
    body_facts,
    excerpt,
    join_names,
    read_json,
)
from pilothouse.deployments.gateway.tensors import InferenceResponse, OutputTensor, output_tensors
from pilothouse.kit.asgi import Response, json_response
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import PREDICT

DEFAULT = "serving_default"
METHOD = "tensorflow/serving/predict"
TYPES = {"FP64": "DT_DOUBLE", "INT64": "DT_INT64", "BYTES": "DT_STRING", "BOOL": "DT_BOOL"}
FIELD_TYPES = {
    "number": "DT_DOUBLE",
    "integer": "DT_INT64",
    "time": "DT_INT64",
    "string": "DT_STRING",
    "boolean": "DT_BOOL",
}


def read(
    body: bytes, head: RequestHead, signature: Signature, limits: RequestLimits
) -> InferenceRequest:
    """A request's columns. Raises Invalid that names what is wrong, or TooLarge."""
    value = read_json(body, bare_nan=True)
    if ("instances" in value) == ("inputs" in value):
        raise Invalid("the body must hold exactly one of instances, inputs.")
    is_rows = "instances" in value
    outputs = _outputs(value.get("signature_name"), signature)
    if is_rows:
        columns, rows, unused = read_rows(
            _of_one_column(value["instances"], signature), signature, limits
        )
    else:
        columns, rows, unused = read_columns(_flat(value["inputs"], signature), signature, limits)
    return InferenceRequest(
        columns,
        rows,
        reply=ReplyForm(outputs, layout="rows" if is_rows else "columns"),
        unused=unused,
        **body_facts(value, head, rows),
    )


def _of_one_column(rows: Any, signature: Signature) -> Any:
    """Rows of a model with one input, which may be bare values."""
    if len(signature.inputs) != 1 or not isinstance(rows, list):
        return rows
    return [row if isinstance(row, list | dict) else [row] for row in rows]


def _flat(inputs: Any, signature: Signature) -> Any:
    """Columns without the inner lists of shape [n, 1]."""
    if not isinstance(inputs, dict):
        return _of_one_column(inputs, signature)
    return {name: _of_width_one(values) for name, values in inputs.items()}


def _of_width_one(values: Any) -> Any:
    is_nested = isinstance(values, list) and all(
        isinstance(value, list) and len(value) == 1 for value in values
    )
    return [value[0] for value in values] if is_nested else values


def _outputs(name: Any, signature: Signature) -> tuple[str, ...]:
    if name in (None, "", DEFAULT):
        return ()
    tensors = output_tensors(signature)
    if not isinstance(name, str) or name not in tensors:
        raise Invalid(
            f"unknown signature {excerpt(name)}.",
            hint=f"Known: {join_names([DEFAULT, *tensors])}.",
        )
    return (name,)


def write(predicted: InferenceResponse, reply: ReplyForm) -> Response:
    """The response: `predictions` for rows, `outputs` for columns; and the ids of the rows."""
    values: Any = predicted.predictions
    for name in reply.outputs:
        values = _rows(predicted.tensors.by_name[name], predicted)
    if reply.layout == "rows":
        body: dict[str, Any] = {"predictions": values}
    elif values and isinstance(values[0], dict):
        body = {"outputs": {name: [row[name] for row in values] for name in values[0]}}
    else:
        body = {"outputs": values}
    body["prediction_ids"] = predicted.prediction_ids
    return json_response(body, predicted.version)


def _rows(tensor: OutputTensor, predicted: InferenceResponse) -> list[Any]:
    data, width = tensor.data(predicted), tensor.width
    if width is None:
        return data
    return [data[start : start + width] for start in range(0, len(data), width)]


def status(name: str, ready: Mapping[int, bool], *, stopped: bool) -> dict[str, Any]:
    """The response of `GET /v1/models/{name}`, for clients of KServe and of TensorFlow Serving.

    `ready` says of each version whether it answers, of the serving one first.
    """
    states = [
        {
            "version": str(version),
            "state": "AVAILABLE" if is_ready else "END" if stopped else "LOADING",
            "status": {"error_code": "OK", "error_message": ""},
        }
        for version, is_ready in ready.items()
    ]
    return {"name": name, "ready": next(iter(ready.values())), "model_version_status": states}


def metadata(name: str, version: int, signature: Signature) -> dict[str, Any]:
    """The response of `GET /v1/models/{name}/metadata`: inputs, and an output a signature."""
    inputs = {
        field.name: _tensor(field.name, FIELD_TYPES[field.type]) for field in signature.inputs
    }
    outputs = {
        tensor.name: _tensor(tensor.name, TYPES[tensor.datatype], tensor.width)
        for tensor in output_tensors(signature).values()
    }
    default = {PREDICT: outputs[PREDICT]} if PREDICT in outputs else outputs
    definitions = {DEFAULT: default} | {name: {name: part} for name, part in outputs.items()}
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(version)},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    key: {"inputs": inputs, "outputs": parts, "method_name": METHOD}
                    for key, parts in definitions.items()
                }
            }
        },
    }


def _tensor(name: str, kind: str, width: int | None = None) -> dict[str, Any]:
    sizes = ["-1"] if width is None else ["-1", str(width)]
    shape = {"dim": [{"size": size, "name": ""} for size in sizes], "unknown_rank": False}
    return {"name": name, "dtype": kind, "tensor_shape": shape}
