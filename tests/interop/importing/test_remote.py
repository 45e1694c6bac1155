"""Servers that answer nonsense, lead elsewhere, or never come to an end."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from seen import seen

from pilothouse.interop.importing.importer import import_from
from pilothouse.interop.importing.mlflow import http_client as wire
from pilothouse.interop.importing.mlflow.http_client import HttpClient
from pilothouse.interop.importing.mlflow.rest import RemoteSource
from pilothouse.interop.importing.report import ImportReport, ReportBuilder
from pilothouse.kit.errors import Invalid, NotFound, PilothouseError, Refused, Unavailable
from pilothouse.workspace import Workspace

URL = "http://tracker.test/prefix"
RUN, OTHER = "a" * 32, "b" * 32
Answer = Callable[[httpx.Request], httpx.Response]


def a_run(run: str, **info: Any) -> dict[str, Any]:
    """A run as a server tells it."""
    told = {"run_id": run, "status": "FINISHED", "start_time": 1, "end_time": 2} | info
    return {"info": told | {"artifact_uri": f"s3://bucket/1/{run}/artifacts"}, "data": {}}


GOOD: dict[str, Any] = {
    "experiments/search": {"experiments": [{"experiment_id": "1", "name": "exp"}]},
    "runs/search": {"runs": [a_run(RUN)]},
    "artifacts/list": {},
    "logged-models/search": {},
    "model-versions/search": {},
    "registered-models/search": {},
}


class Server:
    """A server of a test; `odd` answers in place of the good answers."""

    def __init__(self, **odd: Any) -> None:
        self.odd = {name.replace("__", "/").replace("_", "-"): told for name, told in odd.items()}
        self.asked: list[httpx.Request] = []
        self.waited: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path.partition("/mlflow/")[2] or request.url.path
        told = self.odd.get(path, GOOD.get(path))
        if callable(told):
            answer: httpx.Response = told(request)
            return answer
        if told is None:
            return httpx.Response(404, json={"error_code": "ENDPOINT_NOT_FOUND"})
        return told if isinstance(told, httpx.Response) else httpx.Response(200, json=told)

    def wire(self) -> HttpClient:
        transport = httpx.MockTransport(self)
        return HttpClient(URL, wait=self.waited.append, transport=transport)

    def bring(self, workspace: Workspace) -> ImportReport:
        notes = ReportBuilder()
        source = RemoteSource(self.wire(), notes)
        try:
            return import_from(workspace.store, source, notes)
        finally:
            source.close()


def test_a_server_with_a_prefix_is_asked_below_it(workspace: Workspace) -> None:
    server = Server()
    report = server.bring(workspace)
    assert (report.source, report.imported["runs"], report.faults) == (URL, 1, 0)
    assert {request.url.path.split("/")[1] for request in server.asked} == {"prefix"}


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>hello</html>", b"[1, 2]", b'"x"', b"[" * 100_000, b"\xff\xfe", b'{"a": 1'],
)
def test_nonsense_in_place_of_json(workspace: Workspace, body: bytes) -> None:
    server = Server(experiments__search=httpx.Response(200, content=body))
    with pytest.raises(Invalid, match="does not answer as an MLflow server does"):
        server.bring(workspace)


@pytest.mark.parametrize("to", ["http://elsewhere.test/x", "https://u:secret@inner/", "/here"])
def test_nobody_is_followed_elsewhere(workspace: Workspace, to: str) -> None:
    server = Server(experiments__search=httpx.Response(302, headers={"location": to}))
    with pytest.raises(Refused, match="follows nobody") as refused:
        server.bring(workspace)
    assert len(server.asked) == 1
    assert "secret" not in str(refused.value)


def test_an_answer_without_end_is_left(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MAX_JSON", 1_000)

    def endless() -> Iterator[bytes]:
        while True:
            yield b" " * 100

    server = Server(experiments__search=lambda _: httpx.Response(200, content=endless()))
    with pytest.raises(Invalid, match="more than"):
        server.bring(workspace)


def test_an_answer_that_takes_for_ever_is_left(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MAX_RESPONSE_S", -1.0)
    with pytest.raises(Unavailable, match="does not come to the end"):
        Server().bring(workspace)


def test_a_listing_that_goes_in_a_circle_is_left(workspace: Workspace) -> None:
    told = {"runs": [a_run(RUN)], "next_page_token": "again"}
    report = Server(runs__search=told).bring(workspace)
    assert report.imported["runs"] == 1
    [line] = [line for line in report.lines if line.outcome == "broken"]
    assert line.why == "the server tells the same page again and again"


def test_a_server_that_is_busy_is_asked_again(workspace: Workspace) -> None:
    answers = iter([httpx.Response(429), httpx.Response(503)])
    server = Server(
        runs__search=lambda _: next(answers, httpx.Response(200, json=GOOD["runs/search"]))
    )
    assert server.bring(workspace).imported["runs"] == 1
    assert server.waited == [0.5, 1.0]


def test_a_server_that_stays_broken_ends_it(workspace: Workspace) -> None:
    server = Server(runs__search=httpx.Response(500, text="Traceback: oops"))
    with pytest.raises(PilothouseError, match="answered 500: Traceback: oops"):
        server.bring(workspace)
    assert len(server.waited) == wire.TRIES - 1


@pytest.mark.parametrize(("status", "error"), [(401, Refused), (403, Refused), (404, NotFound)])
def test_refusals_say_what_to_do(
    workspace: Workspace, status: int, error: type[PilothouseError]
) -> None:
    with pytest.raises(error):
        Server(experiments__search=httpx.Response(status)).bring(workspace)


def test_values_of_every_wrong_type(workspace: Workspace) -> None:
    odd = {
        "info": {"run_id": OTHER, "status": ["x"], "start_time": {}, "end_time": "soon"},
        "data": {"metrics": [{"key": "m"}, 7, {"key": None}], "params": {"a": 1}, "tags": "none"},
        "inputs": {"dataset_inputs": [{"dataset": 3, "tags": [[]]}], "model_inputs": 1},
        "outputs": [],
    }
    history = {
        "metrics": [
            {"value": "NaN", "timestamp": 5, "step": 1},
            {"value": "Infinity", "timestamp": 6, "step": 2},
            {"value": "x", "timestamp": 6},
            {"value": 1, "timestamp": "1e400"},
            {"value": "1e400", "timestamp": 7, "step": 3},
            "nothing",
        ]
    }
    server = Server(
        runs__search={"runs": [None, "x", {"info": 1}, odd, a_run(RUN)]},
        metrics__get_history=history,
        logged_models__search={"models": [{"info": {"model_id": "../../etc"}}]},
        registered_models__search={"registered_models": [{"name": ["x"]}, {"name": "m"}]},
        model_versions__search={"model_versions": [{"name": "m", "version": "one"}, {}]},
    )
    server.odd["experiments/search"] = {
        "experiments": [*GOOD["experiments/search"]["experiments"], {"name": "no id"}, 5]
    }
    report = server.bring(workspace)
    assert report.imported["runs"] == 2
    found = seen(workspace)["runs"][OTHER]
    assert found["status"] == "RUNNING"
    assert [value for _, _, value in found["history"]["m"]] == ["nan", "inf", "inf"]
    kinds = {(line.outcome, line.kind) for line in report.lines}
    assert {("broken", "experiment"), ("skipped", "run"), ("broken", "metric")} <= kinds


def test_paths_of_files_stay_inside(workspace: Workspace) -> None:
    listing = {
        "files": [
            *({"path": path} for path in ("../up", "/etc/passwd", "a/../../b", "%2e%2e/x", "")),
            {"path": "folder", "is_dir": True},
            {"path": "good.txt", "file_size": 4},
        ]
    }

    def listed(request: httpx.Request) -> httpx.Response:
        is_inner = "path" in request.url.params
        inner = {"files": [{"path": "elsewhere.txt"}, {"path": "folder", "is_dir": True}]}
        return httpx.Response(200, json=inner if is_inner else listing)

    server = Server(artifacts__list=listed)
    server.odd["/prefix/get-artifact"] = httpx.Response(200, content=b"good")
    report = server.bring(workspace)
    assert set(seen(workspace)["runs"][RUN]["files"]) == {"good.txt"}
    assert sum(line.why == "it is no path inside its folder" for line in report.lines) == 7


def test_a_file_that_is_larger_than_it_says_is_left(workspace: Workspace) -> None:
    small = workspace.store.settings.model_copy(update={"max_artifact_mb": 1})
    object.__setattr__(workspace.store, "settings", small)
    server = Server(
        artifacts__list={"files": [{"path": "bomb", "file_size": 10}, {"path": "short"}]}
    )
    bomb = (b"\0" * (1 << 20) for _ in range(1 << 20))
    server.odd["/prefix/get-artifact"] = lambda request: (
        httpx.Response(200, content=bomb)
        if request.url.params["path"] == "bomb"
        else httpx.Response(500)
    )
    report = server.bring(workspace)
    told = {line.name.rpartition("/")[2]: line.outcome for line in report.lines}
    assert told == {"bomb": "skipped", "short": "broken"}
    assert report.imported["runs"] == 1


def test_a_history_that_breaks_off_is_asked_for_next_time(workspace: Workspace) -> None:
    run = a_run(RUN) | {"data": {"metrics": [{"key": "loss", "value": 1}]}}
    server = Server(runs__search={"runs": [run]}, metrics__get_history=httpx.Response(400, json={}))
    report = server.bring(workspace)
    [line] = [line for line in report.lines if line.outcome == "broken"]
    assert line.why.startswith("not all of it came")
    server.odd["metrics/get-history"] = {"metrics": [{"value": 1, "timestamp": 1, "step": 0}]}
    again = server.bring(workspace)
    assert (again.faults, again.imported["points"]) == (0, 1)
    assert server.bring(workspace).already_imported["runs"] == 1


def test_credentials_are_sent_and_never_told(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "eve")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token-of-eve")
    caplog.set_level(logging.DEBUG)
    server = Server()
    report = server.bring(workspace)
    assert all(r.headers["authorization"].startswith("Basic ") for r in server.asked)
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    server = Server(experiments__search=httpx.Response(401))
    with pytest.raises(Refused) as refused:
        server.bring(workspace)
    assert server.asked[0].headers["authorization"] == "Bearer token-of-eve"
    told = caplog.text + json.dumps(report.to_json()) + str(refused.value)
    assert "hunter2" not in told
    assert "token-of-eve" not in told


def test_a_server_that_is_not_there(workspace: Workspace) -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        workspace.imports.preview("http://127.0.0.1:9/")
