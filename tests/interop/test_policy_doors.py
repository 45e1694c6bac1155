"""Every way of a client to move, rename, alias, overwrite or delete what a policy guards.

Each is refused and leaves everything as it was, or is done and on record with before and after.
The application answers in this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from harness.open_gates import open_gates
from harness.policies import set_gates
from harness.tracking_calls import Caller
from pilothouse.interop.mlflow.application import MlflowApplication
from pilothouse.registry.policy import Approvals, GateRule, Policy
from pilothouse.registry.stage_ladder import LadderStage
from pilothouse.workspace import Workspace

FILES = "/api/2.0/mlflow-artifacts/artifacts"
STRICT = Policy("strict", "production", ("guarded",), (GateRule("has_contract"),))
pytestmark = pytest.mark.usefixtures("answering", "trial_here")


class LocalCaller(Caller):
    """The calls of a client, answered by an application without a server."""

    def __init__(self, workspace: Workspace) -> None:
        self._app = MlflowApplication(workspace.store)
        self._loop = asyncio.new_event_loop()

    def send(self, method: str, path: str, /, **words: Any) -> httpx.Response:
        """The bare answer."""
        address = path if path.startswith("/") else f"/api/2.0/mlflow/{path}"
        return self._loop.run_until_complete(self._send(method, address, words))

    async def _send(self, method: str, address: str, words: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)  # type: ignore[arg-type]  # of our own types
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.request(method, address, **words)

    def close(self) -> None:
        """Write what is queued."""
        self._app.close()
        self._loop.close()


@pytest.fixture
def trial_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No version is tried in a process of its own."""
    monkeypatch.setattr("pilothouse.interop.mlflow.application.try_version", lambda *_: "")


@pytest.fixture
def client(workspace: Workspace) -> Iterator[LocalCaller]:
    made = LocalCaller(workspace)
    yield made
    made.close()


@pytest.fixture
def run(workspace: Workspace, client: LocalCaller) -> str:
    """Two versions of `guarded`, the first in production, and a policy that the second fails."""
    run = client.run()
    client.send("PUT", f"{FILES}/0/{run}/artifacts/model/MLmodel", content=b"flavors: {}")
    client.post("runs/update", run_id=run, status="FINISHED", end_time=2)
    client.post("registered-models/create", name="guarded")
    for _ in range(2):
        source = {"source": f"runs:/{run}/model", "run_id": run}
        client.post("model-versions/create", name="guarded", **source)
    open_gates(workspace, "guarded", 1, 2)
    client.post("model-versions/transition-stage", name="guarded", version="1", stage="Production")
    client.post("registered-models/alias", name="guarded", alias="shadow", version="1")
    workspace.policies.save(STRICT, "raised after the audit")
    workspace.policies.save(replace(STRICT, name="strict-staging", stage="staging"), "as above")
    return run


def state(workspace: Workspace) -> dict[str, Any]:
    """Models, versions, stages, aliases, files and metrics."""
    registry = workspace.registry
    versions = {
        name: registry.versions(name)[["version", "stage", "aliases", "digest", "note"]].to_dict()
        for name in registry.models()["name"]
    }
    metrics = [dict(registry.version(name, 1).metrics) for name in versions]
    return {"versions": versions, "metrics": metrics}


VERSION_2 = {"name": "guarded", "version": "2"}
VERSION_1 = {"name": "guarded", "version": "1"}
TRANSITION = "model-versions/transition-stage"
ALIAS = "registered-models/alias"
REFUSED: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "move to production": (
        *("POST", TRANSITION, VERSION_2 | {"stage": "Production"}),
        "the gates before production refuse guarded@2",
    ),
    "move to staging": (
        *("POST", TRANSITION, VERSION_2 | {"stage": "Staging"}),
        "the gates before staging refuse guarded@2",
    ),
    "move and archive the others": (
        "POST",
        TRANSITION,
        VERSION_2 | {"stage": "Production", "archive_existing_versions": True},
        "the gates before production refuse guarded@2",
    ),
    "point the champion elsewhere": (
        *("POST", ALIAS, VERSION_2 | {"alias": "champion"}),
        "the gates before production refuse guarded@2",
    ),
    "rename the model away from its policy": (
        *("POST", "registered-models/rename", {"name": "guarded", "new_name": "free"}),
        "meets the policy 'strict-staging@1'",
    ),
    "delete the version in production": (
        *("DELETE", "model-versions/delete", VERSION_1),
        "the policy 'strict@1' guards it",
    ),
    "delete the model": (
        *("DELETE", "registered-models/delete", {"name": "guarded"}),
        "the policy 'strict@1' guards it",
    ),
    "overwrite a file of the run": (
        *("PUT", f"{FILES}/0/RUN/artifacts/model/MLmodel", {}),
        "guarded@1",
    ),
    "delete a file of the run": (
        *("DELETE", f"{FILES}/0/RUN/artifacts/model/MLmodel", {}),
        "guarded@1",
    ),
}
RECORDED: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "move another alias": ("POST", ALIAS, VERSION_2 | {"alias": "shadow"}, "aliased"),
    "delete an alias": ("DELETE", ALIAS, {"name": "guarded", "alias": "shadow"}, "aliased"),
    "delete the champion alias": (
        *("DELETE", ALIAS, {"name": "guarded", "alias": "champion"}),
        "aliased",
    ),
    "archive": ("POST", TRANSITION, VERSION_1 | {"stage": "Archived"}, "archived"),
    "move out of production": ("POST", TRANSITION, VERSION_1 | {"stage": "None"}, "moved"),
    "rewrite the note": (
        *("PATCH", "model-versions/update", VERSION_1 | {"description": "fine"}),
        "annotated",
    ),
    "tag": ("POST", "model-versions/set-tag", VERSION_1 | {"key": "a", "value": "b"}, "tagged"),
    "delete a version that no policy guards": (
        *("DELETE", "model-versions/delete", VERSION_2),
        "deleted",
    ),
    "log a metric afterwards": (
        "POST",
        "runs/log-metric",
        {"run_id": "RUN", "key": "roc_auc", "value": 0.99, "timestamp": 1, "step": 0},
        "",
    ),
}


def addressed(value: Any, run: str) -> Any:
    """The same with the id of the run."""
    if isinstance(value, dict):
        return {name: addressed(item, run) for name, item in value.items()}
    return value.replace("RUN", run) if isinstance(value, str) else value


@pytest.mark.parametrize("way", REFUSED)
def test_it_is_refused_and_nothing_changes(
    workspace: Workspace, client: LocalCaller, run: str, way: str
) -> None:
    method, path, fields, message = REFUSED[way]
    before, entries = state(workspace), workspace.activity.count()
    words = {"content": b"another"} if method == "PUT" else {"json": addressed(fields, run)}
    answer = client.send(method, addressed(path, run), **words)
    assert answer.status_code in (400, 403, 409), answer.text
    assert message in answer.json()["message"]
    assert state(workspace) == before
    newest = workspace.activity.entries()
    new = list(newest["verb"] + " " + newest["kind"])[: workspace.activity.count() - entries]
    assert new == (["refused promotion"] if way.startswith("move ") or "champion" in way else [])
    assert workspace.activity.verify().intact


@pytest.mark.parametrize("way", RECORDED)
def test_it_is_done_and_on_record(
    workspace: Workspace, client: LocalCaller, run: str, way: str
) -> None:
    method, path, fields, verb = RECORDED[way]
    before, last = state(workspace), workspace.activity.count()
    answer = client.send(method, path, json=addressed(fields, run))
    assert answer.status_code == 200, answer.text
    assert workspace.activity.count() > last
    entry = workspace.activity.entries().iloc[0]
    if not verb:  # a run's metric changes no version that was made of it
        assert (entry["kind"], state(workspace)) == ("run", before)
        return
    assert entry["verb"] == verb
    assert entry["before"] or entry["after"]
    assert workspace.activity.verify().intact


def test_a_client_waits_for_the_people_that_its_policy_asks_for(
    workspace: Workspace, client: LocalCaller, run: str
) -> None:
    open_policy = Policy("strict", "production", ("guarded",), approvals=Approvals(2))
    workspace.policies.save(open_policy, "two people instead")
    workspace.people.add("grace", rights=["approve"])
    before = state(workspace)
    move = VERSION_2 | {"stage": "Production", "archive_existing_versions": True}
    status, _, message = client.refused("POST", TRANSITION, json=move)
    [waiting] = workspace.registry.promotions("pending")["id"]
    assert status == 403
    assert f"the promotion {waiting} waits for them" in message
    assert state(workspace) == before
    promotion = workspace.registry.promotion(waiting)
    assert (promotion.origin, promotion.stage) == ("mlflow", "production")
    assert "waits for a decision" in client.refused("POST", TRANSITION, json=move)[2]


def test_a_stage_of_the_workspace_is_guarded_by_its_name(
    workspace: Workspace, client: LocalCaller, run: str
) -> None:
    for name in ("strict-staging", "staging"):
        workspace.policies.remove(name, "there is no such stage")
    stages = (LadderStage("review"), LadderStage("production"))
    workspace.policies.set_stages(stages, "a review instead")
    workspace.policies.save(replace(STRICT, name="strict-review", stage="review"), "as above")
    move = VERSION_2 | {"stage": "Review"}
    assert "before review refuse guarded@2" in client.refused("POST", TRANSITION, json=move)[2]
    staging = client.refused("POST", TRANSITION, json=VERSION_2 | {"stage": "Staging"})
    assert staging[2].endswith("Value must be one of None, review, Production, Archived.")

    workspace.policies.save(replace(STRICT, name="strict-review", stage="review", gates=()), "soft")
    moved = client.post(TRANSITION, **move)["model_version"]
    assert moved["current_stage"] == "review"
    latest = client.post("registered-models/get-latest-versions", name="guarded", stages=["review"])
    assert [version["version"] for version in latest["model_versions"]] == ["2"]
    workspace.policies.save(replace(STRICT, name="strict-review", stage="review"), "strict again")
    refusal = client.refused("DELETE", "model-versions/delete", json=VERSION_2)
    assert "is in review, where the policy 'strict-review@3' guards it" in refusal[2]


def test_a_second_version_in_production_becomes_champion_by_the_same_policy(
    workspace: Workspace, client: LocalCaller, run: str
) -> None:
    set_gates(workspace, "production", [])
    for name in ("strict", "strict-staging"):
        workspace.policies.remove(name, "a test")
    client.post(TRANSITION, name="guarded", version="2", stage="Production")
    assert workspace.registry.versions("guarded")["stage"].tolist() == ["production", "archived"]
    client.post("registered-models/rename", name="guarded", new_name="free")
    assert workspace.registry.version("free", "champion").version == 2
