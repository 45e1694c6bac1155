"""Whatever is sent, the answer is in the four hundreds and in words, and the next caller is served.

The shapes were found by attacking the server by hand; each was answered with a 500 once, or could
have been.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import orjson
import pytest

from harness.serving import ServerProcess, Worker, workspace_of
from pilothouse.deployments import Deployments

INFER, INVOKE, LABELS = (
    "/v2/models/flights/infer",
    "/deployments/flights/invocations",
    "/deployments/flights/labels",
)
GOOD = orjson.dumps(
    {
        "inputs": [
            {"name": "distance", "shape": [1], "datatype": "FP64", "data": [500.0]},
            {"name": "carrier", "shape": [1], "datatype": "BYTES", "data": ["AA"]},
        ]
    }
)
JSON, CSV = {"Content-Type": "application/json"}, {"Content-Type": "text/csv"}
BAD_TENSORS = {
    "a datatype that is a list": GOOD.replace(b'"FP64"', b'["FP64"]'),
    "a datatype that is an object": GOOD.replace(b'"FP64"', b'{"FP64":1}'),
    "a shape that lies": GOOD.replace(b"[1]", b"[99999999999999999]", 1),
    "a shape of truth": GOOD.replace(b"[1]", b"[true]", 1),
    "a text for a number": GOOD.replace(b"500.0", b'"500"'),
    "NaN": GOOD.replace(b"500.0", b"NaN"),
    "Infinity": GOOD.replace(b"500.0", b"Infinity"),
    "a number beyond a double": GOOD.replace(b"500.0", b"1e999"),
    "an object for a number": GOOD.replace(b"500.0", b'{"a":1}'),
    "half a surrogate": GOOD.replace(b'"AA"', b'"\\ud800"'),
    "bytes that are no UTF-8": GOOD.replace(b"AA", b"\xff\xfe"),
    "a name that is a list": GOOD.replace(b'"distance"', b'["distance"]'),
    "no tensors": b'{"inputs":null}',
    "tensors that are numbers": b'{"inputs":[1]}',
    "a list": b"[]",
    "nothing": b"",
    "a hundred thousand lists": b'{"inputs":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "parameters that are a list": GOOD[:-1] + b',"parameters":[1]}',
    "an event before time": GOOD[:-1] + b',"parameters":{"event_time":-1}}',
    "an event after time": GOOD[:-1] + b',"parameters":{"event_time":999999999999999999}}',
    "an id that is a number": GOOD[:-1] + b',"parameters":{"prediction_ids":[1]}}',
    "an unknown output": GOOD[:-1] + b',"outputs":[{"name":["predict"]}]}',
}
BAD_FORMS = [
    b"{}",
    b'{"instances":1}',
    b'{"instances":[1]}',
    b'{"instances":[[1,2]]}',
    b'{"instances":[{"distance":1.0,"carrier":"AA"},[1]]}',
    b'{"inputs":{"distance":[1.0,2.0],"carrier":["AA"]}}',
    b'{"dataframe_split":{"columns":["distance","distance"],"data":[[1,2]]}}',
    b'{"dataframe_records":[null]}',
    b'{"instances":[{"distance":1.0,"carrier":"AA"}],"params":[1]}',
]
BAD_TABLES = [
    b"",
    b"distance,carrier",
    b"distance,carrier\n1\n",
    b"distance,distance\n1,2\n",
    b"distance,carrier\nnan,AA\n",
    b"distance,carrier\n2_0,AA\n",
    b'"' + b"a" * 200_000 + b'"\n1\n',
    b"\xff\xfe",
]
BAD_LABELS = [
    b"{}",
    b'{"ids":[],"labels":[]}',
    b'{"ids":["x"],"labels":[]}',
    b'{"ids":["x"],"labels":[2]}',
    b'{"ids":["x"],"labels":[null]}',
    b'{"ids":["x"],"labels":[{}]}',
    b'{"ids":[1],"labels":[1]}',
    b'{"ids":["x","x"],"labels":[1,1]}',
    b'{"ids":"x","labels":"1"}',
    b'{"ids":["x"],"labels":[1],"at":"now"}',
    b'{"ids":["x"],"labels":[1],"at":99999999999999999999}',
]


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, artifacts: tuple[bytes, bytes]
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("nonsense") / "workspace"
    with workspace_of(folder, *artifacts) as store, ServerProcess(store) as process, Worker(store):
        Deployments(store).launch("flights", "late", 1)
        Deployments(store).wait_until_ready("flights")
        yield process


@pytest.fixture
def caller(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
        yield client


def refused(answer: httpx.Response, status: int = 422) -> None:
    assert answer.status_code == status, answer.text
    assert len(answer.json()["error"]) > 8


@pytest.mark.parametrize("body", BAD_TENSORS.values(), ids=BAD_TENSORS)
def test_tensors(caller: httpx.Client, body: bytes) -> None:
    refused(caller.post(INFER, content=body, headers=JSON))


@pytest.mark.parametrize("body", BAD_FORMS)
def test_forms(caller: httpx.Client, body: bytes) -> None:
    refused(caller.post(INVOKE, content=body, headers=JSON))


@pytest.mark.parametrize("body", BAD_TABLES, ids=range(len(BAD_TABLES)))
def test_tables(caller: httpx.Client, body: bytes) -> None:
    refused(caller.post(INVOKE, content=body, headers=CSV))


@pytest.mark.parametrize("body", BAD_LABELS)
def test_labels(caller: httpx.Client, body: bytes) -> None:
    refused(caller.post(LABELS, content=body, headers=JSON))


@pytest.mark.parametrize("number", ["9" * 5_000, "-1", "1.0", "%D9%A1"])
def test_versions_that_are_no_numbers(caller: httpx.Client, number: str) -> None:
    path = f"/v2/models/flights/versions/{number}"
    refused(caller.get(path), 404)
    refused(caller.post(f"{path}/infer", content=GOOD, headers=JSON), 404)


def test_numbers_that_the_model_cannot_reckon_with_are_the_caller_s(caller: httpx.Client) -> None:
    body = GOOD.replace(b"500.0", b"1e308,-1e308").replace(b'"AA"', b'"AA","AA"')
    answer = caller.post(INFER, content=body.replace(b"[1]", b"[2]"), headers=JSON)
    assert answer.status_code in (200, 422)


def test_requests_on_one_line_are_answered_in_turn(server: ServerProcess) -> None:
    head = f"POST {INFER} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(GOOD)}\r\n\r\n"
    got = b""
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))) as line:
        line.settimeout(30)
        line.sendall((head.encode() + GOOD) * 20)
        while got.count(b'"outputs"') < 20 and (piece := line.recv(1 << 16)):
            got += piece
    assert got.count(b"HTTP/1.1 200 OK") == 20


def test_callers_that_never_end_their_sentence_keep_nobody_waiting(
    server: ServerProcess, caller: httpx.Client
) -> None:
    where = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    half = (
        b"POST /v2/models/flights/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{"
    )
    with ExitStack() as lines:
        for _ in range(150):
            lines.enter_context(socket.create_connection(where)).sendall(half)
        answer = caller.post(INFER, content=GOOD, headers=JSON, timeout=5)
        assert answer.status_code == 200
    assert caller.post(INFER, content=GOOD, headers=JSON).status_code == 200


def test_many_callers_at_once(server: ServerProcess) -> None:
    def ask(_: int) -> int:
        with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
            return client.post(INFER, content=GOOD, headers=JSON).status_code

    with ThreadPoolExecutor(30) as crowd:
        assert set(crowd.map(ask, range(120))) == {200}


def test_every_page_that_is_documented_answers(caller: httpx.Client) -> None:
    document = caller.get("/openapi.json").json()
    assert document["openapi"].startswith("3.")
    for path, operations in document["paths"].items():
        absent = (
            "{run}",
            "{job}",
            "{label}",
            "{rollout}",
            "/pipelines/{name}",
        )  # nothing of these kinds is here
        if "get" not in operations or any(part in path for part in absent):
            continue
        address = path.replace("{deployment}", "flights").replace("{name}", "flights")
        answer = caller.get(address.replace("{model}", "late").replace("{version}", "1"))
        assert answer.status_code == 200, path
        if path not in ("/metrics", "/api/evidence-pack"):  # which is an archive
            assert "NaN" not in answer.text
