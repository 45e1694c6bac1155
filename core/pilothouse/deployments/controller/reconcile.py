"""The next steps of the controller: a pure function of the desired state and the replicas.

Level-triggered: the plan depends on the present state only, so whatever was missed, done twice or
interrupted is corrected at the next tick.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pilothouse.deployments.replica_states import (
    CRASH_LOOP,
    FAILED,
    NEW,
    READY,
    STARTING,
    STOPPING,
    WARM,
    is_looping,
)
from pilothouse.deployments.tables import Deployment, Replica
from pilothouse.deployments.traffic_split import named_versions

# Exponential, so that a version that cannot start does not use up a core; the first start after a
# crash is immediate, because most crashes are single ones.
BACK_OFF_SECONDS = (0, 1, 2, 4, 8, 16, 32, 60)
FAST_CRASH = timedelta(seconds=60)


@dataclass(frozen=True)
class ReconcilePlan:
    """The version that should serve, and the processes to start and to stop."""

    serving_version: int | None
    starts: tuple[tuple[int, int], ...]
    stops: tuple[tuple[int, int], ...]


def plan(deployment: Deployment, replicas: Sequence[Replica], now: datetime) -> ReconcilePlan:
    """The next steps of one deployment; a process is (version, ordinal)."""
    if deployment.desired_state == "stopped" or deployment.asleep_since is not None:
        serving = None if deployment.desired_state == "stopped" else deployment.serving_version
        running = tuple((r.version, r.ordinal) for r in replicas if r.state != STOPPING)
        return ReconcilePlan(serving, (), running)

    serving = choose_serving(deployment, replicas)
    needed = {
        (n, i) for n in _needed_versions(deployment, serving) for i in range(deployment.replicas)
    }
    retained = needed | {
        (r.version, r.ordinal)
        for r in replicas
        if r.version == deployment.previous_version and _is_warm(deployment, r, now)
    }
    waiting = {(r.version, r.ordinal) for r in replicas if not _may_start(r, now)}
    starts = sorted(needed - waiting)
    stops = sorted(
        (r.version, r.ordinal)
        for r in replicas
        if (r.version, r.ordinal) not in retained and r.state != STOPPING
    )

    return ReconcilePlan(serving, tuple(starts), tuple(stops))


def choose_serving(deployment: Deployment, replicas: Sequence[Replica]) -> int | None:
    """The version that serves: the desired one once it is ready, else the one that serves now.

    When the desired version keeps crashing, the previous one serves if it is still warm.
    """
    ready = {r.version for r in replicas if r.state == READY}
    looping = any(is_looping(r) and r.version == deployment.version for r in replicas)
    if deployment.version in ready or deployment.serving_version in ready:
        return deployment.version if deployment.version in ready else deployment.serving_version
    if looping and deployment.previous_version in ready:
        return deployment.previous_version
    return deployment.serving_version


def back_off(fast_crashes: int) -> timedelta:
    """How long to wait before the next start: at once, then 1, 2, 4 … 60 seconds."""
    step = min(max(fast_crashes - 1, 0), len(BACK_OFF_SECONDS) - 1)
    return timedelta(seconds=BACK_OFF_SECONDS[step])


def _needed_versions(deployment: Deployment, serving: int | None) -> Collection[int]:
    """The desired version, the one that serves until it is ready, and those of a rollout."""
    versions = {deployment.version, *named_versions(deployment.traffic)}
    return versions if serving is None else versions | {serving}


def _is_warm(deployment: Deployment, replica: Replica, now: datetime) -> bool:
    until = deployment.warm_until
    if replica.state not in (READY, STARTING) or until is None:
        return False
    return now < until <= now + WARM  # later than that: the clock was set back meanwhile


def _may_start(replica: Replica, now: datetime) -> bool:
    if replica.state in (FAILED, CRASH_LOOP):
        longest = timedelta(seconds=BACK_OFF_SECONDS[-1])  # beyond it the clock was set back
        after = replica.start_after
        return after is None or not now < after <= now + longest
    return replica.state == NEW
