"""KServe, TensorFlow Serving, Vertex and TorchServe: the same rows, and answers as clients read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pilothouse.deployments.gateway import endpoints, invocations, kserve, oip, torchserve
from pilothouse.deployments.gateway.answers import AnswerReader
from pilothouse.deployments.gateway.encodings import accepted
from pilothouse.deployments.gateway.endpoints import Endpoint
from pilothouse.deployments.gateway.protocols import PROTOCOLS, Form
from pilothouse.deployments.gateway.request import InferenceRequest, RequestHead, RequestLimits
from pilothouse.kit.errors import Invalid, UnsupportedContent
from pilothouse.models.signature import OutputField, Signature, SignatureField

SIGNATURE = Signature(
    inputs=(SignatureField("a", "number"), SignatureField("b", "integer")),
    target="late",
    classes=("no", "yes"),
    positive="yes",
)
ONE = Signature((SignatureField("a", "number"),), "price", task="regression")
LIMITS = RequestLimits()
AT_MS = 1_764_547_200_000
COLUMNS = {"a": [1.0, 2.0], "b": [4, 5]}
RECORDS = [{"a": 1.0, "b": 4}, {"a": 2.0, "b": 5, "extra": 1}]
TENSORS = [
    {"name": name, "shape": [2], "datatype": "FP64", "data": values}
    for name, values in COLUMNS.items()
]
BODIES: dict[Form, tuple[dict[str, Any], str]] = {
    "oip": ({"inputs": TENSORS}, "parameters"),
    "invocations": ({"dataframe_records": RECORDS}, "params"),
    "kserve": ({"instances": RECORDS}, "parameters"),
    "torchserve": ({"data": RECORDS}, "parameters"),
}


def read(
    form: Form, value: Any, head: RequestHead | None = None, signature: Signature = SIGNATURE
) -> InferenceRequest:
    return PROTOCOLS[form].read(orjson.dumps(value), head or RequestHead(), signature, LIMITS)


def written(form: Form, request: InferenceRequest, signature: Signature, rows: list[Any]) -> Any:
    predicted = AnswerReader(signature).response("late", 2, "", ["p", "q"][: len(rows)], rows)
    return orjson.loads(PROTOCOLS[form].write(predicted, request.reply).body)


@pytest.mark.parametrize("form", BODIES)
def test_times_ids_and_the_entity_have_one_way_in_each_protocol(form: Form) -> None:
    body, name = BODIES[form]
    facts = {"event_time": AT_MS, "prediction_ids": ["x", "y"], "entity_id": "customer-7"}
    request = read(form, body | {name: facts})
    assert {key: request.columns[key] for key in COLUMNS} == COLUMNS
    assert (request.event_ms, request.prediction_ids) == ([AT_MS] * 2, ["x", "y"])
    assert request.entity_id == "customer-7"
    headers = RequestHead(event_time=str(AT_MS), prediction_ids="v, w", entity_id="customer-8")
    request = read(form, body, headers)
    assert (request.event_ms, request.prediction_ids) == ([AT_MS] * 2, ["v", "w"])
    assert read(form, body | {name: facts}, headers).entity_id == "customer-7"


@pytest.mark.parametrize("form", BODIES)
@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"event_time": AT_MS // 1000}, "looks like seconds"),
        ({"entity_id": ["a", "b"]}, "entity_id must be a text"),
        ({"entity_id": ""}, "entity_id must be a text"),
    ],
)
def test_wrong_facts_are_named_in_every_protocol(
    form: Form, facts: dict[str, Any], message: str
) -> None:
    body, name = BODIES[form]
    with pytest.raises(Invalid, match=message):
        read(form, body | {name: facts})


def test_a_csv_takes_its_ids_from_headers() -> None:
    head = RequestHead("text/csv; charset=UTF-8", event_time=str(AT_MS), prediction_ids="v,w")
    request = invocations.read(b"a,b\n1,4\n2,5\n", head, SIGNATURE, LIMITS)
    assert (request.event_ms, request.prediction_ids) == ([AT_MS] * 2, ["v", "w"])
    with pytest.raises(Invalid, match="looks like seconds"):
        invocations.read(b"a\n1\n", RequestHead("text/csv", event_time="1764547200"), ONE, LIMITS)
    with pytest.raises(Invalid, match="milliseconds since 1970"):
        invocations.read(b"a\n1\n", RequestHead("text/csv", event_time="today"), ONE, LIMITS)


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("text/plain", "'text/plain' is not understood"),
        ("application/x-www-form-urlencoded", "is not understood"),
        ("application/json; charset=latin-1", "the charset 'latin-1'"),
        ("application/json; format=pandas-split", "the parameter 'format'"),
    ],
)
def test_content_types_are_those_of_mlflow(content_type: str, message: str) -> None:
    with pytest.raises(UnsupportedContent, match=message):
        read("invocations", {"instances": [[1, 2]]}, RequestHead(content_type))
    assert UnsupportedContent.status == 415


@pytest.mark.parametrize(
    "body",
    [
        {"instances": RECORDS},
        {"instances": [[1.0, 4], [2.0, 5]]},
        {"inputs": COLUMNS},
        {"inputs": {"a": [[1.0], [2.0]], "b": [[4], [5]]}},
        {"inputs": [[1.0, 4], [2.0, 5]]},
    ],
)
def test_rows_and_columns_of_kserve(body: dict[str, Any]) -> None:
    request = read("kserve", body)
    assert {name: request.columns[name] for name in COLUMNS} == COLUMNS
    answer = written("kserve", request, SIGNATURE, [[0.9, 0.1], [0.2, 0.8]])
    key = "predictions" if "instances" in body else "outputs"
    assert answer == {key: ["no", "yes"], "prediction_ids": ["p", "q"]}


def test_bare_values_are_the_rows_of_a_model_with_one_input() -> None:
    for body in ({"instances": [1.0, 2.0]}, {"inputs": [1.0, 2.0]}, {"inputs": {"a": [1.0, 2.0]}}):
        assert read("kserve", body, signature=ONE).columns == {"a": [1.0, 2.0]}


def test_a_signature_name_chooses_an_output() -> None:
    request = read("kserve", {"instances": RECORDS, "signature_name": "predict_proba"})
    answer = written("kserve", request, SIGNATURE, [[0.9, 0.1], [0.2, 0.8]])
    assert answer["predictions"] == [[0.9, 0.1], [0.2, 0.8]]
    assert read("kserve", {"instances": RECORDS, "signature_name": "serving_default"}).reply
    with pytest.raises(Invalid, match="unknown signature 'other'"):
        read("kserve", {"instances": RECORDS, "signature_name": "other"})


def test_several_outputs_are_objects_by_row_or_lists_by_name() -> None:
    several = Signature(
        ONE.inputs, task="unspecified", gives="value", outputs=(OutputField("u"), OutputField("v"))
    )
    rows = [[1.0, 2.0], [3.0, 4.0]]
    by_row = written(
        "kserve", read("kserve", {"instances": [1, 2]}, signature=several), several, rows
    )
    by_name = written(
        "kserve", read("kserve", {"inputs": [1, 2]}, signature=several), several, rows
    )
    assert by_row["predictions"] == [{"u": 1.0, "v": 2.0}, {"u": 3.0, "v": 4.0}]
    assert by_name["outputs"] == {"u": [1.0, 3.0], "v": [2.0, 4.0]}


@pytest.mark.parametrize(
    "body", [{}, {"instances": [], "inputs": {}}, {"instances": 3}, {"inputs": 3}]
)
def test_kserve_wants_exactly_one_form(body: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        read("kserve", body)


def test_metadata_is_that_of_tensorflow_serving() -> None:
    body = kserve.metadata("late", 3, SIGNATURE)
    assert body["model_spec"] == {"name": "late", "signature_name": "", "version": "3"}
    definitions = body["metadata"]["signature_def"]["signature_def"]
    assert definitions["serving_default"]["inputs"]["b"]["dtype"] == "DT_INT64"
    assert list(definitions["serving_default"]["outputs"]) == ["predict"]
    shape = definitions["predict_proba"]["outputs"]["predict_proba"]["tensor_shape"]
    assert [part["size"] for part in shape["dim"]] == ["-1", "2"]


def test_the_state_of_each_version_is_that_of_tensorflow_serving() -> None:
    body = kserve.status("late", {3: True, 4: False}, stopped=False)
    states = {part["version"]: part["state"] for part in body["model_version_status"]}
    assert (body["ready"], states) == (True, {"3": "AVAILABLE", "4": "LOADING"})
    stopped = kserve.status("late", {3: False}, stopped=True)
    assert stopped["model_version_status"][0]["state"] == "END"


def test_a_row_of_torchserve_has_a_bare_answer() -> None:
    rows = [[0.9, 0.1], [0.2, 0.8]]
    assert written("torchserve", read("torchserve", RECORDS), SIGNATURE, rows) == ["no", "yes"]
    assert written("torchserve", read("torchserve", RECORDS[0]), SIGNATURE, rows[:1]) == "no"
    wrapped = read("torchserve", {"instances": [[1.0, 4], [2.0, 5]]})
    assert written("torchserve", wrapped, SIGNATURE, rows) == ["no", "yes"]
    with pytest.raises(Invalid, match="a list of rows"):
        read("torchserve", 3)


def test_a_column_may_be_called_as_a_wrapper_is() -> None:
    named = Signature((SignatureField("data", "number"),), "price", task="regression")
    assert read("torchserve", {"data": 1.0}, signature=named).columns == {"data": [1.0]}


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v2/models/m/infer", Endpoint("oip", "m")),
        ("/v2/models/m/versions/3/infer", Endpoint("oip", "m", "3")),
        ("/v1/models/m:predict", Endpoint("kserve", "m")),
        ("/v1/models/m/versions/3:predict", Endpoint("kserve", "m", "3")),
        ("/v1/models/m/labels/champion:predict", Endpoint("kserve", "m", label="champion")),
        ("/deployments/m/predict", Endpoint("kserve", "m")),
        ("/deployments/m/invocations", Endpoint("invocations", "m")),
        ("/invocations", Endpoint("invocations")),
        ("/predictions/m", Endpoint("torchserve", "m")),
        ("/predictions/m/3", Endpoint("torchserve", "m", "3")),
        ("/predictions/m/three", None),
        ("/v1/models/m:classify", None),
        ("/v2/models/m/versions/9999999999/infer", None),
        ("/deployments/m/labels", None),
    ],
)
def test_paths_are_told_apart(path: str, endpoint: Endpoint | None) -> None:
    assert endpoints.prediction_endpoint(path) == endpoint
    assert endpoints.owns(path)


@pytest.mark.parametrize(
    ("accepts", "encoding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("deflate", "deflate"),
        ("gzip;q=0, deflate;q=0.5", "deflate"),
        ("gzip;q=0.0", ""),
        ("br", ""),
    ],
)
def test_an_encoding_is_chosen_of_those_that_are_accepted(accepts: str, encoding: str) -> None:
    assert accepted(accepts) == encoding


def test_every_protocol_reads_and_writes() -> None:
    modules = {"oip": oip, "invocations": invocations, "kserve": kserve, "torchserve": torchserve}
    assert {form: (p.read, p.write) for form, p in PROTOCOLS.items()} == {
        form: (module.read, module.write) for form, module in modules.items()
    }
