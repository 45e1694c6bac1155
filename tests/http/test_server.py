"""The server's door, its health, its management API, and what it refuses."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from harness.serving import ServerProcess, Worker, workspace_of
from pilothouse.deployments import Deployments
from pilothouse.http.server import serve
from pilothouse.kit.errors import Unavailable
from pilothouse.registry import stages
from pilothouse.storage import Store

ROW = {"distance": 500.0, "carrier": "AA"}


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, artifacts: tuple[bytes, bytes]
) -> Iterator[tuple[Store, ServerProcess]]:
    """A server and a worker with the deployment `flights` in service."""
    folder = tmp_path_factory.mktemp("served") / "workspace"
    with (
        workspace_of(folder, *artifacts) as store,
        ServerProcess(store) as server,
        Worker(store),
    ):
        Deployments(store).launch("flights", "late", 1)
        Deployments(store).wait_until_ready("flights")
        yield store, server


@pytest.fixture
def caller(served: tuple[Store, ServerProcess]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served[1].url, timeout=30, trust_env=False) as client:
        yield client


def tensors(rows: int = 1) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": "distance", "shape": [rows], "datatype": "FP64", "data": [1.0] * rows},
            {"name": "carrier", "shape": [rows], "datatype": "BYTES", "data": ["AA"] * rows},
        ]
    }


def test_health_and_metadata(caller: httpx.Client) -> None:
    assert caller.get("/healthz").status_code == 200
    assert caller.get("/readyz").status_code == 200
    assert caller.get("/").json() == {"status": "alive"}
    assert "<script>" in caller.get("/", headers={"Accept": "text/html, */*"}).text
    assert caller.get("/ping").json() == {"status": "Healthy"}
    assert caller.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert caller.get("/v2/health/live").json() == {"live": True, "ready": True}
    assert caller.get("/v2/health/ready").json() == {"ready": True, "live": True}
    assert caller.get("/v2").json()["name"] == "pilothouse"
    assert caller.get("/ping").status_code == 200
    assert "pilothouse_info" in caller.get("/metrics").text


def test_what_is_not_there_is_404_in_words(caller: httpx.Client) -> None:
    for path in ("/v2/models/none", "/v2/models/none/ready"):
        answer = caller.get(path)
        assert (answer.status_code, "no deployment 'none'" in answer.json()["error"]) == (404, True)
    assert caller.post("/v2/models/none/infer", json=tensors()).status_code == 404
    assert caller.get("/v2/models/none/infer").status_code == 405
    assert caller.get("/v2/nothing").status_code == 404
    assert caller.get("/nothing").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:5050"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "https://localhost:8501"},
    ],
)
def test_strangers_are_refused(caller: httpx.Client, headers: dict[str, str]) -> None:
    for path in ("/v2", "/metrics", "/api/deployments"):
        assert caller.get(path, headers=headers).status_code == 403


def test_our_own_pages_are_not_strangers(caller: httpx.Client) -> None:
    for origin in ("http://127.0.0.1:8501", "http://localhost:8501"):
        assert caller.get("/v2", headers={"Origin": origin}).status_code == 200
    assert caller.get("/v2", headers={"Host": "localhost"}).status_code == 200


def test_protocols_answer_the_same(
    caller: httpx.Client, served: tuple[Store, ServerProcess]
) -> None:
    deployments = Deployments(served[0])
    before = len(deployments.predictions("flights"))
    meta = caller.get("/v2/models/flights").json()
    assert [part["name"] for part in meta["inputs"]] == ["distance", "carrier", "wind"]
    assert caller.get("/v2/models/flights/versions/1/ready").json()["ready"] is True
    assert caller.get("/v2/models/flights/versions/9").status_code == 404
    open_form = caller.post("/v2/models/flights/versions/1/infer", json=tensors()).json()
    mlflow = caller.post(
        "/invocations", json={"dataframe_records": [{"distance": 1.0, "carrier": "AA"}]}
    ).json()
    named = caller.post(
        "/deployments/flights/invocations", json={"inputs": {"distance": [1.0], "carrier": ["AA"]}}
    ).json()
    csv = caller.post(
        "/invocations",
        content=b"distance,carrier,wind\n1.0,AA,\n",
        headers={"Content-Type": "text/csv"},
    ).json()
    parts = {part["name"]: part["data"] for part in open_form["outputs"]}
    for answer in (mlflow, named, csv):
        assert answer["predictions"] == parts["predict"]
        assert answer["scores"] == pytest.approx(parts["predict_proba"][1:])
    assert len(deployments.predictions("flights")) == before + 4


def test_every_protocol_has_its_address(
    caller: httpx.Client, served: tuple[Store, ServerProcess]
) -> None:
    store, _ = served
    row = {"distance": 500.0, "carrier": "AA"}
    by_row = {"instances": [row], "parameters": {"prediction_ids": ["one-row"]}}
    for path in (
        "/v1/models/flights:predict",
        "/v1/models/flights/versions/1:predict",
        "/deployments/flights/predict",
    ):
        answer = caller.post(path, json=by_row)
        assert answer.status_code == 200, answer.text
        assert answer.json()["prediction_ids"] == ["one-row"]
    [label] = answer.json()["predictions"]
    assert caller.post("/predictions/flights", json=row).json() == label
    assert caller.put("/predictions/flights/1", json=[row]).json() == [label]
    assert caller.post("/predictions/flights/2", json=[row]).status_code == 404
    status = caller.get("/v1/models/flights").json()
    assert (status["ready"], status["model_version_status"][0]["state"]) == (True, "AVAILABLE")
    with store.write() as session:
        stages.set_alias(session, store, "late", "steady", 1, "")
        stages.set_alias(session, store, "late", "next", 2, "")
    path = "/v1/models/flights/labels"
    assert caller.post(f"{path}/steady:predict", json=by_row).status_code == 200
    assert caller.get(f"{path}/steady").status_code == 200
    assert caller.get(f"{path}/steady/metadata").json()["model_spec"]["version"] == "1"
    refused = caller.post(f"{path}/next:predict", json=by_row)
    assert refused.status_code == 404
    assert (
        "'next' is version 2 of 'late', and 'flights' serves version 1" in refused.json()["error"]
    )
    assert "has no alias 'none'" in caller.get(f"{path}/none").json()["error"]


def test_large_answers_are_compressed_for_those_who_take_it(caller: httpx.Client) -> None:
    body = tensors(1000)
    for encoding in ("gzip", "deflate"):
        answer = caller.post(
            "/v2/models/flights/infer", json=body, headers={"Accept-Encoding": encoding}
        )
        assert answer.headers["content-encoding"] == encoding
        assert answer.json()["outputs"][0]["shape"] == [1000]
    plain = {"Accept-Encoding": "identity"}
    answer = caller.post("/v2/models/flights/infer", json=body, headers=plain)
    assert "content-encoding" not in answer.headers
    assert (
        caller.post(
            "/deployments/flights/invocations", content=b"x", headers={"Content-Type": "text/plain"}
        ).status_code
        == 415
    )


def test_gzip_is_understood(caller: httpx.Client) -> None:
    body = gzip.compress(orjson.dumps(tensors()))
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = caller.post("/v2/models/flights/infer", content=body, headers=headers)
    assert answer.status_code == 200
    broken = caller.post("/v2/models/flights/infer", content=b"xx", headers=headers)
    assert broken.status_code == 422


def test_labels_say_how_many_ids_nobody_predicted(caller: httpx.Client) -> None:
    answer = caller.post("/invocations", json={"instances": [ROW, ROW]}).json()
    ids = [*answer["prediction_ids"], "no-such-1", "no-such-2"]
    labels = {"ids": ids, "labels": [1, "1", 0.0, True]}
    assert caller.post("/deployments/flights/labels", json=labels).json() == {
        "accepted": 4,
        "unknown": 2,
    }


def test_a_gzip_of_two_members_loses_no_rows(caller: httpx.Client) -> None:
    body = orjson.dumps({"instances": [ROW] * 3})
    halves = gzip.compress(body[:20]) + gzip.compress(body[20:])
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = caller.post("/invocations", content=halves, headers=headers)
    assert len(answer.json()["predictions"]) == 3


def test_seconds_are_refused_in_every_protocol(caller: httpx.Client) -> None:
    at = 1_767_225_600
    requests = [
        ("/invocations", {"instances": [ROW], "params": {"event_time": at}}),
        ("/v2/models/flights/infer", tensors() | {"parameters": {"event_time": at}}),
        ("/deployments/flights/labels", {"ids": ["a"], "labels": [1], "at": at}),
    ]
    for path, body in requests:
        answer = caller.post(path, json=body)
        assert (answer.status_code, "looks like seconds" in answer.text) == (422, True)


def test_too_much_is_refused(caller: httpx.Client) -> None:
    answer = caller.post("/v2/models/flights/infer", json=tensors(10_001))
    assert answer.status_code == 413
    assert "10001 rows" in answer.json()["error"]
    assert caller.post("/v2/models/flights/infer", json=tensors(10_000)).status_code == 200

    def endless() -> Iterator[bytes]:
        for _ in range(12):
            yield b" " * (1 << 20)

    answer = caller.post("/v2/models/flights/infer", content=b" " * (11 << 20))
    assert answer.status_code == 413
    answer = caller.post("/v2/models/flights/infer", content=endless())
    assert (answer.status_code, "larger than 10 MB" in answer.text) == (413, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"inputs": [NaN]}', "send null"),
        (b'{"inputs": 3}', "`inputs` must be a list"),
        (orjson.dumps(tensors(0)), "there are no rows"),
        (orjson.dumps({"inputs": tensors()["inputs"][:1]}), "missing columns: carrier"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(
    caller: httpx.Client, content: bytes, message: str
) -> None:
    answer = caller.post("/v2/models/flights/infer", content=content)
    assert answer.status_code == 422
    assert message in answer.json()["error"]


def test_the_management_api_speaks_for_the_workspace(caller: httpx.Client) -> None:
    [deployment] = caller.get("/api/deployments").json()
    assert (deployment["name"], deployment["status"]) == ("flights", "ready")
    one = caller.get("/api/deployments/flights").json()
    assert one["replicas"][0]["state"] == "ready"
    assert isinstance(one["created_at"], int)
    assert one["signature"]["classes"] == [0, 1]
    for noun in (
        "experiments",
        "runs",
        "models",
        "promotions",
        "datasets",
        "alerts",
        "attention",
        "jobs",
        "activity",
    ):
        answer = caller.get(f"/api/{noun}")
        assert (answer.status_code, type(answer.json())) == (200, list), noun
    assert type(caller.get("/api/production").json()) is list
    assert caller.get("/api/production?at=2001-01-01T00:00:00").json() == []
    assert caller.get("/api/production?at=yesterday").status_code == 422
    assert [row["version"] for row in caller.get("/api/models/late/versions").json()] == [2, 1]
    card = caller.get("/api/models/late/versions/1/card").json()
    assert (card["ref"], card["complete"]) == ("late@1", False)
    assert caller.get("/api/models/late/versions/1/card.md").text.startswith("---\n")
    assert caller.get("/api/models/late/versions/1/card.html").text.startswith("<!DOCTYPE html>")
    assert caller.get("/api/models/late/versions/9/card").status_code == 404
    traffic = caller.get("/api/deployments/flights/traffic?hours=1").json()
    assert type(traffic) is list
    missing = caller.get("/api/deployments/none")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert caller.get("/api/runs?limit=0").status_code == 422
    schema = caller.get("/openapi.json").json()
    assert {"/api/deployments", "/v2/models/{deployment}/infer"} <= set(schema["paths"])
    assert caller.get("/docs").status_code == 404


def test_a_second_server_and_a_taken_port_are_refused(
    registered: Store,
) -> None:
    with (
        ServerProcess(registered) as server,
        httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client,
    ):
        assert client.post("/invocations", json={}).status_code == 404
        with pytest.raises(Unavailable, match="has a server already"):
            serve(registered.settings)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = registered.settings.model_copy(update={"server_port": port})
        with pytest.raises(Unavailable, match=f"port {port} cannot be used"):
            serve(settings)
