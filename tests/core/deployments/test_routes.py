"""The routing table as it is read from the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from harness.serving import register
from pilothouse.deployments import Deployments
from pilothouse.deployments.gateway.deployment_route import DeploymentRoute
from pilothouse.deployments.gateway.routes import read_routes
from pilothouse.deployments.tables import Deployment, Replica
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store, open_store
from pilothouse.storage.migrate import migrate


@pytest.fixture
def store(new_folder: Path) -> Iterator[Store]:
    """Version 1 serves, and version 2 has a process too."""
    opened = open_store(Settings(workspace=new_folder, actor="ada"))
    migrate(opened)
    register(opened, "late", b"one", b"two")
    Deployments(opened).launch("flights", "late", 1)
    with opened.write() as session:
        session.get_one(Deployment, "flights").serving_version = 1
        for version in (1, 2):
            session.add(
                Replica(
                    deployment="flights", version=version, ordinal=0, state="ready",
                    token=f"token {version}", socket=f"/{version}.sock",
                )
            )  # fmt: skip
    yield opened
    opened.engine.dispose()


def route(store: Store) -> DeploymentRoute:
    return read_routes(store)[1]["flights"]


def test_a_rollout_gives_each_of_its_versions_a_route(store: Store) -> None:
    assert route(store).all() == (route(store),)
    Deployments(store).start_rollout("flights", 2, "blue_green")
    table = route(store)
    assert [(r.version, r.role) for r in table.all()] == [(1, "stable"), (2, "candidate")]
    assert table.variants[0].replicas == (("token 2", "/2.sock"),)
    assert table.traffic is not None
    assert table.traffic.weight(1) == 10_000
    Deployments(store).cancel_rollout("flights")
    assert route(store).all() == (route(store),)


def test_the_warm_version_stands_by_unless_it_was_rolled_back(store: Store) -> None:
    deployments = Deployments(store)
    deployments.switch_version("flights", 2)
    with store.write() as session:
        row = session.get_one(Deployment, "flights")
        row.serving_version, row.warm_until = 2, store.now() + timedelta(minutes=5)
    assert [(r.version, r.role) for r in route(store).all()] == [(2, "stable"), (1, "previous")]
    deployments.roll_back("flights", "worse")
    assert [(r.version, r.role) for r in route(store).all()] == [(1, "stable")]
