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

from sqlmodel import Session, col, func, select

from pilothouse.deployments.gateway.routes import DeploymentRoute, Routes
from pilothouse.deployments.sleeping import fall_asleep
from pilothouse.deployments.tables import Replica

log = logging.getLogger("pilothouse.gateway")
LEAST_IDLE_SECONDS = 2.0  # one that is asked more often than this is in use, however full it is


@dataclass
class IdleDeployments:
    """Remembers the last request of each deployment, and lets those sleep whose rule says so."""

    routes: Routes
    in_flight: Mapping[str, int]
    clock: Callable[[], float] = time.perf_counter
    last_request: dict[str, float] = field(default_factory=dict)

    async def check(self) -> None:
        """Let every deployment sleep that is due, in one transaction."""
        idle = self._idle_seconds()
        due = [name for name, (route, seconds) in idle.items() if _is_due(route, seconds)]
        limit = self.routes.store.settings.serving_memory_mb << 20
        if due or limit:
            await asyncio.to_thread(self._let_sleep, due, idle, limit)

    def _idle_seconds(self) -> dict[str, tuple[DeploymentRoute, float]]:
        """For how long each deployment that may sleep was not asked, the longest first."""
        now = self.clock()
        idle = {}
        for route in self.routes.routes():
            if route.replicas and _may_sleep(route):
                # A deployment that was woken or launched a moment ago has not been idle before.
                since = self.last_request.setdefault(route.name, now)
                if not self.in_flight.get(route.name):
                    idle[route.name] = (route, now - since)
            else:
                self.last_request.pop(route.name, None)
        return dict(sorted(idle.items(), key=lambda item: -item[1][1]))

    def _let_sleep(
        self, due: list[str], idle: Mapping[str, tuple[DeploymentRoute, float]], limit: int
    ) -> None:
        if limit:
            others = [n for n, (_, s) in idle.items() if s >= LEAST_IDLE_SECONDS]
            with self.routes.store.read() as session:
                due = [*due, *_beyond(session, limit, due, others)]
        if not due:
            return
        with self.routes.store.write() as session:
            asleep = [name for name in due if fall_asleep(session, self.routes.store, name)]
        for name in asleep:
            log.info("%s sleeps until its next request", name)


def _may_sleep(route: DeploymentRoute) -> bool:
    settled = not (route.stopped or route.external or route.asleep) and route.traffic is None
    return settled and route.sleep_after_minutes is not None


def _is_due(route: DeploymentRoute, idle_seconds: float) -> bool:
    return route.sleep_after_minutes is not None and idle_seconds >= 60 * route.sleep_after_minutes


def _beyond(session: Session, limit: int, due: Iterable[str], others: Iterable[str]) -> list[str]:
    """Which of the others sleep too, so that all processes take no more than the limit."""
    sizes = dict(
        session.exec(
            select(Replica.deployment, func.sum(Replica.rss_bytes))
            .where(col(Replica.pid).is_not(None))
            .group_by(Replica.deployment)
        ).all()
    )
    for name in due:
        sizes.pop(name, None)
    chosen: list[str] = []
    for name in others:
        if sum(sizes.values()) <= limit:
            break
        if name in sizes:
            del sizes[name]
            chosen.append(name)
    return chosen
