"""Processes by load: what the load needs, what is measured, and one deployment for real."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.activity import Activity
from pilothouse.deployments import Deployments
from pilothouse.deployments.autoscaling import LoadSample, ProcessLimits, processes_needed
from pilothouse.deployments.gateway.load_scaling import LoadScaling
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.deployments.sleeping import fall_asleep
from pilothouse.deployments.tables import Deployment, Replica
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.storage import Store

LIMITS = ProcessLimits(1, 4)


def samples(seconds: int, processes: int, cpu: float, queue: float = 0.0) -> list[LoadSample]:
    return [LoadSample(float(at), processes, cpu, queue) for at in range(seconds)]


@pytest.mark.parametrize(
    ("cpu", "queue", "current", "needed"),
    [
        (0.98, 0.0, 1, 2),  # 1 x .98 / .7 = 1.4
        (0.98, 0.0, 2, 3),  # 2.8
        (0.75, 0.0, 2, 2),  # within the tolerance
        (0.1, 12.0, 1, 3),  # 1 x 12 / 4
        (0.1, 40.0, 2, 4),  # the limit
        (0.2, 0.0, 3, 1),  # 3 x .2 / .7 = .86
        (0.5, 0.0, 3, 3),  # 2.1 and rounded up
        (0.4, 0.0, 3, 2),  # 1.7
    ],
)
def test_a_steady_load_gets_the_number_of_the_formula(
    cpu: float, queue: float, current: int, needed: int
) -> None:
    assert processes_needed(samples(62, current, cpu, queue), LIMITS, current) == needed


def test_more_within_seconds_and_fewer_after_a_minute_only() -> None:
    assert processes_needed(samples(3, 1, 1.0), LIMITS, 1) == 1
    assert processes_needed(samples(5, 1, 1.0), LIMITS, 1) == 2
    assert processes_needed(samples(50, 4, 0.0), LIMITS, 4) == 4
    quiet = samples(70, 4, 0.0)
    assert processes_needed(quiet, LIMITS, 4) == 1
    peak = LoadSample(40.0, 4, 0.5, 0.0)  # needed three of them within the last minute
    assert processes_needed([*quiet[:40], peak, *quiet[41:]], LIMITS, 4) == 3


@given(
    st.lists(st.tuples(st.floats(0, 8), st.floats(0, 512)), min_size=1, max_size=90),
    st.integers(1, 8),
    st.integers(1, 8),
    st.integers(1, 8),
)
def test_the_limits_hold_whatever_the_load(
    load: list[tuple[float, float]], low: int, high: int, current: int
) -> None:
    least, most = sorted((low, high))
    current = min(max(current, least), most)
    measured = [LoadSample(float(at), current, *pair) for at, pair in enumerate(load)]
    assert least <= processes_needed(measured, ProcessLimits(least, most), current) <= most


@dataclass
class Waiting:
    """The client of a process, with so many requests that wait."""

    number: int = 0

    def waiting(self, seconds: float) -> int:
        """As many as the test says."""
        return self.number


@dataclass
class Line:
    """A connection whose load a test sets."""

    cpu: float = 0.0
    client: Waiting = field(default_factory=Waiting)
    is_responsive: bool = True


@dataclass
class LoadedRoutes(Routes):
    """Routes whose processes have the load that a test sets."""

    store: Store
    load: Line = field(default_factory=Line)

    def __post_init__(self) -> None:
        Routes.__init__(self, self.store)

    def connections_to(self, route: Any) -> list[Any]:
        """One for each process that is ready."""
        return [self.load for _ in route.replicas]


def serve(store: Store, name: str, ordinal: int = 0) -> None:
    """One more process of a deployment that the controller is seen to serve; none in truth."""
    token = f"{name}-{ordinal}"
    with store.write() as session:
        session.get_one(Deployment, name).serving_version = 1
        session.add(
            Replica(
                deployment=name, version=1, ordinal=ordinal, state="ready", token=token, pid=1,
                socket=f"/no/{token}.sock",
            )
        )  # fmt: skip


def follow(store: Store, cpu: float, queue: int = 0, seconds: int = 6) -> None:
    """Let the server look each second while the processes have that load."""

    async def run() -> None:
        clock = iter(range(1_000, 1_000 + seconds))
        routes = LoadedRoutes(store, Line(cpu, Waiting(queue)))
        scaling = LoadScaling(routes, lambda: float(next(clock)))
        for _ in range(seconds):
            await routes.refresh()
            await scaling.check()
        routes.close()

    asyncio.run(run())


def test_the_load_sets_the_number_between_the_limits(
    deployments: Deployments, registered: Store
) -> None:
    for name in ("fixed", "scaled"):
        deployments.launch(name, "late", 1)
        serve(registered, name)
    deployments.scale("scaled", 1, "it is asked at noon", most=3)

    follow(registered, cpu=1.0)
    assert deployments.deployment("scaled").replica_count == 2
    assert deployments.deployment("fixed").replica_count == 1
    follow(registered, cpu=1.0)  # the second process is not ready yet
    assert deployments.deployment("scaled").replica_count == 2

    serve(registered, "scaled", 1)
    follow(registered, cpu=0.1, queue=50)
    assert deployments.deployment("scaled").replica_count == 3
    assert deployments.process_limits("scaled") == ProcessLimits(1, 3)


def test_a_rollout_keeps_the_number_and_sleep_begins_with_the_least(
    deployments: Deployments, registered: Store
) -> None:
    deployments.launch("flights", "late", 1)
    serve(registered, "flights")
    deployments.scale("flights", 1, most=4)
    deployments.start_rollout("flights", 2, "canary")
    follow(registered, cpu=1.0)
    assert deployments.deployment("flights").replica_count == 1
    deployments.cancel_rollout("flights")
    follow(registered, cpu=1.0)
    assert deployments.deployment("flights").replica_count == 2

    deployments.set_sleep("flights", 5.0)
    with registered.write() as session:
        assert fall_asleep(session, registered, "flights")
    assert deployments.deployment("flights").replica_count == 1


def test_the_limits_are_recorded_exported_and_refused_in_words(
    deployments: Deployments, registered: Store
) -> None:
    deployments.launch("flights", "late", 1)
    deployments.scale("flights", 2, "busy", most=4)
    deployments.scale("flights", 2, "again", most=4)
    entries = Activity(registered).entries(kind="deployment", ref="flights")
    assert list(entries["verb"]) == ["scaled", "launched"]
    assert deployments.deployment("flights").replica_count == 2

    file = deployments.export()
    assert "replicas: 2\n  max_replicas: 4" in file
    assert [change.kind for change in deployments.diff(file)] == ["same"]
    [changed] = deployments.apply(file.replace("max_replicas: 4", "max_replicas: 2"))
    assert changed.lines == ("- replicas: 2 to 4 by load", "+ replicas: 2")
    assert deployments.process_limits("flights").is_fixed
    [changed] = deployments.apply(file)
    assert deployments.process_limits("flights") == ProcessLimits(2, 4)
    with pytest.raises(Invalid, match="between 2 and 8"):
        deployments.diff(file.replace("max_replicas: 4", "max_replicas: 1"))
    with pytest.raises(Invalid, match="between 1 and 8"):
        deployments.scale("flights", 0, most=4)
    with pytest.raises(Invalid, match="between 2 and 8"):
        deployments.scale("flights", 2, most=9)

    deployments.scale("flights", 3)
    assert deployments.process_limits("flights") == ProcessLimits(3, 3)
    deployments.add_external("elsewhere", "late", 1)
    with pytest.raises(Conflict, match="served elsewhere"):
        deployments.scale("elsewhere", 1, most=2)
