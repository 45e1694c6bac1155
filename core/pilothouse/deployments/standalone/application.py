"""The routes of one exported model as an ASGI application: predictions, pages, probes, metrics.

The model is in the same process: its predictions run in a thread, one batch at a time.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time

from pilothouse.deployments.access.token_bucket import TokenBucket
from pilothouse.deployments.gateway import endpoints
from pilothouse.deployments.gateway import model_pages as pages
from pilothouse.deployments.gateway.body_reader import BodyReader
from pilothouse.deployments.gateway.deployment_route import DeploymentRoute, response_of
from pilothouse.deployments.gateway.encodings import compressed
from pilothouse.deployments.gateway.endpoints import Endpoint
from pilothouse.deployments.gateway.exposition import CONTENT_TYPE, request_lines
from pilothouse.deployments.gateway.metrics import GatewayMetrics
from pilothouse.deployments.gateway.protocols import PROTOCOLS
from pilothouse.deployments.gateway.request import (
    MAX_IN_FLIGHT,
    PREDICT_SECONDS,
    inflate,
    request_head,
)
from pilothouse.deployments.gateway.variants import RouteTokens, choice_of, reachable_version
from pilothouse.deployments.model_server.framing import PREDICT
from pilothouse.deployments.model_server.server import ModelServer
from pilothouse.deployments.standalone.exported_model import ServerSettings, require_readable
from pilothouse.kit.asgi import (
    BodyBudget,
    Receive,
    Response,
    Scope,
    Send,
    error_response,
    header,
    json_response,
    read_body,
    respond,
)
from pilothouse.kit.errors import Invalid, NotFound, PilothouseError, TooMany, Unavailable

log = logging.getLogger("pilothouse.standalone")
PROBES = ("/healthz", "/readyz")


class SingleRoute:
    """The only deployment of a server; it is ready, as the server listens once it is loaded."""

    loaded = True

    def __init__(self, route: DeploymentRoute) -> None:
        self._route = route

    def get(self, name: str) -> DeploymentRoute:
        """The deployment. Raises NotFound for another name."""
        if name != self._route.name:
            raise NotFound(
                f"there is no deployment {name!r}.", hint=f"This server has {self._route.name!r}."
            )
        return self._route

    def is_ready(self, name: str, version: int | None = None) -> bool:
        """Whether it is this version."""
        return version in (None, self.get(name).version)

    def answering(self) -> list[str]:
        """Its name."""
        return [self._route.name]

    def aliases(self, model: str) -> dict[str, int]:
        """None: aliases move in the registry, of which an export knows nothing."""
        del model
        return {}


class StandaloneServer:
    """Answers the requests of one exported model."""

    def __init__(
        self, model: ModelServer, route: DeploymentRoute, settings: ServerSettings
    ) -> None:
        self._model = model
        self._route = route
        self._routes = SingleRoute(route)
        self._settings = settings
        self._reader = BodyReader(settings.request_limits)
        self._budget = BodyBudget()
        self._metrics = GatewayMetrics()
        self._tokens = RouteTokens(b"")
        self._in_flight = 0
        rate = settings.per_second
        now = time.monotonic()
        self._bucket = None if rate is None else TokenBucket.full(rate, settings.burst, now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except PilothouseError as refused:
            answer = error_response(refused)
        except (
            Exception
        ):  # the edge of a request: its client gets a response, the log the traceback
            log.exception("a request failed")
            answer = error_response(PilothouseError("an internal error; see the server's log."))
        await respond(send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        path, method = scope["path"], scope["method"]
        endpoint = endpoints.prediction_endpoint(path)
        if endpoint and endpoint.takes(method):
            return await self._predict(endpoint, scope, receive)
        page = None if endpoint else await self._page(path)
        if page is not None and method in ("GET", "HEAD"):
            return page
        if endpoint or page is not None:
            return error_response(Invalid(f"{method} is not allowed here."), status=405)
        raise NotFound(f"no such route: {path}.")

    async def _page(self, path: str) -> Response | None:
        if path in PROBES:
            return json_response({"status": "ok"})
        if path == "/":
            return json_response({"status": "alive"})
        if path == "/metrics":
            text = "\n".join(request_lines(self._metrics)) + "\n"
            return Response(200, text.encode(), content_type=CONTENT_TYPE)
        return await pages.page(path, self._routes, self._settings.release)

    async def _predict(self, endpoint: Endpoint, scope: Scope, receive: Receive) -> Response:
        began = time.perf_counter()
        route = self._routes.get(endpoint.name or self._route.name)
        status, rows = 500, 0
        try:
            self._admit()
            self._in_flight += 1
            try:
                answer, rows = await self._answer_rows(endpoint, scope, receive)
            finally:
                self._in_flight -= 1
            status = answer.status
            return answer
        except PilothouseError as refused:
            status = refused.status
            raise
        finally:
            seconds = time.perf_counter() - began
            self._metrics.count(route.name, route.version, status, rows, seconds * 1_000)

    async def _answer_rows(
        self, endpoint: Endpoint, scope: Scope, receive: Receive
    ) -> tuple[Response, int]:
        name = endpoint.name or self._route.name
        named = await pages.named_version(self._routes, name, endpoint.version, endpoint.label)
        choice = choice_of(self._tokens, scope, named)
        route = reachable_version(self._route, choice.version)
        with self._budget.reserve() as grow:
            body = await read_body(scope, receive, self._settings.request_limits.max_body, grow)
            encoding = header(scope, b"content-encoding").strip().lower()
            if encoding not in ("", "identity"):
                limit = self._settings.request_limits.max_body
                body = await asyncio.to_thread(inflate, body, encoding, limit)
            head = request_head(scope)
            require_readable(head)
            request = await self._reader.request(endpoint.form, head, body, route.signature)
            raw = await self._ask(PREDICT + request.payload())
            response = response_of(route, request, raw)
            answer = PROTOCOLS[endpoint.form].write(response, request.reply)
            return await compressed(choice.marked(answer, route), scope), request.rows

    async def _ask(self, message: bytes) -> bytes:
        """What the model answers. Raises Unavailable after 30 s."""
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def reply(payload: bytes) -> None:
            if not answered.done():
                answered.set_result(payload)

        self._model.answer(message, reply)
        try:
            return await asyncio.wait_for(answered, PREDICT_SECONDS)
        except TimeoutError as late:
            limit = f"{PREDICT_SECONDS:.0f} s"
            raise Unavailable(f"{self._route.name!r} did not answer within {limit}.") from late

    def _admit(self) -> None:
        """Raises TooMany for a request beyond the limits, Unavailable when too many wait."""
        name, allowed = self._route.name, self._settings.max_concurrent
        if self._in_flight >= MAX_IN_FLIGHT:
            raise Unavailable(f"{name!r} has {MAX_IN_FLIGHT} requests waiting.")
        if allowed is not None and self._in_flight >= allowed:
            raise TooMany(f"{name!r} works on {allowed} requests already.")
        wait_seconds = 0.0 if self._bucket is None else self._bucket.take(time.monotonic())
        if wait_seconds:
            raise TooMany(
                f"{name!r} takes {self._settings.per_second:g} requests a second.",
                retry_seconds=math.ceil(wait_seconds),
            )
