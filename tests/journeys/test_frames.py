"""Pages of other programs in their frame, in real Chromium: drawn offline, and no way out."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from pilothouse.workspace import Workspace
from pilothouse_app import figure_page, server

pytestmark = pytest.mark.journey

TRACE = {"type": "scatter", "x": [1, 2, 3], "y": [3, 1, 2], "name": "a"}
CDN = '<script src="https://cdn.plot.ly/plotly-3.1.0.min.js" integrity="sha256-x"></script>'
PAGE = f"""<!DOCTYPE html><html><body>{CDN}<div id="x" style="height:300px"></div>
<script>Plotly.newPlot("x", [{json.dumps(TRACE)}], {{}})</script></body></html>"""
# Two ways to a peer connection: of the page, and of a page in the page.
PEER = (
    "const c=new RTCPeerConnection({{iceServers:[{{urls:'stun:127.0.0.1:{port}'}}]}});"
    "c.createDataChannel('x');c.createOffer().then(o=>c.setLocalDescription(o))"
)


@contextmanager
def serving(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The app's routes of files, and a page of the app around a frame."""
    monkeypatch.setattr(server, "opened", lambda _path: workspace)
    monkeypatch.setenv(server.ENVIRONMENT, str(workspace.folder))

    def around(request: Request) -> HTMLResponse:
        return HTMLResponse(f'<iframe width="800" height="500" src="{request.query_params["of"]}">')

    routes = [
        Route("/around", around),
        Route(figure_page.PATH, server._plotly),
        Route("/api/runs/{owner}/files/{path:path}", server._file),
    ]
    headers = Middleware(server.SecurityHeaders, policy=server._policy())
    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=routes, middleware=[headers])
    serving = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=serving.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        serving.should_exit = True
        thread.join()
        listener.close()


def kept(workspace: Workspace, path: str, data: str) -> str:
    """The address of a file of a new run."""
    run = workspace.experiments.start("late")
    workspace.experiments.log_artifact(run, path, data.encode())
    return f"/api/runs/{run}/files/{path}?shown"


BARE = PAGE.replace(CDN, "")  # Figure.to_html(full_html=False, include_plotlyjs=False)


@pytest.mark.parametrize("path", ["figure.html", "bare.html", "figure.json"])
def test_a_plotly_figure_is_drawn_offline(
    browser: Browser, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    pages = {"figure.html": PAGE, "bare.html": BARE}
    data = pages[path] if path in pages else json.dumps({"data": [TRACE], "layout": {}})
    of = kept(workspace, path, data) + ("" if path.endswith("html") else "%26figure")
    with serving(workspace, monkeypatch) as origin:
        page = browser.new_page()
        strays: list[str] = []
        page.on("request", lambda asked: strays.append(asked.url))
        page.goto(f"{origin}/around?of={of}")
        frame = page.frame_locator("iframe")
        expect(frame.locator(".scatterlayer .trace")).to_have_count(1)
        assert all(url.startswith(origin) for url in strays)
        page.close()


@pytest.mark.parametrize("nested", [False, True])
def test_a_page_opens_no_peer_connection(
    browser: Browser, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, nested: bool
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.settimeout(3)
        script = PEER.format(port=stranger.getsockname()[1])
        inner = f'<iframe srcdoc="&lt;script>{script}&lt;/script>"></iframe>'
        html = f"{inner if nested else f'<script>{script}</script>'}<p>drawn</p>"
        with serving(workspace, monkeypatch) as origin:
            page = browser.new_page()
            page.goto(f"{origin}/around?of={kept(workspace, 'page.html', html)}")
            expect(page.frame_locator("iframe").locator("p")).to_have_text("drawn")
            with pytest.raises(TimeoutError):
                stranger.recv(2048)
            page.close()


def test_the_stranger_would_hear_a_peer_connection(
    browser: Browser, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without allowlist and guard the same page gets out: the test above tests something."""
    monkeypatch.setattr(server.figure_page, "_GUARD", b"")
    monkeypatch.delitem(server.FILE_HEADERS, "connection-allowlist")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.settimeout(10)
        html = f"<script>{PEER.format(port=stranger.getsockname()[1])}</script>"
        with serving(workspace, monkeypatch) as origin:
            page = browser.new_page()
            page.goto(f"{origin}/around?of={kept(workspace, 'page.html', html)}")
            assert stranger.recv(2048)
            page.close()
