"""The shell: the page frame and menu, an error on a screen, the server's routes and headers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from streamlit.testing.v1 import AppTest

from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.workspace import Workspace
from pilothouse_app import server
from pilothouse_app.parts.workspace import ENVIRONMENT

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
        from pilothouse_app.parts.errors import guarded

        with guarded():
            raise error

    return AppTest.from_function(script, args=(error,)).run()


def test_a_refusal_is_shown_in_its_own_words():
    page = failing(NotFound("no run 'x'.", hint="Known: y."))
    assert not page.exception
    assert page.error[0].value == "No run 'x'.\n\nKnown: y."


def test_a_refusal_names_the_parts_that_are_wrong():
    page = failing(Invalid("this cannot be.", fields={"folds": "must be 2 to 20"}))
    assert "- **folds**: must be 2 to 20" in page.error[0].value


def test_a_fault_is_logged_under_the_id_that_is_shown(caplog):
    page = failing(RuntimeError("a secret detail"))
    assert not page.exception
    told = page.error[0].value
    assert "a secret detail" not in told
    faults = [record for record in caplog.records if record.name.endswith("parts.errors")]
    assert faults[0].args[0] in told


def answer_of(path: str, route: Route) -> httpx.Response:
    """What the route answers behind our headers."""
    headers = Middleware(server.SecurityHeaders, policy=server._policy())
    app = Starlette(routes=[route], middleware=[headers])

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_every_answer_forbids_what_is_elsewhere():
    answer = answer_of("/api/ready", Route("/api/ready", server._ready))
    assert answer.json() == {"status": "ready"}
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert "'sha256-" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_may_bring_a_stricter_policy_of_its_own():
    def strict(_request):
        return PlainTextResponse("", headers={"content-security-policy": server.REPORT_POLICY})

    answer = answer_of("/report", Route("/report", strict))
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts;")


def test_an_unknown_report_is_not_found(workspace, monkeypatch):
    monkeypatch.setenv(ENVIRONMENT, str(workspace.folder))
    monkeypatch.setattr(server, "opened", lambda _path: workspace)
    answer = answer_of("/api/reports/none", Route("/api/reports/{report}", server._report))
    assert answer.status_code == 404
