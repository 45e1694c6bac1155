"""What goes over the wire: answers in the protocol's form, refusals in its codes and words."""

from __future__ import annotations

from typing import Any

import pytest

from harness.tracking_calls import Caller

SEE = "See the API docs for more information about request parameters."
BAD = "INVALID_PARAMETER_VALUE"
GONE = "RESOURCE_DOES_NOT_EXIST"
NO_RUN = "0" * 32
MISSING = [
    ("POST", "experiments/create", {}, "name"),
    ("POST", "experiments/create", {"name": ""}, "name"),
    ("GET", "experiments/get", {}, "experiment_id"),
    ("POST", "experiments/update", {"experiment_id": "0"}, "new_name"),
    ("POST", "experiments/set-experiment-tag", {"experiment_id": "0"}, "key"),
    ("GET", "runs/get", {}, "run_id"),
    ("POST", "runs/log-metric", {"run_id": "x", "value": 1, "timestamp": 1}, "key"),
    ("POST", "runs/log-metric", {"run_id": "x", "key": "m", "timestamp": 1}, "value"),
    ("POST", "runs/log-metric", {"run_id": "x", "key": "m", "value": 1}, "timestamp"),
    ("POST", "runs/log-batch", {"run_id": "x", "metrics": [{"value": 1}]}, "metrics[0].key"),
    ("POST", "runs/log-batch", {"run_id": "x", "params": [{"value": "1"}]}, "params[0].key"),
    ("POST", "runs/outputs", {"run_id": "x"}, "models"),
    ("GET", "metrics/get-history", {"run_id": "x"}, "metric_key"),
    ("POST", "logged-models", {}, "experiment_id"),
    ("POST", "logged-models/search", {}, "experiment_ids"),
    ("POST", "registered-models/create", {}, "name"),
    ("POST", "model-versions/create", {"name": "m"}, "source"),
    ("GET", "model-versions/get", {"name": "m"}, "version"),
    ("POST", "model-versions/transition-stage", {"name": "m", "version": "1"}, "stage"),
]
WRONG = [
    ("experiments/create", {"name": 31}, "Invalid value 31 for parameter 'name' supplied"),
    ("experiments/create", {"name": "x" * 501}, "'name' exceeds the maximum length of 500"),
    ("experiments/search", {}, "It must be a positive integer"),
    ("experiments/search", {"max_results": 50_001}, "It must be at most 50000"),
    ("experiments/search", {"max_results": 1, "page_token": "zz"}, "Invalid page token"),
    ("runs/create", {"experiment_id": 31}, "Hint: Value was of type 'int'"),
    ("runs/create", {"experiment_id": "0", "start_time": "abc"}, "'start_time' supplied"),
    ("runs/create", {"experiment_id": "abc"}, "Experiment ID must be a valid integer."),
    ("runs/search", {"experiment_ids": "1"}, "for parameter 'experiment_ids' supplied"),
    ("runs/search", {"experiment_ids": ["0"], "max_results": 50_001}, "'max_results' supplied"),
    ("registered-models/create", {"name": "a/b"}, "Names cannot contain '/' or ':'."),
]


@pytest.mark.parametrize(("method", "path", "fields", "name"), MISSING)
def test_a_field_that_is_missing_is_named(
    caller: Caller, method: str, path: str, fields: dict[str, Any], name: str
) -> None:
    words = {"params": fields} if method == "GET" else {"json": fields}
    expected = f"Missing value for required parameter '{name}'. {SEE}"
    assert caller.refused(method, path, **words) == (400, BAD, expected)


@pytest.mark.parametrize(("path", "fields", "words"), WRONG)
def test_a_value_that_cannot_be_used_is_told_why(
    caller: Caller, path: str, fields: dict[str, Any], words: str
) -> None:
    status, code, message = caller.refused("POST", path, json=fields)
    assert (status, code) == (400, BAD)
    assert words in message


@pytest.mark.parametrize(
    ("method", "path", "fields", "message"),
    [
        ("GET", "experiments/get", {"experiment_id": "999"}, "No Experiment with id=999 exists"),
        (
            "GET",
            "experiments/get-by-name",
            {"experiment_name": "no"},
            "Could not find experiment with name 'no'",
        ),
        ("GET", "runs/get", {"run_id": NO_RUN}, f"Run with id={NO_RUN} not found"),
        ("GET", "logged-models/m-no", {}, "Logged model with ID 'm-no' not found."),
        ("GET", "registered-models/get", {"name": "no"}, "Registered Model with name=no not found"),
        (
            "GET",
            "model-versions/get",
            {"name": "no", "version": "1"},
            "Model Version (name=no, version=1) not found",
        ),
    ],
)
def test_what_is_not_there_is_404_with_the_name(
    caller: Caller, method: str, path: str, fields: dict[str, Any], message: str
) -> None:
    assert caller.refused(method, path, params=fields) == (404, GONE, message)


@pytest.mark.parametrize("body", [b"{not json", b"[1]", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_object_is_never_a_fault_of_the_server(
    caller: Caller, body: bytes
) -> None:
    status, code, _ = caller.refused("POST", "experiments/create", content=body)
    assert (status, code) == (400, BAD)


@pytest.mark.parametrize(
    "fields",
    [
        {"key": "m", "value": 1, "timestamp": 10**18},
        {"key": "m", "value": 1, "timestamp": 10**19},
        {"key": "m", "value": 1, "timestamp": -5},
        {"key": "m", "value": 1, "timestamp": 1, "step": 10**30},
        {"key": "m", "value": "abc", "timestamp": 1},
        {"key": "m", "value": [1], "timestamp": 1},
        {"key": "m\0", "value": 1, "timestamp": 1},
        {"key": "../m", "value": 1, "timestamp": 1},
        {"key": "a$b", "value": 1, "timestamp": 1},
        {"key": "k" * 251, "value": 1, "timestamp": 1},
        {"key": {"a": 1}, "value": 1, "timestamp": 1},
        {"key": " m ", "value": 1, "timestamp": 1},
        {"key": "m", "value": 1, "timestamp": {}},
    ],
)
def test_a_metric_that_cannot_be_kept_is_400(caller: Caller, fields: dict[str, Any]) -> None:
    run = caller.run()
    told = caller.refused("POST", "runs/log-metric", json={"run_id": run} | fields)
    assert told[:2] == (400, BAD)


def test_nothing_is_at_the_paths_that_are_not_spoken(caller: Caller) -> None:
    for path in ("traces", "prompts/create", "gateway/x", "runs/nope"):
        assert caller.send("POST", path, json={}).status_code == 404
    for path in ("/api/3.0/mlflow/traces", "/graphql", "/ajax-api/3.0/mlflow/x"):
        assert caller.send("POST", path, json={}).status_code == 404
    assert caller.send("GET", "runs/create").status_code == 405


def test_the_server_says_what_it_is(caller: Caller) -> None:
    assert caller.send("GET", "/health").text == "OK"
    assert caller.send("GET", "/version").text == "3.17.2"
    told = caller.get("/api/3.0/mlflow/server-info")
    assert told["store_type"] == "SqlStore"
    assert not told["multipart_uploads_enabled"]


def test_a_body_that_is_too_large_is_refused(caller: Caller) -> None:
    body = b'{"name": "' + b"x" * (11 << 20) + b'"}'
    assert caller.send("POST", "experiments/create", content=body).status_code == 413


def test_pages_of_other_sites_are_refused(caller: Caller) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        answer = caller.send("POST", "experiments/create", json={"name": "x"}, headers=headers)
        assert answer.status_code == 403


def test_both_prefixes_lead_to_the_same_place(caller: Caller) -> None:
    number = caller.experiment("twice")
    path = "/ajax-api/2.0/mlflow/experiments/get"
    assert caller.get(path, experiment_id=number)["experiment"]["name"] == "twice"


def test_reset_leaves_the_default_experiment_alone(caller: Caller) -> None:
    caller.experiment("gone")
    caller.post("/api/testing/reset")
    found = caller.post("experiments/search", max_results=10)["experiments"]
    assert [(each["experiment_id"], each["name"]) for each in found] == [("0", "Default")]
    assert caller.experiment("again") == "1"


def test_a_get_is_read_from_its_body_when_it_has_no_query(caller: Caller) -> None:
    caller.post("registered-models/create", name="a")
    caller.post("registered-models/create", name="b")

    def got(query: str, body: bytes) -> Any:
        return caller.send("GET", f"registered-models/get{query}", content=body).json()

    assert got("", b'{"name": "a"}')["registered_model"]["name"] == "a"
    assert got("?name=b", b'{"name": "a"}')["registered_model"]["name"] == "b"
    assert got("", b"")["error_code"] == BAD
    assert got("", b"{")["error_code"] == BAD
    assert got("", b'"{\\"name\\": \\"a\\"}"')["registered_model"]["name"] == "a"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/3.0/mlflow/traces", "keeps no traces"),
        ("/api/2.0/mlflow/traces/tr-1/tags", "keeps no traces"),
        ("/v1/traces", "keeps no traces"),
        ("/api/3.0/mlflow/traces/tr-1/assessments", "keeps no traces"),
        ("/api/3.0/mlflow/prompt-optimization/jobs", "keeps no prompts"),
        ("/api/3.0/mlflow/datasets/create", "no evaluation datasets"),
        ("/api/3.0/mlflow/scorers/register", "keeps no scorers"),
        ("/ajax-api/3.0/mlflow/gateway/endpoints/list", "no gateway"),
        ("/api/2.0/mlflow-artifacts/mpu/create/x", "in one piece"),
        ("/api/2.0/mlflow/users/create", "no users"),
        ("/graphql", "no GraphQL"),
    ],
)
def test_what_is_not_kept_is_said_in_words(caller: Caller, path: str, words: str) -> None:
    status, code, message = caller.refused("POST", path, json={})
    assert (status, code) == (404, "ENDPOINT_NOT_FOUND")
    assert words in message


def test_a_prompt_is_refused_in_words_and_leaves_nothing(caller: Caller) -> None:
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    caller.post("registered-models/create", name="greeting", tags=tags)
    for source in ("dummy-source", "prompt-template"):
        fields = {"name": "greeting", "source": source, "tags": tags}
        status, code, message = caller.refused("POST", "model-versions/create", json=fields)
        assert (status, code) == (400, BAD)
        assert "keeps no prompts" in message
    assert caller.get("model-versions/search") == {}


def test_an_address_may_be_joined_to_a_path_by_two_slashes(caller: Caller) -> None:
    root = str(caller.http.base_url)
    assert caller.http.get(f"{root}//health").text == "OK"
    answer = caller.http.get(f"{root}//model-versions/get-artifact?name=m&version=1&path=../x")
    assert answer.json() == {"error_code": BAD, "message": "Invalid path"}


def test_a_file_may_have_the_name_of_a_call_that_is_not_answered(caller: Caller) -> None:
    for name in ("mpu", "presigned", "presigned-x", "traces", "artifacts/presigned-upload-url"):
        path = f"/api/2.0/mlflow-artifacts/artifacts/{name}/x.txt"
        assert caller.send("PUT", path, content=b"x").status_code == 200
        assert caller.send("GET", path).content == b"x"
