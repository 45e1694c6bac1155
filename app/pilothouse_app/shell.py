"""The script beside Streamlit's own: history, tables by keyboard, the person, lost pages.

It is put into the page that Streamlit serves, which has no option for any of them.
`static/shell.js` says what it changes and why.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.responses import FileResponse

from pilothouse_app.components.base_path import under_base

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH = "/api/shell.js"
FILE = Path(__file__).parent / "static" / "shell.js"
HEAD = b"<head>"


def tag() -> bytes:
    """What is put into the page."""
    return f'<script src="{under_base(PATH)}"></script>'.encode()


async def script(_request: Request) -> Response:
    """The script, by the type that a browser runs."""
    headers = {"cache-control": "no-cache"}
    return FileResponse(FILE, media_type="text/javascript", headers=headers)


class ShellScript:
    """Adds the script to the page of the app, before every script of Streamlit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(under_base("/api/")):
            await self._app(scope, receive, send)
            return
        if _asks_for_page(scope):
            scope = {**scope, "headers": [h for h in scope["headers"] if h[0] not in CONDITIONS]}
        await self._app(scope, receive, _Rewriter(send))


# A page that comes compressed, or not at all because the browser has it, cannot be added to.
CONDITIONS = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")


def _asks_for_page(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


class _Rewriter:
    """Sends everything on at once, except a page, which is held back until it is whole."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)
        else:
            await self._send(message)

    async def _finish(self, start: Message) -> None:
        page = self._body.replace(HEAD, HEAD + tag(), 1)
        headers = MutableHeaders(scope=start)
        if self._body:  # the answer to HEAD keeps the length it would have
            headers["content-length"] = str(len(page))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": page})


def _is_page(start: Message) -> bool:
    headers = MutableHeaders(scope=start)
    plain = "content-encoding" not in headers
    return plain and headers.get("content-type", "").startswith("text/html")
