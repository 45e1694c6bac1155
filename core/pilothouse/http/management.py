"""The management API: the content of a workspace as JSON, through the same API as the app."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError

import pilothouse
from pilothouse.http import governance, model_cards, pipelines, prediction_routes, rollouts
from pilothouse.http.serialisation import json_answer, records
from pilothouse.kit.asgi import Message, Receive, Scope, Send, error_response, read_body, respond
from pilothouse.kit.errors import Invalid, PilothouseError, Unavailable
from pilothouse.kit.io_errors import to_unavailable
from pilothouse.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.storage import Store

log = logging.getLogger("pilothouse.server")
MAX_ROWS = 10_000
MAX_BODY = 1 << 20


def build(store: Store) -> Any:
    """The FastAPI application over a store."""
    app = FastAPI(
        title="Pilothouse",
        version=pilothouse.__version__,
        docs_url=None,  # its pages load scripts from elsewhere, and nothing here calls out
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    workspace = Workspace(store)
    _lists(app, workspace)
    _details(app, workspace)
    app.include_router(model_cards.routes(workspace))
    app.include_router(pipelines.routes(workspace))
    app.include_router(governance.routes(workspace))
    app.include_router(rollouts.routes(workspace))
    app.add_middleware(BoundedBody)
    app.add_exception_handler(PilothouseError, _error_response)
    app.add_exception_handler(RequestValidationError, _invalid_response)

    for kind in (DBAPIError, OSError):
        app.add_exception_handler(kind, _unexpected_error_response)

    app.openapi = _with_predictions(app.openapi)  # type: ignore[method-assign]  # FastAPI's own way
    return app


class BoundedBody:
    """Middleware that reads a request's body first, and refuses one beyond `MAX_BODY`."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(scope, receive, MAX_BODY)
        except Invalid as refused:
            await respond(send, error_response(refused))
            return
        first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return first.pop() if first else await receive()

        await self._app(scope, replay, send)


def _lists(app: FastAPI, workspace: Workspace) -> None:
    def listing(path: str, summary: str, frame_of: Callable[[int], pd.DataFrame]) -> None:
        def answer(limit: int = Query(100, ge=1, le=MAX_ROWS)) -> Response:
            return json_answer(records(frame_of(limit).head(limit)))

        app.get(f"/api/{path}", summary=summary, operation_id=path, tags=["lists"])(answer)

    listing("datasets", "Every dataset.", lambda _: workspace.data.datasets())
    listing("experiments", "Every experiment.", lambda _: workspace.experiments.experiments())
    listing("runs", "Runs, newest first.", lambda limit: workspace.experiments.runs(size=limit))
    listing("models", "Every model.", lambda _: workspace.registry.models())
    listing("policies", "Every policy.", lambda _: workspace.policies.policies())
    listing("promotions", "Promotions, newest first.", lambda _: workspace.registry.promotions())
    listing("deployments", "Every deployment.", lambda _: workspace.deployments.deployments())
    listing("attention", "What needs a person.", lambda _: workspace.attention.frame())
    listing("alerts", "Alerts, newest first.", lambda _: workspace.monitoring.alerts())
    listing("jobs", "Jobs, newest first.", lambda limit: workspace.jobs.jobs(size=limit))
    listing("activity", "The log.", lambda limit: workspace.activity.entries(size=limit))


def _details(app: FastAPI, workspace: Workspace) -> None:
    @app.get("/api/runs/{run}", summary="One run.", tags=["details"])
    def run(run: str) -> Response:
        return json_answer(workspace.experiments.run(run))

    @app.get("/api/models/{model}/versions", summary="A model's versions.", tags=["details"])
    def versions(model: str) -> Response:
        return json_answer(records(workspace.registry.versions(model)))

    @app.get("/api/deployments/{name}", summary="One deployment.", tags=["details"])
    def deployment(name: str) -> Response:
        return json_answer(workspace.deployments.deployment(name))

    @app.get("/api/deployments/{name}/traffic", summary="Traffic over time.", tags=["details"])
    def traffic(name: str, hours: float = Query(24.0, gt=0, le=24 * 366)) -> Response:
        return json_answer(records(workspace.deployments.traffic(name, hours)))

    @app.get("/api/jobs/{job}", summary="One job.", tags=["details"])
    def job(job: str) -> Response:
        return json_answer(workspace.jobs.job(job))


async def _error_response(_: Request, error: Exception) -> Response:
    assert isinstance(error, PilothouseError)
    body: dict[str, Any] = {"error": error.message, "hint": error.hint, "code": error.code}
    if isinstance(error, Invalid):
        body["fields"] = error.fields
    answer = json_answer(body, error.status)
    if isinstance(error, Unavailable):
        answer.headers["retry-after"] = str(error.retry_seconds)
    return answer


async def _invalid_response(request: Request, error: Exception) -> Response:
    """What FastAPI has found wrong, in the words of `Invalid`."""
    assert isinstance(error, RequestValidationError)
    fields = {
        ".".join(str(part) for part in fault["loc"][1:]) or "body": str(fault["msg"])
        for fault in error.errors()
    }
    return await _error_response(request, Invalid.of_fields("the request cannot be used", fields))


async def _unexpected_error_response(request: Request, error: Exception) -> Response:
    """An error of the disk or the database as Unavailable; anything else is an internal error."""
    log.error("a request failed", exc_info=error)
    message = "an internal error; see the server's log."
    return await _error_response(request, to_unavailable(error) or PilothouseError(message))


def _with_predictions(schema_of: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """The schema with the routes that are answered before FastAPI."""

    def schema() -> dict[str, Any]:
        document = schema_of()
        prediction_routes.add_to(document)
        return document

    return schema
