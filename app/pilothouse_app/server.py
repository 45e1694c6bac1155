"""The app's own server: Streamlit on loopback, with our headers, our configuration, our errors."""

from __future__ import annotations

import base64
import gc
import hashlib
import logging
import os
import re
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
)
from starlette.routing import Route

from pilothouse.experiments.files.preview import HTML, IMAGE, JSON, figure_of, kind_of
from pilothouse.kit import hosts, logs
from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.processes import announce
from pilothouse.kit.proxy import app_hosts, served_under
from pilothouse_app import figure_page, shell
from pilothouse_app.components.base_path import VARIABLE as PREFIX
from pilothouse_app.components.base_path import base_path, under_base
from pilothouse_app.components.errors import show_unexpected
from pilothouse_app.components.workspace import ENVIRONMENT, opened
from pilothouse_app.theme import configuration

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pilothouse.experiments.files.browse import RunFiles
    from pilothouse.kit.settings import Settings

log = logging.getLogger(__name__)
PORT = "PILOTHOUSE_APP_PORT"
SCRIPT = Path(__file__).parent / "main.py"

# A stored report is a page of its own scripts: it is shown in a frame that can reach nothing.
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; frame-ancestors 'self'"
)
FILE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
FILE_HEADERS = {
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "x-dns-prefetch-control": "off",
    "cache-control": "private, no-cache",
    "connection-allowlist": figure_page.ALLOWLIST,
}
LIBRARY_HEADERS = {
    "x-content-type-options": "nosniff",
    # The frames that draw with it have an origin of their own.
    "cross-origin-resource-policy": "cross-origin",
    "cache-control": "public, max-age=86400",
}


def serve(settings: Settings) -> None:
    """Serve the app on loopback until it is stopped."""
    os.environ[ENVIRONMENT] = str(settings.workspace)
    os.environ[PORT] = str(settings.app_port)
    if settings.log_format == logs.ECS:  # text is logged as Streamlit does
        logs.configure("app", settings.log_format)
    os.environ[PREFIX] = served_under(settings)
    names = app_hosts(settings)
    config = configuration(settings.app_port, prefix=base_path(), names=names)
    application(names).run(config=config)


def application(names: frozenset[str] = frozenset()) -> st.App:
    """The ASGI application: Streamlit, readiness, reports, files of runs, security headers.

    `names` are hosts that a proxy in front of it has, beside the loopback.
    """
    return st.App(
        SCRIPT,
        routes=[
            *(Route(path, _ready) for path in sorted({"/api/ready", under_base("/api/ready")})),
            Route(under_base(figure_page.PATH), _plotly),
            Route(under_base(shell.PATH), shell.script),
            Route(under_base("/api/reports/{report}"), _report),
            Route(under_base("/api/runs/{owner}/files/{path:path}"), _file),
            Route(under_base("/api/logged-models/{owner}/files/{path:path}"), _file),
        ],
        middleware=[
            Middleware(HostCheck, names=names),
            Middleware(SecurityHeaders, policy=_policy()),
            Middleware(shell.ShellScript),
        ],
        lifespan=_lifespan,
        on_script_error=show_unexpected,
    )


class HostCheck:
    """Lets in what comes to a loopback name or that of a proxy, and of pages those of this app."""

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = ""
        if scope["type"] in ("http", "websocket"):
            headers = scope["headers"]
            if scope["path"] == under_base(figure_page.PATH):
                # The frames that draw with it have no origin, and it is the same for everybody.
                headers = [header for header in headers if header[0].lower() != b"origin"]
            refusal = hosts.refusal(headers, names=self._names)
        if not refusal:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await PlainTextResponse(refusal, status_code=403)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[:100]})


class SecurityHeaders:
    """Adds the headers that keep the page from reaching, or being framed by, anything else."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=()",
            "cross-origin-opener-policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


def _policy() -> str:
    """The page's policy; Streamlit's one inline script is let through by its hash."""
    index = Path(st.__file__).parent / "static" / "index.html"
    scripts = re.findall(r"<script>(.*?)</script>", index.read_text("utf-8"), re.DOTALL)
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'self'; script-src 'self' 'unsafe-eval' {hashes}; worker-src 'self' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self' data: blob:; frame-src 'self'; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'self'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@asynccontextmanager
async def _lifespan(_app: st.App) -> AsyncIterator[dict[str, Any] | None]:
    workspace = await run_in_threadpool(opened, os.environ[ENVIRONMENT])
    await run_in_threadpool(_warm)
    announce(workspace.folder / "run", "app", int(os.environ[PORT]))
    yield {"ready": True}


def _warm() -> None:
    """Import what the first page needs, so that the first visitor does not wait for it."""
    import pandas  # noqa: F401
    import plotly.graph_objects  # noqa: F401

    from pilothouse_app import screens

    screens.all_screens()
    # Streamlit collects garbage after every run of a page. What is loaded by now stays for good,
    # and to look through it took longer than to draw the page.
    gc.collect()
    gc.freeze()


async def _ready(_request: Request) -> Response:
    return JSONResponse({"status": "ready"})


async def _report(request: Request) -> Response:
    workspace = opened(os.environ[ENVIRONMENT])
    try:
        page = await run_in_threadpool(
            workspace.monitoring.report_html, request.path_params["report"]
        )
    except PilothouseError as refusal:
        return PlainTextResponse(str(refusal), status_code=refusal.status)
    headers = {
        "content-security-policy": REPORT_POLICY,
        "connection-allowlist": figure_page.ALLOWLIST,
    }
    return HTMLResponse(page, headers=headers)


async def _plotly(_request: Request) -> Response:
    """plotly.js for the figures of runs, so that no page loads it from elsewhere."""
    return FileResponse(
        figure_page.library(), headers=LIBRARY_HEADERS, media_type="text/javascript"
    )


async def _file(request: Request) -> Response:
    """A file of a run or a logged model: shown inline when requested and safe, else downloaded."""
    files = opened(os.environ[ENVIRONMENT]).experiments.files
    owner, path = request.path_params["owner"], request.path_params["path"]
    inline_kind = "shown" in request.query_params and kind_of(path)

    try:
        if inline_kind == IMAGE:
            data, kind = await run_in_threadpool(files.image, owner, path)
            return Response(data, headers=_headers(FILE_POLICY), media_type=kind)
        local_file = await run_in_threadpool(files.local_path, owner, path)
    except PilothouseError as refusal:
        return PlainTextResponse(str(refusal), status_code=refusal.status)

    # Opened alone, a page could go elsewhere with what it knows; in our frame it cannot.
    if inline_kind and request.headers.get("sec-fetch-dest", "iframe") == "iframe":
        if inline_kind == HTML:
            return await run_in_threadpool(_page, request, local_file)
        if inline_kind == JSON and "figure" in request.query_params:
            return await run_in_threadpool(_figure, files, owner, path)

    return FileResponse(
        local_file,
        headers=_headers(FILE_POLICY),
        media_type="application/octet-stream",
        filename=path.rsplit("/", 1)[-1],
    )


def _page(request: Request, file: Path) -> Response:
    """A page that a run left, in the frame."""
    host = request.headers.get("host", "")
    if file.stat().st_size > figure_page.MAX_PAGE:
        headers = _headers(figure_page.policy(host, plotly=False))
        return FileResponse(file, headers=headers, media_type="text/html")
    content, uses_plotly = figure_page.page(file.read_bytes())
    headers = _headers(figure_page.policy(host, plotly=uses_plotly))
    return Response(content, headers=headers, media_type="text/html")


def _figure(files: RunFiles, owner: str, path: str) -> Response:
    """A figure that a run stored as JSON, drawn in the frame."""
    try:
        value = figure_of(files.document(owner, path))
    except PilothouseError as refusal:
        return PlainTextResponse(str(refusal), status_code=refusal.status)
    if value is None:
        return PlainTextResponse(f"{path} holds no figure.", status_code=422)
    content, nonce = figure_page.figure(value)
    return HTMLResponse(content, headers=_headers(figure_page.figure_policy(nonce)))


def _headers(policy: str) -> dict[str, str]:
    return {"content-security-policy": policy, **FILE_HEADERS}
