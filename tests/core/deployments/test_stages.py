"""Deployments in a stage: the rule, its address, and every way to another version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from harness.serving import register, serving, wait_for
from pilothouse.activity import Activity
from pilothouse.deployments import Deployments
from pilothouse.deployments.gateway.routes import read_routes
from pilothouse.deployments.gateway.stage_addresses import own_path
from pilothouse.deployments.tables import Deployment
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Refused
from pilothouse.registry import stages, versions
from pilothouse.storage import Store

ROW = {"distance": 500.0, "carrier": "AA", "wind": 3.0}


def move(store: Store, version: int, stage: str, model: str = "late") -> None:
    with store.write() as session:
        stages.move(session, store, versions.require(session, model, version), stage, "a test")


@contextmanager
def seen_serving(store: Store, name: str) -> Iterator[None]:
    """The controller has seen the version of a deployment answer."""
    with store.write() as session:
        row = session.get_one(Deployment, name)
        row.serving_version = row.version
    yield


def test_only_versions_of_the_stage_take_over(deployments: Deployments, registered: Store) -> None:
    with pytest.raises(Refused, match=r"serves versions in production only.*is in none"):
        deployments.launch("flights", "late", 1, stage="production")
    with pytest.raises(NotFound):
        deployments.deployment("flights")  # a launch that is refused leaves nothing
    move(registered, 1, "production")
    deployments.launch("flights", "late", 1, stage="production")
    assert list(deployments.deployments()["stage"]) == ["production"]

    with seen_serving(registered, "flights"):
        for change in (
            lambda: deployments.switch_version("flights", 2),
            lambda: deployments.start_rollout("flights", 2, "canary"),
            lambda: deployments.start_rollout("flights", 2, "shadow", {"replace": True}),
        ):
            with pytest.raises(Refused, match="serves versions in production only"):
                change()
        refusals = deployments.preview_rollout("flights", 2, "blue_green").refusals
        assert any("in production only" in refusal for refusal in refusals)
        assert not deployments.preview_rollout("flights", 2, "shadow").refusals

    move(registered, 2, "production")  # which archives version 1
    deployments.switch_version("flights", 2)
    deployments.roll_back("flights", "worse")  # always possible
    assert deployments.deployment("flights").version == 1


def test_a_stage_has_one_deployment_of_a_model(deployments: Deployments, registered: Store) -> None:
    move(registered, 1, "staging")
    deployments.launch("first", "late", 1, stage="staging")
    deployments.launch("second", "late", 1)
    with pytest.raises(Conflict, match="'first' is the deployment of 'late' in staging already"):
        deployments.set_stage("second", "staging")
    with pytest.raises(Invalid, match="no version is promoted to 'nowhere'"):
        deployments.set_stage("second", "nowhere")
    deployments.set_stage("first", "", "it retires")
    deployments.set_stage("second", "staging")
    assert (deployments.stage("first"), deployments.stage("second")) == ("", "staging")
    assert deployments.in_stage("staging", "late") == "second"
    entry = Activity(registered).entries(kind="deployment", ref="first").iloc[0]
    assert (entry["verb"], entry["reason"]) == ("stage changed", "it retires")

    deployments.add_external("elsewhere", "late", 1)
    with pytest.raises(Conflict, match="served elsewhere"):
        deployments.set_stage("elsewhere", "staging")


def test_a_file_says_the_stage(deployments: Deployments, registered: Store) -> None:
    move(registered, 1, "production")
    deployments.launch("flights", "late", 1)
    file = deployments.export()
    assert "stage: none" in file
    assert [change.kind for change in deployments.diff(file)] == ["same"]
    inside = file.replace("stage: none", "stage: production")
    [changed] = deployments.apply(inside)
    assert "+ stage: production" in changed.lines
    assert deployments.stage("flights") == "production"
    assert [change.kind for change in deployments.diff(deployments.export())] == ["same"]
    for act in (deployments.diff, deployments.apply):
        with pytest.raises(Refused, match="in production only"):
            act(inside.replace("version: 1", "version: 2"))
    with pytest.raises(Invalid, match="must be a stage's name, or none"):
        deployments.diff(file.replace("stage: none", "stage: 3"))

    move(registered, 2, "staging")
    both = inside.replace("version: 1", "version: 2").replace("stage: production", "stage: staging")
    deployments.apply(both)
    assert (deployments.deployment("flights").version, deployments.stage("flights")) == (
        2,
        "staging",
    )


def test_every_address_has_one_of_the_stage(deployments: Deployments, registered: Store) -> None:
    register(registered, "other", b"one")
    move(registered, 1, "production")
    move(registered, 1, "production", "other")
    deployments.launch("flights", "late", 1, stage="production")
    deployments.launch("other-2", "other", 1, stage="production")
    routes = list(read_routes(registered)[1].values())
    for address, own in (
        ("/v2/models/late/infer", "/v2/models/flights/infer"),
        ("/v2/models/late/versions/1/infer", "/v2/models/flights/versions/1/infer"),
        ("/v1/models/late:predict", "/v1/models/flights:predict"),
        ("/v1/models/other/labels/champion:predict", "/v1/models/other-2/labels/champion:predict"),
        ("/deployments/late/invocations", "/deployments/flights/invocations"),
        ("/deployments/late/labels", "/deployments/flights/labels"),
        ("/predictions/late", "/predictions/flights"),
        ("/v2/health/ready", "/v2/health/ready"),
    ):
        assert own_path(f"/stages/production{address}", routes) == own
    with pytest.raises(NotFound, match=r"'late' has no deployment in 'staging'.*production"):
        own_path("/stages/staging/v2/models/late/infer", routes)
    with pytest.raises(NotFound, match="names no model"):
        own_path("/stages/production/invocations", routes)
    with pytest.raises(NotFound, match="no such route"):
        own_path("/stages/production", routes)


def test_a_stage_answers_as_its_deployment(deployments: Deployments, registered: Store) -> None:
    with serving(registered, 1) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        body = {"dataframe_records": [ROW]}
        assert client.post("/stages/production/invocations", json=body).status_code == 404
        move(registered, 1, "production")
        deployments.set_stage("flights", "production")
        own = client.post("/deployments/flights/invocations", json=body)
        for path in ("/stages/production/deployments/late/invocations",
                     "/stages/production/invocations"):  # fmt: skip
            answer = client.post(path, json=body)
            assert answer.status_code == 200, answer.text
            assert answer.json()["predictions"] == own.json()["predictions"]
        assert client.get("/stages/production/v2/models/late/ready").json()["ready"] is True
        deployments.set_stage("flights", "")
        wait_for(lambda: client.get("/stages/production/v2/models/late").status_code == 404)
    assert len(deployments.predictions("flights")) == 3
