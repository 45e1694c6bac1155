"""Lets deployments sleep that nobody asks, and more of them when their memory is too much.

The server alone knows when a request came last. Its clock begins anew when it starts, so that a
restart only lets deployments sleep later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlmodel import Session, col, func, select

from pilothouse.deployments.gateway.deployment_route import DeploymentRoute
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.deployments.sleeping import ROOM_FROM, fall_asleep
from pilothouse.deployments.tables import Replica

log = logging.getLogger("pilothouse.gateway")
LEAST_IDLE_SECONDS = 2.0  # one that is asked more often than this is in use, however full it is


class _Idle(NamedTuple):
    name: str
    seconds: float
    is_due: bool


@dataclass
class IdleDeployments:
    """Remembers the last request of each deployment, and lets those sleep whose rule says so."""

    routes: Routes
    in_flight: Mapping[str, int]
    clock: Callable[[], float] = time.perf_counter
    last_request: dict[str, float] = field(default_factory=dict)

    async def check(self) -> None:
        """Let every deployment sleep that is due, in one transaction."""
        idle = self._idle()
        limit = self.routes.store.settings.serving_memory_mb << 20
        if limit or any(deployment.is_due for deployment in idle):
            await asyncio.to_thread(self._let_sleep, idle, limit)

    def _idle(self) -> list[_Idle]:
        """The deployments that may sleep and answer nothing now, the longest idle first."""
        now, idle = self.clock(), []
        for route in self.routes.routes():
            after = _sleeps_after(route)
            if after is None:
                self.last_request.pop(route.name, None)
                continue
            # A deployment that was woken or launched a moment ago has not been idle before.
            seconds = now - self.last_request.setdefault(route.name, now)
            if not self.in_flight.get(route.name):
                idle.append(_Idle(route.name, seconds, seconds >= after))
        return sorted(idle, key=lambda deployment: -deployment.seconds)

    def _let_sleep(self, idle: list[_Idle], limit: int) -> None:
        due = [deployment.name for deployment in idle if deployment.is_due]
        if limit:
            others = [
                deployment.name for deployment in idle if deployment.seconds >= LEAST_IDLE_SECONDS
            ]
            with self.routes.store.read() as session:
                due += _beyond(session, limit, due, others)
        if not due:
            return
        with self.routes.store.write() as session:
            asleep = [name for name in due if fall_asleep(session, self.routes.store, name)]
        for name in asleep:
            log.info("%s sleeps until its next request", name)


def _sleeps_after(route: DeploymentRoute) -> float | None:
    """After how many seconds without a request it sleeps; None for one that may not, or does."""
    if not route.is_settled or not route.replicas or route.sleep_after_minutes is None:
        return None
    return 60 * route.sleep_after_minutes


def _beyond(session: Session, limit: int, due: Iterable[str], others: Iterable[str]) -> list[str]:
    """Which of the others sleep too, so that all processes take no more than the limit.

    Room for the next one that wakes is kept free where the limit has room for several.
    """
    sizes = dict(
        session.exec(
            select(Replica.deployment, func.sum(Replica.rss_bytes))
            .where(col(Replica.pid).is_not(None))
            .group_by(Replica.deployment)
        ).all()
    )
    for name in due:
        sizes.pop(name, None)
    largest = max(sizes.values(), default=0)
    if limit >= ROOM_FROM * largest:
        limit -= largest
    chosen: list[str] = []
    for name in others:
        if sum(sizes.values()) <= limit:
            break
        if name in sizes:
            del sizes[name]
            chosen.append(name)
    return chosen
