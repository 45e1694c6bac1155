"""The routing table: which model processes answer for which deployment, kept fresh in the server.

The database holds a counter that every change of routes raises; the server reads it five times a
second and the table only when it moved.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from pilothouse.deployments.gateway.connections import ModelConnection
from pilothouse.deployments.model_server.framing import FrameClient
from pilothouse.deployments.tables import Deployment, Replica, Revision, RouteGeneration
from pilothouse.kit.errors import NotFound, Unavailable
from pilothouse.models.signature import Signature
from pilothouse.storage import Store

log = logging.getLogger("pilothouse.routes")
LOOK_EVERY = 0.2
GENERATION = text("SELECT value FROM deployments_route_generation WHERE id = 1")


@dataclass(frozen=True)
class DeploymentRoute:
    """One deployment as the gateway sees it: tokens and sockets of the processes that answer."""

    name: str
    model: str
    version: int
    stopped: bool
    signature: Signature
    replicas: tuple[tuple[str, str], ...]


def generation(engine: Engine) -> int:
    """The counter of route changes."""
    with engine.connect() as connection:
        return int(connection.execute(GENERATION).scalar() or 0)


def read_routes(store: Store) -> tuple[int, dict[str, DeploymentRoute]]:
    """The whole table and the counter it belongs to."""
    with store.read() as session:
        counter = session.get(RouteGeneration, 1)
        deployments = session.exec(select(Deployment)).all()
        ready = session.exec(select(Replica).where(Replica.state == "ready")).all()
        table = {d.name: _route(session, d, ready) for d in deployments}
        return (counter.value if counter else 0), table


def _route(session: Session, deployment: Deployment, ready: Sequence[Replica]) -> DeploymentRoute:
    number = deployment.serving_version or deployment.version
    query = select(Revision).where(
        Revision.deployment == deployment.name, Revision.version == number
    )
    revision = session.exec(query.order_by(col(Revision.seq).desc()).limit(1)).one()
    return DeploymentRoute(
        name=deployment.name,
        model=revision.model,
        version=number,
        stopped=deployment.desired_state == "stopped",
        signature=Signature.from_json(revision.signature),
        replicas=tuple(
            (r.token, r.socket)
            for r in ready
            if r.deployment == deployment.name and r.version == deployment.serving_version
        ),
    )


class Routes:
    """The table and the open lines to its processes, in the server's loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._table: dict[str, DeploymentRoute] = {}
        self._lines: dict[str, ModelConnection] = {}
        self._answering: frozenset[str] = frozenset()
        self._generation = -1
        self._changed = asyncio.Event()
        self._looking = asyncio.Lock()
        self.loaded = False

    def names(self) -> list[str]:
        """Every deployment, stopped ones too."""
        return sorted(self._table)

    def get(self, name: str) -> DeploymentRoute:
        """A deployment's route. Raises NotFound in words that list the known ones."""
        route = self._table.get(name)
        if route is None:
            known = ", ".join(self.names()) or "none yet"
            raise NotFound(f"there is no deployment {name!r}.", hint=f"Known: {known}.")
        return route

    async def known(self, name: str) -> DeploymentRoute:
        """The same, after another look when the name is new."""
        if name not in self._table:
            await self.look()
        return self.get(name)

    def is_ready(self, name: str) -> bool:
        """Whether a request would be answered without waiting."""
        return self._line_of(self.get(name)) is not None

    async def line(self, name: str, deadline: float) -> tuple[DeploymentRoute, FrameClient]:
        """The route and a line to a ready process, waiting for one until the loop's deadline.

        Raises NotFound for an unknown name, Unavailable when stopped or out of time.
        """
        loop = asyncio.get_running_loop()
        while True:
            route = self.get(name)
            if route.stopped:
                raise Unavailable(f"the deployment {name!r} is stopped.", hint="Resume it.")
            line = self._line_of(route)
            if line is not None:
                return route, line
            changed = self._changed
            try:
                await asyncio.wait_for(changed.wait(), max(deadline - loop.time(), 0))
            except TimeoutError as late:
                raise Unavailable(
                    f"no process of {name!r} is ready.", hint="Try again in a few seconds."
                ) from late

    def _line_of(self, route: DeploymentRoute) -> FrameClient | None:
        lines = [self._lines.get(token) for token, _ in route.replicas]
        ready = [line.client for line in lines if line is not None and line.answers]
        return min(ready, key=lambda line: line.in_flight, default=None)

    async def follow(self) -> None:
        """Keep the table fresh for ever."""
        while True:
            try:
                await self.look()
            except (SQLAlchemyError, OSError) as busy:  # what was read last still holds
                log.warning("the routing table could not be read: %s", busy)
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Read the counter, then what follows from it."""
        async with self._looking:
            counter = await asyncio.to_thread(generation, self._store.engine)
            if counter != self._generation or not self.loaded:
                self._generation, self._table = await asyncio.to_thread(read_routes, self._store)
                self.loaded = True
                self._announce()
            await self._connect()
            self._hang_up()
            self._ask_lines()

    async def _connect(self) -> None:
        for route in self._table.values():
            for token, socket in route.replicas:
                line = self._lines.get(token)
                if line is None or not line.client.is_open:
                    await self._open(token, socket)

    async def _open(self, token: str, socket: str) -> None:
        try:
            self._lines[token] = ModelConnection(await FrameClient.connect(socket))
        except OSError:
            self._lines.pop(token, None)  # gone: the controller will say so, or it comes back
        else:
            self._announce()

    def _hang_up(self) -> None:
        """Close the lines that the table no longer names, once their answers are in."""
        named = {token for route in self._table.values() for token, _ in route.replicas}
        for token in [t for t in self._lines if t not in named]:
            if not self._lines[token].client.in_flight:
                self._lines.pop(token).close()

    def _ask_lines(self) -> None:
        """Ask every process how it is; one that answers again is told to those who wait."""
        for line in self._lines.values():
            line.request()
        answering = frozenset(token for token, line in self._lines.items() if line.answers)
        if answering - self._answering:
            self._announce()
        self._answering = answering

    def _announce(self) -> None:
        """Wake everyone who waits for a ready process."""
        self._changed.set()
        self._changed = asyncio.Event()

    def close(self) -> None:
        """Hang up all lines."""
        for line in self._lines.values():
            line.close()
        self._lines.clear()
