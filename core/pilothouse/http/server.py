"""The server: one ASGI application on loopback, and the process that runs it.

Predictions are raw ASGI and available as soon as the process is up. The management API (FastAPI)
and the tracking protocol are imported in a thread at their first request, so that a server without
such requests starts fast and stays small.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from sqlalchemy.exc import SQLAlchemyError

import pilothouse
from pilothouse.deployments.gateway.exposition import CONTENT_TYPE
from pilothouse.deployments.gateway.gateway import Gateway
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.http import links
from pilothouse.http.metrics import exposition, monitored
from pilothouse.interop.mlflow import paths
from pilothouse.kit import garbage, hosts, logs
from pilothouse.kit.asgi import (
    Receive,
    Response,
    Scope,
    Send,
    error_response,
    header,
    json_response,
    respond,
)
from pilothouse.kit.errors import PilothouseError, Refused, Unavailable
from pilothouse.kit.processes import announce, find
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store, open_store
from pilothouse.workspace.opening import prepare

if TYPE_CHECKING:
    from pilothouse.interop.mlflow.application import MlflowApplication

log = logging.getLogger("pilothouse.server")
HOST = "127.0.0.1"
SEAL_CHECK_SECONDS = 1.0
LOAD_CHECK_SECONDS = 1.0
KEY_USE_SECONDS = 10.0
DELIVERY_CHECK_SECONDS = 1.0
LOCK_SECONDS = 3.0
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Server:
    """The whole application: checks host and origin, then dispatches each request."""

    def __init__(self, store: Store, *, allow_reset: bool = False) -> None:
        self.store = store
        self._allow_reset = allow_reset
        self.routes = Routes(store)
        self.gateway = Gateway(
            workspace=store.folder,
            routes=self.routes,
            max_body=store.settings.max_body_mb << 20,
            max_rows=store.settings.max_rows,
            version=pilothouse.__version__,
        )
        self._management: asyncio.Task[App] | None = None
        self._protocol: asyncio.Task[MlflowApplication] | None = None
        self._background_tasks: list[asyncio.Task[None]] = []
        self.connections: Iterable[Any] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, or the start and the end of the process."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._check_host_and_origin(scope)
        path = scope["path"]
        if refused is not None:
            await respond(send, error_response(refused))
        elif paths.owns(path):
            await (await self._mlflow_app())(scope, receive, send)
        elif self.gateway.owns(path):
            await self.gateway(scope, receive, send)
        elif path == "/metrics":
            await respond(send, await self._metrics())
        elif path in ("/healthz", "/readyz"):
            await respond(send, self._probe(path))
        elif path == links.ROOT and "text/html" not in header(scope, b"accept"):
            await respond(send, json_response({"status": "alive"}))  # as KServe's clients ask
        elif links.owns(path) and scope["method"] == "GET":
            query = scope["query_string"].decode("latin-1")
            await respond(send, await asyncio.to_thread(links.answer, self.store, path, query))
        elif (refused := self._check_admin(scope)) is not None:
            await respond(send, error_response(refused))
        else:
            management = await self._management_app()
            await management(scope, receive, send)

    def _check_admin(self, scope: Scope) -> Refused | None:
        """Refuse a request to the management API without a key, where the settings ask for one."""
        if not self.store.settings.management_key or not scope["path"].startswith("/api/"):
            return None
        try:
            self.routes.admission.check_admin(scope)
        except Refused as refused:
            return refused
        return None

    def _check_host_and_origin(self, scope: Scope) -> Refused | None:
        """Refuse requests of other sites' pages: by DNS rebinding (host) or by forms (origin)."""
        ports: tuple[int, ...] = ()
        if header(scope, b"origin"):
            app = find(self.store.run_folder, "app")
            ports = (app.port if app is not None else self.store.settings.app_port,)
        message = hosts.refusal(scope["headers"], ports)
        return (
            Refused(message, hint="Use 127.0.0.1 and the port of this server.") if message else None
        )

    async def _metrics(self) -> Response:
        """The gateway's counters, and what monitoring has found, which is read in a thread."""
        body = exposition(self.gateway, self._ingest_fallbacks())
        body += await asyncio.to_thread(monitored, self.store)
        return Response(200, body, content_type=CONTENT_TYPE)

    def _probe(self, path: str) -> Response:
        ready = path == "/healthz" or self.routes.loaded
        return Response(
            200 if ready else 503, b'{"status":"ok"}' if ready else b'{"status":"wait"}'
        )

    async def _management_app(self) -> App:
        if self._management is None:
            self._management = asyncio.create_task(asyncio.to_thread(self._build_management_app))
        # Shielded: a client that disconnects must not cancel the import that others wait for.
        return await asyncio.shield(self._management)

    def _build_management_app(self) -> App:
        from pilothouse.http.management import build

        application: App = build(self.store)
        garbage.freeze()
        return application

    def _ingest_fallbacks(self) -> int:
        """How many batches of MLflow's requests fell back; 0 before its protocol is loaded."""
        loading = self._protocol
        if loading is None or not loading.done() or loading.cancelled() or loading.exception():
            return 0
        return loading.result().ingest.fallbacks

    async def _mlflow_app(self) -> MlflowApplication:
        if self._protocol is None:
            self._protocol = asyncio.create_task(asyncio.to_thread(self._build_mlflow_app))
        return await asyncio.shield(self._protocol)

    def _build_mlflow_app(self) -> MlflowApplication:
        from pilothouse.interop.mlflow.application import MlflowApplication

        application = MlflowApplication(self.store, allow_reset=self._allow_reset)
        garbage.freeze()
        return application

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Read the routes once, then start the background tasks."""
        await self.routes.refresh()
        await self.gateway.keep_agents()  # their libraries take longer to import than a model
        garbage.freeze()
        self._background_tasks = [
            asyncio.create_task(self.routes.poll()),
            asyncio.create_task(self._seal_journals()),
            asyncio.create_task(self._follow_load()),
            asyncio.create_task(self._deliver()),
            asyncio.create_task(self._close_slow()),
            asyncio.create_task(self._write_key_uses()),
        ]

    async def stop(self) -> None:
        """Stop the background tasks, seal the journals and close all connections."""
        for task in self._background_tasks:
            task.cancel()
        await asyncio.gather(*self._background_tasks, return_exceptions=True)
        await self._note_key_uses()
        await self.gateway.lookups.close()
        self.gateway.close()
        if self._protocol is not None:
            await asyncio.to_thread((await self._mlflow_app()).close)

    async def _seal_journals(self) -> None:
        while True:
            await asyncio.sleep(SEAL_CHECK_SECONDS)
            self.gateway.seal_old()

    async def _follow_load(self) -> None:
        """Give deployments more or fewer processes, none while nobody asks, until cancelled."""
        while True:
            await asyncio.sleep(LOAD_CHECK_SECONDS)
            try:
                await self.gateway.idle.check()
                await self.gateway.load_scaling.check()
                await self.gateway.keep_agents()
            except (SQLAlchemyError, PilothouseError, OSError) as busy:
                log.warning("no deployment could follow its load: %s", busy)

    async def _write_key_uses(self) -> None:
        """Note when API keys were used, until cancelled."""
        while True:
            await asyncio.sleep(KEY_USE_SECONDS)
            await self._note_key_uses()

    async def _note_key_uses(self) -> None:
        try:
            await asyncio.to_thread(self.routes.admission.write_uses)
        except (SQLAlchemyError, PilothouseError):
            log.exception("the last use of API keys could not be noted")

    async def _close_slow(self) -> None:
        from pilothouse.http.connections import close_slow

        await close_slow(self.connections)

    async def _deliver(self) -> None:
        """Deliver the events of webhooks, until cancelled."""
        from pilothouse.interop.mlflow.webhooks.delivery_worker import DeliveryWorker

        delivery_worker = DeliveryWorker(self.store)
        await asyncio.to_thread(delivery_worker.delete_old)
        while True:
            try:
                await asyncio.to_thread(delivery_worker.start_due)
            except (SQLAlchemyError, PilothouseError):
                log.exception("webhook deliveries could not be read")
            await asyncio.sleep(DELIVERY_CHECK_SECONDS)


def serve(settings: Settings, *, allow_reset: bool = False) -> None:
    """Run the server of a workspace until SIGINT or SIGTERM.

    `allow_reset` lets tests empty the workspace over HTTP.

    Raises Unavailable when the port is taken, or when the workspace has a server already.
    """
    logs.configure("server", settings.log_format)
    store = open_store(settings)
    try:
        prepare(store)
        with (
            _workspace_lock(store.run_folder),
            contextlib.closing(_listen(settings.server_port)) as listener,
        ):
            _run(listener, Server(store, allow_reset=allow_reset))
    finally:
        store.engine.dispose()


def _run(listener: socket.socket, server: Server) -> None:
    import uvicorn

    from pilothouse.http.connections import LimitedProtocol

    store = server.store
    config = uvicorn.Config(
        server,
        http=LimitedProtocol,
        loop="uvloop",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )
    own = announce(store.run_folder, "server", int(listener.getsockname()[1]))
    log.info("the server of %s listens at %s", store.folder, own.url)
    running = uvicorn.Server(config)
    server.connections = running.server_state.connections
    with contextlib.suppress(KeyboardInterrupt):
        running.run(sockets=[listener])


@contextlib.contextmanager
def _workspace_lock(run_folder: Path) -> Iterator[None]:
    """Hold the lock that allows one server per workspace: two would write one journal.

    A server that was stopped may still complete its last requests, so this waits a little. Raises
    Unavailable.
    """
    try:
        with FileLock(run_folder / "server.lock", timeout=LOCK_SECONDS):
            yield
    except Timeout as held:
        other = find(run_folder, "server")
        raise Unavailable(
            f"this workspace has a server already{f', at {other.url}' if other else ''}.",
            hint="Use that one, or end it first.",
        ) from held


def _listen(port: int) -> socket.socket:
    """A listening socket on loopback; connections queue here while the application starts."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(2048)
    except OSError as taken:
        listener.close()
        raise Unavailable(
            f"port {port} cannot be used: {taken.strerror}.", hint="Choose another with --port."
        ) from taken
    return listener
