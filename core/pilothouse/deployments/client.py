"""A client of the workspace's own server, for the try-it form and for notebooks."""

from __future__ import annotations

import http.client
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from pilothouse.deployments.access.own_key import read_own_key
from pilothouse.deployments.gateway.oip import DATATYPES
from pilothouse.deployments.gateway.tensors import PREDICTION_ID, PROBABILITIES, output_tensors
from pilothouse.kit.errors import (
    Invalid,
    KeyNeeded,
    NotFound,
    PilothouseError,
    Refused,
    TooMany,
    Unavailable,
)
from pilothouse.kit.processes import find
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import PREDICT, SCORE

TIMEOUT_SECONDS = 60.0
BY_STATUS = {401: KeyNeeded, 403: Refused, 404: NotFound, 405: Invalid, 413: Invalid}
BY_STATUS |= {422: Invalid, 429: TooMany, 503: Unavailable}


def infer(
    run_folder: Path,
    deployment: str,
    signature: Signature,
    records: list[dict[str, Any]],
    event_ms: int | Sequence[int] | None = None,
    prediction_ids: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """One prediction per record, as a dictionary.

    prediction_id, version, `prediction` (a class, a number, a list of numbers or of labels, an
    object of outputs) and `outputs`, the output columns by name. A model with classes also has
    `label` and, when it gives them, `probabilities` by class; one with a score has `score`.
    `signature` is that of the version that serves; `event_ms` is when the events happened, in
    milliseconds since the epoch, one for all or one a record; None means now. With
    `prediction_ids`, a repeated request is counted once. Raises Invalid, NotFound or Unavailable
    with the server's message.
    """
    names = dict.fromkeys(name for record in records for name in record)
    kinds = {field.name: DATATYPES[field.type] for field in signature.inputs}
    inputs = [
        {
            "name": name,
            "shape": [len(records)],
            "datatype": kinds.get(name, "BYTES"),
            "data": [record.get(name) for record in records],
        }
        for name in names
    ]
    tensors = output_tensors(signature)
    body: dict[str, Any] = {"inputs": inputs, "outputs": [{"name": name} for name in tensors]}
    parameters = {"event_time": event_ms, "prediction_ids": prediction_ids}
    body["parameters"] = {name: value for name, value in parameters.items() if value is not None}

    return _by_row(_post(run_folder, f"/v2/models/{quote(deployment)}/infer", body), signature)


def _by_row(answer: dict[str, Any], signature: Signature) -> list[dict[str, Any]]:
    parts = {part["name"]: part for part in answer["outputs"]}
    tensors = {name: _rows(part) for name, part in parts.items()}
    columns = {
        tensor.column: tensors[name]
        for name, tensor in output_tensors(signature).items()
        if tensor.column
    }
    predictions = _predictions(parts, tensors, columns, signature)
    rows: list[dict[str, Any]] = []
    for index, prediction_id in enumerate(tensors[PREDICTION_ID]):
        row = {"prediction_id": prediction_id, "version": int(answer["model_version"])}
        row["prediction"] = predictions[index]
        row["outputs"] = {name: values[index] for name, values in columns.items()}
        if signature.classes:
            row["label"] = predictions[index]
        if SCORE in columns:
            row["score"] = columns[SCORE][index]
        if PROBABILITIES in tensors:
            names = map(str, parts[PROBABILITIES]["parameters"]["classes"])
            row["probabilities"] = dict(zip(names, tensors[PROBABILITIES][index], strict=True))
        rows.append(row)

    return rows


def _predictions(
    parts: dict[str, Any],
    tensors: dict[str, list[Any]],
    columns: dict[str, list[Any]],
    signature: Signature,
) -> list[Any]:
    """The prediction of each row: the tensor of that name, the only column, or all columns."""
    if PREDICT in tensors and PREDICT not in signature.output_names:
        values = tensors[PREDICT]
        is_matrix = len(parts[PREDICT]["shape"]) > 1
        return [_of_several(parts[PREDICT], row) for row in values] if is_matrix else values
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _rows(part: dict[str, Any]) -> list[Any]:
    """The values of a tensor, one a row: a list where it has two dimensions."""
    data: list[Any] = part["data"]
    if len(part["shape"]) == 1:
        return data
    width = part["shape"][1]
    return [data[start : start + width] for start in range(0, len(data), width)]


def _of_several(part: dict[str, Any], values: list[Any]) -> Any:
    """A prediction of several values: the names of the labels that apply, or the numbers."""
    if part["datatype"] != "BOOL":
        return values if len(values) > 1 else values[0]
    names = part["parameters"]["classes"]
    return [name for name, applies in zip(names, values, strict=True) if applies]


def _post(run_folder: Path, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    server = find(run_folder, "server")
    hint = "Start it with `pilothouse server` or `pilothouse up`."
    if server is None:
        raise Unavailable("the server of this workspace is not running.", hint=hint)

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)
    try:
        data = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        headers = {"Content-Type": "application/json", "X-API-Key": read_own_key(run_folder)}
        connection.request("POST", path, data, headers)
        response = connection.getresponse()
        content: dict[str, Any] = orjson.loads(response.read())
    except (OSError, http.client.HTTPException) as broken:
        raise Unavailable(f"the server did not answer: {broken}.", hint=hint) from broken
    finally:
        connection.close()

    if response.status >= 400:
        kind = BY_STATUS.get(response.status, PilothouseError)
        raise kind(str(content["error"]))

    return content
