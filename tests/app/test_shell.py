"""The shell: the page frame and menu, an error on a screen, the server's routes and headers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from streamlit.testing.v1 import AppTest

from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.workspace import Workspace
from pilothouse_app import figure_page, screens, server, shell
from pilothouse_app.components.workspace import ENVIRONMENT

MAIN = Path(server.__file__).parent / "main.py"


@pytest.fixture
def frame(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(ENVIRONMENT, str(workspace.folder))
    yield lambda: AppTest.from_file(str(MAIN), default_timeout=30).run()
    st.cache_resource.clear()


def test_the_frame_shows_home_and_says_which_workspace_it_is(frame):
    page = frame()
    assert not page.exception
    assert page.header[0].value == "Home"
    assert "Workspace: workspace" in page.sidebar.markdown[0].value


def failing(error: Exception):
    def script(error: Exception) -> None:
        from pilothouse_app.components.errors import error_boundary

        with error_boundary():
            raise error

    return AppTest.from_function(script, args=(error,)).run()


def test_a_refusal_is_shown_in_its_own_words():
    page = failing(NotFound("no run 'x'.", hint="Known: y."))
    assert not page.exception
    assert page.error[0].value.replace("\\", "") == "no run 'x'.\n\nKnown: y."


def test_a_name_at_the_start_of_a_refusal_is_not_capitalised():
    page = failing(Conflict("sales_q1@2 is archived.", hint="Run `pilothouse datasets restore`."))
    assert page.error[0].value.replace("\\", "").startswith("sales_q1@2 is archived.")
    assert "`pilothouse datasets restore`" in page.error[0].value


def test_a_name_in_a_refusal_is_no_markdown():
    page = failing(NotFound("no run '**x** ![a](http://x)'."))
    assert "**x**" not in page.error[0].value
    assert "![a](" not in page.error[0].value


def test_a_refusal_names_the_parts_that_are_wrong():
    page = failing(Invalid("this cannot be.", fields={"folds": "must be 2 to 20"}))
    assert "- **folds**: must be 2 to 20" in page.error[0].value


def test_a_fault_is_logged_under_the_id_that_is_shown(caplog):
    page = failing(RuntimeError("a secret detail"))
    assert not page.exception
    told = page.error[0].value
    assert "a secret detail" not in told
    faults = [record for record in caplog.records if record.name.endswith("components.errors")]
    assert faults[0].args[0] in told


def answer_of(
    path: str, route: Route, headers_sent: dict[str, str] | None = None
) -> httpx.Response:
    """What the route answers behind our headers."""
    headers = Middleware(server.SecurityHeaders, policy=server._policy())
    app = Starlette(routes=[route], middleware=[headers])

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path, headers=headers_sent)

    return asyncio.run(ask())


def test_every_answer_forbids_what_is_elsewhere():
    answer = answer_of("/api/ready", Route("/api/ready", server._ready))
    assert answer.json() == {"status": "ready"}
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert "'sha256-" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:8501"}, 200),
        ({"host": "localhost:8501", "origin": "http://localhost:8501"}, 200),
        ({"host": "evil.example:8501"}, 403),
        ({"host": "127.0.0.1:8501", "origin": "http://127.0.0.1:3000"}, 403),
        ({"host": "127.0.0.1:8501", "origin": "http://evil.example:8501"}, 403),
    ],
)
def test_only_pages_at_a_name_of_ours_reach_the_app(headers, status):
    async def fine(scope, receive, send):
        await PlainTextResponse("in")(scope, receive, send)

    async def ask():
        transport = httpx.ASGITransport(server.HostCheck(fine))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as caller:
            return await caller.get("/", headers=headers)

    assert asyncio.run(ask()).status_code == status


def test_a_socket_of_a_stranger_is_closed_before_it_opens():
    async def fine(scope, receive, send):
        await send({"type": "websocket.accept"})

    async def connect(host):
        sent = []

        async def send(message):
            sent.append(message["type"])

        scope = {"type": "websocket", "path": "/", "headers": [(b"host", host)]}
        await server.HostCheck(fine)(scope, None, send)
        return sent

    assert asyncio.run(connect(b"evil.example")) == ["websocket.close"]
    assert asyncio.run(connect(b"localhost:8501")) == ["websocket.accept"]


def test_a_page_may_bring_a_stricter_policy_of_its_own():
    def strict(_request):
        return PlainTextResponse("", headers={"content-security-policy": server.REPORT_POLICY})

    answer = answer_of("/report", Route("/report", strict))
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts;")


@pytest.fixture
def run(workspace, monkeypatch) -> str:
    """A run with files, in the workspace that the routes open."""
    monkeypatch.setenv(ENVIRONMENT, str(workspace.folder))
    monkeypatch.setattr(server, "opened", lambda _path: workspace)
    run = workspace.experiments.start("late")
    for path, data in FILES.items():
        workspace.experiments.log_artifact(run, path, data)
    return run


FILES = {
    "report/a b.html": b"<script>fetch('/')</script>",
    "plot.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
    "plot.png": b"no image",
    "notes.txt": b"<script>1</script>",
}
FILE = Route("/api/runs/{owner}/files/{path:path}", server._file)


def test_a_page_of_a_run_is_shown_where_it_reaches_nothing(run):
    answer = answer_of(f"/api/runs/{run}/files/report/a%20b.html?shown", FILE)
    assert answer.content.endswith(FILES["report/a b.html"])
    assert answer.headers["connection-allowlist"] == "(response-origin)"  # peer connections, too
    assert answer.headers["content-type"].startswith("text/html")
    policy = {each.split()[0]: each.split()[1:] for each in
              answer.headers["content-security-policy"].split(";")}  # fmt: skip
    assert policy["sandbox"] == ["allow-scripts"]  # and no allow-same-origin: a world of its own
    assert policy["default-src"] == ["'none'"]
    assert policy["form-action"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'self'"]
    assert not {"'self'", "*", "http:", "https:"} & {
        source for name, sources in policy.items() if name != "frame-ancestors"
        for source in sources
    }  # fmt: skip
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "set-cookie" not in answer.headers


CDN = (
    b'<script charset="utf-8" src="https://cdn.plot.ly/plotly-3.1.0.min.js" '
    b'integrity="sha256-x" crossorigin="anonymous"></script>'
)


def test_plotly_of_a_page_comes_from_the_app(workspace, run):
    html = b"<!DOCTYPE html><html><body>" + CDN + b"<script>Plotly.newPlot('x',[])</script>"
    workspace.experiments.log_artifact(run, "figure.html", html)
    answer = answer_of(f"/api/runs/{run}/files/figure.html?shown", FILE)
    assert b"cdn.plot.ly" not in answer.content
    assert b'<script src="/api/plotly.js"></script>' in answer.content
    assert answer.content.startswith(b"<!DOCTYPE html>"), "or browsers draw it in quirks mode"
    policy = answer.headers["content-security-policy"]
    assert "script-src 'unsafe-inline' 'unsafe-eval' 127.0.0.1/api/plotly.js;" in policy
    script = answer_of("/api/plotly.js", Route("/api/plotly.js", server._plotly))
    assert b"plotly.js v" in script.content[:200]
    assert script.headers["cross-origin-resource-policy"] == "cross-origin"


def test_a_figure_kept_as_json_is_a_page_that_draws_it_and_runs_nothing_else(workspace, run):
    figure = {"data": [{"type": "bar", "y": [1]}], "layout": {"title": "</script><b>"}}
    workspace.experiments.log_artifact(run, "figure.json", json.dumps(figure).encode())
    answer = answer_of(f"/api/runs/{run}/files/figure.json?shown&figure", FILE)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.count("</script>") == 2, "no text of the figure ends the script"
    policy = answer.headers["content-security-policy"]
    assert "script-src 'nonce-" in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]
    workspace.experiments.log_artifact(run, "other.json", b'{"data": 1, "layout": {}}')
    assert answer_of(f"/api/runs/{run}/files/other.json?shown&figure", FILE).status_code == 422


def test_a_page_of_unclosed_tags_is_read_in_linear_time():
    html = b"<script src=plotly " * 400_000  # 7.6 MB; tags without an end were read to the end
    assert figure_page.page(html)[1] is False


def test_a_page_of_a_run_that_is_opened_alone_is_a_download(run):
    alone = {"sec-fetch-dest": "document"}
    answer = answer_of(f"/api/runs/{run}/files/report/a%20b.html?shown", FILE, alone)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-security-policy"].startswith("sandbox;")


@pytest.mark.parametrize("path", ["report/a%20b.html", "notes.txt", "notes.txt?shown", "plot.svg"])
def test_every_other_file_is_a_download(run, path):
    answer = answer_of(f"/api/runs/{run}/files/{path}", FILE)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_image_is_shown_by_what_its_bytes_are(run):
    answer = answer_of(f"/api/runs/{run}/files/plot.svg?shown", FILE)
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer_of(f"/api/runs/{run}/files/plot.png?shown", FILE).status_code == 422


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("..%2f..%2fpilothouse.db", 422),
        ("report/%2e%2e/%2e%2e/pilothouse.db", 422),
        ("%2fetc%2fpasswd", 422),
        ("report%5c..%5cpilothouse.db", 422),
        ("nothing.txt", 404),
    ],
)
def test_no_path_leads_out_of_a_run(run, path, status):
    assert answer_of(f"/api/runs/{run}/files/{path}", FILE).status_code == status
    assert answer_of(f"/api/runs/{'0' * 32}/files/{path}", FILE).status_code in (404, 422)


def test_an_unknown_report_is_not_found(workspace, monkeypatch):
    monkeypatch.setenv(ENVIRONMENT, str(workspace.folder))
    monkeypatch.setattr(server, "opened", lambda _path: workspace)
    answer = answer_of("/api/reports/none", Route("/api/reports/{report}", server._report))
    assert answer.status_code == 404


def test_the_page_gets_our_script_before_any_other_and_nothing_else_does():
    page = b"<html><head><title>Streamlit</title></head><body></body></html>"

    async def html(_request):
        return HTMLResponse(page)

    async def data(_request):
        return PlainTextResponse(page)

    def answer(path: str, kind) -> httpx.Response:
        app = Starlette(routes=[Route(path, kind)], middleware=[Middleware(shell.ShellScript)])

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://local") as client:
                return await client.get(path, headers={"accept": "text/html"})

        return asyncio.run(ask())

    with_script = answer("/run", html)
    assert with_script.content == page.replace(b"<head>", b"<head>" + shell.tag())
    assert with_script.headers["content-length"] == str(len(with_script.content))
    assert answer("/run", data).content == page
    assert answer("/api/reports/1", html).content == page  # a stranger's page in a frame


def test_our_script_is_served_as_one():
    answer = answer_of(shell.PATH, Route(shell.PATH, shell.script))
    assert answer.headers["content-type"].startswith("text/javascript")
    assert b"pushState" in answer.content


def test_every_detail_page_belongs_to_a_list():
    known = {screen.path: screen for screen, _ in screens.all_screens()}
    for screen in known.values():
        assert bool(screen.parent) == screen.hidden, screen.path
        assert not screen.parent or not known[screen.parent].hidden


@pytest.mark.parametrize(
    ("path", "params", "label"),
    [
        ("run", {"id": "nothing"}, "Experiments"),
        ("dataset", {"ref": "nothing@1"}, "Data"),
        ("model", {"name": "nothing"}, "Registry"),
        ("version", {"ref": "nothing@x"}, "Registry"),
        ("promotion", {"id": "nothing"}, "Registry"),
        ("deployment", {"name": "nothing"}, "Deployments"),
        ("window", {"id": "nothing"}, "Monitoring"),
        ("alert", {"id": "nothing"}, "Monitoring"),
        ("report", {"id": "nothing"}, "Monitoring"),
        ("job", {"id": "nothing"}, "Pipelines"),
    ],
)
def test_an_address_of_nothing_leads_back_to_the_list(visit, path, params, label):
    page = visit(path, **params)
    assert not page.exception
    assert page.error
    assert [each.proto.label for each in page.get("page_link")][-2:] == [label, "Home"]


def full_disk() -> None:
    import sqlite3

    from sqlalchemy.exc import OperationalError

    from pilothouse_app.components.errors import error_boundary

    with error_boundary():
        full = sqlite3.OperationalError("database or disk is full")
        full.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise OperationalError("INSERT", {}, full)


def test_a_full_disk_is_said_in_words_on_a_screen():
    page = AppTest.from_function(full_disk).run()
    [box] = page.error
    assert "the disk is full" in box.value
    assert "Free space" in box.value
