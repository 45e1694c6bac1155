"""A client of the workspace's own server, for the try-it form and for notebooks."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from pilothouse.deployments.gateway.oip import DATATYPES
from pilothouse.kit.errors import Invalid, NotFound, PilothouseError, Unavailable
from pilothouse.kit.processes import find
from pilothouse.models.signature import Signature

TIMEOUT_SECONDS = 60.0
BY_STATUS = {404: NotFound, 405: Invalid, 413: Invalid, 422: Invalid, 503: Unavailable}


def infer(
    run_folder: Path,
    deployment: str,
    signature: Signature,
    records: list[dict[str, Any]],
    event_ms: int | None = None,
) -> list[dict[str, Any]]:
    """One prediction per record: prediction_id, label, score, version, probabilities by class.

    `event_ms` is when the events happened, in milliseconds since the epoch; None means now.
    Raises Invalid, NotFound or Unavailable with the server's message.
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
    body: dict[str, Any] = {"inputs": inputs}
    if event_ms is not None:
        body["parameters"] = {"event_time": event_ms}

    answer = _post(run_folder, f"/v2/models/{quote(deployment)}/infer", body)
    return _by_row(answer, signature)


def _by_row(answer: dict[str, Any], signature: Signature) -> list[dict[str, Any]]:
    parts = {part["name"]: part["data"] for part in answer["outputs"]}
    classes = [str(label) for label in signature.classes]
    positive, width = classes.index(str(signature.positive)), len(classes)

    rows = []
    for index, prediction_id in enumerate(parts["prediction_id"]):
        chances = parts["predict_proba"][index * width : (index + 1) * width]
        rows.append(
            {
                "prediction_id": prediction_id,
                "label": parts["predict"][index],
                "score": chances[positive],
                "version": int(answer["model_version"]),
                "probabilities": dict(zip(classes, chances, strict=True)),
            }
        )

    return rows


def _post(run_folder: Path, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    server = find(run_folder, "server")
    hint = "Start it with `pilothouse server` or `pilothouse up`."
    if server is None:
        raise Unavailable("the server of this workspace is not running.", hint=hint)

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)
    try:
        data = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        connection.request("POST", path, data, {"Content-Type": "application/json"})
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
