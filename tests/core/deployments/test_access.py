"""API keys and limits: who may call a deployment and how often, asked of the gateway itself.

No model process runs, so a request that the gateway takes ends with 503.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.activity import Activity
from pilothouse.deployments import Deployments
from pilothouse.deployments.access.key_ring import CallLimits, HeldKey, KeyRing, hashed
from pilothouse.deployments.access.token_bucket import TokenBucket
from pilothouse.deployments.gateway.gateway import Gateway
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.http.prediction_routes import ROUTES
from pilothouse.http.server import Server
from pilothouse.kit.errors import Conflict, Invalid, KeyNeeded, NotFound, Refused
from pilothouse.registry import stages, versions
from pilothouse.storage import Store

INFER, INVOKE, LABELS = (
    "/v2/models/flights/infer",
    "/deployments/flights/invocations",
    "/deployments/flights/labels",
)
ROW = {"dataframe_records": [{"distance": 500.0, "carrier": "AA"}]}
Call = Callable[..., httpx.Response]


@pytest.fixture
def launched(deployments: Deployments, monkeypatch: pytest.MonkeyPatch) -> Deployments:
    monkeypatch.setattr("pilothouse.deployments.gateway.gateway.WAIT_SECONDS", 0.0)
    deployments.launch("flights", "late", 1)
    return deployments


@pytest.fixture
def gateway(registered: Store) -> Gateway:
    return Gateway(registered.folder, Routes(registered), 1 << 20, 100, "0")


@pytest.fixture
def call(gateway: Gateway) -> Call:
    def send(path: str, key: str = "", header: str = "x-api-key", **body: object) -> httpx.Response:
        async def request() -> httpx.Response:
            await gateway.routes.refresh()
            transport = httpx.ASGITransport(gateway)
            headers = {header: key} if key else {}
            async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
                return await client.post(path, headers=headers, json=body or ROW)

        return asyncio.run(request())

    return send


def test_without_a_key_everything_is_open_until_one_is_made(
    launched: Deployments, call: Call
) -> None:
    assert call(INVOKE).status_code == 503
    made = launched.create_api_key("shop", deployments=["flights"])
    refused = call(INVOKE)
    assert (refused.status_code, refused.json()["code"]) == (401, "key_needed")
    assert "'flights' need an API key" in refused.json()["error"]
    assert refused.headers["www-authenticate"] == "Bearer"
    assert call(INVOKE, made.key).status_code == 503
    assert call(INFER, f"Bearer {made.key}", "authorization").status_code == 503
    assert launched.needs_key("flights") == ("predict",)
    labels = call(LABELS, ids=["a"], labels=[1])
    assert labels.json() == {"accepted": 1, "unknown": 1}


def test_the_text_of_a_key_is_stored_nowhere(launched: Deployments, registered: Store) -> None:
    made = launched.create_api_key("shop", reason="the new shop")
    assert re.fullmatch(r"ph_[\w-]{43}", made.key)
    assert made.key not in repr(made)
    (listed,) = launched.api_keys()
    assert (listed.label, listed.prefix, listed.state) == ("shop", made.key[:11], "valid")
    database = Path(registered.folder / "pilothouse.db")
    stored = database.read_bytes() + database.with_name("pilothouse.db-wal").read_bytes()
    assert made.key[11:].encode() not in stored
    assert hashed(made.key).encode() in stored
    entry = Activity(registered).entries(kind="API key").iloc[0]
    assert (entry["verb"], entry["reason"], entry["name"]) == ("made", "the new shop", "shop")


def test_a_revoked_and_an_expired_key_hold_no_longer_and_open_nothing(
    launched: Deployments, call: Call, registered: Store
) -> None:
    made = launched.create_api_key("shop", ["predict", "labels"])
    launched.revoke_api_key(made.info.prefix, "lost")
    answer = call(INVOKE, made.key)
    assert (answer.status_code, "was revoked" in answer.json()["error"]) == (401, True)
    assert call(INVOKE).status_code == call(LABELS).status_code == 401
    with pytest.raises(Conflict, match="revoked already"):
        launched.revoke_api_key(made.info.id)
    launched.set_limits("flights", CallLimits(needs_key=False))
    assert call(INVOKE).status_code == 503
    assert Activity(registered).verify().intact


def test_a_key_is_for_its_scopes_and_deployments(launched: Deployments, call: Call) -> None:
    launched.launch("other", "late", 1)
    labels = launched.create_api_key("truth", ["labels"], ["flights"])
    other = launched.create_api_key("other", ["predict"], ["other"])
    launched.set_limits("flights", CallLimits(needs_key=True))
    refused = call(INVOKE, labels.key)
    assert (refused.status_code, refused.json()["code"]) == (403, "refused")
    assert "has the scope labels, and predict is needed" in refused.json()["error"]
    assert "is not for 'flights'" in call(INVOKE, other.key).json()["error"]
    admin = launched.create_api_key("admin", ["admin"])
    assert call(INVOKE, admin.key).status_code == 503
    assert [key.label for key in launched.api_keys("flights")] == ["admin", "truth"]


@pytest.mark.parametrize("key", ["ph_", "ph_unknown" + "x" * 36, "\u00e9", "x" * 5_000])
def test_what_is_no_key_is_unauthorised(launched: Deployments, call: Call, key: str) -> None:
    launched.create_api_key("shop")
    answer = call(INVOKE, key.encode("utf-8"))
    assert (answer.status_code, "no such API key" in answer.json()["error"]) == (401, True)


def test_every_documented_request_to_a_closed_deployment_needs_a_key(
    launched: Deployments, call: Call, registered: Store
) -> None:
    launched.set_limits("flights", CallLimits(needs_key=True))
    with registered.write() as session:
        version = versions.require(session, "late", 1)
        stages.move(session, registered, version, "staging", "a test")
    launched.set_stage("flights", "staging")
    values = {"deployment": "flights", "version": "1", "label": "champion"}
    values |= {"stage": "staging", "model": "late"}
    paths = [path.format(**values) for method, path, *_ in ROUTES if method == "post"]
    assert {call(path).status_code for path in paths} == {401}


def test_the_workspace_calls_its_own_server_without_a_key(
    launched: Deployments, call: Call, registered: Store
) -> None:
    launched.create_api_key("shop")
    call(INVOKE)
    file = registered.run_folder / "own.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert call(INVOKE, file.read_text()).status_code == 503


def test_requests_beyond_the_rate_are_told_when_to_come_back(
    launched: Deployments, call: Call
) -> None:
    launched.set_limits("flights", CallLimits(per_second=0.1, burst=2))
    assert [call(INVOKE).status_code for _ in range(3)] == [503, 503, 429]
    answer = call(INVOKE)
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert "takes 0.1 requests a second" in answer.json()["error"]
    launched.set_limits("flights", CallLimits())
    assert call(INVOKE).status_code == 503


def test_requests_beyond_those_at_once_are_refused(
    launched: Deployments, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.deployments.gateway.gateway.WAIT_SECONDS", 0.3)
    launched.set_limits("flights", CallLimits(max_concurrent=2))

    async def crowd() -> list[int]:
        transport = httpx.ASGITransport(gateway)
        async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
            answers = await asyncio.gather(*(client.post(INVOKE, json=ROW) for _ in range(5)))
        return sorted(answer.status_code for answer in answers)

    assert asyncio.run(crowd()) == [429, 429, 429, 503, 503]
    assert gateway.metrics.requests["flights", 1, 429] == 3


def test_the_last_use_of_a_key_is_noted(
    launched: Deployments, call: Call, gateway: Gateway, registered: Store
) -> None:
    made = launched.create_api_key("shop")
    assert launched.api_keys()[0].last_used_at is None
    call(INVOKE, made.key)
    gateway.routes.admission.write_uses()
    used_at = launched.api_keys()[0].last_used_at
    assert used_at is not None
    assert used_at <= registered.now()
    assert Activity(registered).verify().intact


def test_the_management_api_needs_an_admin_key_where_the_settings_say_so(
    launched: Deployments, registered: Store
) -> None:
    predict, admin = (launched.create_api_key(scope, [scope]) for scope in ("predict", "admin"))

    def status(key: str) -> int:
        async def request() -> httpx.Response:
            settings = registered.settings.model_copy(update={"management_key": True})
            server = Server(replace(registered, settings=settings))
            await server.routes.refresh()
            transport = httpx.ASGITransport(server)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as c:
                return await c.get("/api/deployments", headers={"x-api-key": key})

        return asyncio.run(request()).status_code

    assert [status(key) for key in ("", predict.key, admin.key)] == [401, 403, 200]


def test_what_cannot_be_a_key_or_a_limit_is_named(launched: Deployments, registered: Store) -> None:
    yesterday = registered.now() - timedelta(days=1)
    with pytest.raises(Invalid) as refused:
        launched.create_api_key(" ", ["write"], expires_at=yesterday)
    assert set(refused.value.fields) == {"label", "scopes", "expires_at"}
    with pytest.raises(Invalid, match="is for all deployments"):
        launched.create_api_key("x", ["admin"], ["flights"])
    with pytest.raises(NotFound):
        launched.create_api_key("x", ["predict"], ["none"])
    with pytest.raises(NotFound):
        launched.revoke_api_key("ph_none")
    with pytest.raises(Invalid) as refused:
        launched.set_limits("flights", CallLimits(None, 0, float("nan"), 0))
    assert set(refused.value.fields) == {"max_concurrent", "per_second", "burst"}
    with pytest.raises(Invalid, match="belongs to per_second"):
        launched.set_limits("flights", CallLimits(burst=3))


def test_an_expired_key_is_known_by_the_clock() -> None:
    soon = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    key = HeldKey(
        "1", "ph_abcdefgh", hashed("ph_abcdefghi"), frozenset(["predict"]), expires_at=soon
    )
    ring = KeyRing((key,))
    assert ring.check("ph_abcdefghi", "any", "predict", soon - 1) == "1"
    with pytest.raises(KeyNeeded, match="has expired"):
        ring.check("ph_abcdefghi", "any", "predict", soon)
    with pytest.raises(Refused, match="has not the scope admin"):
        ring.check_admin("ph_abcdefghi", soon - 1)


@given(
    rate=st.floats(0.1, 1_000),
    burst=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_a_bucket_never_gives_more_than_its_rate(
    rate: float, burst: int, gaps: list[float]
) -> None:
    bucket, now, taken = TokenBucket.full(rate, burst, 0.0), 0.0, 0
    for gap in gaps:
        now += gap
        wait_seconds = bucket.take(now)
        assert 0 <= wait_seconds <= 1 / rate
        taken += wait_seconds == 0
        assert taken <= burst + rate * now + 1e-6
