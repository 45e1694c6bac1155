"""The app under a path and a name of a proxy: addresses, routes, and who may come in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route

from pilothouse.kit.errors import Invalid
from pilothouse.kit.proxy import app_hosts, served_under
from pilothouse.kit.settings import Settings
from pilothouse_app import figure_page, server, shell
from pilothouse_app.components.base_path import VARIABLE, base_path
from pilothouse_app.components.links import address
from pilothouse_app.features.monitoring.reports import report_path
from pilothouse_app.theme import configuration

PREFIX = "/services/pilothouse"


@pytest.fixture
def below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, PREFIX)


def test_the_prefix_is_the_settings_or_that_of_the_hub(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def prefix(text: str = "") -> str:
        return served_under(Settings(workspace=tmp_path, app_prefix=text))

    assert (prefix(), prefix("/"), prefix("ml/app/")) == ("", "", "/ml/app")
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", f"{PREFIX}/")
    assert (prefix(), prefix("/own")) == (PREFIX, "/own")
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    assert prefix() == "", "it is that of the user's own server"
    with pytest.raises(Invalid, match="not a path"):
        prefix("/a b")


def test_addresses_and_routes_lie_below_it(below: None) -> None:
    assert base_path() == PREFIX
    assert address("run", "a").url == f"{PREFIX}/run?id=a"
    assert report_path("x") == f"{PREFIX}/api/reports/x"
    assert f'src="{PREFIX}/api/shell.js"'.encode() in shell.tag()
    drawn, uses = figure_page.page(b'<script src="https://cdn/plotly.min.js"></script>')
    assert uses
    assert f'src="{PREFIX}/api/plotly.js"'.encode() in drawn
    assert f"127.0.0.1:1{PREFIX}/api/plotly.js" in figure_page.policy("127.0.0.1:1", plotly=True)
    paths = {route.path for route in server.application()._user_routes if isinstance(route, Route)}
    assert {"/api/ready", f"{PREFIX}/api/ready", f"{PREFIX}/api/shell.js"} <= paths
    assert configuration(8501, PREFIX)["server.baseUrlPath"] == PREFIX


def test_the_script_is_put_into_pages_below_it_alone(below: None) -> None:
    async def page(_request: object) -> HTMLResponse:
        return HTMLResponse("<html><head></head></html>")

    app = Starlette(
        routes=[Route(f"{PREFIX}/run", page), Route(f"{PREFIX}/api/reports/a", page)],
        middleware=[Middleware(shell.ShellScript)],
    )

    async def ask(path: str) -> bytes:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.get(path)).content

    assert shell.tag() in asyncio.run(ask(f"{PREFIX}/run"))
    assert shell.tag() not in asyncio.run(ask(f"{PREFIX}/api/reports/a"))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "hub.example.org"}, 200),
        ({"host": "HUB.example.org", "origin": "https://hub.example.org"}, 200),
        ({"host": "hub.example.org", "origin": "https://evil.example"}, 403),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1:8501"}, 200),
    ],
)
def test_a_proxys_name_comes_in_when_it_is_named(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    names = app_hosts(Settings(workspace=tmp_path, app_hosts="Hub.example.org, "))

    async def fine(_request: object) -> PlainTextResponse:
        return PlainTextResponse("in")

    app = Starlette(
        routes=[Route("/", fine)], middleware=[Middleware(server.HostCheck, names=names)]
    )

    async def ask() -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.get("/", headers=headers)).status_code

    assert asyncio.run(ask()) == status
    assert configuration(8501, names=names)["server.allowedHosts"][-1] == "hub.example.org"


def test_a_frame_without_an_origin_gets_the_library_alone(below: None) -> None:
    async def fine(_request: object) -> PlainTextResponse:
        return PlainTextResponse("in")

    paths = (f"{PREFIX}{figure_page.PATH}", f"{PREFIX}/api/runs/a/files/b")
    app = Starlette(
        routes=[Route(path, fine) for path in paths], middleware=[Middleware(server.HostCheck)]
    )

    async def ask(path: str, host: str) -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return (await client.get(path, headers={"origin": "null"})).status_code

    assert [asyncio.run(ask(path, "127.0.0.1")) for path in paths] == [200, 403]
    assert asyncio.run(ask(paths[0], "evil.example")) == 403


def test_every_route_is_behind_the_check() -> None:
    middleware = [each.cls for each in server.application()._user_middleware]
    assert middleware[0] is server.HostCheck
