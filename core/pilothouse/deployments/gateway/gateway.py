"""The gateway: predictions and labels over HTTP, as raw ASGI, answered by model processes.

`endpoints` says which paths take predictions and in which protocol, `model_pages` which pages there
are. Besides:

    POST /deployments/{d}/labels        {"ids": [...], "labels": [...], "at": [ms, ...]}
    POST /deployments/{d}/predictions   predictions that were made elsewhere
    POST /deployments/{d}/feedback      {"prediction_id" or "entity_id": "...", "reward": number}

A request is read, checked against the signature, predicted and written to the journal; then the
response is sent, so that nothing is answered that is not logged.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pilothouse.deployments.access import key_ring
from pilothouse.deployments.gateway import endpoints, stage_addresses
from pilothouse.deployments.gateway import model_pages as pages
from pilothouse.deployments.gateway.bodies import CheckedRequest
from pilothouse.deployments.gateway.body_reader import BodyReader
from pilothouse.deployments.gateway.deployment_route import DeploymentRoute, response_of
from pilothouse.deployments.gateway.encodings import compressed
from pilothouse.deployments.gateway.endpoints import Endpoint
from pilothouse.deployments.gateway.external_rows import (
    append_rows,
    only_new,
    report,
    require_some,
)
from pilothouse.deployments.gateway.feature_lookups import FeatureLookups
from pilothouse.deployments.gateway.feedback_body import read_feedback
from pilothouse.deployments.gateway.idle_deployments import IdleDeployments
from pilothouse.deployments.gateway.load_scaling import LoadScaling
from pilothouse.deployments.gateway.metrics import GatewayMetrics
from pilothouse.deployments.gateway.mirrors import Mirrors
from pilothouse.deployments.gateway.protocols import PROTOCOLS
from pilothouse.deployments.gateway.request import (
    MAX_IN_FLIGHT,
    PREDICT_SECONDS,
    RequestLimits,
    inflate,
    request_head,
)
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.deployments.gateway.tensors import InferenceResponse
from pilothouse.deployments.gateway.variants import (
    RouteTokens,
    VariantChoice,
    choice_of,
    version_of_caller,
)
from pilothouse.deployments.prediction_log.feedback_log import append_rewards, feedback_folder
from pilothouse.deployments.prediction_log.id_index import count_unknown, unknown_ids
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.deployments.prediction_log.log import journal_folder
from pilothouse.kit.asgi import (
    SMALL_BODY,
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
from pilothouse.kit.errors import Conflict, Invalid, NotFound, PilothouseError, TooMany, Unavailable
from pilothouse.kit.io_errors import to_unavailable
from pilothouse.models.signature import Signature

log = logging.getLogger("pilothouse.gateway")
WAIT_SECONDS = 5.0
CANDIDATE_SECONDS = 10.0  # then the stable version answers in its place
RETRY_SECONDS = 25.0
LATE_STATUS = 504  # of a candidate that did not answer in time
ROWS = re.compile(r"/deployments/([^/]+)/(labels|predictions|feedback)")

Read = Callable[[Signature], Awaitable[CheckedRequest]]


@dataclass
class Gateway:
    """Serves the routes of predictions and labels; `owns` says which they are."""

    workspace: Path
    routes: Routes
    max_body: int
    max_rows: int
    version: str
    metrics: GatewayMetrics = field(default_factory=GatewayMetrics)
    budget: BodyBudget = field(default_factory=BodyBudget)
    _journals: dict[str, Journal] = field(default_factory=dict)
    _in_flight: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.reader = BodyReader(RequestLimits(self.max_rows, self.max_body))
        self.tokens = RouteTokens.of_workspace(self.workspace / "run")
        self.mirrors = Mirrors(self.workspace, self.routes, self.metrics)
        self.lookups = FeatureLookups(self.routes, self.reader.limits)
        self.routes.is_store_ready = self.lookups.is_ready
        self.idle = IdleDeployments(self.routes, self._in_flight)
        self.load_scaling = LoadScaling(self.routes)
        self._take = {
            "labels": self._labels,
            "predictions": self._external,
            "feedback": self._feedback,
        }

    def owns(self, path: str) -> bool:
        """Whether a path is one of the gateway's."""
        return endpoints.owns(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            answer = await self._answer(scope, receive)
        except PilothouseError as refused:
            answer = error_response(refused)
        except (
            Exception
        ) as failed:  # the edge of a request: its client gets a response, the log the traceback
            log.exception("a request failed")
            unknown = PilothouseError("an internal error; see the server's log.")
            answer = error_response(to_unavailable(failed) or unknown)
        await respond(send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        path, method = scope["path"], scope["method"]
        if path.startswith(stage_addresses.PREFIX):
            path = await self._own_path(path)
        endpoint = endpoints.prediction_endpoint(path)
        if endpoint and endpoint.takes(method):
            return await self._answer_prediction(endpoint, scope, receive)
        rows = ROWS.fullmatch(path)
        if method == "POST" and rows:
            return await self._take[rows[2]](rows[1], scope, receive)
        page = None if endpoint or rows else await pages.page(path, self.routes, self.version)
        if page is not None and method in ("GET", "HEAD"):
            return page
        if endpoint or rows or page is not None:
            return error_response(_not_allowed(method), status=405)
        raise NotFound(f"no such route: {path}.", hint="See /openapi.json.")

    async def _own_path(self, path: str) -> str:
        """The deployment's own path for the address of a stage, after a refresh when it is new."""
        try:
            return stage_addresses.own_path(path, self.routes.routes())
        except NotFound:
            await self.routes.refresh()
            return stage_addresses.own_path(path, self.routes.routes())

    async def _answer_prediction(
        self, endpoint: Endpoint, scope: Scope, receive: Receive
    ) -> Response:
        began = time.perf_counter()
        name = endpoint.name or self._only_deployment()
        await self._admit(name, key_ring.PREDICT, scope)
        self.idle.last_request[name] = began
        version = await pages.named_version(self.routes, name, endpoint.version, endpoint.label)
        head = request_head(scope)
        choice = choice_of(self.tokens, scope, version)
        with self.budget.reserve() as grow:
            body = await self._body(scope, receive, grow)

            joined: list[tuple[Signature, CheckedRequest]] = []  # what was looked up is used again

            async def read(signature: Signature) -> CheckedRequest:
                rule = self.routes.get(name).features
                if rule is None:
                    request = await self.reader.request(endpoint.form, head, body, signature)
                elif (again := next((r for of, r in joined if of is signature), None)) is not None:
                    request = again
                else:
                    about = (name, rule, endpoint.form, head, body, signature)
                    request = await self.lookups.request(*about)
                    joined.append((signature, request))
                if len(body) > SMALL_BODY:  # of others, no part is counted
                    grow(len(body) + request.size)
                return request

            request, predicted = await self._predict(name, read, began, choice)
            answer = PROTOCOLS[endpoint.form].write(predicted, request.reply)
            return await compressed(choice.marked(answer, self.routes.get(name)), scope)

    async def _labels(self, name: str, scope: Scope, receive: Receive) -> Response:
        route = await self._admit(name, key_ring.LABELS, scope)
        with self.budget.reserve() as grow:
            body = await self._body(scope, receive, grow)
            now_ms = time.time_ns() // 1_000_000
            labels = await self.reader.labels(body, route.signature, now_ms)
        journal = self._journal(name)
        journal.labels(labels.line(journal.stamp()))
        self.metrics.labels[name] += len(labels.ids)
        unknown = await asyncio.to_thread(count_unknown, self.workspace, name, labels.ids)
        return json_response({"accepted": len(labels.ids), "unknown": unknown})

    async def _external(self, name: str, scope: Scope, receive: Receive) -> Response:
        """Log predictions that were made elsewhere, and their labels."""
        route = await self._admit(name, key_ring.LABELS, scope)
        if not route.external:
            raise Conflict(
                f"{name!r} is served here: its predictions are logged as it answers.",
                hint=f"Send rows to /deployments/{name}/invocations.",
            )
        kind = header(scope, b"content-type").split(";", 1)[0].strip().lower()
        with self.budget.reserve() as grow:
            body = await self._body(scope, receive, grow)
            now_ms = time.time_ns() // 1_000_000
            rows = await self.reader.predictions(kind, body, route.signature, now_ms)
            require_some(rows)
            unknown = await asyncio.to_thread(unknown_ids, self.workspace, name, rows.ids)
            rows = only_new(rows, unknown)
            journal = self._journal(name)
            append_rows(journal, route.model, route.version, route.signature, rows, route.logged)
        self.metrics.count_rows(name, route.version, len(rows.ids), len(rows.labels))
        return json_response(asdict(report(rows)))

    async def _feedback(self, name: str, scope: Scope, receive: Receive) -> Response:
        """Keep what predictions have brought, for the comparison of versions."""
        route = await self._admit(name, key_ring.LABELS, scope)
        with self.budget.reserve() as grow:
            body = await self._body(scope, receive, grow)
        rewards = read_feedback(body, lambda entity: version_of_caller(route, entity))
        folder = feedback_folder(self.workspace, name)
        await asyncio.to_thread(append_rewards, folder, rewards, datetime.now(UTC))
        self.metrics.rewards[name] += len(rewards)
        return json_response({"accepted": len(rewards)})

    async def _admit(self, name: str, kind: str, scope: Scope) -> DeploymentRoute:
        """The route of a request that its key and the deployment's rate allow.

        One that they do not allow is counted and not logged: it has not reached the deployment.
        """
        route = await self.routes.get_or_refresh(name)
        admission = self.routes.admission
        try:
            admission.check_key(name, kind, scope)
            if kind == key_ring.PREDICT:
                admission.take(name)
        except PilothouseError as refused:
            self.metrics.count(name, route.version, refused.status, 0, 0.0)
            raise
        return route

    def _check_concurrent(self, name: str) -> None:
        try:
            self.routes.admission.check_concurrent(name, self._in_flight[name])
        except TooMany as busy:
            self.metrics.count(name, self.routes.get(name).version, busy.status, 0, 0.0)
            raise

    async def _predict(
        self, name: str, read: Read, began: float, choice: VariantChoice
    ) -> tuple[CheckedRequest, InferenceResponse]:
        """Predict, count and log. A request that fails is counted and logged too."""
        if self._in_flight[name] >= MAX_IN_FLIGHT:
            raise Unavailable(f"{name!r} has {MAX_IN_FLIGHT} requests waiting.")
        self._check_concurrent(name)
        self._in_flight[name] += 1
        try:
            return await self._predict_with_retry(name, read, began, choice)
        except PilothouseError as refused:
            self._log_refusal(name, refused.status, began, choice)
            raise
        finally:
            self._in_flight[name] -= 1

    async def _predict_with_retry(
        self, name: str, read: Read, began: float, choice: VariantChoice
    ) -> tuple[CheckedRequest, InferenceResponse]:
        """Predict, and once more when the process ends meanwhile: predictions are idempotent.

        The second attempt has its own, longer time: a process that hangs is detected late. In the
        place of a candidate that does not answer in time, the stable version does.
        """
        loop = asyncio.get_running_loop()
        for wait_seconds in (WAIT_SECONDS, RETRY_SECONDS):
            route, connection = await self.routes.connection(
                name, loop.time() + wait_seconds, choice
            )
            request = await read(route.signature)
            if choice.name_caller(request.entity_id) and self.routes.get(name).traffic is not None:
                route, connection = await self.routes.connection(
                    name, loop.time() + wait_seconds, choice
                )
                request = await read(route.signature)
            sent = time.perf_counter()
            try:
                limit = CANDIDATE_SECONDS if choice.is_on_trial else PREDICT_SECONDS
                raw = await connection.predict(request, limit)
            except ConnectionError:
                continue
            except TimeoutError as late:
                if choice.is_on_trial:
                    self._log_refusal(name, LATE_STATUS, began, choice)
                    choice.avoid_candidates()
                    continue
                raise Unavailable(
                    f"{name!r} did not answer within {PREDICT_SECONDS:.0f} s."
                ) from late
            seconds = time.perf_counter() - sent
            predicted = response_of(route, request, raw)
            self._log_prediction(route, request, predicted, began, choice.caller)
            if choice.fell_back and choice.chosen is not None:
                self.metrics.fallbacks[name, choice.chosen.version] += 1
            self.mirrors.offer(
                self.routes.get(name), choice.request_id, request, predicted, seconds
            )
            return request, predicted

        raise Unavailable(f"two processes of {name!r} ended during this prediction.")

    def _log_prediction(
        self,
        route: DeploymentRoute,
        request: CheckedRequest,
        predicted: InferenceResponse,
        began: float,
        caller: int | None,
    ) -> None:
        """Log predictions before the response is sent, or that there was a request.

        During a rollout all are logged: its verdict rests on them.
        """
        journal = self._journal(route.name)
        received_us = journal.stamp()
        latency_ms = round((time.perf_counter() - began) * 1_000, 3)
        line: dict[str, Any] = {
            "at": received_us,
            "version": route.version,
            "rows": request.rows,
            "ms": latency_ms,
            "status": 200,
            **({} if caller is None else {"caller": caller}),
        }
        ids = predicted.prediction_ids
        if route.logged.includes(ids) or self.routes.get(route.name).traffic is not None:
            line |= {
                "ids": ids,
                "model": route.model,
                "event": request.event_ms or [received_us // 1_000] * request.rows,
                "out": predicted.logged,
                **request.logged(route.logged.dropped),
            }
            if request.features_at is not None:
                line["features_at"] = request.features_at
            journal.predictions(route.version, route.signature, line, route.logged.hashed)
        else:
            journal.request(line)
        self.metrics.count(route.name, route.version, 200, request.rows, latency_ms)

    def _log_refusal(self, name: str, status: int, began: float, choice: VariantChoice) -> None:
        version = (choice.answered or self.routes.get(name)).version
        journal = self._journal(name)
        latency_ms = round((time.perf_counter() - began) * 1_000, 3)
        line = {
            "at": journal.stamp(),
            "version": version,
            "rows": 0,
            "ms": latency_ms,
            "status": status,
        }
        if choice.caller is not None:
            line["caller"] = choice.caller
        self.metrics.count(name, version, status, 0, latency_ms)

        try:
            journal.request(line)
        except Unavailable as full:
            log.warning("%s", full)

    def _only_deployment(self) -> str:
        names = self.routes.answering()
        if len(names) != 1:
            existing = ", ".join(names) or "none yet"
            raise NotFound(
                "the request names no deployment.",
                hint=f"Use /deployments/NAME/invocations; there are: {existing}.",
            )
        return names[0]

    def _journal(self, name: str) -> Journal:
        if name not in self._journals:
            self._journals[name] = Journal(journal_folder(self.workspace, name))
        return self._journals[name]

    def waiting_bytes(self) -> dict[str, int]:
        """What waits in memory for a full disk, by deployment."""
        return {name: journal.waiting_bytes for name, journal in self._journals.items()}

    def seal_old(self) -> None:
        """Seal journal segments that are old, and let the reader process go when it is idle."""
        for journal in self._journals.values():
            journal.seal_if_old()
        self.reader.terminate_if_idle()

    async def keep_agents(self) -> None:
        """Keep the agents of feature stores that deployments use; called every second."""
        routes = self.routes.routes()
        rules = {route.name: route.features for route in routes if route.features is not None}
        await self.lookups.keep(rules)

    def close(self) -> None:
        """Seal every journal and close every connection."""
        for journal in self._journals.values():
            journal.seal()
        self.reader.close()
        self.mirrors.close()
        self.routes.close()

    async def _body(self, scope: Scope, receive: Receive, grow: Callable[[int], None]) -> bytes:
        body = await read_body(scope, receive, self.max_body, grow)
        encoding = header(scope, b"content-encoding").strip().lower()
        if encoding in ("", "identity"):
            return body
        if len(body) <= SMALL_BODY // 16:
            return inflate(body, encoding, self.max_body)
        body = await asyncio.to_thread(inflate, body, encoding, self.max_body)
        grow(len(body))
        return body


def _not_allowed(method: str) -> PilothouseError:
    return Invalid(f"{method} is not allowed here.")
