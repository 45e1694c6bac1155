"""Deployments that sleep: the rule, who falls asleep, what wakes them, and one for real."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from harness.serving import ServerProcess, Worker, running_models, wait_for
from pilothouse.activity import Activity
from pilothouse.deployments import Deployments
from pilothouse.deployments.controller.memory_room import MemoryRoom
from pilothouse.deployments.gateway.idle_deployments import IdleDeployments
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.deployments.sleeping import fall_asleep
from pilothouse.deployments.tables import Deployment, Replica
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.storage import Store

MB = 1 << 20


@dataclass
class Clock:
    """A clock in seconds that a test moves."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


def serve(store: Store, name: str, megabytes: int = 100) -> None:
    """A deployment that the controller is seen to serve, without a process."""
    Deployments(store).launch(name, "late", 1)
    with store.write() as session:
        session.get_one(Deployment, name).serving_version = 1
        session.add(
            Replica(
                deployment=name, version=1, ordinal=0, state="ready", token=name, pid=1,
                socket=f"/no/{name}.sock", rss_bytes=megabytes * MB,
            )
        )  # fmt: skip


def asleep(store: Store) -> list[str]:
    frame = Deployments(store).deployments()
    return list(frame.loc[frame["status"] == "asleep", "name"])


def check(store: Store, clock: Clock, steps: list[tuple[float, dict[str, float]]]) -> list[str]:
    """Look after each step of seconds, in which requests came; who sleeps at the end."""

    async def run() -> None:
        routes = Routes(store)
        idle = IdleDeployments(routes, {}, clock)
        for seconds, requests in steps:
            clock.now += seconds
            idle.last_request.update(requests)
            await routes.refresh()
            await idle.check()
        routes.close()

    asyncio.run(run())
    return asleep(store)


def test_a_deployment_sleeps_after_its_time_without_a_request(registered: Store) -> None:
    clock = Clock()
    for name in ("asked", "idle", "kept"):
        serve(registered, name)
    for name in ("asked", "idle"):
        Deployments(registered).set_sleep(name, 1.0)
    start = clock.now
    assert check(registered, clock, [(0, {}), (50, {"asked": start + 50}), (15, {})]) == ["idle"]
    assert check(registered, clock, [(0, {}), (59, {})]) == ["idle"]  # a server that began anew


def test_the_longest_idle_sleep_first_where_memory_is_limited(registered: Store) -> None:
    clock = Clock()
    settings = registered.settings.model_copy(update={"serving_memory_mb": 250})
    limited = replace(registered, settings=settings)
    for name in ("first", "second", "busy", "kept"):
        serve(registered, name)
        if name != "kept":
            Deployments(registered).set_sleep(name, 60.0)
    start = clock.now
    steps = [(0.0, {}), (10.0, {"second": start + 3, "busy": start + 9})]
    assert check(limited, clock, steps) == ["first", "second"]


def test_room_for_one_more_is_kept_where_the_limit_has_room_for_several(registered: Store) -> None:
    clock = Clock()
    settings = registered.settings.model_copy(update={"serving_memory_mb": 420})
    limited = replace(registered, settings=settings)
    for name in ("first", "second", "third", "fourth"):
        serve(registered, name)
        Deployments(registered).set_sleep(name, 60.0)
    assert check(limited, clock, [(0.0, {}), (10.0, {})]) == ["first"]


def test_a_start_waits_for_memory_but_not_for_ever() -> None:
    def process(megabytes: int) -> Replica:
        return Replica(
            deployment="d", version=1, ordinal=0, state="ready", pid=1, rss_bytes=megabytes * MB
        )

    clock = Clock()
    room = MemoryRoom(420 * MB, clock)
    starting = [process(100), process(100), process(0)]  # the third is not measured yet
    assert room.allows("new", starting)
    full = [*starting, process(100)]
    assert not room.allows("new", full)
    clock.now += 5
    assert not room.allows("new", full)
    assert room.allows("new", starting)  # others fell asleep
    assert not room.allows("new", full)
    clock.now += 11
    assert room.allows("new", full)  # nobody did
    assert MemoryRoom(0).allows("new", full)
    assert MemoryRoom(250 * MB).allows("new", full)  # no room for several in any case


def test_a_rollout_or_another_version_keeps_it_awake(registered: Store) -> None:
    deployments = Deployments(registered)
    serve(registered, "flights")

    def falls() -> bool:
        with registered.write() as session:
            return fall_asleep(session, registered, "flights")

    assert not falls()  # it has no rule
    deployments.set_sleep("flights", 5.0)
    deployments.start_rollout("flights", 2, "blue_green")
    assert not falls()
    deployments.cancel_rollout("flights")
    deployments.switch_version("flights", 2)
    assert not falls()
    with registered.write() as session:
        session.get_one(Deployment, "flights").serving_version = 2
    assert falls()


def test_what_a_person_changes_wakes_it(registered: Store) -> None:
    deployments = Deployments(registered)
    serve(registered, "flights")
    for change in (
        lambda: deployments.scale("flights", 2),
        lambda: deployments.switch_version("flights", 2),
        lambda: deployments.stop("flights"),
        lambda: deployments.resume("flights"),
        lambda: deployments.set_sleep("flights", None),
    ):
        deployments.set_sleep("flights", 5.0)
        with registered.write() as session:
            row = session.get_one(Deployment, "flights")
            row.asleep_since = registered.now() - timedelta(minutes=1)
        change()
        assert "flights" not in asleep(registered)


def test_the_rule_is_recorded_exported_and_refused_in_words(
    deployments: Deployments, registered: Store, tmp_path: Path
) -> None:
    deployments.launch("flights", "late", 1)
    assert deployments.sleep_after("flights") is None
    deployments.set_sleep("flights", 30.0, "few ask it")
    deployments.set_sleep("flights", 30.0)
    verbs = Activity(registered).entries(kind="deployment", ref="flights")["verb"]
    assert list(verbs) == ["sleep changed", "launched"]

    file = deployments.export()
    assert "sleep_after_minutes: 30.0" in file
    assert [change.kind for change in deployments.diff(file)] == ["same"]
    never = file.replace("sleep_after_minutes: 30.0", "sleep_after_minutes: 0")
    [changed] = deployments.apply(never)
    assert "+ sleeps: never" in changed.lines
    assert deployments.sleep_after("flights") is None
    assert [change.kind for change in deployments.diff(deployments.export())] == ["same"]
    with pytest.raises(Invalid, match="must be a number of minutes"):
        deployments.diff(file.replace("30.0", "soon"))
    with pytest.raises(Invalid, match=r"between 0\.1 and 10,080 minutes"):
        deployments.set_sleep("flights", 0.01)

    deployments.add_external("elsewhere", "late", 1)
    with pytest.raises(Conflict, match="served elsewhere"):
        deployments.set_sleep("elsewhere", 5.0)


def test_its_next_request_wakes_it(deployments: Deployments, registered: Store) -> None:
    with Worker(registered), ServerProcess(registered) as server:
        deployments.launch("flights", "late", 1)
        deployments.wait_until_ready("flights")
        deployments.set_sleep("flights", 0.1)
        wait_for(lambda: deployments.deployment("flights").status == "asleep")
        wait_for(lambda: not running_models(registered))
        with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as caller:
            assert caller.get("/v2/models/flights/ready").status_code == 200
            row = {"distance": 500.0, "carrier": "AA", "wind": 3.0}
            answer = caller.post("/deployments/flights/predict", json={"instances": [row]})
        assert answer.status_code == 200, answer.text
        assert deployments.deployment("flights").status == "ready"
        assert len(deployments.predictions("flights")) == 1
