"""The Open Inference Protocol and MLflow's forms: the same rows, however they are sent."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from pilothouse.deployments.gateway import invocations, kserve, oip, torchserve
from pilothouse.deployments.gateway.answers import AnswerReader
from pilothouse.deployments.gateway.request import RequestHead, RequestLimits, inflate, read_json
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature, SignatureField

SIGNATURE = Signature(
    inputs=(SignatureField("a", "number"), SignatureField("b", "integer")),
    target="late",
    classes=("no", "yes"),
    positive="yes",
)
AT_MS = 1_764_547_200_000
COLUMNS = {"a": [1.0, 2.0, 3.0], "b": [4, 5, 6]}


def tensor(name: str, data: list[Any], shape: list[int], kind: str = "FP64") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": kind, "data": data}


@pytest.mark.parametrize(
    "inputs",
    [
        [tensor("a", [1.0, 2.0, 3.0], [3]), tensor("b", [4, 5, 6], [3], "INT64")],
        [tensor("b", [[4], [5], [6]], [3, 1], "INT64"), tensor("a", [[1.0], [2.0], [3.0]], [3, 1])],
        [tensor("all", [1.0, 4, 2.0, 5, 3.0, 6], [3, 2])],
        [tensor("all", [[1.0, 4], [2.0, 5], [3.0, 6]], [3, 2])],
    ],
)
def test_tensors_become_columns(inputs: list[dict[str, Any]]) -> None:
    request = oip.parse({"id": "7", "inputs": inputs}, SIGNATURE)
    assert (request.columns, request.rows, request.request_id) == (COLUMNS, 3, "7")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "`inputs` must be a list"),
        ([{"name": "a"}], "datatype"),
        ([tensor("a", [1.0], [2])], "has 1 values, its shape [2] needs 2"),
        ([tensor("a", [1.0], [1]), tensor("b", [1, 2], [2])], "has 2 rows, the one before has 1"),
        ([tensor("a", [1.0], [1]), tensor("a", [1.0], [1])], "given twice"),
        ([tensor("all", [1.0, 2.0, 3.0], [1, 3])], "has 3 columns, and 2 are needed"),
        ([tensor("a", [1.0], [1], "COMPLEX")], "COMPLEX"),
    ],
)
def test_a_wrong_tensor_is_named(inputs: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(Invalid) as refused:
        oip.parse({"inputs": inputs}, SIGNATURE)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"event_time": [1, 2]}, "event_time has 2 values"),
        ({"event_time": "today"}, "milliseconds since 1970"),
        ({"prediction_ids": ["x"]}, "a list of 3 ids"),
        ({"prediction_ids": ["x", "x", "y"]}, "more than once"),
        ({"prediction_ids": ["x", "", "y"]}, "1 to 200 characters"),
    ],
)
def test_wrong_parameters_are_named(parameters: dict[str, Any], message: str) -> None:
    inputs = [tensor("a", COLUMNS["a"], [3]), tensor("b", COLUMNS["b"], [3])]
    with pytest.raises(Invalid) as refused:
        oip.parse({"inputs": inputs, "parameters": parameters}, SIGNATURE)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("read", "body", "inside"),
    [
        (invocations.read, {"dataframe_records": [{"a": 1, "b": 4}]}, "params"),
        (kserve.read, {"instances": [{"a": 1, "b": 4}]}, "parameters"),
        (torchserve.read, {"instances": [{"a": 1, "b": 4}]}, "parameters"),
        (oip.read, {"inputs": [tensor("a", [1], [1]), tensor("b", [4], [1])]}, "parameters"),
    ],
)
def test_ids_and_times_beside_the_parameters_are_refused(
    read: Any, body: dict[str, Any], inside: str
) -> None:
    head = RequestHead(content_type="application/json")
    for name, value in (("prediction_ids", ["x"]), ("event_time", AT_MS), ("entity_id", "c")):
        content = json.dumps({**body, name: value}).encode()
        with pytest.raises(Invalid, match=f"{name} stands beside `{inside}`"):
            read(content, head, SIGNATURE, RequestLimits())
        content = json.dumps({**body, inside: {name: value}}).encode()
        read(content, head, SIGNATURE, RequestLimits())


def test_one_event_time_counts_for_all_rows() -> None:
    inputs = [tensor("a", COLUMNS["a"], [3]), tensor("b", COLUMNS["b"], [3])]
    request = oip.parse({"inputs": inputs, "parameters": {"event_time": AT_MS}}, SIGNATURE)
    assert request.event_ms == [AT_MS] * 3


def test_an_answer_carries_labels_probabilities_and_ids() -> None:
    rows = [[0.9, 0.1], [0.2, 0.8]]
    predicted = AnswerReader(SIGNATURE).response("late", 2, "7", ["p", "q"], rows)
    body = oip.answer(predicted)
    parts = {part["name"]: part for part in body["outputs"]}
    assert (body["model_name"], body["model_version"], body["id"]) == ("late", "2", "7")
    assert parts["predict"]["data"] == ["no", "yes"]
    assert parts["predict"]["datatype"] == "BYTES"
    assert parts["predict_proba"]["shape"] == [2, 2]
    assert parts["predict_proba"]["data"] == [0.9, 0.1, 0.2, 0.8]
    assert parts["prediction_id"]["data"] == ["p", "q"]
    assert [p["name"] for p in oip.answer(predicted, ("predict",))["outputs"]] == ["predict"]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["b", "a"], "data": [[4, 1.0], [5, 2.0], [6, 3.0]]}},
        {"dataframe_records": [{"a": 1.0, "b": 4}, {"b": 5, "a": 2.0}, {"a": 3.0, "b": 6}]},
        {"instances": [[1.0, 4], [2.0, 5], [3.0, 6]]},
        {"inputs": {"a": [1.0, 2.0, 3.0], "b": [4, 5, 6]}},
    ],
)
def test_mlflow_forms_become_columns(body: dict[str, Any]) -> None:
    request = invocations.parse(orjson.dumps(body), "application/json", SIGNATURE)
    assert request.rows == 3
    assert {name: request.columns[name] for name in ("a", "b")} == COLUMNS


def test_csv_becomes_columns() -> None:
    request = invocations.parse(b"b,a\n4,1.0\n5,2.0\n6,3\n", "text/csv", SIGNATURE)
    assert (request.columns, request.rows) == (COLUMNS, 3)


def test_mlflow_wants_exactly_one_form() -> None:
    with pytest.raises(Invalid, match="exactly one"):
        invocations.parse(b'{"instances": [], "inputs": []}', "application/json", SIGNATURE)


def test_nan_is_explained() -> None:
    with pytest.raises(Invalid, match="send null"):
        read_json(b'{"inputs": [NaN]}')


def test_a_small_gzip_cannot_unpack_to_a_large_body() -> None:
    import gzip

    with pytest.raises(Invalid, match="unpacks to more than 1 MB"):
        inflate(gzip.compress(b" " * (2 << 20)), "gzip", 1 << 20)
    assert inflate(gzip.compress(b"{}"), "gzip", 1 << 20) == b"{}"
