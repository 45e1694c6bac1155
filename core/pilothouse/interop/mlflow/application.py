"""The protocol as an ASGI application: finds the handler of a request and runs it.

Errors are answered with MLflow's codes and messages. Nothing that a caller did may end in 5xx:
MLflow's client retries those for minutes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import orjson
from sqlalchemy.exc import DataError, IntegrityError

from pilothouse.deployments.controller.trial import try_version
from pilothouse.deployments.gateway.body_reader import BodyReader
from pilothouse.deployments.gateway.request import RequestLimits
from pilothouse.experiments import experiment_changes
from pilothouse.interop.mlflow import (
    artifact_paths,
    artifacts,
    experiments,
    histories,
    logged_model_search,
    logged_models,
    model_versions,
    omitted,
    paths,
    recording,
    registered_models,
    registry_search,
    reset,
    run_search,
    run_serialisation,
    runs,
    webhooks,
)
from pilothouse.interop.mlflow.compaction import Compactor
from pilothouse.interop.mlflow.errors import ProtocolError, invalid, translated
from pilothouse.interop.mlflow.ingest import WriteQueue
from pilothouse.interop.mlflow.request_fields import Fields, QueryValues
from pilothouse.interop.mlflow.routing import Call, GatedMove, Route
from pilothouse.interop.mlflow.trials import Trials
from pilothouse.interop.mlflow.webhooks import endpoints
from pilothouse.kit.asgi import BodyBudget, Receive, Response, Scope, Send, read_body, respond
from pilothouse.kit.errors import PilothouseError, Refused, TooLarge
from pilothouse.kit.io_errors import to_unavailable
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

log = logging.getLogger("pilothouse.mlflow")
ROUTES: tuple[Route, ...] = (
    *experiments.ROUTES,
    *runs.ROUTES,
    *recording.ROUTES,
    *run_search.ROUTES,
    *histories.ROUTES,
    *artifacts.ROUTES,
    *logged_model_search.ROUTES,
    *logged_models.ROUTES,
    *registered_models.ROUTES,
    *model_versions.ROUTES,
    *registry_search.ROUTES,
    *endpoints.ROUTES,
)
INFO: dict[str, Any] = {
    "store_type": "SqlStore",
    "workspaces_enabled": False,
    "trace_archival_enabled": False,
    "multipart_uploads_enabled": False,
    "multipart_downloads_enabled": False,
    "presigned_upload_run_id_supported": False,
    "presigned_upload_model_id_supported": False,
    "features_enabled": {"gateway": False},
}
MAX_VALUES = 250_000  # of a JSON body: a batch has 5,000
NOSNIFF = ((b"x-content-type-options", b"nosniff"),)
EMPTY = Response(200, b"{}", NOSNIFF)
MODEL_FILE = re.compile(r"logged-models/([^/]+)/artifacts/files")


class RouteNotFound(PilothouseError):
    """No route at this path, or not with this method."""

    def __init__(self, status: int, message: str = "") -> None:
        usual = "There is nothing here." if status == 404 else "Not by this method."
        super().__init__(message or usual)
        self.status = status


class MlflowApplication:
    """The ASGI application of the paths that `paths.owns` names."""

    def __init__(self, store: Store, *, allow_reset: bool = False) -> None:
        self.store = store
        self.ingest = WriteQueue(store)
        self._compactor = Compactor(store, self.ingest)
        self._trials = Trials(store, try_version)
        self._allow_reset = allow_reset
        self._table = _RouteTable(ROUTES)
        self._default: asyncio.Task[None] | None = None
        self._budget = BodyBudget()
        self._max_body = store.settings.max_body_mb << 20
        self._reader = BodyReader(RequestLimits(max_body=self._max_body))
        webhooks.enable()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Response one HTTP request."""
        try:
            answer = await self._answer(scope, receive, send)
        except (IntegrityError, DataError) as wrong:
            log.info("the database refused a request: %s", wrong.orig)
            answer = _error(ProtocolError("BAD_REQUEST", "It names something that is not there."))
        except OverflowError:
            answer = _error(invalid("A number is too large to be kept."))
        except (RouteNotFound, TooLarge) as refused:
            answer = _plain_error(refused)
        except PilothouseError as refused:
            answer = _error(translated(refused))
        except Exception as failed:  # the edge of a request
            log.exception("a request failed")
            unknown = ProtocolError("INTERNAL_ERROR", "The server failed; its log says how.")
            explained = to_unavailable(failed)
            answer = _error(unknown if explained is None else translated(explained))
        if answer is not None:
            await respond(send, answer)

    def close(self) -> None:
        """Write what is queued, then stop."""
        self._reader.close()
        self._compactor.close()
        self.ingest.close()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> Response | None:
        path, method = paths.plain(scope["path"]), scope["method"]
        if path in paths.PLAIN:
            word = b"OK" if path == "/health" else paths.SPOKEN.encode()
            return Response(200, word, content_type=b"text/plain; charset=utf-8")
        if path in paths.INFO:
            return Response(200, orjson.dumps(INFO), NOSNIFF)
        if path == paths.RESET:
            return await self._reset(method)
        if reason := omitted.reason(path):
            raise RouteNotFound(404, reason)
        for prefix in paths.FILES:
            if path.startswith(prefix):
                return await self._artifact(path.removeprefix(prefix), scope, receive, send)
        if path in (paths.GET_ARTIFACT, paths.GET_VERSION_ARTIFACT):
            await self._get_artifact(path, scope, send)
            return None
        for prefix in paths.API:
            if path.startswith(prefix):
                return await self._call(path.removeprefix(prefix), scope, receive, send)
        raise RouteNotFound(404)

    async def _call(self, path: str, scope: Scope, receive: Receive, send: Send) -> Response | None:
        if path == paths.UPLOAD:
            return await self._upload(scope, receive)
        if match := MODEL_FILE.fullmatch(path):
            await self._send_file(artifacts.of_model(match[1], Fields(_query(scope))), scope, send)
            return None
        return await self._handle(path, scope, receive)

    async def _handle(self, path: str, scope: Scope, receive: Receive) -> Response:
        route, named = self._table.find(scope["method"], path)
        with self._budget.reserve() as grow:
            values = await self._request_values(scope, receive, grow)
        fields = Fields(values | named)
        await self._ensure_default()
        prepared: Any = None
        if route.prepare is not None:
            prepared = await asyncio.to_thread(route.prepare, self.store, fields)
        if route.gated is not None:
            version = await asyncio.to_thread(self._moved, route.gated, fields)
            if version is not None:
                await self._trials.ensure(version)
        if not route.writes:
            return await asyncio.to_thread(self._read, route, fields, prepared)
        points = None if route.points is None else route.points(fields)
        work = self.ingest.submit(
            lambda s: route.handler(Call(s, self.store, fields, prepared)), points
        )
        response = await asyncio.wrap_future(work)
        if isinstance(response, Refused):
            raise response
        if path == "runs/update" and response["run_info"]["status"] in run_serialisation.ENDED:
            self._compactor.add(response["run_info"]["run_id"])
        return Response(200, orjson.dumps(response), NOSNIFF) if response else EMPTY

    async def _request_values(
        self, scope: Scope, receive: Receive, grow: Callable[[int], None]
    ) -> dict[str, Any]:
        """The fields of a request: of a GET its query, or its body when it has no query.

        A body of very many values is refused before it is parsed.
        """
        if scope["method"] == "GET" and scope["query_string"]:
            return _query(scope)
        body = await read_body(scope, receive, self._max_body, grow)
        await self._reader.check_json(body, MAX_VALUES)
        if body.lstrip()[:1] == b'"':  # old clients encode their JSON twice
            body = str(_json(body)).encode()
            await self._reader.check_json(body, MAX_VALUES)
        self._reader.terminate_if_idle()
        return _object(body)

    def _moved(self, gated: GatedMove, fields: Fields) -> VersionInfo | None:
        with self.store.read() as session:
            return gated(session, fields)

    def _read(self, route: Route, fields: Fields, prepared: Any) -> Response:
        with self.store.read() as session:
            response = route.handler(Call(session, self.store, fields, prepared))
        return Response(200, orjson.dumps(response), NOSNIFF)

    async def _ensure_default(self) -> None:
        """Make the default experiment with the first request: clients take it for granted."""
        failed = self._default is not None and self._default.done() and self._default.exception()
        if self._default is None or failed:
            self._default = asyncio.create_task(self._make_default())
        await asyncio.shield(self._default)

    async def _make_default(self) -> None:
        work = self.ingest.submit(lambda s: experiment_changes.ensure_default(s, self.store))
        await asyncio.wrap_future(work)

    async def _reset(self, method: str) -> Response:
        if not self._allow_reset:
            raise RouteNotFound(404)
        if method != "POST":
            raise RouteNotFound(405)
        await asyncio.wrap_future(
            self.ingest.submit(lambda s: reset.delete_everything(s, self.store))
        )
        return EMPTY

    async def _artifact(
        self, path: str, scope: Scope, receive: Receive, send: Send
    ) -> Response | None:
        method = scope["method"]
        if path in ("artifacts", "artifacts/") and method == "GET":
            fields = Fields(_query(scope))
            return await asyncio.to_thread(self._list, fields.text("path"))
        if not path.startswith("artifacts/"):
            raise RouteNotFound(404)
        inside = path.removeprefix("artifacts/")
        if method == "GET":
            await artifacts.send_file(self.store, artifacts.at(inside), send)
            return None
        if method == "PUT":
            await artifacts.receive_file(self.store, self.ingest, inside, scope, receive)
            return Response(200, b"", NOSNIFF)
        if method == "DELETE":
            return await self._remove(inside)
        raise RouteNotFound(405)

    def _list(self, path: str) -> Response:
        with self.store.read() as session:
            return Response(200, orjson.dumps(artifacts.list_folder(session, path)), NOSNIFF)

    async def _remove(self, path: str) -> Response:
        artifact_paths.clean(path)
        work = self.ingest.submit(
            lambda s: artifact_paths.remove(s, self.store, artifact_paths.locate(s, path))
        )
        await asyncio.wrap_future(work)
        return EMPTY

    async def _get_artifact(self, path: str, scope: Scope, send: Send) -> None:
        fields = Fields(_query(scope))
        of = artifacts.of_run if path == paths.GET_ARTIFACT else artifacts.of_version
        await self._send_file(of(fields), scope, send)

    async def _send_file(self, locate: artifacts.Locate, scope: Scope, send: Send) -> None:
        if scope["method"] != "GET":
            raise RouteNotFound(405)
        await artifacts.send_file(self.store, locate, send)

    async def _upload(self, scope: Scope, receive: Receive) -> Response:
        """A small file of a run, as MLflow's own pages send one."""
        if scope["method"] != "POST":
            raise RouteNotFound(405)
        fields = Fields(_query(scope))
        with self._budget.reserve() as grow:
            await artifacts.receive_small(self.store, self.ingest, fields, scope, receive, grow)
        return Response(200, b"", NOSNIFF)


class _RouteTable:
    """Routes by path and method; those with a variable part are tried one after the other."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[str, dict[str, Route]] = {}
        self._varying: list[tuple[re.Pattern[str], Route]] = []
        for route in routes:
            if "{" in route.path:
                pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path)
                self._varying.append((re.compile(pattern), route))
            else:
                by_method = self._fixed.setdefault(route.path, {})
                by_method.update(dict.fromkeys(route.methods, route))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a request and the parts that its path names."""
        fixed = self._fixed.get(path)
        if fixed is not None:
            if method in fixed:
                return fixed[method], {}
            raise RouteNotFound(405)
        path_exists = False
        for pattern, route in self._varying:
            if match := pattern.fullmatch(path):
                path_exists = True
                if method in route.methods:
                    return route, match.groupdict()
        raise RouteNotFound(405 if path_exists else 404)


def _object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    value = _json(body)
    if not isinstance(value, dict):
        raise invalid("The request body must be a JSON object.")
    return value


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _lenient(body)


def _lenient(body: bytes) -> Any:
    """JSON as Python writes it: bare NaN and Infinity are numbers."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise invalid("The request body is not valid JSON.") from None


def _query(scope: Scope) -> dict[str, Any]:
    text = scope["query_string"].decode("latin-1")
    try:
        parsed = parse_qs(text, keep_blank_values=True, max_num_fields=10_000)
    except ValueError:
        raise invalid("The query has too many fields.") from None
    return {name: QueryValues(values) for name, values in parsed.items()}


def _error(error: ProtocolError) -> Response:
    body = {"error_code": error.error_code, "message": error.message}
    retry = ((b"retry-after", b"1"),) if error.status == 503 else ()
    return Response(error.status, orjson.dumps(body), (*NOSNIFF, *retry))


def _plain_error(refused: PilothouseError) -> Response:
    codes = {404: "ENDPOINT_NOT_FOUND", 405: "BAD_REQUEST", 413: "BAD_REQUEST"}
    body = {"error_code": codes[refused.status], "message": str(refused)}
    return Response(refused.status, orjson.dumps(body), NOSNIFF)
