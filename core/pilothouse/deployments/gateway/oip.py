"""The Open Inference Protocol v2, REST: requests into columns, answers into tensors, metadata.

Source: kserve/open-inference-protocol, specification/protocol/inference_rest.md. Tables come as one
column tensor per feature of shape [n] or [n, 1], or as one 2-D tensor in the signature's order.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import orjson

from pilothouse.deployments.gateway import binary_tensors
from pilothouse.deployments.gateway.columns import Columns, OneRow
from pilothouse.deployments.gateway.request import (
    MAX_ID,
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

DATATYPES = {
    "number": "FP64",
    "integer": "INT64",
    "string": "BYTES",
    "boolean": "BOOL",
    "time": "INT64",
}
NUMERIC = {f"{kind}{bits}" for kind in ("INT", "UINT", "FP") for bits in (8, 16, 32, 64)} - {"FP8"}
KNOWN = NUMERIC | {"BOOL", "BYTES"}
SPARE_TENSORS = 100  # unknown tensors are named in the error; more of them are only counted
PLATFORM = "pilothouse"
EXTENSIONS = ("binary_tensor_data",)
NOT_OFFERED = ("classification", "shared_memory_region")  # other extensions of Triton
OCTETS = b"application/octet-stream"
JSON_LENGTH = b"inference-header-content-length"


def read(
    body: bytes, head: RequestHead, signature: Signature, limits: RequestLimits
) -> InferenceRequest:
    """A request's columns. Raises Invalid that names what is wrong, or TooLarge."""
    if head.json_bytes is None:
        return parse(read_json(body), signature, limits, head)
    text, tail = binary_tensors.split(body, head.json_bytes)
    value = read_json(text)
    tensors = value.get("inputs")
    if isinstance(tensors, list) and len(tensors) <= len(signature.inputs) + SPARE_TENSORS:
        value["inputs"] = binary_tensors.attach(tensors, tail)
    return parse(value, signature, limits, head)


def parse(
    body: dict[str, Any],
    signature: Signature,
    limits: RequestLimits | None = None,
    head: RequestHead | None = None,
) -> InferenceRequest:
    """A request's columns. Raises Invalid that names the tensor."""
    tensors = body.get("inputs")
    if not isinstance(tensors, list) or not tensors:
        raise Invalid("`inputs` must be a list of tensors.", hint="One a column, or one 2-D.")
    if len(tensors) > len(signature.inputs) + SPARE_TENSORS:
        raise Invalid(
            f"there are {len(tensors)} tensors, and the model takes {len(signature.inputs)}."
        )

    parameters = body.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise Invalid("`parameters` must be an object.")
    reply = _reply_form(body.get("outputs"), parameters, signature)
    limits = limits or RequestLimits()
    columns: Columns
    if len(tensors) == 1 and _is_matrix(tensors[0]):
        columns, rows = _matrix(tensors[0], signature, limits)
    else:
        columns, rows = _columns(tensors, limits)

    return InferenceRequest(
        columns=columns,
        rows=rows,
        request_id=_request_id(body.get("id")),
        reply=reply,
        unused=None,
        **body_facts(body, head or RequestHead(), rows),
    )


def _request_id(value: Any) -> str:
    if value is None:
        return ""
    if type(value) not in (str, int) or len(str(value)) > MAX_ID:
        raise Invalid(f"`id` must be a text of at most {MAX_ID} characters.")
    return str(value)


def write(predicted: InferenceResponse, reply: ReplyForm) -> Response:
    """The response; the tensors that are wanted in binary follow the JSON."""
    body = answer(predicted, reply.outputs)
    if not reply.binary:
        return json_response(body, predicted.version)

    pieces: list[bytes] = []
    for tensor in body["outputs"]:
        if tensor["name"] not in reply.binary:
            continue
        data = binary_tensors.encode(tensor["datatype"], tensor["data"])
        if data is not None:
            del tensor["data"]
            size = {binary_tensors.SIZE: len(data)}
            tensor["parameters"] = tensor.get("parameters", {}) | size
            pieces.append(data)
    text = orjson.dumps(body)
    headers = (
        (JSON_LENGTH, str(len(text)).encode()),
        (b"x-model-version", str(predicted.version).encode()),
    )
    return Response(200, b"".join((text, *pieces)), headers, content_type=OCTETS)


def answer(predicted: InferenceResponse, outputs: tuple[str, ...] = ()) -> dict[str, Any]:
    """The response body."""
    tensors = predicted.tensors
    chosen = [tensors.by_name[name] for name in outputs] or tensors.default
    return {
        "model_name": predicted.deployment,
        "model_version": str(predicted.version),
        "id": predicted.request_id,
        "outputs": [_tensor(tensor, predicted) for tensor in chosen],
    }


def _tensor(tensor: OutputTensor, predicted: InferenceResponse) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": tensor.name,
        "shape": tensor.shape(len(predicted.prediction_ids)),
        "datatype": tensor.datatype,
    }
    if tensor.parameters:
        body["parameters"] = tensor.parameters
    body["data"] = tensor.data(predicted)
    return body


def metadata(deployment: str, version: int, signature: Signature) -> dict[str, Any]:
    """The response of `/v2/models/{name}`: the input and output tensors."""
    return {
        "name": deployment,
        "versions": [str(version)],
        "platform": PLATFORM,
        "inputs": [
            {"name": f.name, "datatype": DATATYPES[f.type], "shape": [-1]} for f in signature.inputs
        ],
        "outputs": [_description(tensor) for tensor in output_tensors(signature).values()],
    }


def _description(tensor: OutputTensor) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": tensor.shape(-1),
    }
    if tensor.parameters:
        body["parameters"] = tensor.parameters
    return body


def _is_matrix(tensor: Any) -> bool:
    shape = tensor.get("shape") if isinstance(tensor, dict) else None
    return isinstance(shape, list) and len(shape) == 2 and shape[1] != 1


def _matrix(
    tensor: dict[str, Any], signature: Signature, limits: RequestLimits
) -> tuple[Columns, int]:
    name, (rows, width), data = _parts(tensor, limits)
    names = signature.names
    if width != len(names):
        raise Invalid(
            f"tensor {excerpt(name)} has {width} columns, and {len(names)} are needed.",
            hint=f"In this order: {join_names(names)}.",
        )
    if rows == 1:
        return OneRow(names, data), 1
    return {column: data[i::width] for i, column in enumerate(names)}, rows


def _columns(tensors: list[Any], limits: RequestLimits) -> tuple[dict[str, list[Any]], int]:
    columns: dict[str, list[Any]] = {}
    rows = -1
    for tensor in tensors:
        name, shape, data = _parts(tensor, limits)
        if len(shape) == 2 and shape[1] != 1:
            raise Invalid(
                f"tensor {excerpt(name)} has shape {excerpt(shape)}; columns are [n] or [n, 1]."
            )
        if rows not in (-1, shape[0]):
            raise Invalid(f"tensor {excerpt(name)} has {shape[0]} rows, the one before has {rows}.")
        if name in columns:
            raise Invalid(f"tensor {excerpt(name)} is given twice.")
        columns[name], rows = data, shape[0]

    return columns, rows


def _parts(tensor: Any, limits: RequestLimits) -> tuple[str, list[int], list[Any]]:
    """A tensor's name, shape and flat data. Its shape is checked before its data is read."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise Invalid("each tensor must be an object with a `name`.")

    name, data = tensor["name"], tensor.get("data")
    kind = tensor.get("datatype")
    if not isinstance(kind, str) or kind not in KNOWN:
        raise Invalid(
            f"tensor {excerpt(name)} has the datatype {excerpt(kind)}.",
            hint=f"Known: {', '.join(sorted(KNOWN))}.",
        )

    shape = _shape(name, tensor.get("shape"))
    size = shape[0] * (shape[1] if len(shape) == 2 else 1)
    if isinstance(data, memoryview):
        limits.check_rows(shape[0])
        if size > len(data):
            raise Invalid(
                f"tensor {excerpt(name)} has {len(data)} bytes for {size} values of {kind}."
            )
        return name, shape, binary_tensors.decode(name, kind, data, size)
    if not isinstance(data, list):
        raise Invalid(f"tensor {excerpt(name)} needs its `data` as a list.")

    if shape[0] <= len(data):
        limits.check_rows(shape[0])
        data = _flat(name, data, len(shape))
    if len(data) != size:
        raise Invalid(
            f"tensor {excerpt(name)} has {len(data)} values, its shape {shape} needs {size}."
        )

    return name, shape, data


def _shape(name: str, shape: Any) -> list[int]:
    if not isinstance(shape, list) or not shape:
        raise Invalid(f"tensor {excerpt(name)} needs a `shape` of whole numbers.")
    if len(shape) > 2:
        raise Invalid(
            f"tensor {excerpt(name)} has {len(shape)} dimensions; a table has at most 2.",
            hint="A column has shape [n] or [n, 1], a table [n, columns].",
        )
    if any(type(n) is not int or n < 0 for n in shape):
        raise Invalid(f"tensor {excerpt(name)} needs a `shape` of whole numbers.")
    return shape


def _flat(name: str, data: list[Any], dimensions: int) -> list[Any]:
    """Row-major data, flat or nested as deep as the shape."""
    if not data or not isinstance(data[0], list):
        return data
    if dimensions == 1 and not all(isinstance(part, list) and len(part) == 1 for part in data):
        raise Invalid(f"tensor {excerpt(name)} has nested `data`; its shape has one dimension.")
    if not all(isinstance(part, list) for part in data):
        raise Invalid(f"tensor {excerpt(name)} mixes lists and values in `data`.")
    return list(chain.from_iterable(data))


def _reply_form(outputs: Any, parameters: dict[str, Any], signature: Signature) -> ReplyForm:
    """Which outputs are wanted, and which in binary: each by its own parameter or the request's."""
    if outputs is None and not parameters:
        return ReplyForm()
    tensors = output_tensors(signature)
    named = _outputs(outputs, tensors)
    all_binary = _flag(parameters, "binary_data_output", default=False)
    if not named:
        return ReplyForm(binary=tuple(tensors) if all_binary else ())
    if not all_binary and not any(named.values()):
        return ReplyForm(tuple(named))
    binary = [
        name
        for name, parameters in named.items()
        if _flag(parameters, "binary_data", default=all_binary)
    ]
    return ReplyForm(tuple(named), tuple(binary))


def _outputs(value: Any, tensors: dict[str, OutputTensor]) -> dict[str, dict[str, Any]]:
    """The parameters of each output that is named."""
    if value is None:
        return {}
    if not isinstance(value, list):
        raise Invalid("`outputs` must be a list.")
    if len(value) > len(tensors):
        raise Invalid(f"there are {len(value)} outputs, and {len(tensors)} can be named.")

    named: dict[str, dict[str, Any]] = {}
    for part in value:
        name = part.get("name") if isinstance(part, dict) else None
        if not isinstance(name, str) or name not in tensors:
            raise Invalid(f"unknown output {excerpt(name)}.", hint=f"Known: {join_names(tensors)}.")
        if name in named:
            raise Invalid("an output is named more than once.")
        named[name] = _output_parameters(name, part.get("parameters"))
    return named


def _output_parameters(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(f"`parameters` of the output {name} must be an object.")
    for word in NOT_OFFERED:
        if value.get(word):
            raise Invalid(f"`{word}` of the output {name} is not offered here.")
    return value


def _flag(parameters: dict[str, Any], name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if type(value) is not bool:
        raise Invalid(f"`{name}` must be true or false.")
    return value
