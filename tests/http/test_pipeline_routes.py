"""The routes of pipelines: versions, runs, and what they refuse."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from harness.jobs import at_once
from pilothouse.http.management import MAX_BODY, build
from pilothouse.jobs.tables import FAILED, SUCCEEDED, Job
from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.settings import Settings
from pilothouse.pipelines.workflows.run_pipeline import RunPipelineWorkflow
from pilothouse.workspace import Workspace, open_workspace

ADD = """
name: add
parameters:
  n: {type: integer, default: 1}
steps:
  - name: first
    uses: command
    with:
      command: |
        echo '{"m": '$(expr 1 + $N)'}' > "$STEP_OUTPUTS"
      env: {N: "${{ parameters.n }}"}
      outputs: [m]
  - name: second
    uses: command
    with: {command: 'test "$M" -gt 5', env: {M: "${{ steps.first.m }}"}}
"""


class Caller:
    """Calls the management API in this process."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def request(self, method: str, path: str, **body: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await client.request(method, path, **body)

        return asyncio.run(call())

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.request("POST", path, **body)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("routes") / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada"))
    yield workspace
    workspace.store.engine.dispose()


@pytest.fixture(scope="module")
def caller(opened: Workspace) -> Caller:
    client = Caller(build(opened.store))
    registered = client.post("/api/pipelines", json={"text": ADD, "filename": "add.yaml"})
    assert (registered.status_code, registered.json()["version"]) == (201, 1)
    return client


def started(caller: Caller, **body: object) -> str:
    answer = caller.post("/api/pipelines/add/runs", json=body)
    assert answer.status_code == 202
    run = str(answer.json()["run"])
    assert answer.headers["location"] == f"/api/pipeline-runs/{run}"
    return run


def work(opened: Workspace, run: str) -> str:
    """Do a run here, as the worker would; its error, or an empty text."""
    with opened.store.read() as session:
        job = session.get(Job, run)
        assert job is not None
        values = dict(job.args)
    try:
        RunPipelineWorkflow.run(at_once(opened, run), **values)
    except PilothouseError as failed:
        error = failed.message
    else:
        error = ""
    with opened.store.write() as session:
        job = session.get(Job, run)
        assert job is not None
        job.status = FAILED if error else SUCCEEDED
        session.add(job)
    return error


def test_a_file_is_registered_once_and_shown(caller: Caller) -> None:
    same = caller.post("/api/pipelines", json={"text": ADD})
    assert (same.status_code, same.json()["existed"]) == (200, True)
    [row] = caller.get("/api/pipelines").json()
    assert (row["name"], row["steps"], row["version"]) == ("add", 2, 1)
    shown = caller.get("/api/pipelines/add").json()
    assert [step["name"] for step in shown["steps"]] == ["first", "second"]
    assert (shown["newest"], shown["created_by"]) == (1, "ada")
    assert caller.get("/api/pipelines/add/source?version=1").text == ADD


def test_a_run_is_started_watched_retried_and_forked(caller: Caller, opened: Workspace) -> None:
    run = started(caller, parameters={"n": 3})
    queued = caller.get(f"/api/pipeline-runs/{run}").json()
    assert (queued["status"], queued["parameters"]) == ("queued", {"n": 3})
    assert "exit code 1" in work(opened, run)
    failed = caller.get(f"/api/pipeline-runs/{run}").json()
    assert [step["status"] for step in failed["steps"]] == ["succeeded", "failed"]
    assert failed["steps"][0]["outputs"]["m"] == 4
    assert failed["edges"] == [["first", "second"]]
    assert caller.get(f"/api/pipeline-runs/{run}/steps/first/log").status_code == 200

    retried = caller.post(f"/api/pipeline-runs/{run}/retry").json()["run"]
    waiting = caller.get(f"/api/pipeline-runs/{retried}").json()  # no worker has begun it
    assert (waiting["status"], waiting["parameters"]) == ("queued", {"n": 3})
    assert caller.get(f"/api/pipeline-runs/{retried}/steps/first/log").text == ""
    cancelled = caller.post(f"/api/pipeline-runs/{retried}/cancel", json={"reason": "wrong n"})
    assert cancelled.status_code == 202
    assert caller.get(f"/api/pipeline-runs/{retried}").json()["status"] == "cancelled"
    assert opened.activity.entries(size=1)["reason"].tolist() == ["wrong n"]

    changed = ADD.replace("-gt 5", "-gt 1")
    assert caller.post("/api/pipelines", json={"text": changed}).json()["version"] == 2
    fork = caller.post(
        f"/api/pipeline-runs/{run}/fork", json={"step": "second", "version": 2}
    ).json()["run"]
    assert work(opened, fork) == ""
    forked = caller.get(f"/api/pipeline-runs/{fork}").json()
    assert [step["status"] for step in forked["steps"]] == ["reused", "succeeded"]
    runs = caller.get("/api/pipelines/add/runs?size=2").json()
    assert [row["run"] for row in runs] == [fork, run]
    assert caller.get("/api/pipeline-runs?page=2&size=1").json()[0]["run"] == run


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/api/pipelines/none", None, 404, "no pipeline 'none'"),
        ("GET", "/api/pipelines/add?version=99", None, 404, "no version 99"),
        ("GET", "/api/pipelines/none/runs", None, 404, "no pipeline 'none'"),
        ("GET", "/api/pipeline-runs/none", None, 404, "no run 'none'"),
        ("POST", "/api/pipeline-runs/none/retry", {}, 404, "no run 'none'"),
        ("POST", "/api/pipelines", {}, 422, "text: Field required"),
        ("POST", "/api/pipelines", {"text": "name: 3"}, 422, "steps"),
        ("POST", "/api/pipelines", {"text": ADD, "filename": "a.txt"}, 422, "not a pipeline's"),
        ("POST", "/api/pipelines/add/runs", {"parameters": {"x": 1}}, 422, "parameters.x"),
        ("POST", "/api/pipelines/add/runs", {"parameters": [1]}, 422, "parameters"),
        ("POST", "/api/pipelines/add/runs", {"version": 0}, 422, "version"),
        ("POST", "/api/pipelines/add/runs", {"versoin": 1}, 422, "versoin"),
        ("DELETE", "/api/pipelines/none", None, 404, "no pipeline"),
    ],
)
def test_a_wrong_request_is_refused_in_words(
    caller: Caller, method: str, path: str, body: object, status: int, message: str
) -> None:
    answer = caller.request(method, path, json=body)
    assert (answer.status_code, message in answer.json()["error"]) == (status, True), answer.text


def test_states_forbid(caller: Caller) -> None:
    run = started(caller, parameters={"n": 9}, version=1)
    answer = caller.post(f"/api/pipeline-runs/{run}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    answer = caller.post(f"/api/pipeline-runs/{run}/fork", json={"step": "second"})
    assert (answer.status_code, "needs first" in answer.json()["error"]) == (409, True)
    assert caller.request("DELETE", "/api/pipelines/add").status_code == 409
    caller.post(f"/api/pipeline-runs/{run}/cancel")
    assert caller.post(f"/api/pipeline-runs/{run}/cancel").status_code == 409


def test_a_run_that_another_program_leads_is_not_steered_here(
    caller: Caller, opened: Workspace
) -> None:
    opened.pipelines.run_step("add", "first", "airflow-1", {"n": 1})
    frame = opened.pipelines.runs("add")
    run = frame.loc[frame["key"] == "airflow-1", "run"].iloc[0]
    assert caller.get(f"/api/pipeline-runs/{run}").json()["key"] == "airflow-1"
    answer = caller.post(f"/api/pipeline-runs/{run}/cancel")
    assert (answer.status_code, "another program" in answer.json()["error"]) == (409, True)


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"text": "\\ud800"}', b"\xff", b"null"])
def test_nonsense_is_answered_in_the_four_hundreds(caller: Caller, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    for path in ("/api/pipelines", "/api/pipelines/add/runs"):
        answer = caller.post(path, content=content, headers=headers)
        assert 400 <= answer.status_code < 500, answer.text
    text = b'{"parameters": {"n": "\\ud800"}}'
    answer = caller.post("/api/pipelines/add/runs", content=text, headers=headers)
    assert answer.status_code == 422


def test_a_large_body_is_not_read(caller: Caller) -> None:
    answer = caller.post("/api/pipelines", content=b" " * (MAX_BODY + 1))
    assert (answer.status_code, "larger than 1 MB" in answer.json()["error"]) == (413, True)


def test_the_openapi_document_has_every_route(caller: Caller) -> None:
    paths = caller.get("/openapi.json").json()["paths"]
    assert set(paths["/api/pipelines"]) == {"get", "post"}
    start = paths["/api/pipelines/{name}/runs"]["post"]
    assert {"202", "404", "409", "422"} <= set(start["responses"])
    assert "$ref" in start["requestBody"]["content"]["application/json"]["schema"]
