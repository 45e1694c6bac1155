"""Rows sent to a deployment as the clients of each protocol send them, with ids and event times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import orjson
import pandas as pd

TIMEOUT_S = 120.0
JSON, CSV = "application/json", "text/csv"
DATATYPES = {"f": "FP64", "i": "INT64"}  # by the kind of a NumPy type; the others are BYTES


@dataclass(frozen=True)
class Answer:
    """The predictions, and the other output columns where the protocol answers them."""

    predictions: list[Any]
    outputs: dict[str, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """Rows of a table, with an id and an event time each; `number` is that of the request."""

    table: pd.DataFrame
    ids: Sequence[str]
    times: Sequence[int]
    number: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """Ids and event times as they stand beside the rows in a body."""
        return {"prediction_ids": list(self.ids), "event_time": list(self.times)}

    @property
    def records(self) -> list[dict[str, Any]]:
        """An object a row."""
        return list(self.table.to_dict("records"))


def _post(address: str, body: Any, content_type: str = JSON, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    sent = {"content-type": content_type, **headers}
    answer = httpx.post(address, content=content, headers=sent, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    return answer.json()


def by_mlflow(url: str, name: str, rows: Rows) -> Answer:
    """MLflow's scoring protocol; each request is in the next one of its forms."""
    table, number = rows.table, rows.number % 5
    split = table.to_dict("split", index=False)
    body: Any = (
        {"dataframe_records": rows.records},
        {"dataframe_split": split},
        {"inputs": table.to_dict("list")},
        {"instances": rows.records},
        None,
    )[number]
    address = f"{url}/deployments/{name}/invocations"
    if body is not None:
        return _of_mlflow(_post(address, body | {"params": rows.facts}))
    # Rows in CSV have no place for facts of their own; one time holds for all of a request.
    headers = {"x-prediction-ids": ",".join(rows.ids), "x-event-time": str(rows.times[0])}
    return _of_mlflow(_post(address, table.to_csv(index=False).encode(), CSV, **headers))


def _of_mlflow(content: dict[str, Any]) -> Answer:
    scores = {"score": content["scores"]} if "scores" in content else {}
    return Answer(content["predictions"], content.get("outputs", {}) | scores)


def by_open_inference(url: str, name: str, rows: Rows) -> Answer:
    """The Open Inference Protocol, whose client asks for every output that is declared."""
    declared = httpx.get(f"{url}/v2/models/{name}", timeout=TIMEOUT_S).json()["outputs"]
    inputs = [
        {
            "name": column,
            "shape": [len(rows.table)],
            "datatype": DATATYPES.get(rows.table[column].dtype.kind, "BYTES"),
            "data": rows.table[column].tolist(),
        }
        for column in rows.table
    ]
    body = {
        "inputs": inputs,
        "outputs": [{"name": part["name"]} for part in declared],
        "parameters": rows.facts,
    }
    answer = _post(f"{url}/v2/models/{name}/infer", body)
    outputs = {
        part["name"]: np.reshape(part["data"], part["shape"]).tolist() for part in answer["outputs"]
    }
    return Answer(outputs["predict"], outputs)


def by_tensorflow_serving(url: str, name: str, rows: Rows) -> Answer:
    """KServe v1 and TensorFlow Serving: rows and columns by turns."""
    address, facts = f"{url}/v1/models/{name}:predict", {"parameters": rows.facts}
    if rows.number % 2 == 0:
        return Answer(_post(address, {"instances": rows.records} | facts)["predictions"])
    answer = _post(address, {"inputs": rows.table.to_dict("list")} | facts)["outputs"]
    if isinstance(answer, dict):
        answer = [list(row) for row in zip(*answer.values(), strict=True)]
    return Answer(answer)


def by_vertex(url: str, name: str, rows: Rows) -> Answer:
    """Vertex AI's custom containers."""
    body = {"instances": rows.records, "parameters": rows.facts}
    return Answer(_post(f"{url}/deployments/{name}/predict", body)["predictions"])


def by_torchserve(url: str, name: str, rows: Rows) -> Answer:
    """TorchServe: objects that hold the rows, and a bare list with the facts in headers."""
    address = f"{url}/predictions/{name}"
    if rows.number % 2 == 0:
        return Answer(_post(address, {"data": rows.records, "parameters": rows.facts}))
    headers = {"x-prediction-ids": ",".join(rows.ids), "x-event-time": str(rows.times[0])}
    return Answer(_post(address, rows.records, **headers))


Sender = Callable[[str, str, Rows], Answer]
SENDERS: dict[str, Sender] = {
    "mlflow": by_mlflow,
    "open_inference": by_open_inference,
    "tensorflow_serving": by_tensorflow_serving,
    "vertex": by_vertex,
    "torchserve": by_torchserve,
}
