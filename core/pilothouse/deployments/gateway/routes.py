"""The routing table of the server: which model processes serve which deployment.

Every change of routes increments a counter in the database. The server reads the counter five times
a second, and the table only when the counter has changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from pilothouse.deployments.feature_rule_rows import all_rules
from pilothouse.deployments.gateway.admission import Admission
from pilothouse.deployments.gateway.connections import ModelConnection
from pilothouse.deployments.gateway.deployment_route import DeploymentRoute
from pilothouse.deployments.log_rules.logged_column_rules import logged_columns_by_name
from pilothouse.deployments.log_rules.logged_columns import ALL_COLUMNS, LoggedColumns
from pilothouse.deployments.model_server.framing import FrameClient
from pilothouse.deployments.route_generation import generation
from pilothouse.deployments.scale_rules import limits_of, scale_rules
from pilothouse.deployments.served_versions import require_served
from pilothouse.deployments.sleeping import sleep_rules, wake
from pilothouse.deployments.stage_rules import stages_by_name
from pilothouse.deployments.tables import Deployment, Replica, Revision, RouteGeneration
from pilothouse.deployments.traffic_split import PREVIOUS, TrafficSplit
from pilothouse.kit.errors import Conflict, NotFound, PilothouseError, Unavailable
from pilothouse.models.signature import Signature
from pilothouse.storage import Store

log = logging.getLogger("pilothouse.routes")
POLL_SECONDS = 0.2
WAKE_SECONDS = 30.0  # a request that wakes a deployment waits for its model to be loaded


class RouteChoice(Protocol):
    """Chooses a version for one request, and is told which one answers it."""

    answered: DeploymentRoute | None

    def routes(self, route: DeploymentRoute) -> tuple[DeploymentRoute, ...]:
        """The version that should answer first, then those that may answer in its place."""
        ...


def read_routes(store: Store) -> tuple[int, dict[str, DeploymentRoute]]:
    """The counter and the whole table.

    The counter is read first: a change in between is then found by the next poll.
    """
    with store.read() as session:
        counter = session.get(RouteGeneration, 1)
        deployments = session.exec(select(Deployment)).all()
        ready = session.exec(select(Replica).where(Replica.state == "ready")).all()
        sleep, logged = sleep_rules(session), logged_columns_by_name(session)
        scaled, stages = scale_rules(session), stages_by_name(session)
        features = all_rules(session)
        table = {}
        for deployment in deployments:
            name = deployment.name
            route = _route(session, deployment, ready, logged.get(name, ALL_COLUMNS))
            table[name] = replace(
                route,
                sleep_after_minutes=sleep.get(name),
                process_count=deployment.replicas,
                process_limits=limits_of(deployment, scaled.get(name)),
                stage=stages.get(name, ""),
                features=features.get(name),
            )
        return (counter.value if counter else 0), table


def _route(
    session: Session, deployment: Deployment, ready: Sequence[Replica], logged: LoggedColumns
) -> DeploymentRoute:
    traffic = None if deployment.traffic is None else TrafficSplit.from_json(deployment.traffic)
    serving = deployment.serving_version or deployment.version
    route = _route_of(session, deployment, serving, ready, logged)
    if deployment.serving_version is None:
        return route
    if traffic is None:
        return replace(route, variants=_warm_version(session, deployment, ready, logged))
    others = [
        replace(_route_of(session, deployment, version, ready, logged), role=traffic.role(version))
        for version in sorted(traffic.versions - {serving})
    ]
    return replace(route, role=traffic.role(serving), traffic=traffic, variants=tuple(others))


def _warm_version(
    session: Session, deployment: Deployment, ready: Sequence[Replica], logged: LoggedColumns
) -> tuple[DeploymentRoute, ...]:
    """The previous version while it has ready processes, unless it was left by a rollback."""
    previous = deployment.previous_version
    if previous is None or previous == deployment.serving_version:
        return ()
    newest = select(Revision.action).where(Revision.deployment == deployment.name)
    action = session.exec(newest.order_by(col(Revision.seq).desc()).limit(1)).first()
    route = replace(_route_of(session, deployment, previous, ready, logged), role=PREVIOUS)
    return (route,) if route.replicas and action != "rolled back" else ()


def _route_of(
    session: Session,
    deployment: Deployment,
    version: int,
    ready: Sequence[Replica],
    logged: LoggedColumns,
) -> DeploymentRoute:
    """The route of one version; its processes are those that are ready."""
    served = require_served(session, deployment.name, version)
    return DeploymentRoute(
        name=deployment.name,
        model=served.model,
        version=version,
        stopped=deployment.desired_state == "stopped",
        external=bool(deployment.external),
        logged=logged,
        asleep=deployment.asleep_since is not None and deployment.desired_state != "stopped",
        signature=Signature.from_json(served.signature),
        replicas=tuple(
            (r.token, r.socket)
            for r in ready
            if r.deployment == deployment.name
            and r.version == version
            and deployment.serving_version is not None
        ),
    )


class Routes:
    """The table and the open connections to its processes; used in the server's event loop."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.admission = Admission(store)
        self._table: dict[str, DeploymentRoute] = {}
        self._connections: dict[str, ModelConnection] = {}
        self._responsive: frozenset[str] = frozenset()
        self._generation = -1
        self._changed = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self._waking: dict[str, asyncio.Task[None]] = {}
        self.loaded = False
        self.is_store_ready: Callable[[str], bool] = lambda _: True  # of the features looked up

    def names(self) -> list[str]:
        """Every deployment, stopped ones too."""
        return sorted(self._table)

    def answering(self) -> list[str]:
        """The deployments whose predictions are made here."""
        return [name for name in self.names() if not self._table[name].external]

    def get(self, name: str) -> DeploymentRoute:
        """A deployment's route. Raises NotFound that lists the existing ones."""
        route = self._table.get(name)
        if route is None:
            existing = ", ".join(self.names()) or "none yet"
            raise NotFound(f"there is no deployment {name!r}.", hint=f"Known: {existing}.")
        return route

    async def get_or_refresh(self, name: str) -> DeploymentRoute:
        """A deployment's route, after a refresh when the name is new. Raises NotFound."""
        if name not in self._table:
            await self.refresh()
        return self.get(name)

    def aliases(self, model: str) -> dict[str, int]:
        """The aliases of a model with their versions, as the database has them now."""
        from pilothouse.registry.versions import aliases  # few requests need it

        with self.store.read() as session:
            by_version = aliases(session, model)
        return {name: version for version, names in by_version.items() for name in names}

    def is_ready(self, name: str, version: int | None = None) -> bool:
        """Whether a process is ready, so that a request need not wait.

        By default one of the serving version. One that sleeps is ready, since a caller that asks
        before it sends would never wake it. One whose features are looked up waits for their store.
        """
        route = self.get(name)
        if route.asleep and version in (None, route.version):
            return True
        variant = route if version is None else route.variant(version)
        if route.features is not None and not self.is_store_ready(route.features.store):
            return False
        return variant is not None and self._connection_to(variant) is not None

    def ready_connection(self, route: DeploymentRoute) -> ModelConnection | None:
        """A connection to a process of a version that responds; None without one."""
        return self._connection_to(route)

    async def connection(
        self, name: str, deadline: float, choice: RouteChoice
    ) -> tuple[DeploymentRoute, ModelConnection]:
        """The route of the chosen version and a connection to a ready process of it.

        It waits for one until the deadline, which is in the event loop's time. Where the choice
        allows it, another version answers while the chosen one has no ready process.

        Raises NotFound for an unknown name, Unavailable when stopped or out of time.
        """
        loop, woken = asyncio.get_running_loop(), False
        while True:
            route = self.get(name)
            if route.external:
                raise Conflict(
                    f"{name!r} is served elsewhere.",
                    hint=f"Send its predictions to /deployments/{name}/predictions.",
                )
            if route.stopped:
                raise Unavailable(f"the deployment {name!r} is stopped.", hint="Resume it.")
            for variant in choice.routes(route):
                connection = self._connection_to(variant)
                if connection is not None:
                    choice.answered = variant
                    return variant, connection
            if route.asleep:
                self._wake(name)
                deadline = deadline if woken else max(deadline, loop.time() + WAKE_SECONDS)
                woken = True
            changed = self._changed  # before the wait: a notification replaces the event
            try:
                await asyncio.wait_for(changed.wait(), max(deadline - loop.time(), 0))
            except TimeoutError as late:
                raise Unavailable(
                    f"no process of {name!r} is ready.", hint="Try again in a few seconds."
                ) from late

    def _wake(self, name: str) -> None:
        """Have the controller start the processes of a deployment; once for all that wait."""
        if name in self._waking:
            return

        async def write() -> None:
            try:
                await asyncio.to_thread(self._write_wake, name)
                await self.refresh()
            except (SQLAlchemyError, PilothouseError, OSError) as busy:
                log.warning("%s could not be woken: %s", name, busy)
            finally:
                del self._waking[name]

        self._waking[name] = asyncio.create_task(write())

    def _write_wake(self, name: str) -> None:
        with self.store.write() as session:
            wake(session, name)

    def connections_to(self, route: DeploymentRoute) -> list[ModelConnection]:
        """The connections to those processes of a version that respond."""
        connections = [self._connections.get(token) for token, _ in route.replicas]
        return [line for line in connections if line is not None and line.is_responsive]

    def routes(self) -> list[DeploymentRoute]:
        """The route of every deployment."""
        return list(self._table.values())

    def _connection_to(self, route: DeploymentRoute) -> ModelConnection | None:
        if len(route.replicas) == 1:  # PERF: as most have
            line = self._connections.get(route.replicas[0][0])
            return line if line is not None and line.is_responsive else None
        return min(self.connections_to(route), key=lambda line: line.client.in_flight, default=None)

    async def poll(self) -> None:
        """Refresh the table regularly, until cancelled."""
        while True:
            try:
                await self.refresh()
            except (SQLAlchemyError, OSError) as busy:  # the last table stays in use
                log.warning("the routing table could not be read: %s", busy)
            await asyncio.sleep(POLL_SECONDS)

    async def refresh(self) -> None:
        """Read the table if it has changed, and connect, close and check connections.

        One refresh at a time: two could open two connections to one process.
        """
        async with self._refreshing:
            counter = await asyncio.to_thread(generation, self.store.engine)
            if counter != self._generation or not self.loaded:
                await asyncio.to_thread(self.admission.refresh)  # before a new name is routed
                self._generation, self._table = await asyncio.to_thread(read_routes, self.store)
                self.loaded = True
                self._notify_waiting()
            await self._connect()
            self._close_unused()
            self._check_health()

    async def _connect(self) -> None:
        for route in self._every_version():
            for token, socket in route.replicas:
                connection = self._connections.get(token)
                if connection is None or not connection.client.is_open:
                    await self._open(token, socket)

    async def _open(self, token: str, socket: str) -> None:
        try:
            self._connections[token] = ModelConnection(await FrameClient.connect(socket))
        except OSError:
            self._connections.pop(
                token, None
            )  # the controller will remove the replica, or the next refresh connects
        else:
            self._notify_waiting()

    def _close_unused(self) -> None:
        """Close connections that the table no longer names, once their responses have arrived."""
        named = {token for route in self._every_version() for token, _ in route.replicas}
        for token in [t for t in self._connections if t not in named]:
            if not self._connections[token].client.in_flight:
                self._connections.pop(token).close()

    def _every_version(self) -> Iterator[DeploymentRoute]:
        return chain.from_iterable(route.all() for route in self._table.values())

    def _check_health(self) -> None:
        """Check every process; requests that wait are woken when one responds again."""
        for connection in self._connections.values():
            connection.check_health()
        responsive = frozenset(
            token for token, connection in self._connections.items() if connection.is_responsive
        )
        if responsive - self._responsive:
            self._notify_waiting()
        self._responsive = responsive

    def _notify_waiting(self) -> None:
        """Wake every request that waits for a ready process."""
        self._changed.set()
        self._changed = asyncio.Event()

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
