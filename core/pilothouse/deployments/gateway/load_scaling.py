"""Starts and ends processes of deployments by their load, where their limits allow it.

The server alone knows how many requests wait; each process says what CPU it took. All processes of
a deployment must be ready to be judged: while one starts, its number stays.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlmodel import Session

from pilothouse.deployments.autoscaling import DOWN_SECONDS, LoadSample, processes_needed
from pilothouse.deployments.gateway.connections import ModelConnection
from pilothouse.deployments.gateway.deployment_route import DeploymentRoute
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.deployments.route_generation import increment_generation
from pilothouse.deployments.sleeping import is_settled
from pilothouse.deployments.tables import Deployment

log = logging.getLogger("pilothouse.gateway")
QUEUED_SECONDS = 0.1  # a request that is in the process for longer waits for others


@dataclass
class LoadScaling:
    """Remembers the load of each deployment for a minute, and sets its number of processes."""

    routes: Routes
    clock: Callable[[], float] = time.perf_counter
    _samples: dict[str, deque[LoadSample]] = field(default_factory=dict)

    async def check(self) -> None:
        """Measure every deployment once, and set the numbers that are to change."""
        changes = {}
        for route in self.routes.routes():
            connections = self.routes.connections_to(route)
            is_judged = route.is_settled and not route.process_limits.is_fixed
            if not is_judged or len(connections) != route.process_count:
                self._samples.pop(route.name, None)
                continue
            samples = self._measure(route, connections)
            number = processes_needed(samples, route.process_limits, route.process_count)
            if number != route.process_count:
                changes[route.name] = number
                del self._samples[route.name]
        if changes:
            await asyncio.to_thread(self._write, changes)

    def _measure(
        self, route: DeploymentRoute, connections: list[ModelConnection]
    ) -> deque[LoadSample]:
        samples, now = self._samples.setdefault(route.name, deque()), self.clock()
        number = len(connections)
        cpu = sum(connection.cpu for connection in connections) / number
        queue = sum(connection.client.waiting(QUEUED_SECONDS) for connection in connections)
        samples.append(LoadSample(now, number, cpu, queue / number))
        while samples[0].at < now - DOWN_SECONDS - 1:
            samples.popleft()
        return samples

    def _write(self, changes: dict[str, int]) -> None:
        with self.routes.store.write() as session:
            for name, number in changes.items():
                if _set_processes(session, name, number):
                    log.info("%s: the number of processes is now %d, for its load", name, number)


def _set_processes(session: Session, name: str, number: int) -> bool:
    """Set the number, unless a person or a rollout has begun something meanwhile."""
    deployment = session.get(Deployment, name)
    if deployment is None or deployment.asleep_since is not None or not is_settled(deployment):
        return False
    deployment.replicas = number
    session.add(deployment)
    increment_generation(session)
    return True
